"""The ledger's tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _engineering_change()
    _snapshots()
    _events()
    _kpis()
    _inbox()
    _stock()
    _consolidation()
    _plan_runs()
    _questions()
    _work_list()
    _people()
    _notifications()
    _promises()
    _conversation()
    _landscape()


def _engineering_change() -> None:
    op.create_table(
        "bom_line",
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("assembly", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("plant", "assembly", "revision", "component", name="pk_bom_line"),
    )
    op.create_index("ix_bom_line_component", "bom_line", ["plant", "component"])


def _snapshots() -> None:
    op.create_table(
        "engineering_change",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("assembly", sa.Text(), nullable=False),
        sa.Column("registered", postgresql.JSONB(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_engineering_change"),
    )
    op.create_index("ix_engineering_change_plant_assembly", "engineering_change", ["plant", "assembly"])
    op.create_table(
        "purchase_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("erp", sa.Text(), server_default=sa.text("'erp'"), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("requisition_number", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("sent_references", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purchase_order"),
    )
    op.create_index("ix_purchase_order_sent_references", "purchase_order", ["sent_references"], postgresql_using="gin")
    op.create_index("ix_purchase_order_due", "purchase_order", ["closed", "due_on", "id"])
    op.create_index("ix_purchase_order_plant_due", "purchase_order", ["plant", "closed", "due_on", "id"])
    op.create_index("ix_purchase_order_plant_stage", "purchase_order", ["plant", "stage"])
    op.create_index("ix_purchase_order_requisition_number", "purchase_order", ["requisition_number"])
    op.create_index("ix_purchase_order_supplier_due", "purchase_order", ["supplier", "closed", "due_on", "id"])
    op.create_index("ix_purchase_order_words", "purchase_order", ["words"], postgresql_using="gin")
    op.create_index(
        "uq_purchase_order_order_number",
        "purchase_order",
        ["order_number", "erp"],
        unique=True,
        postgresql_where=sa.text("order_number IS NOT NULL"),
    )
    op.create_table(
        "requirement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("demand_reference", sa.Text(), nullable=False),
        sa.Column("registered_plan_version", sa.Numeric(), nullable=True),
        sa.Column("registered_source_revision", sa.Numeric(), nullable=True),
        sa.Column("registered_effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registered_event_id", sa.Text(collation="C"), nullable=True),
        sa.Column("registered_content", sa.Text(), nullable=True),
        sa.Column("registered_withdrawn", sa.Boolean(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("required_date", sa.Date(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("from_stock", sa.Numeric(), nullable=True),
        sa.Column("received", sa.Numeric(), nullable=True),
        sa.Column("planner", sa.Text(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_requirement"),
    )
    op.create_table(
        "ended_entity",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_entity"),
    )
    op.create_index("ix_requirement_due", "requirement", ["closed", "required_date", "id"])
    op.create_index("ix_requirement_item", "requirement", ["item", "id"])
    op.create_index("ix_requirement_open", "requirement", ["plant", "item"], postgresql_where=sa.text("NOT closed"))
    op.create_index("ix_requirement_plant_item", "requirement", ["plant", "item", "id"])
    op.create_index("ix_requirement_plant_due", "requirement", ["plant", "closed", "required_date", "id"])
    op.create_index("ix_requirement_plant_stage", "requirement", ["plant", "stage"])
    op.create_index("ix_requirement_planner_due", "requirement", ["planner", "closed", "required_date", "id"])
    op.create_index("ix_requirement_stage", "requirement", ["stage", "closed", "required_date", "id"])
    op.create_index("ix_requirement_words", "requirement", ["words"], postgresql_using="gin")
    op.create_table(
        "shortage_exception",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("on_behalf_of", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("supplier", sa.Text(), nullable=True),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("latest_safe_date", sa.Date(), nullable=True),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("short_quantity", sa.Numeric(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("working_days_late", sa.Integer(), nullable=False),
        sa.Column("criticality", sa.Text(), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("escalations", sa.Integer(), nullable=False),
        sa.Column("choices", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("demands", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("planners", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=False),
        sa.Column("risk", sa.Numeric(), nullable=True),
        sa.Column("risk_why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_exception"),
    )
    op.create_index("ix_shortage_exception_assignee", "shortage_exception", ["assignee", "state", "opened_at", "id"])
    op.create_index("ix_shortage_exception_newest", "shortage_exception", ["opened_at", "id"])
    op.create_index("ix_shortage_exception_raised_by", "shortage_exception", ["raised_by"])
    op.create_index("ix_shortage_exception_item", "shortage_exception", ["item", "state"])
    op.create_index("ix_shortage_exception_supplier", "shortage_exception", ["supplier", "state"])
    op.create_index("ix_shortage_exception_recorded_at", "shortage_exception", ["recorded_at"])
    op.create_index(
        "ix_shortage_exception_open",
        "shortage_exception",
        ["plant", "latest_safe_date", "id"],
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_shortage_exception_state", "shortage_exception", ["state", "opened_at", "id"])
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=True),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("coming", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("confirmed", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("spare", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name="fk_order_line_order_id_purchase_order"),
        sa.PrimaryKeyConstraint("order_id", "line", name="pk_order_line"),
    )
    op.create_index("ix_order_line_coming", "order_line", ["plant", "item"], postgresql_where=sa.text("coming"))
    op.create_index("ix_order_line_requirement_id", "order_line", ["requirement_id"])


def _events() -> None:
    op.create_table(
        "audit_event",
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("processing_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("superseded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "position", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_kind", "audit_event", ["kind", "processing_time"])


def _kpis() -> None:
    op.create_table(
        "kpi_requirement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item_class", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("planner", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("criticality", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("route", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=True),
        sa.Column("signal_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("placed_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("shipped_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("required_on", sa.Date(), nullable=True),
        sa.Column("demands", sa.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("late_on", sa.ARRAY(sa.Date()), nullable=True),
        sa.Column("late_quantities", sa.ARRAY(sa.Numeric()), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_kpi_requirement"),
    )
    op.create_index("ix_kpi_requirement_placed", "kpi_requirement", ["plant", "placed_at", "signal_at"])
    op.create_index("ix_kpi_requirement_sent", "kpi_requirement", ["plant", "sent_at", "signal_at"])
    op.create_index("ix_kpi_requirement_required", "kpi_requirement", ["plant", "required_on"])
    op.create_table(
        "kpi_line",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item_class", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("criticality", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("route", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("placed_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("shipped_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("first_quantity", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("quantity", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_quantity", sa.Numeric(), nullable=True),
        sa.Column("revisions", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("quantity_changed", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("received", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_promised_on", sa.Date(), nullable=True),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "line", name="pk_kpi_line"),
    )
    op.create_index("ix_kpi_line_supplier", "kpi_line", ["supplier", "sent_at"])
    op.create_index("ix_kpi_line_sent", "kpi_line", ["plant", "sent_at", "approved_at"])
    op.create_index("ix_kpi_line_placed", "kpi_line", ["plant", "placed_at", "approved_at"])
    op.create_index("ix_kpi_line_approved", "kpi_line", ["plant", "approved_at"])
    op.create_table(
        "kpi_sending",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("route", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("unconfirmed", sa.ARRAY(sa.Integer()), nullable=True),
        sa.PrimaryKeyConstraint("order_id", "revision", name="pk_kpi_sending"),
    )
    op.create_index("ix_kpi_sending_supplier", "kpi_sending", ["supplier", "sent_at"])
    op.create_index("ix_kpi_sending_sent", "kpi_sending", ["plant", "sent_at"])
    op.create_index("ix_kpi_sending_answered", "kpi_sending", ["plant", "answered_at", "sent_at"])
    op.create_index("ix_kpi_sending_confirmed", "kpi_sending", ["plant", "confirmed_at", "sent_at"])
    op.create_table(
        "kpi_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("route", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("edits", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicates_created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicates_prevented", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kpi_order"),
    )
    op.create_table(
        "kpi_question",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("criticality", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("raised_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("hand_offs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kpi_question"),
    )
    op.create_index("ix_kpi_question_supplier", "kpi_question", ["supplier", "opened_at"])
    op.create_index("ix_kpi_question_closed", "kpi_question", ["plant", "closed_at", "opened_at"])
    op.create_index("ix_kpi_order_placed", "kpi_order", ["plant", "placed_at"])
    op.create_table(
        "kpi_incident",
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("entity_id", "call", "sequence", name="pk_kpi_incident"),
    )
    op.create_table(
        "kpi_change",
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plant", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("item_class", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("supplier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("buyer", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("criticality", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("route", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("suppressed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("requirement_id", "sequence", name="pk_kpi_change"),
    )
    op.create_index("ix_kpi_change_at", "kpi_change", ["plant", "at"])
    op.create_index(
        "ix_kpi_change_asked", "kpi_change", ["plant", "decided_at"], postgresql_where=sa.text("asked_at IS NOT NULL")
    )
    op.create_table(
        "kpi_measured",
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", name="pk_kpi_measured"),
    )
    op.create_table(
        "kpi_due",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("replaced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_kpi_due"),
    )


def _inbox() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "call_slot",
        sa.Column("counterpart", sa.Text(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("counterpart", name="pk_call_slot"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("partition", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'stored'"), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("source", "event_id", name="uq_inbox_source"),
    )
    op.create_index("ix_inbox_entity", "inbox", ["entity", "id"])
    op.create_index("ix_inbox_undelivered", "inbox", ["id"], postgresql_where=sa.text("status = 'stored'"))
    op.create_index(
        "ix_inbox_undelivered_entity", "inbox", ["entity", "id"], postgresql_where=sa.text("status = 'stored'")
    )
    op.create_index(
        "ix_inbox_undelivered_partition", "inbox", ["partition", "id"], postgresql_where=sa.text("status = 'stored'")
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_dead_letter_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letter"),
    )
    op.create_index("ix_dead_letter_state", "dead_letter", ["state", "number"])
    op.create_table(
        "dead_letter_action",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["letter"], ["dead_letter.id"], name="fk_dead_letter_action_letter_dead_letter"),
        sa.PrimaryKeyConstraint("number", name="pk_dead_letter_action"),
    )
    op.create_index("ix_dead_letter_action_letter", "dead_letter_action", ["letter"])


def _stock() -> None:
    op.create_table(
        "item_at_plant",
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("assessment", postgresql.JSONB(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plant", "item", name="pk_item_at_plant"),
    )
    op.create_table(
        "stock",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("available_to_promise", sa.Numeric(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reported_revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock"),
    )
    op.create_table(
        "stock_report",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(collation="C"), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("counted", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name="pk_stock_report"),
    )
    op.create_index("ix_stock_report_newest", "stock_report", ["plant", "item", "kind", "effective_at"])
    op.create_table(
        "stock_reading",
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plant", "item", name="pk_stock_reading"),
    )


def _consolidation() -> None:
    op.create_table(
        "consolidation_batch",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), server_default="direct", nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("consolidates", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_consolidation_batch"),
    )
    op.create_index(
        "ix_consolidation_batch_open",
        "consolidation_batch",
        ["plant", "supplier", "currency", "terms", "route", "number"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "supply_request",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_revision", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("dock_date", sa.Date(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("asked", sa.Numeric(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["consolidation_batch.order_id"], name="fk_supply_request_order_id_consolidation_batch"
        ),
        sa.PrimaryKeyConstraint("order_id", "requirement_id", name="pk_supply_request"),
    )
    op.create_index(
        "ix_supply_request_asked", "supply_request", ["plant", "item", "supplier"], postgresql_include=["unit", "asked"]
    )
    op.create_index("ix_supply_request_requirement_id", "supply_request", ["requirement_id"])


def _plan_runs() -> None:
    op.create_table(
        "plan_run",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("lines", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unreadable", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("past_due", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ignored", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("known", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("kept", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("inbox_mark", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_plan_run"),
    )
    op.create_index(
        "uq_plan_run_version",
        "plan_run",
        ["source", "plant", "version"],
        unique=True,
        postgresql_where=sa.text("stage <> 'receiving'"),
    )
    op.create_table(
        "plan_change",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("demand_reference", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("kept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["plan_run.number"], name="fk_plan_change_run_plan_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "place", name="pk_plan_change"),
        sa.UniqueConstraint("run", "requirement_id", name="uq_plan_change_run"),
    )
    op.create_index(
        "ix_plan_change_waiting",
        "plan_change",
        ["run", "place"],
        postgresql_where=sa.text("inbox_id IS NULL AND NOT kept"),
    )
    op.create_table(
        "plan_line",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("demand_reference", sa.Text(), nullable=True),
        sa.Column("requirement_id", sa.Text(), nullable=True),
        sa.Column("required_date", sa.Date(), nullable=True),
        sa.Column("criticality", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("past_due", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("original", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["plan_run.number"], name="fk_plan_line_run_plan_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_plan_line"),
    )
    op.create_index("ix_plan_line_requirement", "plan_line", ["run", "requirement_id"])
    op.create_table(
        "plan_upload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plan_upload"),
    )
    op.create_table(
        "plan_mapping",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_plan_mapping"),
    )


def _questions() -> None:
    op.create_table(
        "shared_question",
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("exception_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plant", "item", "digest", name="pk_shared_question"),
    )
    op.create_table(
        "waiting_for_decision",
        sa.Column("exception_id", sa.Text(), nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("exception_id", "requirement_id", name="pk_waiting_for_decision"),
    )


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_person"),
    )
    op.create_table(
        "session",
        sa.Column("id_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("offices", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("known_as", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("plants", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("id_token", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("issuer_session", sa.Text(), nullable=False),
        sa.Column("roles_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("roles_asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id_sha256", name="pk_session"),
    )
    op.create_index("ix_session_issuer_session", "session", ["issuer_session"])
    op.create_index("ix_session_subject", "session", ["subject"])
    op.create_index("ix_session_used_at", "session", ["used_at"])
    op.create_table(
        "access_log",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entities", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_access_log"),
    )
    op.create_index("ix_access_log_subject", "access_log", ["subject", "number"])
    op.create_index("ix_access_log_entities", "access_log", ["entities"], postgresql_using="gin")


def _notifications() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        sa.UniqueConstraint("event_id", name="uq_notification_event_id"),
    )
    op.create_index("ix_notification_created_at", "notification", ["created_at"])
    op.create_table(
        "notification_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("notification_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notification.id"], name="fk_notification_delivery_notification_id_notification"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notification_delivery"),
        sa.UniqueConstraint("notification_id", "subscription", name="uq_notification_delivery_notification_id"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_notification_delivery_due",
        "notification_delivery",
        ["subscription", "due_at"],
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_notification_delivery_entity",
        "notification_delivery",
        ["subscription", "entity", "id"],
        postgresql_where=waiting,
    )
    op.create_index("ix_notification_delivery_state", "notification_delivery", ["state", "id"])
    op.create_table(
        "notification_digest",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "plant", "day", name="pk_notification_digest"),
    )
    op.create_table(
        "notification_switched_off",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscription", name="pk_notification_switched_off"),
    )


def _promises() -> None:
    op.create_table(
        "promise",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("item_class", sa.Text(), nullable=False),
        sa.Column("asked_for", sa.Date(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("received", sa.Numeric(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "line", name="pk_promise"),
    )
    op.create_index("ix_promise_done", "promise", ["promised_on"], postgresql_where=sa.text("done"))
    op.create_index("ix_promise_open", "promise", ["plant", "order_id"], postgresql_where=sa.text("NOT done"))


def _conversation() -> None:
    op.create_table(
        "question_comment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("exception_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question_comment"),
        sa.UniqueConstraint("exception_id", "event_id", name="uq_question_comment_exception_id"),
    )
    op.create_index("ix_question_comment_exception_id", "question_comment", ["exception_id", "id"])
    op.create_table(
        "question_attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("comment_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["question_comment.id"], name="fk_question_attachment_comment_id_question_comment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_question_attachment"),
    )
    op.create_index("ix_question_attachment_comment_id", "question_attachment", ["comment_id"])


def _work_list() -> None:
    op.create_table(
        "work_view",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_view"),
        sa.UniqueConstraint("owner", "name", name="uq_work_view_owner"),
    )
    op.create_index("ix_work_view_shared", "work_view", ["name"], postgresql_where=sa.text("shared"))


def _landscape() -> None:
    op.create_table(
        "landscape",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("systems", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_landscape"),
    )
    op.create_table(
        "change_feed",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("client_state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("system", name="pk_change_feed"),
    )


def downgrade() -> None:
    op.drop_table("change_feed")
    op.drop_table("landscape")
    op.drop_table("work_view")
    op.drop_table("promise")
    op.drop_table("notification_switched_off")
    op.drop_table("notification_digest")
    op.drop_table("notification_delivery")
    op.drop_table("notification")
    op.drop_table("access_log")
    op.drop_table("session")
    op.drop_table("person")
    op.drop_table("question_attachment")
    op.drop_table("question_comment")
    op.drop_table("ended_entity")
    op.drop_table("supply_request")
    op.drop_table("waiting_for_decision")
    op.drop_table("shared_question")
    op.drop_table("plan_mapping")
    op.drop_table("plan_upload")
    op.drop_table("plan_line")
    op.drop_table("plan_change")
    op.drop_table("order_line")
    op.drop_table("dead_letter_action")
    op.drop_table("dead_letter")
    op.drop_table("stock_reading")
    op.drop_table("stock_report")
    op.drop_table("stock")
    op.drop_table("shortage_exception")
    op.drop_table("requirement")
    op.drop_table("purchase_order")
    op.drop_table("plan_run")
    op.drop_table("consolidation_batch")
    op.drop_table("item_at_plant")
    op.drop_table("inbox")
    op.drop_table("call_slot")
    op.drop_table("lease")
    op.drop_table("kpi_due")
    op.drop_table("kpi_measured")
    op.drop_table("kpi_change")
    op.drop_table("kpi_incident")
    op.drop_table("kpi_question")
    op.drop_table("kpi_order")
    op.drop_table("kpi_sending")
    op.drop_table("kpi_line")
    op.drop_table("kpi_requirement")
    op.drop_table("audit_event")
    op.drop_table("engineering_change")
    op.drop_table("bom_line")

"""The ledger's first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("processing_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "sequence", name="pk_audit_event"),
    )
    op.create_table(
        "superseded_audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("processing_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_offset_seconds", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_superseded_audit_event"),
    )
    op.create_index("ix_superseded_audit_event_entity", "superseded_audit_event", ["entity_id", "sequence"])
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
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'stored'"), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("source", "event_id", name="uq_inbox_source"),
    )
    op.create_index("ix_inbox_entity", "inbox", ["entity", "id"])
    op.create_index("ix_inbox_undelivered", "inbox", ["id"], postgresql_where=sa.text("status = 'stored'"))
    op.create_index(
        "ix_inbox_undelivered_entity", "inbox", ["entity", "id"], postgresql_where=sa.text("status = 'stored'")
    )
    op.create_table(
        "consolidation_batch",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("consolidates", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_consolidation_batch"),
    )
    op.create_index(
        "ix_consolidation_batch_open",
        "consolidation_batch",
        ["plant", "supplier", "currency", "terms", "number"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "purchase_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("requisition_number", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purchase_order"),
    )
    op.create_index(
        "uq_purchase_order_order_number",
        "purchase_order",
        ["order_number"],
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
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("required_date", sa.Date(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_requirement"),
    )
    op.create_index("ix_requirement_item", "requirement", ["item", "id"])
    op.create_index("ix_requirement_plant_item", "requirement", ["plant", "item", "id"])
    op.create_index("ix_requirement_stage", "requirement", ["stage", "id"])
    op.create_table(
        "shortage_exception",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_exception"),
    )
    op.create_index("ix_shortage_exception_assignee", "shortage_exception", ["assignee", "state", "opened_at", "id"])
    op.create_index("ix_shortage_exception_newest", "shortage_exception", ["opened_at", "id"])
    op.create_index("ix_shortage_exception_raised_by", "shortage_exception", ["raised_by"])
    op.create_index("ix_shortage_exception_state", "shortage_exception", ["state", "opened_at", "id"])
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
        "order_line",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name="fk_order_line_order_id_purchase_order"),
        sa.PrimaryKeyConstraint("order_id", "line", name="pk_order_line"),
    )
    op.create_index("ix_order_line_requirement_id", "order_line", ["requirement_id"])
    op.create_table(
        "supply_request",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("requirement_id", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_revision", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("dock_date", sa.Date(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["consolidation_batch.order_id"], name="fk_supply_request_order_id_consolidation_batch"
        ),
        sa.PrimaryKeyConstraint("order_id", "requirement_id", name="pk_supply_request"),
    )
    op.create_index("ix_supply_request_requirement_id", "supply_request", ["requirement_id"])


def downgrade() -> None:
    op.drop_table("supply_request")
    op.drop_table("order_line")
    op.drop_table("dead_letter")
    op.drop_table("shortage_exception")
    op.drop_table("requirement")
    op.drop_table("purchase_order")
    op.drop_table("consolidation_batch")
    op.drop_table("inbox")
    op.drop_table("superseded_audit_event")
    op.drop_table("audit_event")

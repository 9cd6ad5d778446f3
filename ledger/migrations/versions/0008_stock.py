"""Available stock: what systems said of it, what that leaves, and what is known of an item without asking the ERP."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_NEEDS = """
UPDATE requirement SET quantity = (snapshot->'need'->>'quantity')::numeric, unit = snapshot->'need'->>'unit',
       from_stock = 0, received = (SELECT coalesce(sum((part->>'quantity')::numeric), 0)
                                     FROM jsonb_array_elements(snapshot->'coverage') AS part
                                    WHERE part->>'state' = 'received')
 WHERE snapshot IS NOT NULL
"""
_LINES = """
UPDATE order_line SET plant = purchase_order.plant, item = line.value->>'item', unit = line.value->>'unit',
       confirmed = confirmed.quantity, coming = confirmed.quantity > 0
  FROM purchase_order, jsonb_array_elements(purchase_order.snapshot->'lines') AS line,
       LATERAL (SELECT CASE WHEN purchase_order.closed THEN 0 ELSE coalesce(sum((part->>'quantity')::numeric), 0) END
                  FROM jsonb_array_elements(line.value->'schedule_lines') AS part
                 WHERE part->>'state' IN ('confirmed', 'shipped')) AS confirmed(quantity)
 WHERE purchase_order.id = order_line.order_id AND (line.value->>'line')::integer = order_line.line
"""
"""Nobody has recorded yet what of a line is claimed: until the order next does, all of it counts as claimed."""


def upgrade() -> None:
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
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stock"),
    )
    op.create_table(
        "item_at_plant",
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("assessment", postgresql.JSONB(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plant", "item", name="pk_item_at_plant"),
    )
    for name, kind in (("quantity", sa.Numeric()), ("unit", sa.Text()), ("from_stock", sa.Numeric())):
        op.add_column("requirement", sa.Column(name, kind, nullable=True))
    op.add_column("requirement", sa.Column("received", sa.Numeric(), nullable=True))
    op.execute(_NEEDS)
    op.create_index("ix_requirement_open", "requirement", ["plant", "item"], postgresql_where=sa.text("NOT closed"))
    for name in ("plant", "item", "unit"):
        op.add_column("order_line", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("order_line", sa.Column("coming", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("order_line", sa.Column("confirmed", sa.Numeric(), server_default=sa.text("0"), nullable=False))
    op.add_column("order_line", sa.Column("spare", postgresql.JSON(), nullable=True))
    op.execute(_LINES)
    op.create_index("ix_order_line_coming", "order_line", ["plant", "item"], postgresql_where=sa.text("coming"))


def downgrade() -> None:
    op.drop_index("ix_order_line_coming", table_name="order_line")
    for name in ("spare", "confirmed", "coming", "unit", "item", "plant"):
        op.drop_column("order_line", name)
    op.drop_index("ix_requirement_open", table_name="requirement")
    for name in ("received", "from_stock", "unit", "quantity"):
        op.drop_column("requirement", name)
    op.drop_table("item_at_plant")
    op.drop_table("stock")
    op.drop_table("stock_report")

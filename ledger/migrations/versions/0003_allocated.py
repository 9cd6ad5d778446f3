"""What each supplier has been asked for of an item, and audit events by kind, without reading every document."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LINES = """
UPDATE order_line SET quantity = CASE WHEN (line.value->>'cancelled')::boolean THEN 0
                                 ELSE (line.value->>'quantity')::numeric END
  FROM purchase_order, jsonb_array_elements(purchase_order.snapshot->'lines') AS line
 WHERE purchase_order.id = order_line.order_id AND (line.value->>'line')::integer = order_line.line
"""
_REQUESTS = """
UPDATE supply_request SET plant = request->>'plant', item = request->>'item', supplier = consolidation_batch.supplier,
       unit = coalesce(nullif(request->>'need_unit', ''), request->>'unit'),
       asked = coalesce((request->'per_order_unit'->>0)::numeric / (request->'per_order_unit'->>1)::numeric, 1) * CASE
           WHEN EXISTS (SELECT FROM order_line WHERE order_line.order_id = supply_request.order_id)
           THEN (SELECT coalesce(sum(order_line.quantity), 0) FROM order_line
                  WHERE order_line.order_id = supply_request.order_id
                    AND order_line.requirement_id = supply_request.requirement_id)
           ELSE (SELECT coalesce(sum(lot::numeric), 0) FROM jsonb_array_elements_text(request->'lots') AS lot) END
  FROM consolidation_batch WHERE consolidation_batch.order_id = supply_request.order_id
"""
_WORDS = ("plant", "item", "supplier", "unit")


def upgrade() -> None:
    op.add_column("order_line", sa.Column("quantity", sa.Numeric(), nullable=True))
    op.execute(_LINES)
    op.execute("UPDATE order_line SET quantity = 0 WHERE quantity IS NULL")
    op.alter_column("order_line", "quantity", nullable=False)
    for name in _WORDS:
        op.add_column("supply_request", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("supply_request", sa.Column("asked", sa.Numeric(), nullable=True))
    op.execute(_REQUESTS)
    for name in (*_WORDS, "asked"):
        op.alter_column("supply_request", name, nullable=False)
    op.create_index(
        "ix_supply_request_asked", "supply_request", ["plant", "item", "supplier"], postgresql_include=["unit", "asked"]
    )
    op.create_index("ix_audit_event_kind", "audit_event", ["kind", "processing_time"])


def downgrade() -> None:
    op.drop_index("ix_audit_event_kind", table_name="audit_event")
    op.drop_index("ix_supply_request_asked", table_name="supply_request")
    for name in (*_WORDS, "asked"):
        op.drop_column("supply_request", name)
    op.drop_column("order_line", "quantity")

"""What each supplier has been asked for of an item, and facts by kind, without reading every document."""

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
_WANTS = """
UPDATE sheet_want SET plant = want->>'plant', item = want->>'item', supplier = order_sheet.supplier,
       unit = coalesce(nullif(want->>'need_unit', ''), want->>'unit'),
       asked = coalesce((want->'per_order_unit'->>0)::numeric / (want->'per_order_unit'->>1)::numeric, 1) * CASE
           WHEN EXISTS (SELECT FROM order_line WHERE order_line.order_id = sheet_want.order_id)
           THEN (SELECT coalesce(sum(order_line.quantity), 0) FROM order_line
                  WHERE order_line.order_id = sheet_want.order_id
                    AND order_line.requirement_id = sheet_want.requirement_id)
           ELSE (SELECT coalesce(sum(lot::numeric), 0) FROM jsonb_array_elements_text(want->'lots') AS lot) END
  FROM order_sheet WHERE order_sheet.order_id = sheet_want.order_id
"""
_WORDS = ("plant", "item", "supplier", "unit")


def upgrade() -> None:
    op.add_column("order_line", sa.Column("quantity", sa.Numeric(), nullable=True))
    op.execute(_LINES)
    op.execute("UPDATE order_line SET quantity = 0 WHERE quantity IS NULL")
    op.alter_column("order_line", "quantity", nullable=False)
    for name in _WORDS:
        op.add_column("sheet_want", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("sheet_want", sa.Column("asked", sa.Numeric(), nullable=True))
    op.execute(_WANTS)
    for name in (*_WORDS, "asked"):
        op.alter_column("sheet_want", name, nullable=False)
    op.create_index(
        "ix_sheet_want_asked", "sheet_want", ["plant", "item", "supplier"], postgresql_include=["unit", "asked"]
    )
    op.create_index("ix_fact_kind", "fact", ["kind", "processing_time"])


def downgrade() -> None:
    op.drop_index("ix_fact_kind", table_name="fact")
    op.drop_index("ix_sheet_want_asked", table_name="sheet_want")
    for name in (*_WORDS, "asked"):
        op.drop_column("sheet_want", name)
    op.drop_column("order_line", "quantity")

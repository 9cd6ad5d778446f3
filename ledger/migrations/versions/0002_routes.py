"""Orders share a sheet only where they go the same route."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.add_column("order_sheet", sa.Column("route", sa.Text(), server_default="direct", nullable=False))
    op.drop_index("ix_order_sheet_collecting", table_name="order_sheet")
    op.create_index(
        "ix_order_sheet_collecting",
        "order_sheet",
        ["plant", "supplier", "currency", "terms", "route", "number"],
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_index("ix_order_sheet_collecting", table_name="order_sheet")
    op.create_index(
        "ix_order_sheet_collecting",
        "order_sheet",
        ["plant", "supplier", "currency", "terms", "number"],
        postgresql_where=_OPEN,
    )
    op.drop_column("order_sheet", "route")

"""Orders share a consolidation batch only where they go the same route."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.add_column("consolidation_batch", sa.Column("route", sa.Text(), server_default="direct", nullable=False))
    op.drop_index("ix_consolidation_batch_open", table_name="consolidation_batch")
    op.create_index(
        "ix_consolidation_batch_open",
        "consolidation_batch",
        ["plant", "supplier", "currency", "terms", "route", "number"],
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_index("ix_consolidation_batch_open", table_name="consolidation_batch")
    op.create_index(
        "ix_consolidation_batch_open",
        "consolidation_batch",
        ["plant", "supplier", "currency", "terms", "number"],
        postgresql_where=_OPEN,
    )
    op.drop_column("consolidation_batch", "route")

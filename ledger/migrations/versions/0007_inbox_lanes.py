"""Plants' requirements are delivered beside each other, and beside all that is of no plan."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("partition", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute("""
        UPDATE inbox SET partition = split_part(entity, '/', 2)
         WHERE status = 'stored' AND starts_with(entity, 'requirement/')
    """)
    op.create_index(
        "ix_inbox_undelivered_partition", "inbox", ["partition", "id"], postgresql_where=sa.text("status = 'stored'")
    )


def downgrade() -> None:
    op.drop_index("ix_inbox_undelivered_partition", table_name="inbox")
    op.drop_column("inbox", "partition")

"""Bills of material as engineering changes told them, and the changes themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
    op.create_table(
        "engineering_change",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plant", sa.Text(), nullable=False),
        sa.Column("assembly", sa.Text(), nullable=False),
        sa.Column("registered", postgresql.JSONB(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_engineering_change"),
    )
    op.create_index("ix_engineering_change_plant_assembly", "engineering_change", ["plant", "assembly"])


def downgrade() -> None:
    op.drop_table("engineering_change")
    op.drop_table("bom_line")

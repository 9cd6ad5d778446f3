"""Plan runs: their lines, and the net change that is delivered of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        "plan_line",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("demand_reference", sa.Text(), nullable=True),
        sa.Column("requirement_id", sa.Text(), nullable=True),
        sa.Column("required_date", sa.Date(), nullable=True),
        sa.Column("criticality", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["plan_run.number"], name="fk_plan_line_run_plan_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_plan_line"),
    )
    op.create_index("ix_plan_line_requirement", "plan_line", ["run", "requirement_id"])
    op.create_table(
        "plan_change",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
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


def downgrade() -> None:
    op.drop_table("plan_change")
    op.drop_table("plan_line")
    op.drop_table("plan_run")

"""Jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
STATES = "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')"


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("run_id", TEXT),
        sa.Column("parent", TEXT),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("words", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("host", TEXT),
        sa.Column("pid", sa.Integer()),
        sa.Column("pid_started", sa.Float(53)),
        sa.Column("heartbeat", sa.Float(53)),
        sa.Column("reason", TEXT),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("started", TEXT),
        sa.Column("finished", TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.ForeignKeyConstraint(["parent"], ["job.id"], name="fk_job_parent", ondelete="CASCADE"),
        sa.CheckConstraint(STATES, name=op.f("ck_job_state")),
    )
    op.create_index("ix_job_created", "job", ["created"])
    op.create_index("ix_job_state_created", "job", ["state", "created"])
    op.create_index("ix_job_parent", "job", ["parent"])
    op.create_index("ix_job_kind", "job", ["kind"])

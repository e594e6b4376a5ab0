"""Takedowns: what is left of a clip that had to go."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "clip_tombstone",
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("person", TEXT),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("report", sa.JSON()),
        sa.Column("judgements", sa.JSON()),
        sa.Column("lifted", TEXT),
        sa.Column("lifted_by", TEXT),
        sa.Column("lifted_reason", TEXT),
        sa.PrimaryKeyConstraint("clip_id", name="pk_clip_tombstone"),
    )
    op.create_index("ix_clip_tombstone_sha256", "clip_tombstone", ["sha256"])


def downgrade() -> None:
    op.drop_table("clip_tombstone")

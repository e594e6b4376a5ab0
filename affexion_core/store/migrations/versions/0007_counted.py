"""Counts of a dataset's clips: the licence as a column, and an index that holds all that is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
COUNTED = ["id", "origin", "corpus", "speaker", "language", "duration", "licence"]


def upgrade() -> None:
    op.add_column("clip", sa.Column("licence", TEXT))
    clip = sa.table("clip", sa.column("provenance", sa.JSON()), sa.column("licence", TEXT))
    op.execute(sa.update(clip).values(licence=clip.c.provenance["licence"].as_string()))
    op.create_index("ix_clip_counted", "clip", COUNTED)


def downgrade() -> None:
    op.drop_index("ix_clip_counted", "clip")
    op.drop_column("clip", "licence")

"""Imports: what came in together, so that it can be undone together."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
MARKED = ("clip", "dataset", "dataset_clip", "annotation")


def upgrade() -> None:
    op.create_table(
        "import_batch",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("corpus", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("dataset", TEXT),
        sa.Column("person", TEXT),
        sa.Column("report", sa.JSON()),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("finished", TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_import_batch"),
        sa.CheckConstraint("state IN ('unfinished', 'done', 'undone')", name=op.f("ck_import_batch_state")),
    )
    op.create_index("ix_import_batch_created", "import_batch", ["created"])
    # without a reference: a table that others refer to would have to be written anew for one on SQLite
    for table in MARKED:
        op.add_column(table, sa.Column("import_id", TEXT))
    op.create_index("ix_clip_import_id", "clip", ["import_id"])


def downgrade() -> None:
    op.drop_index("ix_clip_import_id", "clip")
    for table in MARKED:
        op.drop_column(table, "import_id")
    op.drop_table("import_batch")

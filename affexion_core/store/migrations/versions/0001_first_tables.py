"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
REAL_OR_SYNTHETIC = "origin IN ('real', 'synthetic')"


def upgrade() -> None:
    _clips()
    _datasets()
    _annotations()
    _runs()


def _clips() -> None:
    op.create_table(
        "clip",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("corpus", TEXT, nullable=False),
        sa.Column("duration", sa.Float(53), nullable=False),
        sa.Column("sampling_rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("start", sa.Float(53)),
        sa.Column("end", sa.Float(53)),
        sa.Column("speaker", TEXT),
        sa.Column("language", TEXT),
        sa.Column("transcript", TEXT),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("added", TEXT, nullable=False),
        sa.Column("searchable", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clip"),
        sa.CheckConstraint(REAL_OR_SYNTHETIC, name=op.f("ck_clip_origin")),
    )
    for column in ("origin", "corpus", "speaker", "language", "added", "duration", "file"):
        op.create_index(f"ix_clip_{column}_id", "clip", [column, "id"])
    op.create_index("ix_clip_sha256", "clip", ["sha256"])
    op.create_index("ix_clip_origin_corpus_speaker_language", "clip", ["origin", "corpus", "speaker", "language"])


def _datasets() -> None:
    op.create_table(
        "dataset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("scheme", TEXT, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("low", sa.Float(53)),
        sa.Column("high", sa.Float(53)),
        sa.Column("label_map", TEXT),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("created", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dataset"),
        sa.UniqueConstraint("name", name="uq_dataset_name"),
        sa.CheckConstraint(REAL_OR_SYNTHETIC, name=op.f("ck_dataset_origin")),
    )
    op.create_table(
        "dataset_clip",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "clip_id", name="pk_dataset_clip"),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name="fk_dataset_clip_dataset_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_dataset_clip_clip_id"),
    )
    op.create_index("ix_dataset_clip_clip_id", "dataset_clip", ["clip_id"])
    op.create_index("ix_dataset_clip_dataset_id_label_clip_id", "dataset_clip", ["dataset_id", "label", "clip_id"])
    op.create_index("ix_dataset_clip_label_clip_id", "dataset_clip", ["label", "clip_id"])


def _annotations() -> None:
    op.create_table(
        "scheme",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("low", sa.Float(53)),
        sa.Column("high", sa.Float(53)),
        sa.PrimaryKeyConstraint("name", name="pk_scheme"),
    )
    op.create_table(
        "annotation",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("scheme", TEXT, nullable=False),
        sa.Column("rater", TEXT, nullable=False),
        sa.Column("label", TEXT),
        sa.Column("number", sa.Float(53)),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("comment", TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_annotation"),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_annotation_clip_id"),
        sa.ForeignKeyConstraint(["scheme"], ["scheme.name"], name="fk_annotation_scheme"),
        sa.CheckConstraint("(label IS NULL) <> (number IS NULL)", name=op.f("ck_annotation_one_value")),
    )
    op.create_index("ix_annotation_clip_id_scheme", "annotation", ["clip_id", "scheme"])
    op.create_index("ix_annotation_scheme_rater", "annotation", ["scheme", "rater"])
    op.create_index("ix_annotation_rater", "annotation", ["rater"])


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("preset", TEXT, nullable=False),
        sa.Column("folder", TEXT, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("train_dataset", TEXT, nullable=False),
        sa.Column("train_snapshot", TEXT, nullable=False),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("finished", TEXT),
        sa.Column("test_dataset", TEXT),
        sa.Column("name", TEXT),
        sa.Column("parent", TEXT),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    for column in ("created", "kind", "name", "parent"):
        op.create_index(f"ix_run_{column}", "run", [column])
    op.create_table(
        "evaluation",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("dataset", TEXT, nullable=False),
        sa.Column("part", TEXT, nullable=False),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("stamp", TEXT, nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_evaluation"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_evaluation_run_id", ondelete="CASCADE"),
    )

"""The tables. Every change here needs a new file in ``migrations/versions`` and a new `REVISION`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

# The newest migration, repeated here so that opening an up-to-date database doesn't import Alembic (a test compares).
REVISION = "0002"

# Names for constraints, so that later migrations can address them on both databases.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Code-point order on both databases: PostgreSQL would otherwise sort by the server's language.
TEXT = String().with_variant(String(collation="C"), "postgresql")

clip = Table(
    "clip",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("file", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("origin", TEXT, nullable=False),
    Column("corpus", TEXT, nullable=False),
    Column("duration", Float(53), nullable=False),
    Column("sampling_rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("start", Float(53)),
    Column("end", Float(53)),
    Column("speaker", TEXT),
    Column("language", TEXT),
    Column("transcript", TEXT),
    Column("attributes", JSON, nullable=False),
    Column("provenance", JSON, nullable=False),
    Column("added", TEXT, nullable=False),
    # file, transcript and speaker, case-folded: SQLite's own LIKE and lower() know ASCII letters alone.
    Column("searchable", TEXT, nullable=False),
    CheckConstraint("origin IN ('real', 'synthetic')", name="origin"),
    # with the id behind, since it breaks ties in every order
    Index(None, "origin", "id"),
    Index(None, "corpus", "id"),
    Index(None, "speaker", "id"),
    Index(None, "language", "id"),
    Index(None, "added", "id"),
    Index(None, "duration", "id"),
    Index(None, "file", "id"),
    Index(None, "sha256"),
    # all that facets count, in one narrow index
    Index(None, "origin", "corpus", "speaker", "language"),
)

scheme = Table(
    "scheme",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("labels", JSON, nullable=False),
    Column("low", Float(53)),
    Column("high", Float(53)),
)

# A dataset keeps its own copy of its scheme: when another dataset adds a label, this one's classes stay as they are.
dataset = Table(
    "dataset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    Column("origin", TEXT, nullable=False),
    Column("scheme", TEXT, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("low", Float(53)),
    Column("high", Float(53)),
    Column("label_map", TEXT),
    Column("description", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    CheckConstraint("origin IN ('real', 'synthetic')", name="origin"),
)

dataset_clip = Table(
    "dataset_clip",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), primary_key=True),
    Column("label", TEXT, nullable=False),
    Index(None, "clip_id"),
    Index(None, "dataset_id", "label", "clip_id"),
    Index(None, "label", "clip_id"),
)

annotation = Table(
    "annotation",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), nullable=False),
    Column("scheme", TEXT, ForeignKey("scheme.name"), nullable=False),
    Column("rater", TEXT, nullable=False),
    Column("label", TEXT),
    Column("number", Float(53)),
    Column("created", TEXT, nullable=False),
    Column("comment", TEXT),
    CheckConstraint("(label IS NULL) <> (number IS NULL)", name="one_value"),
    Index(None, "clip_id", "scheme"),
    Index(None, "scheme", "rater"),
    Index(None, "rater"),
)

# Runs name their datasets without a reference: a run outlives the dataset it was trained on.
run = Table(
    "run",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("preset", TEXT, nullable=False),
    Column("folder", TEXT, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("train_dataset", TEXT, nullable=False),
    Column("train_snapshot", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("finished", TEXT),
    Column("test_dataset", TEXT),
    Column("name", TEXT),
    Column("parent", TEXT),
    Column("summary", JSON, nullable=False),
    Index(None, "created"),
    Index(None, "kind"),
    Index(None, "name"),
    Index(None, "parent"),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("run_id", TEXT, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("dataset", TEXT, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("stamp", TEXT, nullable=False),
    Column("summary", JSON, nullable=False),
)

# Runs are named without a reference, as above: a job may be queued before its run is saved, and outlives it.
job = Table(
    "job",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("run_id", TEXT),
    Column("parent", TEXT, ForeignKey("job.id", ondelete="CASCADE")),
    Column("needs", JSON, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("words", TEXT, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("host", TEXT),
    Column("pid", Integer),
    Column("pid_started", Float(53)),
    Column("heartbeat", Float(53)),
    Column("reason", TEXT),
    Column("created", TEXT, nullable=False),
    Column("started", TEXT),
    Column("finished", TEXT),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')", name="state"),
    Index(None, "created"),
    Index(None, "state", "created"),
    Index(None, "parent"),
    Index(None, "kind"),
)

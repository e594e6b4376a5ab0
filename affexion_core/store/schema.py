"""The tables. Every change here needs a new file in ``migrations/versions`` and a new `looking_up.REVISION`."""

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
    false,
    text,
)

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
    # the import that brought it; without a reference, as it outlives a clip that others have taken on
    Column("import_id", TEXT),
    # that of the provenance, to be counted without reading JSON
    Column("licence", TEXT),
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
    Index(None, "import_id"),
    # all that facets count, in one narrow index
    Index(None, "origin", "corpus", "speaker", "language"),
    # all that is counted of a dataset's clips, so that their wide rows needn't be read
    Index("ix_clip_counted", "id", "origin", "corpus", "speaker", "language", "duration", "licence"),
)

BY_COUNTED = "INDEXED BY ix_clip_counted"
"""Hint for SQLite, which would rather look up wide rows by the key than narrow ones by this index."""

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
    # how it was made from votes: source, rule, hash of the votes; and the datasheet as edited by people
    Column("recipe", JSON),
    Column("datasheet", TEXT),
    Column("import_id", TEXT),
    CheckConstraint("origin IN ('real', 'synthetic')", name="origin"),
)

dataset_clip = Table(
    "dataset_clip",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), primary_key=True),
    Column("label", TEXT, nullable=False),
    # the share of votes for each label
    Column("votes", JSON),
    Column("import_id", TEXT),
    # its number by dimension; NULL (not JSON's null) where it has none
    Column("dimensions", JSON(none_as_null=True)),
    Index(None, "clip_id"),
    Index(None, "dataset_id", "label", "clip_id"),
    Index(None, "label", "clip_id"),
)

# What came in together. Rows it brought bear its id; taking them out again is one transaction.
import_batch = Table(
    "import_batch",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("corpus", TEXT, nullable=False),
    Column("source", TEXT, nullable=False),
    Column("dataset", TEXT),
    Column("person", TEXT),
    Column("report", JSON),
    Column("created", TEXT, nullable=False),
    Column("finished", TEXT),
    CheckConstraint("state IN ('unfinished', 'done', 'undone')", name="state"),
    Index(None, "created"),
)

# What is left of a clip that was taken down: enough to know the recording again, and why it went. Without a reference,
# since the clip is gone.
clip_tombstone = Table(
    "clip_tombstone",
    metadata,
    Column("clip_id", TEXT, primary_key=True),
    Column("sha256", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("person", TEXT),
    Column("created", TEXT, nullable=False),
    # which datasets, projects and runs it was in
    Column("report", JSON),
    # what people said of it, where that was kept
    Column("judgements", JSON),
    Column("lifted", TEXT),
    Column("lifted_by", TEXT),
    Column("lifted_reason", TEXT),
    Index(None, "sha256"),
)

# Who works in the workspace. Judgements keep the rater's name without a reference: corpora bring raters nobody added.
person = Table(
    "person",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("role", TEXT, nullable=False),
    Column("email", TEXT, unique=True),
    Column("created", TEXT, nullable=False),
    CheckConstraint("role IN ('viewer', 'rater', 'adjudicator', 'owner')", name="role"),
)

project = Table(
    "project",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("scheme", TEXT, ForeignKey("scheme.name"), nullable=False),
    Column("settings", JSON, nullable=False),
    # names of those who may label; empty for everyone who may label at all
    Column("raters", JSON, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("created_by", TEXT, nullable=False),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
)

# Written as queries write it: SQLite uses a partial index only where it recognises the condition.
_OPEN = text("gold IS NULL AND taken < wanted")
_GOLD = text("gold IS NOT NULL")

project_clip = Table(
    "project_clip",
    metadata,
    Column("project", TEXT, ForeignKey("project.name", ondelete="CASCADE"), primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), primary_key=True),
    # place in the project's seeded shuffle, from 0
    Column("position", Integer, nullable=False),
    # different people asked for; held or answered by so many. Kept in the transactions that change them.
    Column("wanted", Integer, nullable=False),
    Column("taken", Integer, nullable=False),
    # the known answer of a hidden check
    Column("gold", TEXT),
    # higher first, by a model; 0 until one has looked
    Column("priority", Float(53), nullable=False),
    Index(None, "clip_id"),
    # what a draw looks through: clips that are open, in the order they are given
    Index("ix_project_clip_open", "project", "position", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_project_clip_extra", "project", "priority", "position", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_project_clip_gold", "project", "clip_id", sqlite_where=_GOLD, postgresql_where=_GOLD),
)

# How far a rater has come in a project.
project_rater = Table(
    "project_rater",
    metadata,
    Column("project", TEXT, ForeignKey("project.name", ondelete="CASCADE"), primary_key=True),
    Column("rater", TEXT, primary_key=True),
    # clips drawn so far
    Column("drawn", Integer, nullable=False),
    # no clip before this position waits for this rater's part of the overlap
    Column("frontier", Integer, nullable=False),
)

# A clip given to a rater. The key makes it impossible that one rater counts twice.
assignment = Table(
    "assignment",
    metadata,
    Column("project", TEXT, ForeignKey("project.name", ondelete="CASCADE"), primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), primary_key=True),
    Column("rater", TEXT, primary_key=True),
    # 0 for the first time, 1 for a hidden repeat
    Column("take", Integer, primary_key=True),
    Column("state", TEXT, nullable=False),
    # whether it counts among the clip's `taken`
    Column("counted", Boolean, nullable=False),
    # order of drawing for this rater, from 0
    Column("drawn", Integer, nullable=False),
    # seconds since the epoch
    Column("held_until", Float(53), nullable=False),
    CheckConstraint("state IN ('held', 'lost', 'skipped', 'answered')", name="state"),
    Index(None, "project", "rater", "state", "drawn"),
    Index(None, "project", "state", "held_until"),
    Index(None, "clip_id"),
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
    Column("unclear", TEXT),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    # no two judgements replace the same one, so that corrections form a chain
    Column("replaces", TEXT, ForeignKey("annotation.id"), unique=True),
    Column("project", TEXT, ForeignKey("project.name")),
    Column("take", Integer, nullable=False, server_default="0"),
    Column("second", TEXT),
    Column("confidence", Integer),
    Column("intensity", Integer),
    Column("seconds", Float(53)),
    Column("heard", Float(53)),
    Column("flags", JSON),
    Column("import_id", TEXT),
    CheckConstraint(
        "(CASE WHEN label IS NULL THEN 0 ELSE 1 END) + (CASE WHEN number IS NULL THEN 0 ELSE 1 END)"
        " + (CASE WHEN unclear IS NULL THEN 0 ELSE 1 END) + (CASE WHEN withdrawn THEN 1 ELSE 0 END) = 1",
        name="one_value",
    ),
    Index(None, "clip_id", "scheme"),
    Index(None, "scheme", "rater"),
    Index(None, "rater"),
    Index(None, "project", "rater", "created"),
    # one first judgement a person, clip and take
    Index(
        "uq_annotation_first",
        "project",
        "scheme",
        "clip_id",
        "rater",
        "take",
        unique=True,
        sqlite_where=text("project IS NOT NULL AND replaces IS NULL"),
        postgresql_where=text("project IS NOT NULL AND replaces IS NULL"),
    ),
)

decision = Table(
    "decision",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("clip_id", TEXT, ForeignKey("clip.id"), nullable=False),
    Column("scheme", TEXT, ForeignKey("scheme.name"), nullable=False),
    Column("label", TEXT),
    Column("decided_by", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("project", TEXT, ForeignKey("project.name", ondelete="CASCADE")),
    Column("withdrawn", Boolean, nullable=False),
    Index(None, "clip_id", "scheme"),
    Index(None, "project"),
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

"""People, labelling projects, what judgements say beside a value, decisions, and datasets made of votes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
ONE_VALUE = (
    "(CASE WHEN label IS NULL THEN 0 ELSE 1 END) + (CASE WHEN number IS NULL THEN 0 ELSE 1 END)"
    " + (CASE WHEN unclear IS NULL THEN 0 ELSE 1 END) + (CASE WHEN withdrawn THEN 1 ELSE 0 END) = 1"
)
OPEN = sa.text("gold IS NULL AND taken < wanted")
GOLD = sa.text("gold IS NOT NULL")
FIRST = sa.text("project IS NOT NULL AND replaces IS NULL")


def upgrade() -> None:
    _people_and_projects()
    _annotations()
    _decisions()
    with op.batch_alter_table("dataset") as table:
        table.add_column(sa.Column("recipe", sa.JSON()))
        table.add_column(sa.Column("datasheet", TEXT))
    with op.batch_alter_table("dataset_clip") as table:
        table.add_column(sa.Column("votes", sa.JSON()))


def _people_and_projects() -> None:
    op.create_table(
        "person",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("email", TEXT),
        sa.Column("created", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sa.CheckConstraint("role IN ('viewer', 'rater', 'adjudicator', 'owner')", name=op.f("ck_person_role")),
    )
    op.create_table(
        "project",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scheme", TEXT, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("raters", sa.JSON(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_project"),
        sa.ForeignKeyConstraint(["scheme"], ["scheme.name"], name="fk_project_scheme"),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_project_state")),
    )
    op.create_table(
        "project_clip",
        sa.Column("project", TEXT, nullable=False),
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("gold", TEXT),
        sa.Column("priority", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("project", "clip_id", name="pk_project_clip"),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name="fk_project_clip_project", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_project_clip_clip_id"),
    )
    op.create_index("ix_project_clip_clip_id", "project_clip", ["clip_id"])
    columns, partial = ["project", "position"], {"sqlite_where": OPEN, "postgresql_where": OPEN}
    op.create_index("ix_project_clip_open", "project_clip", columns, **partial)
    op.create_index("ix_project_clip_extra", "project_clip", ["project", "priority", "position"], **partial)
    partial = {"sqlite_where": GOLD, "postgresql_where": GOLD}
    op.create_index("ix_project_clip_gold", "project_clip", ["project", "clip_id"], **partial)
    op.create_table(
        "project_rater",
        sa.Column("project", TEXT, nullable=False),
        sa.Column("rater", TEXT, nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("frontier", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project", "rater", name="pk_project_rater"),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name="fk_project_rater_project", ondelete="CASCADE"),
    )
    _assignments()


def _assignments() -> None:
    states = "state IN ('held', 'lost', 'skipped', 'answered')"
    op.create_table(
        "assignment",
        sa.Column("project", TEXT, nullable=False),
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("rater", TEXT, nullable=False),
        sa.Column("take", sa.Integer(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("project", "clip_id", "rater", "take", name="pk_assignment"),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name="fk_assignment_project", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_assignment_clip_id"),
        sa.CheckConstraint(states, name=op.f("ck_assignment_state")),
    )
    columns = ["project", "rater", "state", "drawn"]
    op.create_index("ix_assignment_project_rater_state_drawn", "assignment", columns)
    op.create_index(op.f("ix_assignment_project_state_held_until"), "assignment", ["project", "state", "held_until"])
    op.create_index("ix_assignment_clip_id", "assignment", ["clip_id"])


def _annotations() -> None:
    with op.batch_alter_table("annotation") as table:
        table.add_column(sa.Column("unclear", TEXT))
        table.add_column(sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("replaces", TEXT))
        table.add_column(sa.Column("project", TEXT))
        table.add_column(sa.Column("take", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("second", TEXT))
        table.add_column(sa.Column("confidence", sa.Integer()))
        table.add_column(sa.Column("intensity", sa.Integer()))
        table.add_column(sa.Column("seconds", sa.Float(53)))
        table.add_column(sa.Column("heard", sa.Float(53)))
        table.add_column(sa.Column("flags", sa.JSON()))
        table.drop_constraint(op.f("ck_annotation_one_value"), type_="check")
        table.create_check_constraint(op.f("ck_annotation_one_value"), sa.text(ONE_VALUE))
        table.create_unique_constraint("uq_annotation_replaces", ["replaces"])
        table.create_foreign_key("fk_annotation_replaces", "annotation", ["replaces"], ["id"])
        table.create_foreign_key("fk_annotation_project", "project", ["project"], ["name"])
    op.create_index("ix_annotation_project_rater_created", "annotation", ["project", "rater", "created"])
    columns = ["project", "scheme", "clip_id", "rater", "take"]
    op.create_index(
        "uq_annotation_first", "annotation", columns, unique=True, sqlite_where=FIRST, postgresql_where=FIRST
    )


def _decisions() -> None:
    op.create_table(
        "decision",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("clip_id", TEXT, nullable=False),
        sa.Column("scheme", TEXT, nullable=False),
        sa.Column("label", TEXT),
        sa.Column("decided_by", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("created", TEXT, nullable=False),
        sa.Column("project", TEXT),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_decision_clip_id"),
        sa.ForeignKeyConstraint(["scheme"], ["scheme.name"], name="fk_decision_scheme"),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name="fk_decision_project", ondelete="CASCADE"),
    )
    op.create_index("ix_decision_clip_id_scheme", "decision", ["clip_id", "scheme"])
    op.create_index("ix_decision_project", "decision", ["project"])

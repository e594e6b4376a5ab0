"""What people said of the clips of a project or a dataset, as far as it counts now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

from affexion_core.errors import NotFoundError, allowed
from affexion_core.labeling.ratings import Ratings, ratings_of
from affexion_core.store.decisions import current_decisions, decisions_in
from affexion_core.store.labels import annotation_of, current_annotations
from affexion_core.store.names import require_scheme
from affexion_core.store.rows import clip_of
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import dataset as dataset_table
from affexion_core.store.schema import dataset_clip, project_clip
from affexion_core.store.schema import project as project_table
from affexion_core.store.schema import scheme as scheme_table
from affexion_core.store.session import Store, reading
from affexion_core.types import Annotation, Clip, Decision, Scheme

# The corpus's own label, as imported by the rater "corpus:<name>", is no vote; a corpus may itself be called "corpus".
_BY_PEOPLE = annotation_table.c.rater.not_like("corpus:%") | annotation_table.c.rater.like("corpus:vote-%")
Kind = Literal["project", "dataset"]
_ANONYMOUS = re.compile(r".+:vote-\d+")


@dataclass(frozen=True)
class Votes:
    """The judgements of a project's or a dataset's clips.

    Attributes
    ----------
    name, kind
        Of the project or dataset.
    scheme
        Under which the clips were judged.
    clips
        All clips of it by id, judged or not.
    judgements
        The first judgements (take 0) that stand now, oldest first, one for each rater and clip, unclear ones included.
    repeats
        Each first judgement with the same rater's second one of the same clip, where both stand.
    numeric
        Judgements under numeric schemes (arousal, …) by the scheme's name, in the same way.
    decisions
        What adjudicators settled, by clip id.
    gold
        Known answers of hidden checks, by clip id.
    anonymous
        Whether some judgements are listeners' votes that a corpus counts without saying whose they are. Their raters
        are called ``<corpus>:vote-<n>``: one such name is not one person.
    """

    name: str
    kind: Kind
    scheme: Scheme
    clips: Mapping[str, Clip]
    judgements: tuple[Annotation, ...]
    repeats: tuple[tuple[Annotation, Annotation], ...] = ()
    numeric: Mapping[str, tuple[Annotation, ...]] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    gold: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False

    @cached_property
    def by_clip(self) -> Mapping[str, tuple[Annotation, ...]]:
        """The judgements of each clip that has any, oldest first."""
        found: dict[str, list[Annotation]] = {}
        for made in self.judgements:
            found.setdefault(made.clip_id, []).append(made)
        return {clip_id: tuple(judged) for clip_id, judged in found.items()}

    @property
    def project(self) -> str | None:
        """The project's name; None for a dataset."""
        return self.name if self.kind == "project" else None


def is_anonymous(rater: str) -> bool:
    """Tell whether a rater's name stands for a corpus's counted votes, not for a person."""
    return _ANONYMOUS.fullmatch(rater) is not None


def load_votes(store: Store, name: str) -> Votes:
    """Load what people said of the clips of a project or a dataset.

    Of a project these are the judgements made in it. Of a dataset they are all judgements of its clips under its
    scheme; where its labels came through a label map and nobody judged the clips under the scheme it leads to, under
    the scheme that most judgements have. The label that a corpus itself gives is none. Where a rater judged a clip in
    several projects, the newest judgement is taken.

    Raises
    ------
    NotFoundError
        If there is no project and no dataset of that name; the message lists those there are.
    """
    with reading(store) as connection:
        kind, row = _found(connection, name)
        return _project_votes(connection, row) if kind == "project" else _dataset_votes(connection, row)


def votes_stamp(store: Store, name: str) -> str:
    """Give a text that changes whenever judgements or clips join a project or dataset, much quicker than loading them.

    Decisions leave it as it is. Errors as `load_votes`.
    """
    with reading(store) as connection:
        kind, row = _found(connection, name)
        if kind == "project":
            where: ColumnElement[bool] = annotation_table.c.project == name
            members = select(func.count()).where(project_clip.c.project == name)
        else:
            where = _judged(row)
            members = select(func.count()).where(dataset_clip.c.dataset_id == row["id"])
        n, newest = connection.execute(select(func.count(), func.max(annotation_table.c.created)).where(where)).one()
        return f"{kind} {row['created']} {n} {newest} {connection.scalar(members)}"


def votes_scheme(connection: Connection, name: str) -> tuple[Kind, Scheme, str | None]:
    """Say whether a name is that of a project or a dataset, and under which scheme its clips are judged.

    The third value is the project whose decisions count: itself, or the one that a dataset was made of, if any.

    Raises
    ------
    NotFoundError
        As `load_votes`.
    """
    kind, row = _found(connection, name)
    if kind == "project":
        return kind, require_scheme(connection, row["scheme"]), name
    return kind, _dataset_scheme(connection, row), _source(row)


def _source(row: RowMapping) -> str | None:
    return (row["recipe"] or {}).get("source")


def projects_behind(store: Store, name: str) -> tuple[str, ...]:
    """List the projects in which the judgements of a project or dataset were made; errors as `load_votes`."""
    with reading(store) as connection:
        kind, row = _found(connection, name)
        if kind == "project":
            return (name,)
        made = select(annotation_table.c.project).where(_judged(row), annotation_table.c.project.is_not(None))
        return tuple(sorted(connection.execute(made.distinct()).scalars().all()))


def votes_clips(connection: Connection, name: str, kind: Kind, clip_id: str | None = None) -> list[str]:
    """List the ids of the clips of a project or dataset, or of one of them if it is there."""
    if kind == "project":
        query = select(project_clip.c.clip_id).where(project_clip.c.project == name)
    else:
        query = select(dataset_clip.c.clip_id).join(dataset_table).where(dataset_table.c.name == name)
    if clip_id is not None:
        query = query.where(query.selected_columns[0] == clip_id)
    return list(connection.execute(query).scalars())


def _found(connection: Connection, name: str) -> tuple[Kind, RowMapping]:
    tables: tuple[tuple[Kind, Table], ...] = (("project", project_table), ("dataset", dataset_table))
    for kind, table in tables:
        row = connection.execute(select(table).where(table.c.name == name)).mappings().one_or_none()
        if row is not None:
            return kind, row
    raise _not_found(connection, name)


def votes_names(store: Store) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the projects, and the datasets of whose clips people judged some; both by name."""
    judged = select(dataset_clip.c.dataset_id).join(
        annotation_table, annotation_table.c.clip_id == dataset_clip.c.clip_id
    )
    judged = judged.where(_BY_PEOPLE).distinct()
    datasets = select(dataset_table.c.name).where(dataset_table.c.id.in_(judged)).order_by(dataset_table.c.name)
    with reading(store) as connection:
        projects = connection.execute(select(project_table.c.name).order_by(project_table.c.name)).scalars().all()
        return tuple(projects), tuple(connection.execute(datasets).scalars().all())


def _not_found(connection: Connection, name: str) -> NotFoundError:
    projects = connection.execute(select(project_table.c.name)).scalars().all()
    datasets = connection.execute(select(dataset_table.c.name)).scalars().all()
    there = [f"the project {allowed(projects)}"] if projects else []
    there += [f"the dataset {allowed(datasets)}"] if datasets else []
    choose = f"choose {' or '.join(there)}" if there else "import clips first"
    return NotFoundError(f"There is no project or dataset {name!r} in the workspace; {choose}.")


def _project_votes(connection: Connection, row: RowMapping) -> Votes:
    name, scheme = row["name"], require_scheme(connection, row["scheme"])
    members = select(project_clip.c.clip_id).where(project_clip.c.project == name)
    gold = select(project_clip.c.clip_id, project_clip.c.gold).where(
        project_clip.c.project == name, project_clip.c.gold.is_not(None)
    )
    clips = _clips(connection, members)
    made = _annotations(connection, annotation_table.c.project == name)
    return _votes(
        connection,
        Votes(name, "project", scheme, clips, (), gold={id: label for id, label in connection.execute(gold)}),
        made,
        current_decisions(decisions_in(connection, clips, scheme.name, name)),
    )


def _dataset_votes(connection: Connection, row: RowMapping) -> Votes:
    members = select(dataset_clip.c.clip_id).where(dataset_clip.c.dataset_id == row["id"])
    made = _annotations(connection, _judged(row))
    scheme = _dataset_scheme(connection, row)
    clips = _clips(connection, members)
    decided = decisions_in(connection, clips, scheme.name, _source(row), general=True)
    return _votes(connection, Votes(row["name"], "dataset", scheme, clips, ()), made, current_decisions(decided))


def _judged(row: RowMapping) -> ColumnElement[bool]:
    """Choose the judgements of a dataset's clips that aren't the corpus's own labels."""
    members = select(dataset_clip.c.clip_id).where(dataset_clip.c.dataset_id == row["id"])
    return annotation_table.c.clip_id.in_(members) & _BY_PEOPLE


def _dataset_scheme(connection: Connection, row: RowMapping) -> Scheme:
    """Choose the scheme whose judgements are the dataset's votes."""
    own = Scheme(row["scheme"], tuple(row["labels"]), row["low"], row["high"])
    name = own.name
    if row["label_map"] is not None:
        judged = select(annotation_table.c.scheme, func.count()).where(
            _judged(row), annotation_table.c.label.is_not(None)
        )
        counts = {scheme: n for scheme, n in connection.execute(judged.group_by(annotation_table.c.scheme))}
        if counts and name not in counts:
            name = max(sorted(counts), key=lambda scheme: counts[scheme])
    there = require_scheme(connection, name)
    if name != own.name:
        return there
    # a dataset's own copy of its scheme may have got labels of its own
    return Scheme(name, there.labels + tuple(o for o in own.labels if o not in there.labels), own.low, own.high)


def _clips(connection: Connection, members: object) -> dict[str, Clip]:
    query = select(clip_table).where(clip_table.c.id.in_(members)).order_by(clip_table.c.id)  # type: ignore[arg-type]
    return {row["id"]: clip_of(row) for row in connection.execute(query).mappings()}


def _annotations(connection: Connection, where: ColumnElement[bool]) -> tuple[Annotation, ...]:
    query = select(annotation_table).where(where).order_by(annotation_table.c.created, annotation_table.c.id)
    return current_annotations(map(annotation_of, connection.execute(query).mappings()))


def _votes(
    connection: Connection, empty: Votes, made: Sequence[Annotation], decisions: Mapping[str, Decision]
) -> Votes:
    """Sort judgements into first ones, repeats and dimensions."""
    scheme = empty.scheme
    ours = [a for a in made if a.clip_id in empty.clips]
    ranges = connection.execute(select(scheme_table.c.name, scheme_table.c.labels)).all()
    dimensions = [name for name, labels in ranges if not labels and name != scheme.name]
    first = _one_each(a for a in ours if a.scheme == scheme.name and a.take == 0)
    numeric = {
        name: _one_each(a for a in ours if a.scheme == name and a.take == 0 and a.value is not None)
        for name in sorted(dimensions)
    }
    return Votes(
        name=empty.name,
        kind=empty.kind,
        scheme=scheme,
        clips=empty.clips,
        judgements=first,
        repeats=_repeats(first, [a for a in ours if a.scheme == scheme.name and a.take == 1]),
        numeric={name: judged for name, judged in numeric.items() if judged},
        decisions=decisions,
        gold=empty.gold,
        anonymous=any(is_anonymous(a.rater) for a in first),
    )


def _one_each(made: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Keep the newest judgement of each rater and clip, oldest first."""
    newest = {(a.clip_id, a.rater): a for a in made}
    return tuple(sorted(newest.values(), key=lambda a: (a.created, a.id)))


def _repeats(first: Sequence[Annotation], again: Iterable[Annotation]) -> tuple[tuple[Annotation, Annotation], ...]:
    by_key = {(a.project, a.clip_id, a.rater): a for a in first}
    pairs = [(by_key.get((a.project, a.clip_id, a.rater)), a) for a in again]
    return tuple((one, other) for one, other in pairs if one is not None)


def ratings_of_votes(votes: Votes) -> Ratings:
    """Put the first judgements of the scheme into a table for figures of agreement; unclear ones are left out."""
    judged = [(a.clip_id, a.rater, a.value) for a in votes.judgements if a.value is not None]
    anonymous = {a.rater for a in votes.judgements if is_anonymous(a.rater)}
    return ratings_of(judged, votes.scheme.labels or None, anonymous)


def dimension_ratings(votes: Votes) -> dict[str, Ratings]:
    """Put the judgements under each numeric scheme into a table, by the scheme's name."""
    return {
        name: ratings_of(
            [(a.clip_id, a.rater, a.value) for a in made if a.value is not None],
            anonymous={a.rater for a in made if is_anonymous(a.rater)},
        )
        for name, made in votes.numeric.items()
    }


def agreement_tables(votes: Votes) -> tuple[Ratings, dict[str, Ratings]]:
    """Put judgements into the two parts of an agreement report: labels, and numbers by their dimension's name."""
    own, dimensions = ratings_of_votes(votes), dimension_ratings(votes)
    if votes.scheme.labels:
        return own, dimensions
    return ratings_of([]), {votes.scheme.name: own, **dimensions}

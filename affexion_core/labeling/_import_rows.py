"""From the rows of a file to judgements of the workspace: each is checked, and stands or falls alone."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from affexion_core.errors import LabelError
from affexion_core.exchange._bundle import Judgement, Problem, bad_text, texts_in
from affexion_core.labeling._import_schemes import SchemePlan
from affexion_core.labeling.exporting import dimension_annotation
from affexion_core.store.exchange import annotations_by_id, first_judgements, replaced_ids
from affexion_core.store.labels import check_value
from affexion_core.store.rows import now
from affexion_core.store.session import Store
from affexion_core.types import Annotation, Clip, Scheme

# Names judgements of files that name none, so that importing the same file again adds nothing.
_NAMESPACE = uuid.UUID("b8a7c6d1-4d0e-5f3b-9a63-7e1c1b8f2f55")


@dataclass(frozen=True)
class RowRules:
    """What rows are checked against: how clips are found, the schemes, known projects, and whose nameless rows are."""

    find: Callable[[str], Clip | None]
    schemes: SchemePlan
    projects: Collection[str]
    rater: str | None
    where: str


@dataclass(frozen=True)
class Row:
    """A row that can be used: its judgement, and the annotations it makes, the answer's own first."""

    made: Judgement
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class CheckedRows:
    """Rows by what becomes of them: ``new`` ones, ``present`` ones that add nothing, and those rejected."""

    new: tuple[Row, ...]
    present: tuple[Row, ...]
    rejected: tuple[Problem, ...]

    def annotations(self, present: bool = False) -> tuple[Annotation, ...]:
        """Give the annotations of the new rows, each once; with ``present`` those of rows that are there as well."""
        rows = (*self.new, *self.present) if present else self.new
        return tuple({made.id: made for row in rows for made in row.annotations}.values())


def check_rows(store: Store, judgements: Sequence[Judgement], rules: RowRules) -> CheckedRows:
    """Check rows one by one, then against each other and the workspace.

    Raises
    ------
    LabelError
        If a clip's name is that of several clips.
    """
    rows: list[Row] = []
    rejected: list[Problem] = []
    moment = now()
    ids = {made.id for made in judgements if made.id is not None}
    ids |= {f"{made.id}/{name}" for made in judgements if made.id is not None for name in made.dimensions}
    for made in judgements:
        clip = rules.find(made.clip)
        try:
            rows.append(_row(made, clip, rules, moment, ids))
        except LabelError as error:
            rejected.append(Problem(made.place, str(error)))
    return _against(store, rows, rejected)


def _row(made: Judgement, clip: Clip | None, rules: RowRules, moment: str, ids: Collection[str]) -> Row:
    reason = next((said for text in texts_in(made) if (said := bad_text(text))), None)
    if reason:
        raise LabelError(f"It {reason}.")
    if clip is None:
        raise LabelError(f"There is no clip or file {made.clip!r} in {rules.where}.")
    rater = made.rater or rules.rater
    if not rater or not rater.strip():
        raise LabelError("It names no rater.")
    scheme = rules.schemes.of(made)
    if scheme is None:
        raise LabelError(f"There is no scheme {made.scheme!r}." if made.scheme else "Its scheme isn't known.")
    if made.project is not None and made.project not in rules.projects:
        raise LabelError(f"There is no project {made.project!r} in the workspace.")
    _check_numbers(made)
    made = replace(made, rater=rater, scheme=scheme.name, value=_value(made, scheme))
    id = made.id or _content_id(made, clip)
    answer = _answer(made, clip, id, _time(made.created, literal=made.id is not None) or moment)
    beside = [_beside(made, answer, clip, id, name, rules, ids, moment) for name in made.dimensions]
    return Row(made, (*([] if answer is None else [answer]), *beside))


def _check_numbers(made: Judgement) -> None:
    for name in ("confidence", "intensity"):
        value = getattr(made, name)
        if value is not None and not 1 <= value <= 5:
            raise LabelError(f"{name} = {value} isn't one of 1 to 5.")
    if made.take not in (0, 1):
        raise LabelError(f"take = {made.take} is neither 0 (the first judgement) nor 1 (a repeat).")
    for name, most in (("seconds", 1e9), ("heard", math.inf)):
        value = getattr(made, name)
        if value is not None and not (math.isfinite(value) and 0 <= value <= most):
            raise LabelError(f"{name} = {value:g} can't be; it is a number from 0.")


def _value(made: Judgement, scheme: Scheme) -> str | float | None:
    if made.value is None:
        return None
    check_value(scheme, made.value, "Its label")
    return str(made.value) if scheme.labels else float(made.value)


def _time(created: str | None, literal: bool) -> str | None:
    """Read a time, and write it as the workspace does unless it comes from one; without a zone it is UTC."""
    if created is None:
        return None
    try:
        read = datetime.fromisoformat(created)
        moment = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LabelError(f"created = {created!r} is not a time such as 2026-01-31T12:00:00Z.") from None
    return created if literal else moment.isoformat(timespec="microseconds")


def _content_id(made: Judgement, clip: Clip) -> str:
    """Make the id of a judgement that has none, from all that it says."""
    said = {name: value for name, value in vars(made).items() if name not in ("place", "clip", "id")}
    text = json.dumps({**said, "clip": clip.id}, sort_keys=True, default=dict)
    return str(uuid.uuid5(_NAMESPACE, text))


def _answer(made: Judgement, clip: Clip, id: str, created: str) -> Annotation | None:
    if made.value is None and made.unclear is None and not made.withdrawn:
        if made.dimensions:
            return None
        raise LabelError("It says nothing; it needs a label, or why the clip is unclear.")
    dropped = ("clip", "dimensions", "place", "id", "created")
    kept = {name: value for name, value in vars(made).items() if name not in dropped}
    if (made.value is not None) + (made.unclear is not None) + made.withdrawn != 1:
        raise LabelError("It must say one thing: a label, why the clip is unclear, or that a judgement is withdrawn.")
    if made.withdrawn and made.replaces is None:
        raise LabelError("It withdraws a judgement, but doesn't name it.")
    return Annotation(id=id, clip_id=clip.id, created=created, **kept)


def _beside(
    made: Judgement,
    answer: Annotation | None,
    clip: Clip,
    id: str,
    name: str,
    rules: RowRules,
    ids: Collection[str],
    moment: str,
) -> Annotation:
    """Make the annotation of what an answer says under a numeric scheme."""
    scheme, value = rules.schemes.schemes.get(name), made.dimensions[name]
    if scheme is None or scheme.labels:
        raise LabelError(f"There is no numeric scheme {name!r}.")
    check_value(scheme, value, name.capitalize())
    if answer is not None:
        return dimension_annotation(answer, name, value, ids)
    created = _time(made.created, literal=made.id is not None) or moment
    return Annotation(
        f"{id}/{name}", clip.id, name, str(made.rater), value, created, project=made.project, take=made.take
    )


def _against(store: Store, rows: Sequence[Row], rejected: list[Problem]) -> CheckedRows:
    """Check rows against each other and the workspace; a correction of what was rejected is rejected as well."""
    ids = [made.id for row in rows for made in row.annotations]
    there = annotations_by_id(store, [*ids, *(a.replaces for row in rows for a in row.annotations if a.replaces)])
    replaced = replaced_ids(store, [a.replaces for row in rows for a in row.annotations if a.replaces])
    first = first_judgements(store, [_first_key(a) for row in rows for a in row.annotations if _is_first(a)])
    taken: dict[str, Annotation] = {}
    spoken: dict[tuple[object, ...], str] = {}
    kept: list[Row] = []
    present: list[Row] = []
    for row in rows:
        reason = next(
            (said for made in row.annotations if (said := _clash(made, there, taken, replaced, first))), None
        ) or _said_twice(row, spoken)
        if reason:
            rejected.append(Problem(row.made.place, reason))
            continue
        known = all(made.id in there or made.id in taken for made in row.annotations)
        (present if known else kept).append(row)
        for made in row.annotations:
            taken.setdefault(made.id, made)
            if made.id not in there:
                if made.replaces:
                    replaced.setdefault(made.replaces, made.id)
                if _is_first(made):
                    first.setdefault(_first_key(made), made.id)
    kept = _with_what_they_replace(kept, there, rejected)
    return CheckedRows(tuple(kept), tuple(present), tuple(rejected))


def _is_first(made: Annotation) -> bool:
    return made.project is not None and made.replaces is None


def _first_key(made: Annotation) -> tuple[str, str, str, str, int]:
    return str(made.project), made.scheme, made.clip_id, made.rater, made.take


def _clash(
    made: Annotation,
    there: Mapping[str, Annotation],
    taken: Mapping[str, Annotation],
    replaced: Mapping[str, str],
    first: Mapping[tuple[object, ...], str],
) -> str | None:
    """Say why a judgement can't stand beside what is there or came before it."""
    other = there.get(made.id) or taken.get(made.id)
    if other is not None:
        same = replace(made, created=other.created) == other
        return None if same else f"Its id {made.id!r} is that of another judgement."
    if made.replaces is not None and replaced.get(made.replaces, made.id) != made.id:
        return f"The judgement {made.replaces!r} that it replaces has been replaced already."
    if _is_first(made) and first.get(_first_key(made), made.id) != made.id:
        return f"{made.rater} has judged this clip in project {made.project!r} already."
    return None


def _said_twice(row: Row, spoken: dict[tuple[object, ...], str]) -> str | None:
    """Refuse a second, other judgement of a clip by one rater where neither id nor time tells which one counts."""
    made, held = row.made, row.annotations[0]
    if made.id is not None or made.created is not None:
        return None
    key = (held.clip_id, made.scheme, made.rater, made.take, made.project)
    before = spoken.setdefault(key, held.id)
    if before == held.id:
        return None
    return f"{made.rater} judges this clip twice, in other words; keep one row, or give the times in a column created."


def _with_what_they_replace(rows: list[Row], there: Mapping[str, Annotation], rejected: list[Problem]) -> list[Row]:
    """Drop corrections of judgements that aren't there, again and again until none is left."""
    while True:
        made = {held.id: held for row in rows for held in row.annotations}
        reasons = [_broken_chain(row.annotations, {**there, **made}) for row in rows]
        reasons = _round_chains(rows, made, reasons)
        if not any(reasons):
            return rows
        rejected += [Problem(row.made.place, said) for row, said in zip(rows, reasons, strict=True) if said]
        rows = [row for row, said in zip(rows, reasons, strict=True) if not said]


def _broken_chain(annotations: Iterable[Annotation], known: Mapping[str, Annotation]) -> str | None:
    for made in annotations:
        if made.replaces is None:
            continue
        earlier = known.get(made.replaces)
        if earlier is None:
            return f"The judgement {made.replaces!r} that it replaces is neither in the file nor in the workspace."
        if (earlier.clip_id, earlier.scheme, earlier.rater) != (made.clip_id, made.scheme, made.rater):
            return f"The judgement {made.replaces!r} that it replaces is of another clip, scheme or rater."
    return None


def _round_chains(rows: Sequence[Row], made: Mapping[str, Annotation], reasons: list[str | None]) -> list[str | None]:
    """Reject judgements whose chain of corrections leads back to themselves."""
    safe: set[str] = set()
    found = list(reasons)
    for place, row in enumerate(rows):
        for start in row.annotations:
            path: dict[str, None] = {}
            held: Annotation | None = start
            while held is not None and held.id not in safe and held.id not in path:
                path[held.id] = None
                held = made.get(held.replaces) if held.replaces else None
            if held is not None and held.id in path:
                found[place] = found[place] or "It is a correction of itself, by a detour."
            else:
                safe.update(path)
    return found

"""Take in what raters answer, correct, skip and take back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from affexion_core.errors import LabelError
from affexion_core.labeling.answers import Answer, check_answer, flags_of, id_refusal
from affexion_core.labeling.desk import Desk, closed_words, sit_down
from affexion_core.labeling.people import Person
from affexion_core.labeling.projects import update_wanted
from affexion_core.store import assignments
from affexion_core.store.assignments import Given
from affexion_core.store.judgements import chain_ends, find_judgement, insert_judgements, last_created
from affexion_core.store.names import require_scheme
from affexion_core.store.projects import ClipState, clip_states
from affexion_core.store.rows import chunks
from affexion_core.store.session import Store, writing
from affexion_core.types import Annotation, Scheme

# So many answers go into one transaction, so that nobody waits behind a rater who comes back from offline.
_AT_ONCE = 25

Status = Literal["saved", "present", "skipped", "refused"]


@dataclass(frozen=True)
class Receipt:
    """What became of an answer.

    ``status`` is ``saved`` (on the disk), ``present`` (was there already), ``skipped`` or ``refused``; ``words`` say
    why, where there is something to say. ``extra``: kept, but others had taken the place meanwhile.
    """

    id: str
    clip_id: str
    status: Status
    words: str = ""
    flags: tuple[str, ...] = ()
    extra: bool = False


def submit(
    store: Store, project: str, person: Person, answers: Sequence[Answer], now: float | None = None
) -> tuple[Receipt, ...]:
    """Take answers in; what a receipt calls saved is on the disk when this returns.

    Each answer stands or falls alone, and its order among a rater's answers is kept. One whose id is there already adds
    nothing. A second answer to the same clip counts as a correction of the first.

    Parameters
    ----------
    store
        The open store.
    project
        The project's name.
    person
        The rater.
    answers
        In the order given.
    now
        Unix seconds; None for the present.

    Returns
    -------
    tuple of Receipt
        One for each answer, in their order.

    Raises
    ------
    RightsError
        If they may not label in this project. Nothing is saved.
    NotFoundError
        If there is no such project.
    StoreError
        If the database fails. Of many answers the first may be saved then; send all again.
    """
    receipts: list[Receipt] = []
    for part in chunks(answers, _AT_ONCE):
        with writing(store) as connection:
            desk = sit_down(connection, project, person, now)
            saved = [_take_in(desk, answer) for answer in part]
        receipts += saved
    return tuple(receipts)


def _take_in(desk: Desk, answer: Answer) -> Receipt:
    try:
        return _checked_in(desk, answer)
    except LabelError as error:  # raised before anything of this answer is written
        return Receipt(str(answer.id), str(answer.clip_id), "refused", str(error))


def _checked_in(desk: Desk, answer: Answer) -> Receipt:
    unusable = id_refusal(answer)
    if unusable:
        raise LabelError(unusable)
    there = find_judgement(desk.connection, answer.id)
    if there is not None:
        _check_same(desk, there, answer)
        return Receipt(answer.id, answer.clip_id, "present", flags=there.flags)
    closed = closed_words(desk.project)
    if closed:
        raise LabelError(closed)
    schemes = _schemes(desk)
    check_answer(desk.project, schemes, answer)
    clip = clip_states(desk.connection, desk.project.name, [answer.clip_id]).get(answer.clip_id)
    if clip is None:
        raise LabelError(f"Clip {answer.clip_id} isn't in project {desk.project.name!r}.")
    given = _answered(desk, answer)
    return _skip(desk, answer, given, schemes) if answer.skip else _save(desk, answer, clip, given, schemes)


def _check_same(desk: Desk, there: Annotation, answer: Answer) -> None:
    """Refuse an id that another judgement has."""
    if (there.project, there.rater, there.clip_id) != (desk.project.name, desk.rater, answer.clip_id):
        raise LabelError(f"Another judgement has the id {answer.id!r} already; answer again.")


def _schemes(desk: Desk) -> dict[str, Scheme]:
    dimensions = desk.project.settings.dimensions
    return {desk.project.scheme.name: desk.project.scheme} | {
        name: require_scheme(desk.connection, name) for name in dimensions
    }


def _answered(desk: Desk, answer: Answer) -> Given:
    """Find which giving of the clip an answer answers: what it corrects, else what is held, else the last."""
    all_given = assignments.given_to(desk.connection, desk.project.name, desk.rater, answer.clip_id)
    if not all_given:
        raise LabelError(f"Clip {answer.clip_id} wasn't given to {desk.rater} in project {desk.project.name!r}.")
    if answer.replaces is not None:
        corrected = find_judgement(desk.connection, answer.replaces)
        # one that isn't there was refused itself; then this is the first answer
        if corrected is not None:
            _check_same(desk, corrected, answer)
            return next(given for given in all_given if given.take == corrected.take)
    held = [given for given in all_given if given.state == "held"]
    return held[0] if held else all_given[-1]


def _save(desk: Desk, answer: Answer, clip: ClipState, given: Given, schemes: dict[str, Scheme]) -> Receipt:
    ends = chain_ends(desk.connection, desk.project.name, schemes, desk.rater, answer.clip_id, given.take)
    earlier = ends.get(desk.project.scheme.name)
    flags = flags_of(answer)
    made = _annotation(desk, answer, given, flags, earlier)
    beside = _dimensions(made, answer.dimensions, ends)
    insert_judgements(desk.connection, [made, *beside], schemes)
    late = not assignments.counts(given.take, given.state) and given.take == 0
    assignments.change_state(desk.connection, desk.project.name, given, "answered")
    if given.take == 0:
        update_wanted(desk.connection, desk.project, [clip.id])
    words = ""
    if earlier is not None and not earlier.withdrawn and answer.replaces is None:
        words = "You had judged this clip already; this answer now counts instead of the one before."
    extra = late and clip.gold is None and clip.taken >= clip.wanted
    return Receipt(answer.id, answer.clip_id, "saved", words, flags, extra)


def _annotation(
    desk: Desk, answer: Answer, given: Given, flags: tuple[str, ...], earlier: Annotation | None
) -> Annotation:
    return Annotation(
        id=answer.id,
        clip_id=answer.clip_id,
        scheme=desk.project.scheme.name,
        rater=desk.rater,
        value=answer.label,
        created=_next_moment(desk),
        comment=(answer.comment or "").strip() or None,
        unclear=answer.unclear,
        replaces=None if earlier is None else earlier.id,
        project=desk.project.name,
        take=given.take,
        second=answer.second,
        confidence=answer.confidence,
        intensity=answer.intensity,
        seconds=answer.seconds,
        # a player that rounds may say a little more than all
        heard=None if answer.heard is None else min(answer.heard, 1.0),
        flags=flags,
    )


def _next_moment(desk: Desk) -> str:
    """Give the present, or a moment after the rater's last answer where clocks say that is yet to come."""
    moment = datetime.fromtimestamp(desk.now, UTC)
    last = last_created(desk.connection, desk.project.name, desk.rater)
    if last is not None:
        moment = max(moment, datetime.fromisoformat(last) + timedelta(microseconds=1))
    return moment.isoformat(timespec="microseconds")


def _dimensions(made: Annotation, said: Mapping[str, float], ends: Mapping[str, Annotation]) -> list[Annotation]:
    """Make the judgements beside an answer or a withdrawal; what was said before and isn't now is withdrawn."""
    before = {name for name, end in ends.items() if name != made.scheme and not end.withdrawn}
    return [
        Annotation(
            id=f"{made.id}/{name}",
            clip_id=made.clip_id,
            scheme=name,
            rater=made.rater,
            value=float(said[name]) if name in said else None,
            created=made.created,
            withdrawn=name not in said,
            replaces=ends[name].id if name in ends else None,
            project=made.project,
            take=made.take,
        )
        for name in sorted({*said, *before})
    ]


def _skip(desk: Desk, answer: Answer, given: Given, schemes: Mapping[str, Scheme]) -> Receipt:
    if given.state == "answered":
        if answer.replaces is None:
            raise LabelError("You have judged this clip; take the judgement back to skip it.")
        _take_back(desk, answer.id, given, schemes)
    assignments.change_state(desk.connection, desk.project.name, given, "skipped")
    if given.take == 0:
        update_wanted(desk.connection, desk.project, [given.clip_id])
    return Receipt(answer.id, answer.clip_id, "skipped")


def _take_back(desk: Desk, id: str, given: Given, schemes: Mapping[str, Scheme]) -> bool:
    """Withdraw what a rater says of a clip now; False if they say nothing."""
    ends = chain_ends(desk.connection, desk.project.name, schemes, desk.rater, given.clip_id, given.take)
    newest = ends.get(desk.project.scheme.name)
    if newest is None or newest.withdrawn:
        return False
    made = Annotation(
        id=id,
        clip_id=given.clip_id,
        scheme=desk.project.scheme.name,
        rater=desk.rater,
        value=None,
        created=_next_moment(desk),
        withdrawn=True,
        replaces=newest.id,
        project=desk.project.name,
        take=given.take,
    )
    insert_judgements(desk.connection, [made, *_dimensions(made, {}, ends)], schemes)
    return True


def withdraw(
    store: Store,
    project: str,
    person: Person,
    answer_id: str,
    id: str,  # noqa: A002 (the field's own name)
    now: float | None = None,
) -> Receipt:
    """Take an answer back: it no longer counts, and the rater holds the clip again, before what they hold.

    Parameters
    ----------
    store
        The open store.
    project
        The project's name.
    person
        The rater.
    answer_id
        Any answer of the chain of corrections; the newest is withdrawn.
    id
        Made where this is asked, so that asking again changes nothing.
    now
        Unix seconds; None for the present.

    Returns
    -------
    Receipt
        ``saved``; ``present`` if it was taken back already; ``refused``, with the reason.

    Raises
    ------
    RightsError, NotFoundError, StoreError
        As `submit`.
    """
    with writing(store) as connection:
        desk = sit_down(connection, project, person, now)
        asked = Answer(id, answer_id, replaces=answer_id)
        words = id_refusal(asked) or closed_words(desk.project)
        answered = None if words else find_judgement(connection, answer_id)
        if answered is None:
            return Receipt(id, "", "refused", words or f"There is no answer {answer_id!r} to take back.")
        try:
            return _withdrawn(desk, answered, id)
        except LabelError as error:  # raised before anything is written
            return Receipt(id, answered.clip_id, "refused", str(error))


def _withdrawn(desk: Desk, answered: Annotation, id: str) -> Receipt:
    asked = Answer(id, answered.clip_id)
    _check_same(desk, answered, asked)
    there = find_judgement(desk.connection, id)
    if there is not None:
        _check_same(desk, there, asked)
        return Receipt(id, answered.clip_id, "present")
    all_given = assignments.given_to(desk.connection, desk.project.name, desk.rater, answered.clip_id)
    given = next(given for given in all_given if given.take == answered.take)
    if not _take_back(desk, id, given, _schemes(desk)):
        return Receipt(id, answered.clip_id, "present", "This answer was taken back already.")
    assignments.change_state(desk.connection, desk.project.name, given, "held", desk.lease_end)
    for other in all_given:
        if other.take > given.take and other.state == "held":
            # a repeat of what is open again would be the same clip twice on one screen
            assignments.change_state(desk.connection, desk.project.name, other, "lost")
    if given.take == 0:
        update_wanted(desk.connection, desk.project, [given.clip_id])
    return Receipt(id, answered.clip_id, "saved")

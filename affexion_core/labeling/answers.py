"""What a rater answers, and whether a project can take it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from affexion_core.errors import LabelError, allowed
from affexion_core.labeling.projects import Project
from affexion_core.store.labels import check_value
from affexion_core.types import Scheme

UNCLEAR_REASONS = ("noise", "overlap", "music", "language", "acted", "two signals", "other")
TOO_FAST, NOT_HEARD = "too fast", "not heard"
# Under so many seconds after the clip appeared, an answer is flagged; and where less than this share was heard.
FAST_SECONDS, HEARD_SHARE = 1.0, 0.9
MAX_COMMENT = 10_000
_MAX_ID = 200


@dataclass(frozen=True)
class Answer:
    """What a rater says of the clip that was on screen: a label, that it is unclear and why, or a skip.

    Attributes
    ----------
    id
        Made where the answer is given (a UUID), so that sending it again adds nothing.
    clip_id
        The clip that was on screen.
    label
        One of the scheme's labels; a number where the scheme has a range.
    second
        Another label heard as well.
    unclear
        One of `UNCLEAR_REASONS`: a judgement, which counts toward the overlap.
    skip
        No judgement: the clip goes to somebody else.
    confidence, intensity
        1 to 5.
    dimensions
        Arousal, valence, dominance, as far as the project asks: name → 1 to 7.
    seconds
        From the clip's appearance to the answer.
    heard
        Share of the clip that was played, 0 to 1.
    replaces
        Id of the rater's earlier answer that this one corrects.
    """

    id: str
    clip_id: str
    label: str | float | None = None
    second: str | None = None
    unclear: str | None = None
    skip: bool = False
    confidence: int | None = None
    intensity: int | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)
    comment: str | None = None
    seconds: float | None = None
    heard: float | None = None
    replaces: str | None = None


def flags_of(answer: Answer) -> tuple[str, ...]:
    """Say what is doubtful about how an answer came about; what isn't known isn't doubted."""
    fast = answer.seconds is not None and answer.seconds < FAST_SECONDS
    unheard = answer.heard is not None and answer.heard < HEARD_SHARE
    return (*([TOO_FAST] if fast else []), *([NOT_HEARD] if unheard else []))


def check_answer(project: Project, schemes: Mapping[str, Scheme], answer: Answer) -> None:
    """Check an answer by itself against what its project asks. ``schemes`` holds the project's and its dimensions'.

    Raises
    ------
    LabelError
        Saying what is wrong, and what is allowed.
    """
    _check_comment(answer)
    if (answer.label is not None) + (answer.unclear is not None) + bool(answer.skip) != 1:
        raise LabelError("An answer says one thing: a label, why the clip is unclear, or that it is skipped.")
    if answer.skip:
        return
    _check_labels(project, answer)
    for name, value in (("confidence", answer.confidence), ("intensity", answer.intensity)):
        if value is not None:
            _check_asked(project, name)
            if type(value) is not int or not 1 <= value <= 5:
                raise LabelError(f"{name} = {value!r} can't be; choose a whole number from 1 to 5.")
    if not isinstance(answer.dimensions, Mapping):
        raise LabelError(f"Dimensions {answer.dimensions!r} can't be read; give a number for each name.")
    for name, number in answer.dimensions.items():
        if name not in project.settings.dimensions:
            raise LabelError(f"Project {project.name!r} doesn't ask for {name!r}, but {_asked(project)}.")
        _check_number(name, number)
        check_value(schemes[name], number, name.capitalize())
    for name, measured in (("seconds", answer.seconds), ("heard", answer.heard)):
        if measured is not None:
            _check_number(name, measured)
            if measured < 0:
                raise LabelError(f"{name} = {measured!r} can't be; it is a number from 0.")


def _asked(project: Project) -> str:
    return f"for {allowed(project.settings.dimensions)}" if project.settings.dimensions else "for no dimensions"


def _check_comment(answer: Answer) -> None:
    text = answer.comment
    if text is None:
        return
    if not isinstance(text, str):
        raise LabelError(f"The comment {text!r} is no text.")
    if len(text) > MAX_COMMENT:
        raise LabelError(f"The comment has {len(text)} characters; at most {MAX_COMMENT} fit.")
    # PostgreSQL can't keep the first, and neither database the second
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise LabelError("The comment holds characters that can't be kept; type it again.")


def _check_labels(project: Project, answer: Answer) -> None:
    if answer.unclear is not None and answer.unclear not in UNCLEAR_REASONS:
        raise LabelError(f"{answer.unclear!r} is no reason to be unclear; choose {allowed(UNCLEAR_REASONS)}.")
    if answer.label is not None:
        kind = str if project.scheme.labels else (int, float)
        if not isinstance(answer.label, kind) or isinstance(answer.label, bool):
            raise LabelError(f"{answer.label!r} is no label of scheme {project.scheme.name!r}.")
        check_value(project.scheme, answer.label, "Label")
    if answer.second is not None:
        _check_asked(project, "second_label")
        if answer.label is None or answer.second == answer.label or answer.second not in project.scheme.labels:
            raise LabelError(f"{answer.second!r} can't be the second label; choose another one beside a first.")


def _check_asked(project: Project, name: str) -> None:
    if not getattr(project.settings, name):
        raise LabelError(f"Project {project.name!r} doesn't ask for {name.replace('_', ' ')}; leave it out.")


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise LabelError(f"{name} = {value!r} is no number.")


def id_refusal(answer: Answer) -> str | None:
    """Say why an answer can't even be looked up by the ids it names; None if it can."""
    for what, id in (("answer", answer.id), ("clip", answer.clip_id), ("corrected answer", answer.replaces)):
        if id is None and what == "corrected answer":
            continue
        if not isinstance(id, str) or not id or len(id) > _MAX_ID or not id.isprintable() or "/" in id:
            return (
                f"The id {str(id)[:40]!r} of the {what} can't be used; it needs 1 to {_MAX_ID} printable characters, "
                "none a slash."
            )
    return None

"""What a browser sends: read with care, since a page's script can be made to send anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affexion_core.labeling.queue import Answer

_MOST_ANSWERS = 100
_MOST_NAMES = 200
_LONGEST = 4000  # characters of a text


@dataclass(frozen=True)
class Mail:
    """Answers to save, clips whose sound is asked for (``want``), and clips whose sound the browser has."""

    id: str | None = None
    answers: tuple[Answer, ...] = ()
    want: tuple[str, ...] = ()
    have: tuple[str, ...] = ()


def read_mail(found: Any) -> Mail:
    """Read a mail; parts in another form than expected are left out, so that the browser keeps and sends them again."""
    if not isinstance(found, Mapping):
        return Mail()
    answers = found.get("answers")
    read = [_answer(one) for one in (answers if isinstance(answers, list) else [])[:_MOST_ANSWERS]]
    return Mail(
        id=_text(found.get("id")),
        answers=tuple(answer for answer in read if answer is not None),
        want=_names(found.get("want")),
        have=_names(found.get("have")),
    )


def _answer(found: Any) -> Answer | None:
    from affexion_core.labeling.queue import Answer

    if not isinstance(found, Mapping):
        return None
    id, clip_id = _text(found.get("id")), _text(found.get("clip_id"))
    if not id or not clip_id:
        return None
    dimensions = found.get("dimensions")
    label = found.get("label")
    return Answer(
        id=id,
        clip_id=clip_id,
        label=_text(label) if isinstance(label, str) else _number(label),
        second=_text(found.get("second")),
        unclear=_text(found.get("unclear")),
        skip=found.get("skip") is True,
        confidence=_whole(found.get("confidence")),
        intensity=_whole(found.get("intensity")),
        dimensions=_numbers(dimensions if isinstance(dimensions, Mapping) else {}),
        comment=_text(found.get("comment")),
        seconds=_number(found.get("seconds")),
        heard=_number(found.get("heard")),
        replaces=_text(found.get("replaces")),
    )


def _numbers(found: Mapping[Any, Any]) -> dict[str, float]:
    return {str(name): number for name, value in found.items() if (number := _number(value)) is not None}


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in (value if isinstance(value, list) else [])[:_MOST_NAMES] if isinstance(name, str))

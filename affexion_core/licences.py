"""What licences allow, in words: those that clips carry are told by a small table that ships, ``data/licences.json``.

It tells which known licence a text names. It is no legal advice, and no substitute for reading the licence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from affexion_core.store.licences import licence_counts
from affexion_core.store.session import Store
from affexion_core.workspace import SHIPPED

UNKNOWN, OTHER = "not recorded", "another"
# What a table or plug-in says where it knows of no licence.
_SAYS_NOTHING = re.compile(
    r"^(unknown|none|n/?a|\?|that of the recordings|that in the column licence)?$", re.IGNORECASE
)


@dataclass(frozen=True)
class Licence:
    """A kind of licence: its short name, and what it allows in words.

    ``commercial``, ``pass_on`` and ``change`` say whether one may earn money with a clip, pass it on, and pass on
    changed copies; None where that isn't known.
    """

    name: str
    allows: str
    commercial: bool | None
    pass_on: bool | None
    change: bool | None


@dataclass(frozen=True)
class LicenceCount:
    """Clips under one licence as it is written with them (``text``, None where nothing is), and what that is."""

    text: str | None
    licence: Licence
    n: int


_NOT_RECORDED = Licence(UNKNOWN, "nothing is known: ask before passing clips on", None, None, None)
_NOT_KNOWN = Licence(OTHER, "what its own text says: read it", None, None, None)


@lru_cache(maxsize=1)
def _shipped() -> tuple[tuple[re.Pattern[str], Licence], ...]:
    rows = json.loads((SHIPPED / "licences.json").read_text(encoding="utf-8"))
    return tuple((re.compile(row.pop("pattern")), Licence(**row)) for row in rows)


def licence_of(text: str | None) -> Licence:
    """Tell which licence a text names, such as ``CC-BY-4.0`` or ``CC BY 4.0``."""
    if text is None or _SAYS_NOTHING.fullmatch(text.strip()):
        return _NOT_RECORDED
    plain = re.sub(r"[\s_-]+", " ", text.casefold().replace("’", "'"))
    return next((licence for pattern, licence in _shipped() if pattern.search(plain)), _NOT_KNOWN)


def licences_in(store: Store, dataset: str | None = None) -> tuple[LicenceCount, ...]:
    """Count the clips of the workspace, or of a dataset, by licence as written, the most frequent first.

    Raises
    ------
    NotFoundError
        If there is no such dataset; the message lists those there are.
    """
    counts = licence_counts(store, dataset)
    found = [LicenceCount(text, licence_of(text), n) for text, n in counts.items()]
    return tuple(sorted(found, key=lambda held: (-held.n, held.text or "")))


def licence_warnings(counts: Sequence[LicenceCount]) -> tuple[str, ...]:
    """Say in sentences what the licences of clips that are used together forbid."""
    total = sum(held.n for held in counts)
    said = (
        ("have no licence recorded: ask before passing them on", {UNKNOWN}, None),
        ("have a licence that is not in the table: read it", {OTHER}, None),
        ("may not be passed on", None, "pass_on"),
        ("may not be passed on cut or changed", None, "change"),
        ("may not be used to earn money, nor, to be safe, may a model trained on them", None, "commercial"),
    )
    found = []
    for words, names, right in said:
        n = sum(
            held.n
            for held in counts
            if (names is not None and held.licence.name in names)
            or (right is not None and getattr(held.licence, right) is False)
        )
        if n:
            found.append(f"{n} of {total} clip{'' if total == 1 else 's'} {words}.")
    share_alike = {held.licence.name for held in counts} & {"CC BY-NC-SA", "CC BY-SA", "ODbL"}
    if len(share_alike) > 1:
        found.append(
            f"{' and '.join(sorted(share_alike))} each want what is made of their clips under their own terms: a "
            "collection of both can't be passed on as one."
        )
    return tuple(found)


def licence_json(held: LicenceCount) -> Mapping[str, object]:
    """Make a count JSON-ready."""
    return {"text": held.text, "clips": held.n, **vars(held.licence)}

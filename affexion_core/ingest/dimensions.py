"""Numbers that a corpus gives its recordings: checked against their scales before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import allowed
from affexion_core.ingest.labelling import Labelled, Wanted
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.dimensions import known_dimensions
from affexion_core.store.session import Store
from affexion_core.types import Scheme

UNLABELLED = "unlabelled"
"""What clips are called in a dataset where none has a label, but some have values."""


def with_checked_values(store: Store, items: Sequence[CorpusItem]) -> tuple[CorpusItem, ...]:
    """Take further columns named as a numeric scheme of the workspace as values, and check all values.

    A recording whose value is no number in the range of its scheme gets that as its problem, so that it is reported by
    name and the others come in.
    """
    scales = {name: scheme for name, scheme in shipped_schemes().items() if not scheme.labels}
    scales |= known_dimensions(store)
    return tuple(item if item.problem else _checked(item, scales) for item in items)


def _checked(item: CorpusItem, scales: Mapping[str, Scheme]) -> CorpusItem:
    said: dict[str, str | float] = dict(item.values)
    said |= {name: text for name, text in item.attributes.items() if name in scales}
    values: dict[str, float] = {}
    for name, text in said.items():
        scheme = scales.get(name)
        if scheme is None:
            return replace(item, problem=f"{name!r} is no dimension; there is {allowed(scales)}.")
        number = _number(text)
        if not (scheme.low or 0.0) <= number <= (scheme.high or 0.0):
            shown = f"{text:g}" if isinstance(text, float) else repr(text)
            return replace(item, problem=f"{name} = {shown} is no number from {scheme.low:g} to {scheme.high:g}.")
        values[name] = number
    kept = {name: text for name, text in item.attributes.items() if name not in values}
    return replace(item, values=values, attributes=kept)


def _number(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def named_unlabelled(labelled: Labelled) -> Labelled:
    """Let recordings with values make a dataset although no recording of the corpus has a label."""
    if any(want.label for want in labelled.wanted) or not any(want.item.values for want in labelled.wanted):
        return labelled
    return replace(
        labelled, wanted=tuple(Wanted(want.item, UNLABELLED if want.item.values else None) for want in labelled.wanted)
    )

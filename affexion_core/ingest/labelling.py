"""Decide which label every recording gets, and which scheme the labels belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import LabelError, allowed
from affexion_core.ingest.label_maps import LabelMap, apply, targets
from affexion_core.scheme_files import shipped_schemes
from affexion_core.types import Scheme

SIGNALS = "affexion"


@dataclass(frozen=True)
class Wanted:
    """A recording to import and the label it gets in the dataset (None: in no dataset)."""

    item: CorpusItem
    label: str | None


@dataclass(frozen=True)
class Labelled:
    """What a label map makes of a corpus: what to import, what was left out, and labels it has no row for."""

    wanted: tuple[Wanted, ...]
    left_out: dict[str, int]
    unmapped: tuple[str, ...]


def mapped(items: Sequence[CorpusItem], label_map: LabelMap | None) -> Labelled:
    """Give each recording its label in the dataset.

    Raises
    ------
    LabelError
        If there are labels, but the map leads none of them anywhere.
    """
    if label_map is None:
        return Labelled(tuple(Wanted(item, item.label) for item in items), {}, ())
    wanted, left_out = [], Counter[str]()
    for item in items:
        target = None if item.label is None else apply(label_map, item.label, item.attributes)
        if item.label is not None and target is None:
            left_out[item.label] += 1
        else:
            wanted.append(Wanted(item, target))
    if left_out and not any(want.label for want in wanted):
        known = allowed({rule.label for rule in label_map.rules})
        raise LabelError(
            f"Label map {label_map.name!r} leads none of the labels {allowed(left_out)} anywhere; its rows speak of "
            f"{known}. Choose another map, or add rows."
        )
    unmapped = tuple(sorted(label for label in left_out if not label_map.knows(label)))
    return Labelled(tuple(wanted), dict(sorted(left_out.items())), unmapped)


def dataset_scheme(
    wanted: Sequence[Wanted], corpus: str, name: str, options_scheme: Scheme | None, label_map: LabelMap | None
) -> Scheme:
    """Choose the scheme of a dataset.

    In this order: the one given; the label map's targets as the shipped scheme that contains them orders them; the
    shipped scheme of the corpus; if all labels are among the signals, those, in their order; the sorted labels.

    Parameters
    ----------
    wanted
        Recordings with their labels, at least one of them labelled.
    corpus, name
        Of the corpus and the dataset.

    Raises
    ------
    LabelError
        If the scheme given lacks a label, naming the label, a file that has it, and the scheme's labels.
    """
    found = {want.label: want for want in reversed(wanted) if want.label is not None}
    if options_scheme is not None:
        _check(found, options_scheme)
        return options_scheme
    if label_map is not None:
        return _ordered(targets(label_map), name)
    own = shipped_schemes().get(corpus)
    if own is not None and found.keys() <= set(own.labels):
        return own
    return _ordered(tuple(sorted(found)), name, only=SIGNALS)


def corpus_scheme(items: Sequence[CorpusItem], corpus: str) -> Scheme | None:
    """Choose the scheme under which the corpus's own labels are kept as annotations; None if it has no labels."""
    labels = sorted({item.label for item in items if item.label is not None})
    if not labels:
        return None
    for name in (corpus, SIGNALS):
        shipped = shipped_schemes().get(name)
        if shipped is not None and set(labels) <= set(shipped.labels):
            return shipped
    return Scheme(_free_name(corpus), tuple(labels))


def _ordered(labels: Sequence[str], name: str, only: str | None = None) -> Scheme:
    """Put labels into the order of the shipped scheme that contains them all (of several, the smallest)."""
    holding = [s for s in shipped_schemes().values() if set(labels) <= set(s.labels) and only in (None, s.name)]
    if not holding:
        return Scheme(_free_name(name), tuple(labels))
    shipped = min(holding, key=lambda scheme: (len(scheme.labels), scheme.name))
    return Scheme(shipped.name, tuple(label for label in shipped.labels if label in labels))


def _free_name(name: str) -> str:
    """Keep a scheme made for one dataset from bearing the name of a shipped one."""
    return f"{name}-own" if name in shipped_schemes() else name


def _check(found: dict[str, Wanted], scheme: Scheme) -> None:
    for label, want in found.items():
        if label not in scheme.labels:
            choices = ", ".join(scheme.labels) or "numbers"
            raise LabelError(
                f"{want.item.file.name} has the label {label!r}, which isn't in scheme {scheme.name!r} ({choices}); "
                "choose another scheme, or a label map that leads to it."
            )


def grown(scheme: Scheme, there: Scheme) -> Scheme:
    """Extend a scheme that is in use by the labels it lacks, at the end, so that no label moves."""
    new = tuple(label for label in scheme.labels if label not in there.labels)
    return Scheme(there.name, there.labels + new, there.low, there.high)

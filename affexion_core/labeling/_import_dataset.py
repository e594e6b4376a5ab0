"""The dataset that imported labels make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from affexion_core.errors import LabelError, StoreError
from affexion_core.exchange._bundle import Bundle
from affexion_core.store.exchange import IncomingDataset
from affexion_core.store.labels import current_annotations
from affexion_core.types import Annotation, Clip, Scheme


def incoming_dataset(
    name: str, bundle: Bundle, scheme: Scheme | None, clips: Mapping[str, Clip], annotations: Sequence[Annotation]
) -> tuple[IncomingDataset, str]:
    """Plan the dataset, and say in a sentence how its labels came about.

    Where the file says what counts for each clip, that is taken; else each clip's most frequent label, the first in
    the scheme's order among equals.

    Parameters
    ----------
    scheme
        Of the labels.
    clips
        The clips by what the file calls them.
    annotations
        The judgements of the file that can be used.

    Raises
    ------
    LabelError
        If no clip has a label.
    StoreError
        If clips of both origins are among them.
    """
    if scheme is None or not scheme.labels:
        raise LabelError(f"The file gives no labels that the dataset {name!r} could be made of.")
    own, items, shares, words = _settled(name, bundle, scheme, clips) or _voted(name, scheme, annotations)
    if not items:
        raise LabelError(f"No clip has a label, so the dataset {name!r} can't be made.")
    by_id = {clip.id: clip for clip in clips.values()}
    origins = {by_id[id].origin for id in items}
    if len(origins) > 1:
        raise StoreError(
            f"The clips are of real people and of synthetic voices; a dataset never mixes the two. Import the labels "
            f"without naming a dataset, or those of one origin into {name!r}."
        )
    whole = bundle.kind == "dataset"
    made = IncomingDataset(
        name=name,
        origin=origins.pop(),
        scheme=own,
        items=tuple(sorted(items.items())),
        label_map=bundle.label_map if whole else None,
        description=bundle.description if whole else "",
        votes=shares,
        recipe=bundle.recipe if whole else None,
        datasheet=bundle.datasheet if whole else None,
    )
    return made, words


_Labels = tuple[Scheme, dict[str, str], dict[str, dict[str, float]], str]


def _settled(name: str, bundle: Bundle, scheme: Scheme, clips: Mapping[str, Clip]) -> _Labels | None:
    """Take what the file settles; None where it settles nothing."""
    rows = [(clips[row.clip], row) for row in bundle.settled if row.clip in clips and row.label is not None]
    if not rows:
        return None
    items = {clip.id: str(row.label) for clip, row in rows}
    shares = {clip.id: dict(row.votes) for clip, row in rows if row.votes}
    n = "label" if len(items) == 1 else f"{len(items)} labels"
    return bundle.scheme or scheme, items, shares, f"Dataset {name} was made with the {n} that the file settles."


def _voted(name: str, scheme: Scheme, annotations: Sequence[Annotation]) -> _Labels:
    items, shares = _most_frequent(scheme, annotations)
    words = (
        f"Dataset {name} was made of these clips, {len(items)} in all, each with its most frequent label (among "
        "equals, the first in the scheme's order)."
    )
    left = len({made.clip_id for made in annotations}) - len(items)
    if left > 0:
        words += f" {left} clip{' has' if left == 1 else 's have'} no label and stayed out."
    return scheme, items, shares, words


def _most_frequent(
    scheme: Scheme, annotations: Sequence[Annotation]
) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    counts: dict[str, Counter[str]] = {}
    for made in current_annotations(annotations):
        if made.scheme == scheme.name and made.take == 0 and made.value is not None:
            counts.setdefault(made.clip_id, Counter())[str(made.value)] += 1
    items = {id: max(scheme.labels, key=lambda label: held[label]) for id, held in counts.items()}
    shares = {
        id: {label: held[label] / held.total() for label in scheme.labels if held[label]} for id, held in counts.items()
    }
    return items, shares

"""Datasets as versions: what differs between two, and deleting one so that it can be put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from affexion_core.labeling.people import Person, require_now
from affexion_core.store.dataset_rows import TakenDataset, put_dataset_back, take_dataset
from affexion_core.store.datasets import load_dataset, save_datasheet
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Dataset


@dataclass(frozen=True)
class LabelChange:
    """A clip that two datasets label differently."""

    clip_id: str
    a: str
    b: str


@dataclass(frozen=True)
class DatasetComparison:
    """What differs between datasets ``a`` and ``b``.

    Attributes
    ----------
    a, b, hash_a, hash_b
        Their names and the hashes of their clips, labels, votes and values; equal hashes say that nothing differs.
    n_a, n_b
        Clips in each.
    only_a, only_b
        Ids of the clips that are in one alone.
    changed
        Clips in both under another label, in the order of their ids.
    same
        How many clips of both have the same label, of which ``other_votes`` have other shares of votes, or
        other values of dimensions.
    labels
        Label → (clips in a, clips in b), in the order of the schemes.
    speakers_only_a, speakers_only_b
        Known speakers who are in one alone.
    """

    a: str
    b: str
    hash_a: str
    hash_b: str
    n_a: int
    n_b: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    changed: tuple[LabelChange, ...]
    same: int
    other_votes: int
    labels: Mapping[str, tuple[int, int]]
    speakers_only_a: tuple[str, ...]
    speakers_only_b: tuple[str, ...]


def compare_datasets(store: Store, a: str, b: str) -> DatasetComparison:
    """Compare two datasets clip by clip.

    Raises
    ------
    NotFoundError
        If one isn't there; the message lists those there are.
    """
    return compared(load_dataset(store, a), load_dataset(store, b))


def compared(first: Dataset, second: Dataset) -> DatasetComparison:
    """Compare two loaded datasets."""
    left = {item.clip.id: item for item in first.items}
    right = {item.clip.id: item for item in second.items}
    both = [id for id in left if id in right]
    changed = [LabelChange(id, left[id].label, right[id].label) for id in both if left[id].label != right[id].label]
    same = [id for id in both if left[id].label == right[id].label]
    names = tuple(dict.fromkeys((*first.scheme.labels, *second.scheme.labels)))
    counts = [Counter(item.label for item in dataset.items) for dataset in (first, second)]
    speakers = [
        {item.clip.speaker for item in dataset.items if item.clip.speaker is not None} for dataset in (first, second)
    ]
    return DatasetComparison(
        a=first.name,
        b=second.name,
        hash_a=first.snapshot(),
        hash_b=second.snapshot(),
        n_a=len(left),
        n_b=len(right),
        only_a=tuple(id for id in left if id not in right),
        only_b=tuple(id for id in right if id not in left),
        changed=tuple(changed),
        same=len(same),
        other_votes=sum((left[id].votes, left[id].values) != (right[id].votes, right[id].values) for id in same),
        labels={name: (counts[0][name], counts[1][name]) for name in names},
        speakers_only_a=tuple(sorted(speakers[0] - speakers[1])),
        speakers_only_b=tuple(sorted(speakers[1] - speakers[0])),
    )


def delete_version(store: Store, name: str, by: Person | None = None) -> TakenDataset:
    """Delete a dataset, and give what is needed to put it back; its clips, annotations and runs stay.

    Raises
    ------
    RightsError
        If ``by`` may not; None is somebody at the machine itself.
    NotFoundError
        If there is no such dataset.
    """
    with writing(store) as connection:
        if by is not None:
            require_now(connection, by, "delete datasets")
        return take_dataset(connection, name)


def put_version_back(store: Store, taken: TakenDataset, by: Person | None = None) -> int:
    """Put a deleted dataset back as it was, but for clips taken down meanwhile; gives the number of its clips.

    Raises
    ------
    RightsError
        If ``by`` may not.
    StoreError
        If there is another of its name by now.
    """
    with writing(store) as connection:
        if by is not None:
            require_now(connection, by, "delete datasets")
        return put_dataset_back(connection, taken)


def edit_datasheet(store: Store, name: str, text: str | None, by: Person | None = None) -> None:
    """Keep a datasheet as somebody wrote it; None goes back to the generated one.

    Raises
    ------
    RightsError
        If ``by`` may not.
    NotFoundError
        If there is no such dataset.
    """
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, "edit datasets")
    save_datasheet(store, name, text)

"""Datasets as versions: what differs between two, and deleting one so that it can be put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affexion_core.labeling.people import Person, require_now
from affexion_core.store.dataset_rows import (
    DatasetMembers,
    TakenDataset,
    dataset_members,
    members_hash,
    put_dataset_back,
    take_dataset,
)
from affexion_core.store.datasets import save_datasheet
from affexion_core.store.rows import json_reader
from affexion_core.store.session import Store, reading, writing


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
    return _compared(dataset_members(store, a), dataset_members(store, b))


def _compared(first: DatasetMembers, second: DatasetMembers) -> DatasetComparison:
    left, right = ({member[0]: member for member in side.members} for side in (first, second))
    both = [id for id in left if id in right]
    changed = [LabelChange(id, left[id][1], right[id][1]) for id in both if left[id][1] != right[id][1]]
    same = [id for id in both if left[id][1] == right[id][1]]
    counts = [Counter(member[1] for member in side.members) for side in (first, second)]
    return DatasetComparison(
        a=first.name,
        b=second.name,
        hash_a=members_hash(first.members),
        hash_b=members_hash(second.members),
        n_a=len(left),
        n_b=len(right),
        only_a=tuple(id for id in left if id not in right),
        only_b=tuple(id for id in right if id not in left),
        changed=tuple(changed),
        same=len(same),
        other_votes=_otherwise((left[id][2:], right[id][2:]) for id in same),
        labels={name: (counts[0][name], counts[1][name]) for name in dict.fromkeys((*first.labels, *second.labels))},
        speakers_only_a=tuple(sorted(first.speakers - second.speakers)),
        speakers_only_b=tuple(sorted(second.speakers - first.speakers)),
    )


def _otherwise(pairs: Iterable[tuple[tuple[str | None, ...], tuple[str | None, ...]]]) -> int:
    """Count pairs of JSON texts that say different things; the same thing can be written in two ways."""
    read = json_reader()
    return sum(left != right and [*map(read, left)] != [*map(read, right)] for left, right in pairs)


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

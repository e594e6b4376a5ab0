"""Datasets: clips with one label each under one scheme and of one origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, cast, func, select, update

from affexion_core.errors import LabelError, NotFoundError, StoreError, allowed
from affexion_core.store.clips import missing_clips
from affexion_core.store.dimensions import checked_values, fill_values, in_order, numeric_schemes
from affexion_core.store.labels import check_value
from affexion_core.store.names import require_dataset
from affexion_core.store.rows import (
    CLIP_COLUMNS,
    chunks,
    clip_reader,
    dialect_insert,
    insert_new,
    json_reader,
    json_ready,
    now,
)
from affexion_core.store.schema import BY_COUNTED, dataset, dataset_clip, project
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import scheme as scheme_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import ORIGINS, Dataset, LabelledClip, Origin, Scheme


@dataclass(frozen=True)
class SavedDataset:
    """How many clips were new in the dataset, and how many it had already with the same label."""

    added: int
    present: int


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset without its clips.

    ``labels`` counts the clips of each label of the scheme, in its order, zeros included; ``speakers`` counts known
    speakers; ``duration`` is the sum in seconds; ``created`` is ISO 8601 UTC.
    """

    name: str
    origin: Origin
    n: int
    labels: Mapping[str, int]
    speakers: int
    duration: float
    scheme: str
    label_map: str | None
    description: str
    created: str


@dataclass(frozen=True)
class DatasetPapers:
    """How a dataset was made of votes (``recipe``), and its datasheet as people edited it; None where there is none."""

    recipe: Mapping[str, Any] | None
    datasheet: str | None


def save_dataset(
    store: Store,
    name: str,
    origin: Origin,
    scheme: Scheme,
    items: Sequence[tuple[str, str]],
    label_map: str | None = None,
    description: str = "",
    votes: Mapping[str, Mapping[str, float]] | None = None,
    recipe: Mapping[str, Any] | None = None,
    datasheet: str | None = None,
    import_id: str | None = None,
    values: Mapping[str, Mapping[str, float]] | None = None,
) -> SavedDataset:
    """Create a dataset, or add clips to one; all of it is saved, or nothing.

    The dataset keeps its own copy of the scheme, to which labels may be added at the end: the order of those it has
    never changes, nor do they when another dataset uses the same scheme. A scheme of a new name becomes known to the
    workspace as well.

    Parameters
    ----------
    name, origin, scheme
        Of the dataset; the scheme has every label of ``items``.
    items
        ``(clip id, label)`` of clips that are in the store.
    label_map, description, recipe, datasheet
        Name of the map the labels came through; words for people; how the labels were made of votes, JSON-ready; its
        datasheet. None (for the description: empty) keeps what the dataset has.
    votes
        The share of votes for each label, by clip id, where raters were asked.
    import_id
        The import that brings what is new of it, if one does.
    values
        A number for each dimension, by clip id, under numeric schemes that the workspace knows. A clip that had none
        gets them.

    Raises
    ------
    LabelError
        If a label isn't in the scheme or a value not in its range, a clip would get a second label, other votes or
        other values, or the dataset has another scheme, map or recipe.
    NotFoundError
        If a clip isn't in the store.
    StoreError
        If the dataset or a clip has the other origin.
    """
    with writing(store) as connection:
        return put_dataset(
            connection, name, origin, scheme, items, label_map, description, votes, recipe, datasheet, import_id, values
        )


def put_dataset(
    connection: Connection,
    name: str,
    origin: Origin,
    scheme: Scheme,
    items: Sequence[tuple[str, str]],
    label_map: str | None = None,
    description: str = "",
    votes: Mapping[str, Mapping[str, float]] | None = None,
    recipe: Mapping[str, Any] | None = None,
    datasheet: str | None = None,
    import_id: str | None = None,
    values: Mapping[str, Mapping[str, float]] | None = None,
) -> SavedDataset:
    """Create or extend a dataset within a transaction, as `save_dataset` does."""
    if not name.strip():
        raise StoreError("A dataset needs a name.")
    if origin not in ORIGINS:
        raise StoreError(f"Dataset {name!r} can't have the origin {origin!r}; choose {allowed(ORIGINS)}.")
    wanted = _one_label_each(name, scheme, items)
    shares = {id: _checked_shares(name, scheme, id, said) for id, said in (votes or {}).items() if id in wanted}
    numbers = {id: said for id, said in checked_values(connection, name, values or {}).items() if id in wanted}
    made = None if recipe is None else json_ready(dict(recipe), f"The recipe of dataset {name!r}")
    row = _open_dataset(connection, name, origin, scheme, label_map, description, import_id)
    _keep_papers(connection, row, made, datasheet)
    _check_clips(connection, name, origin, list(wanted))
    _check_labels(connection, row["id"], name, wanted, shares)
    fill_values(connection, row["id"], name, numbers)
    told = {"dataset_id": row["id"], "import_id": import_id}
    rows = [
        {**told, "clip_id": id, "label": label, "votes": shares.get(id), "dimensions": numbers.get(id)}
        for id, label in wanted.items()
    ]
    new = insert_new(connection, dataset_clip, rows)
    return SavedDataset(added=len(new), present=len(wanted) - len(new))


def _one_label_each(name: str, scheme: Scheme, items: Sequence[tuple[str, str]]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for id, label in items:
        check_value(scheme, label, f"Clip {id}")
        if wanted.setdefault(id, label) != label:
            raise LabelError(
                f"Clip {id} would get two labels in dataset {name!r}, {wanted[id]!r} and {label!r}; keep one."
            )
    return wanted


def _checked_shares(name: str, scheme: Scheme, id: str, said: Mapping[str, float]) -> dict[str, float]:
    shares = {label: float(share) for label, share in said.items()}
    for label in shares:
        check_value(scheme, label, f"Votes on clip {id}")
    if any(not 0 <= share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise LabelError(
            f"The votes on clip {id} in dataset {name!r} are {shares}; shares lie between 0 and 1 and sum to 1."
        )
    return shares


def _keep_papers(connection: Connection, row: RowMapping, recipe: dict[str, Any] | None, datasheet: str | None) -> None:
    if None not in (recipe, row["recipe"]) and recipe != row["recipe"]:
        raise LabelError(
            f"Dataset {row['name']!r} was made of votes in another way or of other votes; save this one under another "
            "name, so that both stay what they are."
        )
    changed = {"recipe": recipe, "datasheet": datasheet}
    changed = {key: value for key, value in changed.items() if value is not None and value != row[key]}
    if changed:
        connection.execute(update(dataset).where(dataset.c.id == row["id"]).values(**changed))


def _open_dataset(
    connection: Connection,
    name: str,
    origin: Origin,
    scheme: Scheme,
    label_map: str | None,
    description: str,
    import_id: str | None,
) -> RowMapping:
    """Make the dataset's row, or check and extend it."""
    if connection.scalar(select(project.c.name).where(project.c.name == name)) is not None:
        raise StoreError(f"There is a project {name!r} already; give the dataset another name.", change=("dataset",))
    kept = {"labels": list(scheme.labels), "low": scheme.low, "high": scheme.high}
    insert = dialect_insert(connection, scheme_table).values(name=scheme.name, **kept)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["name"]))
    values = {"name": name, "origin": origin, "scheme": scheme.name, "label_map": label_map, **kept}
    insert = dialect_insert(connection, dataset).values(
        **values, description=description, created=now(), import_id=import_id
    )
    connection.execute(insert.on_conflict_do_nothing(index_elements=["name"]))
    row = require_dataset(connection, name, lock=True)
    changed = _extended(row, origin, scheme, label_map, description)
    if changed:
        connection.execute(update(dataset).where(dataset.c.id == row["id"]).values(**changed))
    return row


def _extended(
    row: RowMapping, origin: Origin, scheme: Scheme, label_map: str | None, description: str
) -> dict[str, object]:
    """Give the columns of a dataset that change when it is saved again."""
    name = row["name"]
    if row["origin"] != origin:
        raise StoreError(
            f"Dataset {name!r} is {row['origin']}; {origin} clips go into another one, so that the two are never mixed."
        )
    if row["scheme"] != scheme.name or (row["low"], row["high"]) != (scheme.low, scheme.high):
        raise LabelError(f"Dataset {name!r} has the scheme {row['scheme']!r}, not {scheme.name!r}; use another name.")
    if None not in (label_map, row["label_map"]) and label_map != row["label_map"]:
        raise LabelError(
            f"The labels of dataset {name!r} came through the map {row['label_map']!r}, not {label_map!r}; "
            "use that map or another dataset name."
        )
    labels = [*row["labels"], *(label for label in scheme.labels if label not in row["labels"])]
    changed: dict[str, object] = {
        "labels": labels,
        "label_map": row["label_map"] if label_map is None else label_map,
        "description": description or row["description"],
    }
    return {key: value for key, value in changed.items() if value != row[key]}


def _check_clips(connection: Connection, name: str, origin: Origin, ids: Sequence[str]) -> None:
    found: dict[str, str] = {}
    for part in chunks(ids):
        rows = connection.execute(select(clip_table.c.id, clip_table.c.origin).where(clip_table.c.id.in_(part)))
        found.update((row.id, row.origin) for row in rows)
    missing = [id for id in ids if id not in found]
    if missing:
        raise NotFoundError(
            missing_clips(missing, connection.scalar(select(func.count()).select_from(clip_table)) or 0)
        )
    wrong = [id for id in ids if found[id] != origin]
    if wrong:
        raise StoreError(
            f"{len(wrong)} of the clips for the {origin} dataset {name!r} are {found[wrong[0]]}, the first {wrong[0]}; "
            "put them into another dataset, so that the two are never mixed."
        )


def _check_labels(
    connection: Connection,
    dataset_id: int,
    name: str,
    wanted: Mapping[str, str],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    columns = (dataset_clip.c.clip_id, dataset_clip.c.label, dataset_clip.c.votes)
    for part in chunks(wanted):
        rows = connection.execute(
            select(*columns).where(dataset_clip.c.dataset_id == dataset_id, dataset_clip.c.clip_id.in_(part))
        )
        for id, label, votes in rows:
            if id in shares and shares[id] != votes:
                raise LabelError(f"Clip {id} has other votes in dataset {name!r}; use another dataset name.")
            if label != wanted[id]:
                raise LabelError(
                    f"Clip {id} has the label {label!r} in dataset {name!r}, not {wanted[id]!r}; "
                    "use another dataset name, or delete this dataset first."
                )


def load_dataset(store: Store, name: str) -> Dataset:
    """Load a dataset with its clips, in the order of their ids; `NotFoundError` lists the datasets there are."""
    said = (dataset_clip.c.label, cast(dataset_clip.c.votes, Text), cast(dataset_clip.c.dimensions, Text))
    clip_in, votes_in, values_in = clip_reader(), json_reader(), json_reader()
    with reading(store) as connection:
        row = require_dataset(connection, name)
        found = connection.execute(
            select(*CLIP_COLUMNS, *said)
            .join(dataset_clip, dataset_clip.c.clip_id == clip_table.c.id)
            .where(dataset_clip.c.dataset_id == row["id"])
            .order_by(dataset_clip.c.clip_id)  # in the order of the members' own index
        )
        items = tuple(LabelledClip(clip_in(x), x[-3], votes_in(x[-2]), values_in(x[-1])) for x in found.all())
        named = in_order(name for item in items for name in item.values or ())
        known = numeric_schemes(connection) if named else {}
    scheme = Scheme(row["scheme"], tuple(row["labels"]), row["low"], row["high"])
    dimensions = tuple(known[name] for name in named)
    return Dataset(row["name"], row["origin"], scheme, items, row["label_map"], row["description"], dimensions)


def dataset_papers(store: Store, name: str) -> DatasetPapers:
    """Give the recipe and the datasheet of a dataset; `NotFoundError` lists the datasets there are."""
    with reading(store) as connection:
        row = require_dataset(connection, name)
    return DatasetPapers(row["recipe"], row["datasheet"])


def save_datasheet(store: Store, name: str, text: str | None) -> None:
    """Keep the datasheet of a dataset as people edited it; None goes back to the generated one.

    Raises
    ------
    NotFoundError
        If there is no such dataset; the message lists those there are.
    """
    with writing(store) as connection:
        row = require_dataset(connection, name, lock=True)
        connection.execute(update(dataset).where(dataset.c.id == row["id"]).values(datasheet=text))


def list_datasets(store: Store) -> tuple[DatasetSummary, ...]:
    """List the datasets by name, in three queries however many there are."""
    with reading(store) as connection:
        rows = connection.execute(select(dataset).order_by(dataset.c.name)).mappings().all()
        return _summaries(connection, rows)


def dataset_summary(store: Store, name: str) -> DatasetSummary:
    """Give a dataset without its clips; `NotFoundError` lists the datasets there are."""
    with reading(store) as connection:
        return _summaries(connection, [require_dataset(connection, name)])[0]


def _summaries(connection: Connection, rows: Sequence[RowMapping]) -> tuple[DatasetSummary, ...]:
    wanted = dataset_clip.c.dataset_id.in_([row["id"] for row in rows])
    members = (
        select(
            dataset_clip.c.dataset_id,
            func.count(),
            func.count(clip_table.c.speaker.distinct()),
            func.sum(clip_table.c.duration),
        )
        .join(clip_table, clip_table.c.id == dataset_clip.c.clip_id)
        .where(wanted)
        .group_by(dataset_clip.c.dataset_id)
        .with_hint(clip_table, BY_COUNTED, "sqlite")
    )
    totals = {id: (n, speakers, duration) for id, n, speakers, duration in connection.execute(members)}
    counted = select(dataset_clip.c.dataset_id, dataset_clip.c.label, func.count()).where(wanted)
    labels: dict[int, dict[str, int]] = {}
    for id, label, n in connection.execute(counted.group_by(dataset_clip.c.dataset_id, dataset_clip.c.label)):
        labels.setdefault(id, {})[label] = n
    return tuple(_summary(row, *totals.get(row["id"], (0, 0, 0.0)), labels.get(row["id"], {})) for row in rows)


def _summary(row: RowMapping, n: int, speakers: int, duration: float, labels: dict[str, int]) -> DatasetSummary:
    names = row["labels"] or sorted(labels)
    counts = {label: labels.get(label, 0) for label in names}
    kept = {key: row[key] for key in ("name", "origin", "scheme", "label_map", "description", "created")}
    return DatasetSummary(**kept, n=n, labels=counts, speakers=speakers, duration=duration)

"""Decide all that an import will do before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from affexion_core.corpora._item import CorpusItem, ScanOptions
from affexion_core.discovery import load_plugin
from affexion_core.errors import CorpusError, NotFoundError
from affexion_core.ingest.dimensions import named_unlabelled, with_checked_values
from affexion_core.ingest.labelling import Labelled, corpus_scheme, dataset_scheme, grown, mapped
from affexion_core.ingest.reports import ImportOptions, Rejection
from affexion_core.store.datasets import load_dataset, put_dataset
from affexion_core.store.session import Store, writing
from affexion_core.types import Origin, Scheme


@dataclass(frozen=True)
class Plan:
    """All that is decided before anything is written."""

    corpus: str
    root: Path
    dataset: str
    origin: Origin
    items: tuple[CorpusItem, ...]
    labelled: Labelled
    scheme: Scheme | None
    own_scheme: Scheme | None


class _OnlyChecked(Exception):  # noqa: N818 (no error: it takes a transaction back)
    """A check was all that was wanted."""


def planned(store: Store, corpus: str, path: Path, options: ImportOptions, save: bool = True) -> Plan:
    """Read what a corpus holds and decide what is to become of it.

    Where the dataset is there already it learns the new labels; ``save`` False only checks that it could.

    Raises
    ------
    ConfigError, CorpusError, LabelError, StoreError
        As `importing.import_corpus`.
    """
    reader = load_plugin("corpora", corpus)
    items = tuple(reader.scan(path, ScanOptions(options.corpus_name, options.columns, options.language)))
    if not items:
        raise CorpusError(f"{path} names no recording; there is nothing to import.")
    name = _corpus_name(reader.INFO.name, bool(reader.INFO.labels), path, options)
    dataset = options.dataset or (reader.INFO.name if reader.INFO.labels else _source_name(path))
    items = with_checked_values(store, items)
    usable = [item for item in items if not item.problem]
    origin = _one_origin(usable, options.origin, reader.INFO.origin)
    labelled = mapped(usable, options.label_map)
    if options.label_map is None:
        labelled = named_unlabelled(labelled)
    scheme = None
    if any(want.label for want in labelled.wanted):
        scheme = dataset_scheme(labelled.wanted, name, dataset, options.scheme, options.label_map)
        scheme = _fitted(store, dataset, origin, scheme, options, save)
    own = corpus_scheme([want.item for want in labelled.wanted], name)
    root = path if path.is_dir() else path.parent
    return Plan(name, root, dataset, origin, items, labelled, scheme, own)


def _corpus_name(reader: str, has_labels: bool, path: Path, options: ImportOptions) -> str:
    return reader if has_labels else options.corpus_name or _source_name(path)


def _source_name(path: Path) -> str:
    """Name a folder or manifest; a manifest called so bears the name of its folder."""
    whole = path.resolve()
    if whole.is_dir():
        return whole.name
    return whole.parent.name if whole.stem == "manifest" else whole.stem


def _one_origin(items: Sequence[CorpusItem], chosen: Origin | None, usual: Origin) -> Origin:
    stated = {item.origin: item for item in reversed(items) if item.origin is not None}
    if chosen is None and len(stated) < 2:
        return next(iter(stated), usual)
    for origin, item in stated.items():
        if origin != chosen:
            asked = "others are not" if chosen is None else f"{chosen} was chosen"
            raise CorpusError(
                f"{item.file.name} is stated to be {origin}, but {asked}; import real and synthetic recordings as "
                "two datasets, so that they are never mixed."
            )
    return chosen or usual


def _fitted(store: Store, dataset: str, origin: Origin, scheme: Scheme, options: ImportOptions, save: bool) -> Scheme:
    """Fit the scheme to a dataset that is there already, which also checks its origin, scheme and label map."""
    try:
        there = load_dataset(store, dataset).scheme
    except NotFoundError:
        return scheme
    scheme = scheme if options.scheme is not None else grown(scheme, there)
    with suppress(_OnlyChecked), writing(store) as connection:
        put_dataset(connection, dataset, origin, scheme, [], map_name(options))
        if not save:
            raise _OnlyChecked
    return scheme


def map_name(options: ImportOptions) -> str | None:
    """Name the label map, if there is one."""
    return options.label_map.name if options.label_map is not None else None


def problems(plan: Plan) -> list[Rejection]:
    """List the files that can't be used by their names or rows alone."""
    return [Rejection(shown_name(item, plan), item.problem) for item in plan.items if item.problem]


def shown_name(item: CorpusItem, plan: Plan) -> str:
    """Name a recording as it lies below the corpus."""
    file = item.file
    return str(file.relative_to(plan.root) if file.is_relative_to(plan.root) else file)

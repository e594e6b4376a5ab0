"""What was found out about sets of clips, kept in the workspace's cache under a name made from them.

The name goes by the clips and by what is known of them, so that a file is never read for others; what measured them in
another version doesn't count. A file lists its clips, so that a takedown of one finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pydantic

from affexion_core.audio.decode import VERSION as DECODER
from affexion_core.config import config_hash
from affexion_core.differences.clip_map import METHODS, ClipMap, Method, map_clips
from affexion_core.differences.measures import VERSION as MEASURES
from affexion_core.differences.network import NetworkReport, compare_embedded, embed_sets
from affexion_core.differences.origin import DifferenceReport, compare_origins, measure_both
from affexion_core.differences.shortcuts import ShortcutReport, find_shortcuts
from affexion_core.discovery import load_plugin
from affexion_core.errors import ModelError, StoreError
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store
from affexion_core.types import Dataset, Progress, Run, no_progress
from affexion_core.workspace import Workspace

VERSION = 1
"""Counts up when the same clips would give other figures, or the files are written in another way."""

Report = TypeVar("Report")


@dataclass(frozen=True)
class Kept(Generic[Report]):
    """A report with what else is shown beside it.

    ``clip_ids`` are those of the first set, then those of the second. ``values (n_clips, len(FIGURES))`` are their
    figures and ``maps`` where they lie; both are empty where a report has none.
    """

    report: Report
    clip_ids: tuple[str, ...]
    values: np.ndarray
    maps: Mapping[Method, ClipMap]


def kept_differences(workspace: Workspace, synthetic: Dataset, real: Dataset) -> Kept[DifferenceReport] | None:
    """Give what was found to differ between two datasets as they are; None where nobody looked yet."""
    return _read(_path(workspace, "differences", synthetic, real), DifferenceReport)


def differences_between(
    store: Store, synthetic: str, real: str, progress: Progress = no_progress
) -> Kept[DifferenceReport]:
    """Find out what differs between two datasets, or give what was found before; raises as `measure_both`."""
    known = kept_differences(store.workspace, load_dataset(store, synthetic), load_dataset(store, real))
    if known is not None:
        return known
    compared = measure_both(store, synthetic, real, progress)
    progress(0, 3, "comparing figures, asking a probe")
    report = compare_origins(compared)
    measured = (compared.measures_a, compared.measures_b)
    found = Kept(
        report,
        tuple(clip.id for clip in compared.clips),
        np.concatenate([one.values for one in measured]),
        _maps(np.concatenate([one.functionals for one in measured]), report.n_synthetic, progress),
    )
    _write(_path(store.workspace, "differences", compared.a, compared.b), found)
    return found


def kept_shortcuts(workspace: Workspace, dataset: Dataset) -> Kept[ShortcutReport] | None:
    """Give what was found to give a dataset's labels away, as it is; None where nobody looked yet."""
    return _read(_path(workspace, "shortcuts", dataset), ShortcutReport)


def shortcuts_in(store: Store, name: str, progress: Progress = no_progress) -> Kept[ShortcutReport]:
    """Find out what gives a dataset's labels away, or give what was found before; raises as `find_shortcuts`."""
    dataset = load_dataset(store, name)
    known = kept_shortcuts(store.workspace, dataset)
    if known is not None:
        return known
    report = find_shortcuts(store, dataset, progress)
    found = Kept(report, tuple(item.clip.id for item in dataset.items), np.zeros((0, 0)), {})
    _write(_path(store.workspace, "shortcuts", dataset), found)
    return found


def kept_network(
    workspace: Workspace, run: Run, synthetic: Dataset, real: Dataset, fold: int | None = None
) -> Kept[NetworkReport] | None:
    """Give how far a run's network was found to keep two datasets apart; None where it was not asked yet."""
    return _read(_network_path(workspace, run, fold, synthetic, real), NetworkReport)


def network_between(
    store: Store, run: Run, synthetic: str, real: str, fold: int | None = None, progress: Progress = no_progress
) -> Kept[NetworkReport]:
    """Find out how far a run's network keeps two datasets apart, or give what was found before.

    Raises as `embed_sets`.
    """
    sides = load_dataset(store, synthetic), load_dataset(store, real)
    known = kept_network(store.workspace, run, *sides, fold)
    if known is not None:
        return known
    embedded = embed_sets(store, run, synthetic, real, fold, progress)
    progress(0, 3, "asking a probe")
    ids = tuple(item.clip.id for side in (embedded.a, embedded.b) for item in side.items)
    maps = _maps(embedded.values, len(embedded.a.items), progress)
    found = Kept(compare_embedded(embedded), ids, np.zeros((0, 0)), maps)
    _write(_network_path(store.workspace, run, fold, embedded.a, embedded.b), found)
    return found


def comparisons_folder(workspace: Workspace) -> Path:
    """Give the folder that holds what was found."""
    return workspace.features / f"comparisons-{VERSION}"


def _network_path(workspace: Workspace, run: Run, fold: int | None, *sides: Dataset) -> Path:
    return _path(workspace, "network", *sides, beside=(run.id, run.finished, fold))


def _path(workspace: Workspace, what: str, *sides: Dataset, beside: Sequence[object] = ()) -> Path:
    named = config_hash(*(_content(side) for side in sides), *beside)
    return comparisons_folder(workspace) / f"{what}-{named}.json"


def _versions() -> list[int]:
    return [DECODER, MEASURES, load_plugin("features", "functionals").VERSION]


def _content(dataset: Dataset) -> list[Any]:
    """List what a report goes by beside the sound: names, labels, who speaks, what is said, what made it."""
    known = sorted(
        (item.clip.id, item.clip.speaker or "", item.clip.transcript or "", item.clip.provenance.generator or "")
        for item in dataset.items
    )
    return [dataset.name, dataset.snapshot(), known]


def _maps(values: np.ndarray, n_first: int, progress: Progress) -> dict[Method, ClipMap]:
    maps: dict[Method, ClipMap] = {}
    for done, method in enumerate(METHODS, 1):
        progress(done, 1 + len(METHODS), "laying out the maps")
        maps[method] = map_clips(values, n_first, method)
    return maps


def _read(path: Path, kind: type[Report]) -> Kept[Report] | None:
    if not path.is_file():
        return None
    try:
        held = read_json(path)
        if held["versions"] != _versions():
            return None
        maps: dict[Method, ClipMap] = {method: _map_from(held["maps"][method]) for method in held["maps"]}
        report = pydantic.TypeAdapter(kind).validate_python(held["report"])
        # None, which stands for a figure that a clip lacks, becomes NaN
        return Kept(report, tuple(held["clips"]), np.array(held["values"], dtype=np.float64), maps)
    except (ModelError, KeyError, TypeError, ValueError):
        return None


def _write(path: Path, found: Kept[Any]) -> None:
    values = [[float(one) if np.isfinite(one) else None for one in row] for row in found.values]
    maps = {
        method: {"places": made.places.tolist(), "shown": made.shown, "neighbour": made.neighbour.tolist()}
        for method, made in found.maps.items()
    }
    report = pydantic.TypeAdapter(type(found.report)).dump_python(found.report, mode="json")
    told = {"versions": _versions(), "clips": list(found.clip_ids), "report": report, "values": values, "maps": maps}
    try:
        write_json(path, told)
    except OSError as error:
        raise StoreError(
            f"What was found can't be kept in {path.parent} ({error.strerror}); free some space, or make it writable."
        ) from error


def _map_from(held: Mapping[str, Any]) -> ClipMap:
    shown = held["shown"]
    places, neighbour = np.array(held["places"], dtype=np.float64), np.array(held["neighbour"], dtype=np.intp)
    return ClipMap(places, None if shown is None else (float(shown[0]), float(shown[1])), neighbour)

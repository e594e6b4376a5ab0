"""Prepare a run: check that the data allows it, then write a folder that says all that is to be done.

From then on the folder alone decides: which clips with which labels, who trains and who tests, by which recipe. What
happens to datasets and labels afterwards changes nothing in it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from affexion_core import __version__
from affexion_core.errors import ModelError
from affexion_core.evaluation.measuring import fit_labels, stamp_for_test
from affexion_core.evaluation.transductive import pin_target
from affexion_core.extraction import check_transcripts
from affexion_core.ingest.label_maps import LabelMap, Rule
from affexion_core.run_folder import fold_folders, new_run_id, now, read_json, write_json, write_run, write_split
from affexion_core.store.clips import get_clips
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.adaptation_check import check_adaptation
from affexion_core.training.added import AlsoTrain, with_added
from affexion_core.training.device import AUTO, NOT_STARTED, check_name, wanted_threads
from affexion_core.training.dimensions import check_measurable, check_recipe, learns_labels, run_dimensions
from affexion_core.training.pinning import check_encoders, pinned
from affexion_core.training.run_config import RunConfig, config_to_json
from affexion_core.training.splits import Grouping, check_labels, choose_grouping, kfold, set_apart_dev
from affexion_core.types import Dataset, LabelledClip, Run, Scheme, Split, traces

_SNAPSHOT = "datasets.json"
_PACKAGES = ("torch", "numpy", "scipy", "soundfile", "soxr", "scikit-learn")


@dataclass(frozen=True)
class HeldOut:
    """A dataset to measure a run on once it is trained."""

    dataset: Dataset
    label_map: LabelMap | None = None
    allow_leaks: bool = False


@dataclass(frozen=True)
class RunRequest:
    """What a person asks for. ``n_folds`` and ``group`` matter to a cross-validation alone.

    ``device`` is one by name, or ``auto`` (see `training.device.choose_device`). ``also_train`` adds clips of a second
    dataset to every training part; ``adapt_to`` is used without its labels, as the recipe's adaptation says.
    """

    kind: Literal["train", "cv"]
    config: RunConfig
    dataset: Dataset
    test: HeldOut | None = None
    n_folds: int = 7
    group: str | None = None
    name: str | None = None
    device: str = AUTO
    also_train: AlsoTrain | None = None
    adapt_to: Dataset | None = None


@dataclass(frozen=True)
class Plan:
    """What a request comes to, before anything is written.

    ``labels`` are those the model will tell apart (none where it learns dimensions alone), ``splits`` who trains and
    who tests (one for each fold), ``grouping`` what keeps the folds apart, ``test_stamp`` the stamp of the test set,
    None without one, and ``dimensions`` the numbers it will learn.
    """

    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    grouping: Grouping
    test_stamp: str | None
    dimensions: tuple[Scheme, ...] = ()


def plan(request: RunRequest) -> Plan:
    """Check a request against its data, and say who would train and who would test.

    Raises
    ------
    ConfigError
        If the recipe's adaptation and what there is to adapt to don't fit, or it reads transcripts and clips lack them.
    ModelError
        If an encoder isn't there.
    SplitError, LabelError
        Where the data doesn't allow the run.
    """
    dataset = request.dataset
    check_recipe(request.config)
    if learns_labels(request.config):
        check_labels(dataset.items, dataset.name)
    dimensions = run_dimensions(dataset, request.config)
    check_encoders(request.config)
    check_transcripts((item.clip for item in _heard(request)), request.config.front_ends)
    check_adaptation(request.config, bool(request.adapt_to and request.adapt_to.items))
    labels = run_labels(dataset) if learns_labels(request.config) else ()
    splits, grouping = _splits(request)
    if request.also_train is not None:
        test = request.test
        tested = fit_labels(test.dataset, labels, test.label_map).items if test else ()
        seed = request.config.seed
        splits = tuple(with_added(split, request.also_train, labels, tested, seed) for split in splits)
    test_stamp = check_held_out(dataset, labels, request.test, _added(dataset, splits))
    if dimensions and request.test is not None:
        check_measurable(request.test.dataset, request.test.dataset.items, dimensions)
    return Plan(labels, splits, grouping, test_stamp, dimensions)


def _heard(request: RunRequest) -> tuple[LabelledClip, ...]:
    """List all clips that a run's model is to hear, but for those it adapts to."""
    also, test = request.also_train, request.test
    return (*request.dataset.items, *(also.dataset.items if also else ()), *(test.dataset.items if test else ()))


def prepare(store: Store, request: RunRequest) -> Run:
    """Check a request, write the run's folder, and list the run as unfinished.

    Raises
    ------
    ConfigError, ModelError, SplitError, LabelError
        Before anything is written, where the device, the environment or the data doesn't allow the run, or an encoder
        isn't there.
    """
    request = replace(request, config=pinned(request.config))
    dataset, config = request.dataset, request.config
    check_name(request.device)
    wanted_threads()
    planned = plan(request)
    splits, group = planned.splits, planned.grouping.group

    run = _new_run(store, request, planned.labels)
    folder = Path(run.folder)
    folder.mkdir(parents=True)
    pin_datasets(folder, dataset, request.test)
    extra = {"folds": len(splits), "group": group, "wanted_device": request.device}
    describe(run, config, {**extra, **_beside(request, planned)})
    if request.kind == "train":
        write_split(folder, splits[0], group)
    else:
        for k, split in enumerate(splits):
            prepare_fold(run, k, config, split, group, planned.dimensions)
    if request.adapt_to is not None:
        for part in (folder, *fold_folders(folder)):
            pin_target(part, request.adapt_to)
    save_run(store, run)
    return run


def _beside(request: RunRequest, planned: Plan) -> dict[str, Any]:
    """Say for a run's description what it learns from besides its dataset."""
    said: dict[str, Any] = {}
    if request.also_train is not None:
        also, added = request.also_train, _added(request.dataset, planned.splits)
        said["also_train"] = {
            "dataset": also.dataset.name,
            "snapshot": also.dataset.snapshot(),
            "per_label": also.per_label,
            "clips": len(added),
        }
    if planned.dimensions:
        said["dimensions"] = [asdict(scheme) for scheme in planned.dimensions]
    if request.adapt_to is not None:
        said["adapt_to"] = {"dataset": request.adapt_to.name, "clips": len(request.adapt_to.items)}
    return said


def run_labels(dataset: Dataset) -> tuple[str, ...]:
    """List the labels a model of this dataset tells apart: those with clips, in the scheme's order."""
    present = {item.label for item in dataset.items}
    return tuple(label for label in dataset.scheme.labels if label in present)


def _added(dataset: Dataset, splits: Sequence[Split]) -> tuple[LabelledClip, ...]:
    """List the training clips of any split that are not the dataset's own."""
    own = {item.clip.id for item in dataset.items}
    added = {item.clip.id: item for split in splits for item in split.train if item.clip.id not in own}
    return tuple(added.values())


def check_held_out(
    dataset: Dataset, labels: Sequence[str], test: HeldOut | None, added: Sequence[LabelledClip] = ()
) -> str | None:
    """Refuse a test set that doesn't fit or leaks, before any time is spent on training; returns its stamp."""
    if test is None:
        return None
    measured = fit_labels(test.dataset, labels, test.label_map)
    return stamp_for_test(traces((*dataset.items, *added)), measured.items, test.dataset.name, test.allow_leaks)


def describe(run: Run, config: RunConfig, extra: Mapping[str, Any]) -> None:
    """Write what a run is, with the versions it is made by, and its recipe."""
    versions = {name: version(name) for name in _PACKAGES}
    known = {"affexion": __version__, "python": platform.python_version(), **versions}
    write_run(
        run, {"seed": config.seed, "device": NOT_STARTED, "threads": wanted_threads(), "versions": known, **extra}
    )
    write_json(Path(run.folder) / "config.json", config_to_json(config))


def _splits(request: RunRequest) -> tuple[tuple[Split, ...], Grouping]:
    items, config = request.dataset.items, request.config
    if request.kind == "train":
        return (set_apart_dev(Split(items), config.training.dev_fraction, config.seed),), Grouping("none")
    grouping = choose_grouping(items, request.n_folds, request.group)
    folds = kfold(items, request.n_folds, grouping.group, config.seed)
    return tuple(set_apart_dev(fold, config.training.dev_fraction, config.seed) for fold in folds), grouping


def _new_run(store: Store, request: RunRequest, labels: tuple[str, ...]) -> Run:
    run_id = new_run_id(request.config.preset)
    return Run(
        id=run_id,
        kind=request.kind,
        preset=request.config.preset,
        folder=str(store.workspace.runs / run_id),
        labels=labels,
        train_dataset=request.dataset.name,
        train_snapshot=request.dataset.snapshot(),
        created=now(),
        test_dataset=request.test.dataset.name if request.test else None,
        name=request.name,
    )


def prepare_fold(
    run: Run, k: int, config: RunConfig, split: Split, group: str, dimensions: Sequence[Scheme] = ()
) -> None:
    """Write the folder of fold ``k`` (from 0) of a cross-validated run."""
    folder = Path(run.folder) / "folds" / str(k + 1)
    folder.mkdir(parents=True, exist_ok=True)
    fold = replace(run, id=f"{run.id}-fold{k + 1}", kind="fold", parent=run.id, folder=str(folder), name=None)
    extra = {"dimensions": [asdict(scheme) for scheme in dimensions]} if dimensions else {}
    describe(fold, replace(config, seed=config.seed + k), {"fold": k + 1, **extra})
    write_split(folder, split, group)


def pin_datasets(folder: Path, dataset: Dataset, test: HeldOut | None) -> None:
    """Write which clips with which labels and votes train and are measured on; `pinned_dataset` reads it back."""
    write_json(folder / _SNAPSHOT, {"train": _dataset_json(dataset), "test": _held_out_json(test)})


def _dataset_json(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "origin": dataset.origin,
        "scheme": asdict(dataset.scheme),
        "label_map": dataset.label_map,
        "items": [[item.clip.id, item.label, *_judged(item)] for item in dataset.items],
        **({"dimensions": [asdict(scheme) for scheme in dataset.dimensions]} if dataset.dimensions else {}),
    }


def _judged(item: LabelledClip) -> list[dict[str, float] | None]:
    votes = dict(item.votes) if item.votes else None
    if item.values:
        return [votes, dict(item.values)]
    return [] if votes is None else [votes]


def _held_out_json(test: HeldOut | None) -> dict[str, Any] | None:
    if test is None:
        return None
    label_map = asdict(test.label_map) if test.label_map else None
    return {"dataset": _dataset_json(test.dataset), "label_map": label_map, "allow_leaks": test.allow_leaks}


def pinned_dataset(store: Store, folder: Path) -> Dataset:
    """Give the training clips and labels as they were when the run was prepared.

    Raises
    ------
    NotFoundError
        If a clip has since been deleted.
    """
    return _dataset(store, _snapshot(folder)["train"])


def pinned_held_out(store: Store, folder: Path) -> HeldOut | None:
    """Give the test set as it was when the run was prepared; None where there was none."""
    values = _snapshot(folder)["test"]
    if values is None:
        return None
    label_map = values["label_map"]
    rules = tuple(Rule(**rule) for rule in label_map["rules"]) if label_map else ()
    return HeldOut(
        _dataset(store, values["dataset"]),
        LabelMap(label_map["name"], rules) if label_map else None,
        values["allow_leaks"],
    )


def _snapshot(folder: Path) -> dict[str, Any]:
    values = read_json(folder / _SNAPSHOT)
    if not isinstance(values, dict) or "train" not in values:
        raise ModelError(f"{folder / _SNAPSHOT} is damaged; start the run anew.")
    return values


def _dataset(store: Store, values: Mapping[str, Any]) -> Dataset:
    clips = get_clips(store, [item[0] for item in values["items"]])
    # a third part is there where the clip has votes, a fourth where it has values
    items = tuple(LabelledClip(clip, *item[1:]) for clip, item in zip(clips, values["items"], strict=True))
    scheme = values["scheme"]
    return Dataset(
        values["name"],
        values["origin"],
        Scheme(**{**scheme, "labels": tuple(scheme["labels"])}),
        items,
        values["label_map"],
        dimensions=tuple(Scheme(**{**each, "labels": ()}) for each in values.get("dimensions", ())),
    )

"""A gap study: what is asked for, what it comes to, and the folder that says all that is to be done.

``gap.json`` the plan · ``datasets.json`` and ``config.json`` as in any run · ``parts/<name>/`` the models of each part
(see `gap.part`) · ``result.json`` what it has come to, once finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from affexion_core.errors import ConfigError, ModelError
from affexion_core.evaluation.measuring import fit_labels, stamp_for_test
from affexion_core.gap.arms import Arm, chosen_arms, fewer_voices, with_arm
from affexion_core.gap.cells import BASE, allowed_leaks, base_part, crossval_part, folds_of, mixed_part
from affexion_core.gap.few_real import SIZES, Halves, draw, halve, usable_sizes
from affexion_core.gap.part import ModelSpec, PartSpec, prepare_part
from affexion_core.ingest.label_maps import LabelMap
from affexion_core.run_folder import new_run_id, now, read_json, write_json
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.adaptation_check import AFTER
from affexion_core.training.dimensions import require_labels
from affexion_core.training.prepare import HeldOut, describe, pin_datasets, run_labels
from affexion_core.training.run_config import RunConfig
from affexion_core.training.splits import check_labels
from affexion_core.types import Dataset, LabelledClip, Run, Split, traces

# Draws of each size and seeds of the base, if nobody says: enough to see what chance does, few enough to wait for.
DRAWS = 3
# Seeds of each arm, at most: an arm costs as much as the base, and there are many.
ARM_SEEDS = 2
MOST_DRAWS = 20
# Real clips are dealt into fewer folds, as each trains a second, larger model with the synthetic clips.
REAL_FOLDS = 3
_FORMAT = 1


@dataclass(frozen=True)
class GapRequest:
    """What a person asks for.

    ``config`` is the recipe, ``crossval`` that of the folds on synthetic clips where it is another (as the paper's).
    ``arms`` None tries the usual ones, an empty one none; without ``sizes`` there is no curve over few real clips.
    """

    config: RunConfig
    synthetic: Dataset
    real: Dataset
    label_map: LabelMap | None = None
    allow_leaks: bool = False
    crossval: RunConfig | None = None
    arms: tuple[str, ...] | None = None
    sizes: tuple[int, ...] = SIZES
    draws: int = DRAWS
    n_folds: int = 7
    name: str | None = None


@dataclass(frozen=True)
class ArmPlan:
    """An arm of a study. ``reason`` says why it is not tried, None where it is."""

    name: str
    title: str
    what: str
    adapts: bool
    reason: str | None = None


@dataclass(frozen=True)
class GapPlan:
    """What a study's folder says is to be done.

    ``sizes`` are the real clips of each label in the points of the curve, ``added`` how many that makes in all at each.
    ``jobs`` are the parts that are trained, the others adapt their models. ``rest`` are the ids of real clips that no
    draw and no adaptation sees; ``stamp`` is that of synthetic against real clips.
    """

    labels: tuple[str, ...]
    draws: int
    seed: int
    sizes: tuple[int, ...]
    added: tuple[int, ...]
    rest: tuple[str, ...]
    parts: tuple[str, ...]
    jobs: tuple[str, ...]
    n_models: int
    arms: tuple[ArmPlan, ...]
    stamp: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """A plan with the parts that carry it out."""

    plan: GapPlan
    parts: tuple[PartSpec, ...]


def plan_gap(request: GapRequest) -> Planned:
    """Check a request against its data; give what would be done.

    Raises
    ------
    ConfigError
        If numbers are out of range, both datasets are one, or there is no such arm.
    SplitError, LabelError
        Where the data doesn't allow it, as where real clips share texts with synthetic ones.
    """
    _check(request)
    synthetic, config = request.synthetic, request.config
    check_labels(synthetic.items, synthetic.name)
    labels = run_labels(synthetic)
    real = fit_labels(request.real, labels, request.label_map).items
    check_labels(real, request.real.name)
    stamp = stamp_for_test(traces(synthetic.items), real, request.real.name, request.allow_leaks)
    halves = halve(real, config.seed)
    own = folds_of(synthetic.items, request.n_folds, config.seed, "Synthetic clips")
    theirs = folds_of(real, min(request.n_folds, REAL_FOLDS), config.seed, "Real clips")
    parts = [
        base_part(config, synthetic, real, request.draws, request.allow_leaks),
        crossval_part("cv-synthetic", "synthetic → synthetic", request.crossval or config, own.splits),
        crossval_part("cv-real", "real → real", config, theirs.splits),
        mixed_part(config, synthetic, theirs.splits, request.allow_leaks),
    ]
    sizes = usable_sizes(halves.pool, request.sizes) if request.sizes else ()
    added = tuple(len(draw(halves.pool, labels, size, config.seed)) for size in sizes)
    parts += [_few_part(request, halves, labels, size) for size in sizes if size]
    arms = []
    for arm in chosen_arms(request.arms):
        reason = arm.needs(config, synthetic.items)
        arms.append(ArmPlan(arm.name, arm.title, arm.what, arm.kind == "adapts", reason))
        if reason is None:
            parts += _arm_parts(request, arm, real, halves)
    notes = (*_notes(labels, real, halves, sizes, request), *(r for r in (own.reason, theirs.reason) if r))
    plan = GapPlan(
        labels=labels,
        draws=request.draws,
        seed=config.seed,
        sizes=sizes,
        added=added,
        rest=tuple(item.clip.id for item in halves.rest),
        parts=tuple(part.name for part in parts),
        jobs=tuple(part.name for part in parts if part.after is None),
        n_models=sum(len(part.models) for part in parts),
        arms=tuple(arms),
        stamp=stamp,
        notes=notes,
    )
    return Planned(plan, tuple(parts))


def _check(request: GapRequest) -> None:
    require_labels(
        *(request.config, "A gap study"),
        alone=True,
        instead="train one run on the synthetic and one on real clips, measure both on the same real clips, and "
        "compare them: the difference of their CCC has a paired interval",
    )
    if not 1 <= request.draws <= MOST_DRAWS:
        raise ConfigError(f"draws = {request.draws}: choose 1 to {MOST_DRAWS}.", change=("draws",))
    if request.n_folds < 2:
        raise ConfigError(f"folds = {request.n_folds}: choose 2 or more.", change=("n_folds",))
    if any(size < 0 for size in request.sizes):
        raise ConfigError(f"{min(request.sizes)} real clips of each label are none; choose 0 or more.")
    if request.synthetic.name == request.real.name:
        raise ConfigError(f"Both datasets are {request.real.name!r}; choose one of synthetic and one of real clips.")


def _notes(
    labels: tuple[str, ...], real: tuple[LabelledClip, ...], halves: Halves, sizes: tuple[int, ...], request: GapRequest
) -> tuple[str, ...]:
    """Say what a reader of the figures must know of the data."""
    notes = []
    for dataset, wanted in ((request.synthetic, "synthetic"), (request.real, "real")):
        if dataset.origin != wanted:
            notes.append(f"{dataset.name!r} is of {dataset.origin} clips, and stands here for {wanted} ones.")
    absent = [label for label in labels if label not in {item.label for item in real}]
    if absent:
        notes.append(f"There is no real clip of {', '.join(absent)}: nothing here says how well that carries over.")
    if halves.reason:
        notes.append(halves.reason)
    counts = Counter(item.label for item in halves.pool)
    short = [f"{counts[label]} of {label}" for label in counts if sizes and counts[label] < max(sizes)]
    if short:
        notes.append(f"The half of the real clips that may train holds only {', '.join(short)}: larger draws take all.")
    return tuple(notes)


def _few_part(request: GapRequest, halves: Halves, labels: tuple[str, ...], size: int) -> PartSpec:
    """Train on synthetic clips and a few drawn real ones; measure on real clips that no draw can hold."""
    config, models = request.config, []
    allow = halves.allow | allowed_leaks(request.allow_leaks)
    for d in range(request.draws):
        few = draw(halves.pool, labels, size, config.seed + d)
        split = Split((*request.synthetic.items, *few), halves.rest, allow=allow)
        models.append(ModelSpec(replace(config, seed=config.seed + d), split))
    return PartSpec(f"few-{size}", f"{size} real clips of each label", tuple(models))


def _arm_parts(request: GapRequest, arm: Arm, real: tuple[LabelledClip, ...], halves: Halves) -> list[PartSpec]:
    config = with_arm(request.config, arm, request.synthetic.items)
    seeds = [request.config.seed + d for d in range(min(request.draws, ARM_SEEDS))]
    allow, trained = allowed_leaks(request.allow_leaks), request.synthetic.items
    title = f"arm: {arm.title}"
    if arm.kind == "voices":
        pairs = [fewer_voices(trained, seed) for seed in seeds]
        return [
            PartSpec(f"arm-{arm.name}{suffix}", f"{title}{words}", tuple(
                ModelSpec(replace(config, seed=seed), Split(tuple(pair[place]), real, allow=allow))
                for seed, pair in zip(seeds, pairs, strict=True)
            ))
            for place, suffix, words in ((1, "", ""), (0, "-without", ", half of them"))
        ]  # fmt: skip
    if arm.kind == "adapts":
        target = replace(request.real, name=f"{request.real.name}, the other half", items=halves.pool)
        split = Split(trained, halves.rest, allow=allow)
        models = [ModelSpec(replace(config, seed=seed), split, target) for seed in seeds]
    else:
        models = [ModelSpec(replace(config, seed=seed), Split(trained, real, allow=allow)) for seed in seeds]
    after = BASE if config.adaptation.method in AFTER else None
    return [PartSpec(f"arm-{arm.name}", title, tuple(models), after)]


def reference_part(arm: str) -> str:
    """Name the part that an arm is compared with."""
    return "arm-voices-without" if arm == "voices" else BASE


def prepare_gap(store: Store, request: GapRequest) -> Run:
    """Check a request, write the study's folder, and list it as unfinished. For errors see `plan_gap`."""
    planned = plan_gap(request)
    run_id = new_run_id(f"{request.config.preset}-gap")
    run = Run(
        id=run_id,
        kind="gap",
        preset=request.config.preset,
        folder=str(store.workspace.runs / run_id),
        labels=planned.plan.labels,
        train_dataset=request.synthetic.name,
        train_snapshot=request.synthetic.snapshot(),
        created=now(),
        test_dataset=request.real.name,
        name=request.name,
    )
    folder = Path(run.folder)
    folder.mkdir(parents=True)
    pin_datasets(folder, request.synthetic, HeldOut(request.real, request.label_map, request.allow_leaks))
    write_json(folder / "gap.json", {"format": _FORMAT, **asdict(planned.plan)})
    describe(run, request.config, {"models": planned.plan.n_models, "draws": request.draws})
    for part in planned.parts:
        prepare_part(run, part, planned.plan.labels)
    save_run(store, run)
    return run


def read_plan(folder: Path) -> GapPlan:
    """Read what a study's folder says is to be done.

    Raises
    ------
    ModelError
        If it is damaged or no study.
    """
    values: dict[str, Any] = dict(read_json(folder / "gap.json"))
    try:
        values.pop("format")
        values["arms"] = tuple(ArmPlan(**arm) for arm in values["arms"])
        return GapPlan(**_tuples(values))
    except (KeyError, TypeError) as error:
        raise ModelError(f"{folder / 'gap.json'} is damaged ({error}); start the study anew.") from None


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

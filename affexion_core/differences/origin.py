"""What tells synthetic from real speech: figure by figure, and for a probe that hears all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affexion_core.differences.distributions import FigureDifference, compare_figures
from affexion_core.differences.measures import Measures, measure_clips
from affexion_core.differences.probes import Probe, classifier, probe
from affexion_core.discovery import load_plugin
from affexion_core.errors import LabelError
from affexion_core.evaluation.scores import Estimate
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store
from affexion_core.types import Clip, Dataset, Progress, no_progress

SIDES = ("synthetic", "real")
_STRENGTH = 0.01  # of the regression: 421 figures and few clips ask for much regularisation
_MOST_USED = 12


@dataclass(frozen=True)
class Compared:
    """Two sets with their clips measured; A is the synthetic one."""

    a: Dataset
    b: Dataset
    measures_a: Measures
    measures_b: Measures

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All clips, those of A first."""
        return tuple(item.clip for item in (*self.a.items, *self.b.items))


@dataclass(frozen=True)
class DifferenceReport:
    """How two sets differ.

    ``probe`` tells the sides apart by all functionals, None where a side has too few clips; ``used`` lists what weighs
    most in it, with the weight of one standard deviation (above 0: more of it sounds synthetic).
    """

    synthetic: str
    real: str
    n_synthetic: int
    n_real: int
    figures: tuple[FigureDifference, ...]
    probe: Probe | None
    used: tuple[tuple[str, float], ...]

    @property
    def a_distance(self) -> Estimate | None:
        """How far the probe keeps the sides apart, see `a_distance`."""
        return a_distance(self.probe)


def measure_both(store: Store, synthetic: str, real: str, progress: Progress = no_progress) -> Compared:
    """Load and measure two datasets.

    Raises
    ------
    NotFoundError
        If one isn't there.
    LabelError
        If both are the same, or one is empty.
    """
    if synthetic == real:
        raise LabelError(f"Dataset {real!r} can't be compared with itself; choose two.", change=("synthetic", "real"))
    a, b = load_dataset(store, synthetic), load_dataset(store, real)
    for dataset in (a, b):
        if not dataset.items:
            raise LabelError(f"Dataset {dataset.name!r} has no clips; there is nothing to compare.")
    measured = [measure_clips(store.workspace, [item.clip for item in one.items], progress) for one in (a, b)]
    return Compared(a, b, measured[0], measured[1])


def compare_origins(compared: Compared, n_resamples: int = 300, seed: int = 0) -> DifferenceReport:
    """Compare two measured sets."""
    speakers = [[item.clip.speaker for item in one.items] for one in (compared.a, compared.b)]
    figures = compare_figures(
        compared.measures_a, compared.measures_b, speakers[0], speakers[1], n_resamples=n_resamples, seed=seed
    )
    heard = np.concatenate([compared.measures_a.functionals, compared.measures_b.functionals]).astype(np.float64)
    sides = _sides(len(compared.a.items), len(compared.b.items))
    found = tell_apart(heard, speakers[0], speakers[1], seed, _STRENGTH)
    return DifferenceReport(
        compared.a.name, compared.b.name, len(compared.a.items), len(compared.b.items), figures, found,
        _used(heard, sides) if found else (),
    )  # fmt: skip


def tell_apart(
    values: np.ndarray, speakers_a: Sequence[str | None], speakers_b: Sequence[str | None], seed: int, strength: float
) -> Probe | None:
    """Ask a probe to tell A from B by ``values (n_a + n_b, n_figures)``, on speakers it hasn't heard where it can.

    None where a side has too few clips.
    """
    everyone = [*speakers_a, *speakers_b]
    sides = _sides(len(speakers_a), len(speakers_b))
    return probe(values, sides, everyone, everyone, n_permutations=999, seed=seed, strength=strength)


def _sides(n_a: int, n_b: int) -> list[str]:
    return [SIDES[0]] * n_a + [SIDES[1]] * n_b


def a_distance(found: Probe | None) -> Estimate | None:
    """Proxy A-distance of two sides from a probe that tells them apart, with its 95 % interval, 0 to 2.

    2 (1 - 2 err) with err = 1 - UAR, so that sides of unequal size count alike: 0 where a probe can't tell them apart,
    2 where it always can. Source: S. Ben-David et al., "A theory of learning from different domains", Machine Learning
    79 (2010).
    """
    if found is None or found.uar.value is None or found.uar.low is None or found.uar.high is None:
        return None
    value, low, high = (max(0.0, 4 * uar - 2) for uar in (found.uar.value, found.uar.low, found.uar.high))
    return Estimate(value, low, high, found.n, found.uar.method)


def _used(heard: np.ndarray, sides: Sequence[str]) -> tuple[tuple[str, float], ...]:
    weights = classifier(_STRENGTH).fit(heard, sides)[-1].coef_[0]
    names = load_plugin("features", "functionals").feature_names()
    strongest = np.argsort(-np.abs(weights))[:_MOST_USED]
    return tuple((names[place], float(weights[place])) for place in strongest)


def probe_to_json(found: Probe | None) -> dict[str, Any] | None:
    """Give a probe JSON-ready, without its predictions."""
    if found is None:
        return None
    values = asdict(found)
    del values["predicted"]
    return {**values, "labels": list(found.labels), "tells": found.tells}


def report_to_json(report: DifferenceReport) -> Mapping[str, Any]:
    """Give a report JSON-ready."""
    return {
        "synthetic": report.synthetic,
        "real": report.real,
        "n_synthetic": report.n_synthetic,
        "n_real": report.n_real,
        "figures": [{**asdict(one), "shift": one.shift} for one in report.figures],
        "probe": probe_to_json(report.probe),
        "a_distance": None if report.a_distance is None else asdict(report.a_distance),
        "used": [{"figure": name, "weight": weight} for name, weight in report.used],
    }

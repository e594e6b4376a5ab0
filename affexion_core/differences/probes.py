"""A plain classifier asked what it can tell from given numbers: logistic regression, cross-validated by speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Estimate

MOST_FOLDS = 5
GROUPED, BY_CLIP = "speakers kept apart", "clips dealt at random: too few speakers to keep apart"
UNGROUPED = "clips dealt at random"


@dataclass(frozen=True)
class Probe:
    """What a probe reached on held-out clips.

    ``chance`` is 1 over the number of labels, which UAR has to beat; ``majority`` the share of the commonest label,
    which accuracy has to. ``p`` is the share of permuted labellings that reach as much UAR; None where not tested.
    ``split`` says how folds were made. ``predicted`` is a label a clip, in the order given.
    """

    n: int
    labels: tuple[str, ...]
    accuracy: Estimate
    uar: Estimate
    chance: float
    majority: float
    p: float | None
    n_permutations: int
    split: str
    n_folds: int
    predicted: tuple[str, ...]

    @property
    def tells(self) -> bool:
        """Whether it does better than chance: the interval of UAR lies above it, and no twentieth of permutations."""
        above = self.uar.low is not None and self.uar.low > self.chance
        return above and (self.p is None or self.p < 0.05)


def classifier(strength: float = 0.1) -> Any:
    """Make the probe: standardised figures, logistic regression with labels weighted alike."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=strength, class_weight="balanced", max_iter=500),
    )


def probe(
    figures: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str | None],
    speakers: Sequence[str | None],
    n_permutations: int = 0,
    seed: int = 0,
    strength: float = 0.1,
) -> Probe | None:
    """Predict labels from figures by cross-validation.

    Parameters
    ----------
    figures
        ``(n, n_figures)``; NaN is filled by the training clips' median.
    labels
        One per clip.
    groups
        What stays on one side of a fold, None alone; too few of them for two folds and clips are dealt at random.
    speakers
        For the interval, see `evaluation.metrics.score`.
    n_permutations
        How often the labels are dealt anew among the clips for ``p``, the predictions staying as they are.

    Returns
    -------
    Probe or None
        None where there are fewer than two labels with two clips each.
    """
    names = tuple(sorted(set(labels)))
    counts = Counter(labels)
    if len(names) < 2 or min(counts.values()) < 2:
        return None
    truth = np.array(labels)
    folds, split = _folds(truth, groups, seed)
    if folds is None:
        return None
    predicted = _predict(figures, truth, folds, strength)
    scores = score(list(truth), list(predicted), names, speakers, seed=seed)
    p = _permuted(truth, predicted, names, scores.uar.value or 0.0, n_permutations, seed) if n_permutations else None
    return Probe(
        len(truth), names, scores.accuracy, scores.uar, 1 / len(names), max(counts.values()) / len(truth), p,
        n_permutations, split, len(folds), tuple(str(one) for one in predicted),
    )  # fmt: skip


def _folds(
    truth: np.ndarray, groups: Sequence[str | None], seed: int
) -> tuple[list[tuple[np.ndarray, np.ndarray]] | None, str]:
    """Deal folds by group where both sides of each get every label, else by clip."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    keys = np.array([f"g:{group}" if group is not None else f"c:{place}" for place, group in enumerate(groups)])
    fewest = min(Counter(truth.tolist()).values())
    n_keys = min(len(set(keys[truth == label])) for label in set(truth))
    for n in range(min(MOST_FOLDS, n_keys, fewest), 1, -1):
        dealt = list(StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(keys, truth, keys))
        if all(len(test) and set(truth[train]) == set(truth) for train, test in dealt):
            return dealt, UNGROUPED if not any(groups) else GROUPED
    n = min(MOST_FOLDS, fewest)
    return (list(StratifiedKFold(n, shuffle=True, random_state=seed).split(truth, truth)), BY_CLIP) if n > 1 else (
        None, BY_CLIP)  # fmt: skip


def _predict(
    figures: np.ndarray, truth: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], strength: float
) -> np.ndarray:
    predicted = truth.copy()
    for train, test in folds:
        if len(set(truth[train])) < 2:
            predicted[test] = truth[train][0]
            continue
        predicted[test] = classifier(strength).fit(figures[train], truth[train]).predict(figures[test])
    return predicted


def _permuted(
    truth: np.ndarray, predicted: np.ndarray, names: Sequence[str], reached: float, n_permutations: int, seed: int
) -> float:
    """Share of labellings dealt at random among the clips under which these predictions reach as much UAR."""
    right = np.array([predicted == name for name in names])
    rng, places = np.random.default_rng(seed), np.searchsorted(names, truth)
    counts = np.bincount(places, minlength=len(names))
    as_good = 0
    for _ in range(n_permutations):
        dealt = rng.permutation(places)
        hits = np.bincount(dealt, weights=right[dealt, np.arange(len(dealt))], minlength=len(names))
        as_good += float(np.mean(hits / counts)) >= reached - 1e-12
    return (1 + as_good) / (1 + n_permutations)

"""Temperature scaling: make a model's probabilities mean what they say, and say below which it is unsure.

The temperature is fitted on predictions of training clips by models that had not seen them (the held-out folds of a
cross-validation, or a dev part), never on a test set. One number divides the logits, so that the order of the labels,
and with it every prediction, stays as it is.

Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affexion_core.errors import ConfigError, ModelError
from affexion_core.evaluation.abstention import choose_threshold
from affexion_core.run_folder import ScoredClip, read_json, read_predictions, write_json
from affexion_core.types import Run

if TYPE_CHECKING:
    from affexion_core.store.session import Store

CALIBRATION_FILE = "calibration.json"
DEFAULT_COVERAGE = 0.8
MIN_CLIPS = 20
_COOLEST, _HOTTEST = 0.05, 20.0
# Predictions are kept to six digits; a probability written as 0 lies below half of the last one.
_LEAST = 5e-7


@dataclass(frozen=True)
class Calibration:
    """How to read a run's probabilities.

    Attributes
    ----------
    temperature
        Divides the logits, 0.05 to 20. Above 1 where the model is surer than it is right.
    unsure_below
        A clip whose highest calibrated probability lies below is answered "unsure", 0 to 1.
    n
        Clips it was fitted on.
    source
        Which those are, in words.
    rule
        How ``unsure_below`` was chosen, in words.
    coverage, accuracy
        Share of those clips at or above the threshold, and share of these that is right, both 0 to 1.
    nll_before, nll_after
        Mean negative log-likelihood of the reference labels (nats) before and after.
    """

    temperature: float
    unsure_below: float
    n: int
    source: str
    rule: str = ""
    coverage: float = 1.0
    accuracy: float | None = None
    nll_before: float | None = None
    nll_after: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ModelError(f"A temperature of {self.temperature} can't be; it is above 0. Calibrate the run again.")
        if not 0 <= self.unsure_below <= 1:
            raise ModelError(f"unsure_below = {self.unsure_below} is no probability. Calibrate the run again.")

    def calibrated(self, probs: np.ndarray) -> np.ndarray:
        """Scale probabilities ``(…, n_labels)``; see `scale`."""
        return scale(probs, self.temperature)

    def unsure(self, probs: np.ndarray) -> np.ndarray:
        """Tell for which rows of calibrated probabilities ``(…, n_labels)`` the answer is "unsure", bool ``(…,)``."""
        return np.asarray(probs).max(axis=-1) < self.unsure_below


def scale(probs: np.ndarray, temperature: float) -> np.ndarray:
    """Apply a temperature to probabilities.

    Parameters
    ----------
    probs
        ``(…, n_labels)``, each row summing to 1.
    temperature
        Above 0; 1 changes nothing, more flattens, less sharpens.

    Returns
    -------
    float64, the same shape
        Softmax of ``log(probs) / temperature``, which is the softmax of the logits divided by the temperature.
    """
    logits = np.log(np.maximum(np.asarray(probs, dtype=np.float64), _LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def negative_log_likelihood(probs: np.ndarray, truth: np.ndarray) -> float:
    """Mean of ``-log`` of the reference label's probability, in nats; ``truth`` int ``(n_clips,)``, at least one."""
    return float(-np.log(np.maximum(probs[np.arange(len(truth)), truth], _LEAST)).mean())


def fit_temperature(probs: np.ndarray, truth: np.ndarray) -> float:
    """Find the temperature that makes the reference labels most likely.

    The likelihood has one maximum (it is concave in 1 / temperature). Where it lies beyond 0.05 or 20, as with clips
    that are all right or no better than chance, that limit is taken.

    Parameters
    ----------
    probs
        Float ``(n_clips, n_labels)``.
    truth
        Index of each clip's reference label, int ``(n_clips,)``.

    Raises
    ------
    ConfigError
        If there are fewer than `MIN_CLIPS` clips.
    """
    from scipy.optimize import minimize_scalar

    if len(truth) < MIN_CLIPS:
        raise ConfigError(f"There are {len(truth)} held-out clips; a temperature needs at least {MIN_CLIPS}.")
    logits = np.log(np.maximum(np.asarray(probs, dtype=np.float64), _LEAST))
    of_truth = logits[np.arange(len(truth)), truth]

    def loss(log_temperature: float) -> float:
        inverse = math.exp(-log_temperature)
        scaled = logits * inverse
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - of_truth * inverse).mean())

    limits = (math.log(_COOLEST), math.log(_HOTTEST))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-5})
    best = min((*limits, found.x), key=loss)
    return float(math.exp(best))


def cross_fitted(probs: np.ndarray, truth: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Scale each fold's probabilities by the temperature that the other folds give, so that no clip tunes its own.

    Parameters
    ----------
    probs, truth
        As `fit_temperature` takes them.
    folds
        Fold number of each clip, ``(n_clips,)``; at least two different ones.

    Raises
    ------
    ConfigError
        If there is one fold only, or too few clips beside one.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ConfigError("Calibration is checked on folds apart from each other; this run has one fold only.")
    scaled = np.empty(np.shape(probs), dtype=np.float64)
    for number in numbers:
        own = folds == number
        scaled[own] = scale(probs[own], fit_temperature(probs[~own], truth[~own]))
    return scaled


def fit_calibration(
    run: Run, store: Store | None = None, accuracy: float | None = None, coverage: float | None = None
) -> Calibration:
    """Fit temperature and threshold on clips of the training set that the model judging them had not learnt from.

    A cross-validation uses its held-out folds; any other run its dev part, which is predicted anew. A dev part also
    chose when training stopped, so that it flatters a little. For a cross-validation, whose predictor averages its
    fold models, the temperature is that of the single fold models: averages are somewhat flatter.

    Parameters
    ----------
    run
        A finished run.
    store
        Where its clips are; needed for a dev part only.
    accuracy, coverage
        What ``unsure_below`` is to reach (see `abstention.choose_threshold`); without either, 80 % of the clips are
        answered.

    Raises
    ------
    ModelError
        If the run has neither held-out folds nor a dev part.
    ConfigError
        If there are too few clips, or the accuracy can't be reached.
    """
    if not run.labels:
        raise ModelError(f"Run {run.id} predicts dimensions alone; only probabilities of labels are calibrated.")
    if accuracy is None and coverage is None:
        coverage = DEFAULT_COVERAGE
    rows, source = held_out(run, store)
    probs, truth = arrays_of(rows, run.labels)
    temperature = fit_temperature(probs, truth)
    scaled = scale(probs, temperature)
    point = choose_threshold(scaled.max(axis=1), scaled.argmax(axis=1) == truth, accuracy, coverage)
    rule = f"answers are right for at least {accuracy:.0%}" if accuracy else f"at least {coverage:.0%} are answered"
    return Calibration(
        temperature=temperature,
        unsure_below=point.threshold,
        n=len(rows),
        source=source,
        rule=rule,
        coverage=point.coverage,
        accuracy=point.accuracy,
        nll_before=negative_log_likelihood(probs, truth),
        nll_after=negative_log_likelihood(scaled, truth),
    )


def held_out(run: Run, store: Store | None) -> tuple[tuple[ScoredClip, ...], str]:
    """Give predictions of training clips by models that had not learnt from them, and say which they are.

    Raises
    ------
    ModelError
        If there are none; a test set is never taken instead.
    """
    folder = Path(run.folder)
    if (folder / "folds").is_dir():
        rows = read_predictions(folder, "cv")
        return rows, f"{len({row.fold for row in rows})} held-out folds of {run.train_dataset}"
    dev = [row for row in read_json(folder / "split.json")["clips"] if row["part"] == "dev"]
    if not dev or store is None:
        raise ModelError(
            f"Run {run.id} kept no training clips apart, so nothing can be calibrated without touching a test set. "
            "Cross-validate the recipe, or train it with a dev part."
        )
    return _predicted(folder, store, dev), f"dev part of {run.train_dataset}"


def _predicted(folder: Path, store: Store, dev: Sequence[Mapping[str, Any]]) -> tuple[ScoredClip, ...]:
    from affexion_core.predictor import Predictor
    from affexion_core.store.clips import get_clips

    predictor = Predictor.load(folder)
    clips = get_clips(store, [row["clip_id"] for row in dev])
    probs = predictor.of_clips(store.workspace, clips).probs
    return tuple(
        ScoredClip(row["clip_id"], row["label"], predictor.labels[int(p.argmax())], tuple(map(float, p)))
        for row, p in zip(dev, probs, strict=True)
    )


def arrays_of(rows: Sequence[ScoredClip], labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Put predictions into arrays: probabilities float64 ``(n, n_labels)``, reference labels' indices int ``(n,)``."""
    places = {label: place for place, label in enumerate(labels)}
    probs = np.array([row.probs for row in rows], dtype=np.float64).reshape(len(rows), len(labels))
    return probs, np.array([places[row.reference] for row in rows], dtype=np.intp)


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Keep a calibration with its run; a reader sees the old one or the new one, never half."""
    write_json(folder / CALIBRATION_FILE, asdict(calibration))


def read_calibration(folder: Path) -> Calibration | None:
    """Read the calibration of a run folder; None where it was never calibrated.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    path = folder / CALIBRATION_FILE
    if not path.is_file():
        return None
    try:
        return Calibration(**read_json(path))
    except TypeError:
        raise ModelError(f"{path} is no calibration of this version. Calibrate the run again.") from None

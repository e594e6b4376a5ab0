"""Does attention point at what a model uses? Delete frames by attention, and by chance, and see what is lost.

Four ways of choosing which frames to delete, the same number of each clip: the most attended; the same pattern moved to
a random place (wrapped round the end), which has the same gaps elsewhere; single frames at random; the least attended.
Frames next to each other carry much the same sound, so that single lost frames are missed less than a gap of the
same total length. Only the moved pattern tells where from how.

A deleted frame becomes the mean frame of the training clips, which is zero after normalisation; of clips that are
normalised by themselves, their own mean.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affexion_core.errors import ModelError
from affexion_core.evaluation.intervals import percentile_limits
from affexion_core.evaluation.scores import Estimate
from affexion_core.predictor import Predictor
from affexion_core.run_folder import ScoredClip
from affexion_core.training.batches import ClipFeatures, prepare
from affexion_core.training.device import at_work
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.model_file import TrainedModel
from affexion_core.types import Clip, Progress, no_progress

VERSION = 1
"""Counts up when the same clips would give other figures."""

MOST, MOVED, RANDOM, LEAST = "most attended", "moved elsewhere", "random frames", "least attended"
ORDERS = (MOST, MOVED, RANDOM, LEAST)
SHARES = (0.1, 0.2, 0.4, 0.7)
N_DRAWS = 2
MOST_CLIPS = 200
_N_RESAMPLES = 1000


@dataclass(frozen=True)
class Band:
    """A figure at each share deleted, with its 95 % interval; all in [0, 1]."""

    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    """What is left when frames are deleted in one ``order``, from nothing deleted on.

    ``probability`` of the label predicted for the whole clip, and ``uar``.
    """

    order: str
    probability: Band
    uar: Band


@dataclass(frozen=True)
class Deletion:
    """The whole check. ``shares`` starts with 0.

    ``areas`` and ``areas_uar``: how much more deleting the most attended frames takes away than another order, averaged
    over the shares, for each other order. Above 0 attention points at what is used.
    """

    n_clips: int
    n_total: int
    n_draws: int
    seed: int
    shares: tuple[float, ...]
    curves: tuple[Curve, ...]
    areas: Mapping[str, Estimate]
    areas_uar: Mapping[str, Estimate]


@dataclass(frozen=True)
class _Left:
    """By order, share and clip: probability of the label first predicted, and whether the answer is right.

    Both float64 ``(n_orders, 1 + n_shares, n_clips)``, averaged over draws.
    """

    probability: np.ndarray
    right: np.ndarray


def deletion(
    predictor: Predictor,
    clips: Sequence[Clip],
    features: Sequence[ClipFeatures],
    scored: Sequence[ScoredClip],
    folds: Sequence[int] = (),
    *,
    shares: Sequence[float] = SHARES,
    n_draws: int = N_DRAWS,
    seed: int = 0,
    n_total: int | None = None,
    progress: Progress = no_progress,
) -> Deletion:
    """Delete frames of predicted clips by attention and by chance, and measure what is left.

    Parameters
    ----------
    predictor
        The run's models; each loses the frames that it attends to itself.
    clips, features, scored
        The clips, their raw features, and what was predicted, in one order. A clip that a fold predicted is asked of
        that fold's model alone.
    folds
        The models' fold numbers in order, where there are any.
    shares
        Of a clip's frames, each above 0 and at most 1, rising.
    n_draws
        Random draws for each clip and share.
    seed
        Of the draws and the intervals. Each clip draws by its own id, so its neighbours change nothing.

    n_total
        Of how many clips these were drawn, where they are a sample (see `sample`).

    Raises
    ------
    ModelError
        If the models have no attention, or there are no clips.
    """
    if not clips:
        raise ModelError("There is no clip to delete frames of; measure the run on a dataset first.")
    kept = list(zip(clips, features, scored, strict=True))
    probs = _measured(predictor, kept, list(folds), tuple(shares), n_draws, seed, progress)
    labels = predictor.labels
    first = probs[0, 0].argmax(axis=2)[0]  # with nothing deleted every order and draw is the same
    reference = np.array([labels.index(row.reference) for _, _, row in kept])
    left = _Left(
        np.take_along_axis(probs, first[None, None, None, :, None], axis=4)[..., 0].mean(axis=2),
        (probs.argmax(axis=4) == reference).mean(axis=2),
    )
    return _summary(left, reference, clips, (0.0, *shares), n_total or len(clips), n_draws, seed)


def sample(n: int, most: int, seed: int) -> list[int]:
    """Choose at most so many of ``n`` clips, in their order."""
    if n <= most:
        return list(range(n))
    return sorted(np.random.default_rng(seed).choice(n, most, replace=False).tolist())


def chosen_frames(weights: np.ndarray, share: float, order: str, rng: np.random.Generator) -> np.ndarray:
    """Mark the frames to delete, bool ``(n_frames,)``: ``share`` of them, rounded, in one of `ORDERS`."""
    n_frames = len(weights)
    n = min(n_frames, int(share * n_frames + 0.5))
    mask = np.zeros(n_frames, dtype=bool)
    if order == RANDOM:
        mask[rng.choice(n_frames, n, replace=False)] = True
        return mask
    ranked = np.argsort(weights if order == LEAST else -weights, kind="stable")
    mask[ranked[:n]] = True
    return np.roll(mask, int(rng.integers(1, max(n_frames, 2)))) if order == MOVED else mask


def _measured(
    predictor: Predictor,
    kept: Sequence[tuple[Clip, ClipFeatures, ScoredClip]],
    folds: list[int],
    shares: tuple[float, ...],
    n_draws: int,
    seed: int,
    progress: Progress,
) -> np.ndarray:
    """Give probabilities ``(n_orders, 1 + n_shares, n_draws, n_clips, n_labels)``, the mean over the models asked."""
    n_clips = len(kept)
    total = np.zeros((len(ORDERS), 1 + len(shares), n_draws, n_clips, len(predictor.labels)))
    asked = np.zeros(n_clips)
    parts = list(_parts(predictor, [row.fold for _, _, row in kept], folds))
    n_passes = sum(len(places) for _, places in parts) * (1 + len(shares) * (2 + 2 * n_draws))
    done = 0
    for trained, places in parts:
        prepared = [prepare(kept[i][1], trained.config.inputs, trained.normalisation) for i in places]
        with at_work(predictor.device):
            outputs, attention = outputs_of(trained.model, prepared)
        total[:, 0, :, places] += softmax(outputs[:, : len(predictor.labels)])[:, None, None]
        asked[places] += 1
        done += len(places)
        for o, s, draw in _passes(len(shares), n_draws):
            progress(done, n_passes, "deleting frames")
            rngs = [_generator(kept[i][0].id, seed, o, s, draw) for i in places]
            cut = [
                _without(clip, chosen_frames(_known(weights), shares[s], ORDERS[o], rng), trained)
                for clip, weights, rng in zip(prepared, attention, rngs, strict=True)
            ]
            with at_work(predictor.device):
                outputs, _ = outputs_of(trained.model, cut)
            draws = slice(None) if ORDERS[o] in (MOST, LEAST) else slice(draw, draw + 1)
            total[o, 1 + s, draws, places] += softmax(outputs[:, : len(predictor.labels)])[:, None]
            done += len(places)
    progress(n_passes, n_passes, "deleting frames")
    return total / asked[:, None]


def _parts(
    predictor: Predictor, asked: Sequence[int | None], folds: list[int]
) -> Iterator[tuple[TrainedModel, list[int]]]:
    """Give each model with the places of the clips it is asked about."""
    for place, trained in enumerate(predictor.models):
        own = folds[place] if folds else None
        places = [i for i, fold in enumerate(asked) if fold is None or fold == own]
        if places:
            yield trained, places


def _passes(n_shares: int, n_draws: int) -> Iterator[tuple[int, int, int]]:
    for o, order in enumerate(ORDERS):
        for s in range(n_shares):
            for draw in range(1 if order in (MOST, LEAST) else n_draws):
                yield o, s, draw


def _generator(clip_id: str, seed: int, *place: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(clip_id.encode()), *place])


def _known(weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        raise ModelError("This run's model has no attention; there is nothing to delete frames by.")
    return weights


def _without(clip: ClipFeatures, mask: np.ndarray, trained: TrainedModel) -> ClipFeatures:
    """Put the mean frame in place of the marked ones, in every input with as many frames."""
    cut = []
    for values, mean in zip(clip, trained.normalisation.means, strict=True):
        if len(values) == len(mask):
            values = values.copy()
            values[mask] = mean if trained.config.inputs.normalisation == "none" else 0.0
        cut.append(values)
    return tuple(cut)


def _summary(
    left: _Left,
    reference: np.ndarray,
    clips: Sequence[Clip],
    shares: tuple[float, ...],
    n_total: int,
    n_draws: int,
    seed: int,
) -> Deletion:
    weights, method = _resamples([clip.speaker for clip in clips], seed)
    probability, uar = _means(left.probability, weights), _uars(left.right, reference, weights)
    curves = tuple(
        Curve(order, _band(probability[:, i]), _band(uar[:, i])) for i, order in enumerate(ORDERS)
    )  # fmt: skip
    n = len(clips)
    return Deletion(
        n_clips=n,
        n_total=n_total,
        n_draws=n_draws,
        seed=seed,
        shares=shares,
        curves=curves,
        areas={order: _area(probability, i, shares, n, method) for i, order in enumerate(ORDERS) if i},
        areas_uar={order: _area(uar, i, shares, n, method) for i, order in enumerate(ORDERS) if i},
    )


def _resamples(speakers: Sequence[str | None], seed: int) -> tuple[np.ndarray, str]:
    """Give weights ``(1 + n_resamples, n_clips)``: first each clip once, then units drawn with replacement.

    Units are speakers where at least two are known, else clips; a clip without a speaker is a unit of its own.
    """
    known = sorted({name for name in speakers if name is not None})
    by_speaker = len(known) >= 2
    keys = [name if by_speaker and name is not None else i for i, name in enumerate(speakers)]
    units = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    drawn = np.random.default_rng(seed).multinomial(len(units), np.full(len(units), 1 / len(units)), _N_RESAMPLES)
    of_clip = np.array([units[key] for key in keys])
    weights = np.concatenate([np.ones((1, len(keys))), drawn[:, of_clip]])
    what = f"{len(known)} speakers" if by_speaker else f"{len(keys)} clip{'' if len(keys) == 1 else 's'}"
    return weights, f"bootstrap over {what}"


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over clips: ``(orders, shares, clips)`` to ``(1 + n_resamples, orders, shares)``."""
    sums = np.tensordot(weights, values, axes=([1], [2]))
    return sums / np.maximum(weights.sum(axis=1), 1e-12)[:, None, None]


def _uars(right: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Unweighted average recall of each resample; labels that a resample lacks are left out of its mean."""
    recalls = []
    for label in np.unique(reference):
        of_label = weights * (reference == label)
        n = of_label.sum(axis=1)
        sums = np.tensordot(of_label, right, axes=([1], [2]))
        recalls.append(np.where(n[:, None, None] > 0, sums / np.maximum(n, 1)[:, None, None], np.nan))
    return np.nanmean(recalls, axis=0)


def _band(samples: np.ndarray) -> Band:
    limits = [_limits(column) for column in samples.T]
    return Band(tuple(samples[0].tolist()), tuple(low for low, _ in limits), tuple(high for _, high in limits))


def _limits(samples: np.ndarray) -> tuple[float, float]:
    value = float(samples[0])
    return percentile_limits(samples[1:], value) or (value, value)


def _area(curves: np.ndarray, other: int, shares: tuple[float, ...], n: int, method: str) -> Estimate:
    """Mean height between the curve of another order and that of the most attended frames."""
    between = np.trapezoid(curves[:, other] - curves[:, 0], shares, axis=1) / shares[-1]
    low, high = _limits(between)
    return Estimate(float(between[0]), low, high, n, method)


def verdict(found: Deletion) -> str:
    """Say in plain words what the check shows, and what it doesn't."""
    place, chance = found.areas[MOVED], found.areas[RANDOM]
    if _above(place) and _above(chance):
        return (
            "Deleting what the model attends to hurts more than deleting as much elsewhere: here attention points at "
            "something the model uses."
        )
    if _above(chance):
        return (
            "Deleting what the model attends to hurts more than deleting single frames at random, but not more than "
            "the same gaps elsewhere: longer gaps hurt more wherever they are. Attention is no explanation here."
        )
    if _below(place) or _below(chance):
        return (
            "Deleting what the model attends to hurts less than deleting as much elsewhere: attention does not show "
            "what the model uses. Don't read it as an explanation."
        )
    return (
        "Deleting what the model attends to hurts no more than deleting as much elsewhere, as far as these clips can "
        "tell: don't read attention as an explanation here."
    )


def _above(figure: Estimate) -> bool:
    return figure.low is not None and figure.low > 0


def _below(figure: Estimate) -> bool:
    return figure.high is not None and figure.high < 0


def deletion_json(found: Deletion) -> dict[str, Any]:
    """Give the check JSON-ready, with its verdict."""
    values = {**asdict(found), "shares": list(found.shares)}
    curves = {
        curve.order: {"probability": asdict(curve.probability), "uar": asdict(curve.uar)} for curve in found.curves
    }
    return {**values, "curves": curves, "verdict": verdict(found)}


def deletion_from_json(values: Mapping[str, Any]) -> Deletion:
    """Read the check back.

    Raises
    ------
    ModelError
        If it is of another version, or damaged.
    """
    try:
        bands = values["curves"]
        curves = tuple(
            Curve(order, _band_from_json(bands[order]["probability"]), _band_from_json(bands[order]["uar"]))
            for order in ORDERS
        )
        areas = [{order: Estimate(**row) for order, row in values[key].items()} for key in ("areas", "areas_uar")]
        plain = {name: int(values[name]) for name in ("n_clips", "n_total", "n_draws", "seed")}
        return Deletion(**plain, shares=tuple(values["shares"]), curves=curves, areas=areas[0], areas_uar=areas[1])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"A kept deletion check can't be read ({error}); do it again.") from error


def _band_from_json(values: Mapping[str, Sequence[float]]) -> Band:
    return Band(tuple(values["value"]), tuple(values["low"]), tuple(values["high"]))

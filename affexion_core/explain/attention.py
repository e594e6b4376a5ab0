"""Where models look: attention by frame and by second, of one clip and of all clips of an evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affexion_core.audio.preprocessing import preprocess
from affexion_core.errors import ModelError, NotFoundError, allowed
from affexion_core.extraction import FrontEnd, features_of, utterance_of
from affexion_core.predictor import Predictor
from affexion_core.run_folder import fold_folders, read_config
from affexion_core.training.batches import ClipFeatures, prepare
from affexion_core.types import Clip, Run
from affexion_core.workspace import Workspace

_PAUSE_DB = -40.0


@dataclass(frozen=True)
class Span:
    """A stretch of a clip: ``start`` and ``end`` in seconds, and its ``share`` of the whole attention, 0 to 1."""

    start: float
    end: float
    share: float


@dataclass(frozen=True)
class ClipAttention:
    """What a run says of one clip, and where it looks meanwhile.

    ``probs`` ``(n_models, n_labels)`` and ``weights`` ``(n_models, n_frames)``: each model's row sums to 1. ``times``
    ``(n_frames,)`` are the frames' centres in seconds, ``hop`` the seconds between them and ``window`` the length of
    a frame. ``features`` are the raw features, of which the model saw the first. ``lead`` of the frames lie in what
    preprocessing cut from the clip's start: their weights are 0 and they have no features.
    """

    clip_id: str
    labels: tuple[str, ...]
    probs: np.ndarray
    weights: np.ndarray
    times: np.ndarray
    hop: float
    window: float
    features: ClipFeatures
    lead: int = 0

    @property
    def mean(self) -> np.ndarray:
        """Attention averaged over the models, float64 ``(n_frames,)``, summing to 1."""
        return self.weights.mean(axis=0, dtype=np.float64)

    @property
    def label(self) -> str:
        """The label that the models find most probable together."""
        return self.labels[int(self.probs.mean(axis=0).argmax())]


def has_attention(run: Run) -> bool:
    """Say whether a run's recipe has attention; read from its folder, without loading the model."""
    try:
        settings = read_config(Path(run.folder))["model"]["config"]
    except (ModelError, KeyError, TypeError):
        return False
    return bool(isinstance(settings, dict) and settings.get("attention"))


def model_folders(run_folder: Path) -> tuple[Path, ...]:
    """List the folders that hold a run's models: those of its folds, else its own."""
    return fold_folders(run_folder) or (run_folder,)


def only_fold(predictor: Predictor, run_folder: Path, fold: int | None) -> Predictor:
    """Keep one fold's model, as for a clip that the others trained on; all models for None.

    Raises
    ------
    NotFoundError
        If there is no such fold.
    """
    if fold is None:
        return predictor
    names = [folder.name for folder in fold_folders(run_folder)]
    if str(fold) not in names:
        raise NotFoundError(f"Run {run_folder.name} has no fold {fold}; it has {allowed(names)}.")
    return replace(predictor, models=(predictor.models[names.index(str(fold))],))


def by_model(predictor: Predictor) -> tuple[Predictor, ...]:
    """Split a predictor into one for each of its models."""
    return tuple(replace(predictor, models=(trained,)) for trained in predictor.models)


def frame_clock(front_end: FrontEnd) -> tuple[float, float]:
    """Give the seconds between a front-end's frames and the seconds that a frame covers.

    Raises
    ------
    ModelError
        If its features have no time axis.
    """
    hop, rate = getattr(front_end.config, "hop_length", None), getattr(front_end.config, "sampling_rate", None)
    if not hop or not rate:
        raise ModelError(f"The features {front_end.name!r} describe a clip as a whole; they have no moments to show.")
    return hop / rate, getattr(front_end.config, "n_fft", hop) / rate


def clip_features(predictor: Predictor, workspace: Workspace, clips: Sequence[Clip]) -> list[ClipFeatures]:
    """Get what the models see of clips, raw, through the feature cache; `ModelError` where they know no labels."""
    predictor.require_labels("Looking into a model")
    columns = [features_of(workspace, clips, front_end) for front_end in predictor.front_ends]
    return list(zip(*columns, strict=True))


def attention_of(predictor: Predictor, features: Sequence[ClipFeatures]) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """Predict clips by each model alone.

    Returns
    -------
    probs
        float64 ``(n_models, n_clips, n_labels)``.
    attention
        For each model and clip float32 ``(n_frames,)``, summing to 1.

    Raises
    ------
    ModelError
        If the model has no attention.
    """
    outcomes = [single.of_features(features) for single in by_model(predictor)]
    found = [[row for row in outcome.attention if row is not None] for outcome in outcomes]
    if any(len(rows) < len(features) for rows in found):
        raise ModelError(f"The model {predictor.config.model!r} has no attention; choose a run whose model has.")
    return np.concatenate([outcome.probs_by_model for outcome in outcomes]), found


def look_at(predictor: Predictor, workspace: Workspace, clip: Clip) -> ClipAttention:
    """Predict one clip and note where each model looks.

    Raises
    ------
    ModelError
        If the run has no attention, or its features no time axis.
    AudioError
        If the clip can't be decoded.
    """
    hop, window = frame_clock(predictor.front_ends[0])
    features = clip_features(predictor, workspace, [clip])
    probs, attention = attention_of(predictor, features)
    lead = _lead(predictor, workspace, clip, hop)
    weights = np.pad(np.stack([rows[0] for rows in attention]), ((0, 0), (lead, 0)))
    times = np.arange(weights.shape[1]) * hop
    return ClipAttention(clip.id, predictor.labels, probs[:, 0], weights, times, hop, window, features[0], lead)


def _lead(predictor: Predictor, workspace: Workspace, clip: Clip, hop: float) -> int:
    """Count the frames of a clip that preprocessing cut before the model heard it."""
    before = predictor.front_ends[0].preprocessing
    if not before.trim_db:
        return 0
    heard = utterance_of(workspace, clip)
    return round(preprocess(heard.signal, heard.sampling_rate, before).start / hop)


def attention_rows(predictor: Predictor, features: ClipFeatures) -> np.ndarray:
    """Compute what every frame of a clip asks of every other, averaged over the models.

    Returns
    -------
    float32 ``(n_frames, n_frames)``: rows ask, columns are asked; each row sums to 1, and the mean of the rows is the
    clip's attention.

    Raises
    ------
    ModelError
        If the model doesn't tell.
    """
    import torch

    from affexion_core.training.batches import collate
    from affexion_core.training.device import at_work, on_device

    found = []
    for trained in predictor.models:
        ask = getattr(trained.model, "attention_rows", None)
        batch = collate([prepare(features, trained.config.inputs, trained.normalisation)], [0], [0])
        batch = on_device(batch, predictor.device.name)
        with at_work(predictor.device), torch.inference_mode():
            rows = None if ask is None else ask(batch.inputs, batch.lengths)
        if rows is None:
            raise ModelError(f"The model {trained.config.model!r} doesn't tell which frame asks for which.")
        found.append(rows[0].cpu().numpy())
    return np.mean(found, axis=0)


def most_attended(weights: np.ndarray, hop: float, duration: float, seconds: float = 1.0) -> Span:
    """Find the stretch that holds the most attention.

    Parameters
    ----------
    weights
        ``(n_frames,)``, summing to 1; frame ``i`` is centred at ``i * hop`` seconds and stands for one hop around.
    hop, duration
        In seconds; the stretch lies inside the clip.
    seconds
        Its length; the whole clip where that is shorter.
    """
    length = min(seconds, duration)
    edges = np.clip((np.arange(len(weights) + 1) - 0.5) * hop, 0, duration)
    total = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    # the best stretch begins or ends at the edge of a frame
    starts = np.clip(np.concatenate([edges, edges - length]), 0, duration - length)
    shares = np.interp(starts + length, edges, total) - np.interp(starts, edges, total)
    best = int(np.argmax(np.round(shares, 9)))
    return Span(float(starts[best]), float(starts[best] + length), float(min(shares[best], 1.0)))


def relative(weights: np.ndarray, n_bins: int = 100) -> np.ndarray:
    """Bring attention to relative time, so that clips of different length can be averaged.

    Parameters
    ----------
    weights
        ``(n_frames,)``, summing to 1.
    n_bins
        Equal parts of the clip's time.

    Returns
    -------
    float64 ``(n_bins,)``: attention as a multiple of an even spread; its mean is 1. No attention is lost: each frame's
    is divided among the parts that it covers.
    """
    total = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    at_edges = np.interp(np.linspace(0, len(weights), n_bins + 1), np.arange(len(weights) + 1), total)
    return np.diff(at_edges) * n_bins


def evenness(weights: np.ndarray) -> float:
    """Say how evenly attention is spread: its entropy as a share of the largest possible, 1 for an even spread."""
    if len(weights) < 2:
        return 1.0
    positive = np.asarray(weights, dtype=np.float64)
    positive = positive[positive > 0]
    return float(-(positive * np.log(positive)).sum() / np.log(len(weights)))


def quiet_frames(signal: np.ndarray, sampling_rate: int, n_frames: int, hop: float, window: float) -> np.ndarray:
    """Mark frames in pauses, bool ``(n_frames,)``: more than 40 dB below the loudest frame of the clip.

    Parameters
    ----------
    signal, sampling_rate
        Mono ``(n_samples,)``, in Hz.
    n_frames, hop, window
        The frames to mark are centred ``hop`` seconds apart and ``window`` seconds long.
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    centres = np.arange(1 + int(len(signal) / sampling_rate / hop)) * hop
    starts, ends = (np.rint((centres + side * window / 2) * sampling_rate).astype(int) for side in (-1, 1))
    level = energy[np.clip(ends, 0, len(signal))] - energy[np.clip(starts, 0, len(signal))]
    quiet = level <= level.max() * 10 ** (_PAUSE_DB / 10)
    return np.pad(quiet, (0, max(0, n_frames - len(quiet))), constant_values=True)[:n_frames]


def fingerprint(run_folder: Path) -> str:
    """Hash the weights of a run's models: what is kept about them is theirs alone (16 hex digits).

    Raises
    ------
    ModelError
        If a model is missing.
    """
    digest = hashlib.sha256()
    for folder in model_folders(run_folder):
        try:
            digest.update((folder / "model.safetensors").read_bytes())
        except OSError as error:
            raise ModelError(f"The model in {folder} can't be read ({error.strerror}); train it again.") from error
    return digest.hexdigest()[:16]


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's correlation of two curves ``(n,)``, -1 to 1; None where one is constant or shorter than 3."""
    from scipy.stats import rankdata

    if len(one) < 3:
        return None
    first, second = rankdata(one), rankdata(other)
    if not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])

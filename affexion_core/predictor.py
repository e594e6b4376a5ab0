"""The one way to predict: evaluation, command line, files and microphone all go through `Predictor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affexion_core.errors import ModelError
from affexion_core.evaluation.calibration import Calibration, read_calibration
from affexion_core.extraction import FrontEnd, extracted, feature_files
from affexion_core.run_folder import fold_folders
from affexion_core.training.batches import Prepared, RawFeatures
from affexion_core.training.device import CPU, Device, at_work, device_for_prediction
from affexion_core.training.dimensions import scale_values
from affexion_core.training.forward import Results, results_of, softmax
from affexion_core.types import Clip, Prediction, Progress, Scheme, Utterance, no_progress
from affexion_core.workspace import Workspace

if TYPE_CHECKING:
    from affexion_core.training.model_file import TrainedModel
    from affexion_core.training.run_config import RunConfig


@dataclass(frozen=True)
class Outcome:
    """Probabilities ``(n_clips, n_labels)`` by fold model, and each clip's attention (mean over models).

    Of a model that judges each input alone as well, ``shares`` ``(n_clips, n_inputs)`` says how much each one counted
    (0 where it was missing) and ``alone`` ``(n_clips, n_inputs, n_labels)`` its own probabilities; means over models.
    ``embeddings`` holds float32 ``(n_clips, E)`` of each model, in a space of its own; empty where they have none.
    """

    probs_by_model: np.ndarray
    attention: tuple[np.ndarray | None, ...]
    shares: np.ndarray | None = None
    alone: np.ndarray | None = None
    values_by_model: np.ndarray | None = None
    embeddings: tuple[np.ndarray, ...] = ()

    @property
    def values(self) -> np.ndarray | None:
        """Mean of the dimensions over the models, float64 ``(n_clips, n_dimensions)``; None where there are none."""
        return None if self.values_by_model is None else self.values_by_model.mean(axis=0)

    @property
    def probs(self) -> np.ndarray:
        """Mean over the models, float64 ``(n_clips, n_labels)``."""
        return self.probs_by_model.mean(axis=0)


@dataclass(frozen=True)
class Predictor:
    """A run's trained model, or the fold models of a cross-validation, whose probabilities are averaged.

    ``device`` is where the models lie and compute. ``calibration`` is None where the run was not calibrated.
    """

    models: tuple[TrainedModel, ...]
    device: Device = CPU
    calibration: Calibration | None = None

    @classmethod
    def load(cls, run_folder: Path) -> Predictor:
        """Load the model of a run folder; of a cross-validation, all its folds.

        It goes on the device that the run was to be trained on, where that is here, else as a new run would.

        Raises
        ------
        ModelError
            If there is none, or it can't be used.
        """
        from affexion_core.training.model_file import load_model

        folders = fold_folders(run_folder) or (run_folder,)
        models = tuple(load_model(folder) for folder in folders)
        if len({model.labels for model in models}) > 1:
            raise ModelError(f"The fold models of {run_folder} know different labels; train them again.")
        device = device_for_prediction(run_folder)
        for trained in models:
            trained.model.to(device.name)
        return cls(models, device, read_calibration(run_folder))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it tells apart, in output order."""
        return self.models[0].labels

    @property
    def dimensions(self) -> tuple[Scheme, ...]:
        """The dimensions it predicts, with their ranges; empty where it tells labels apart alone."""
        return self.models[0].dimensions

    def require_labels(self, what: str) -> None:
        """Refuse what needs labels where the run learned dimensions alone; ``what`` begins the message.

        Raises
        ------
        ModelError
            If there are no labels.
        """
        if not self.labels:
            names = ", ".join(scheme.name for scheme in self.dimensions)
            raise ModelError(f"{what} needs a run that tells labels apart; this one predicts {names} alone.")

    @property
    def config(self) -> RunConfig:
        """The recipe it was trained with."""
        return self.models[0].config

    @property
    def front_ends(self) -> tuple[FrontEnd, ...]:
        """The front-ends that make its input."""
        return self.config.front_ends

    def of_features(self, features: Sequence[RawFeatures]) -> Outcome:
        """Predict from raw features, a tuple of ``(n_frames, n_features)`` arrays or feature files a clip."""
        results = []
        for trained in self.models:
            clips = Prepared(features, trained.config.inputs, trained.normalisation)
            with at_work(self.device):
                results.append(results_of(trained.model, clips))
        return outcome_of(results, len(self.labels), self.dimensions)

    def of_clips(self, workspace: Workspace, clips: Sequence[Clip], progress: Progress = no_progress) -> Outcome:
        """Predict clips of the library, through the feature cache."""
        columns = [feature_files(workspace, clips, front_end, progress) for front_end in self.front_ends]
        return self.of_features(list(zip(*columns, strict=True)))

    def of_utterances(self, utterances: Sequence[Utterance]) -> Outcome:
        """Predict signals at the front-ends' sampling rate."""
        columns = [extracted(front_end, utterances) for front_end in self.front_ends]
        return self.of_features(list(zip(*columns, strict=True)))

    def predictions(self, keys: Sequence[str], outcome: Outcome) -> tuple[Prediction, ...]:
        """Name the outcome's rows."""
        return predictions_of(keys, self.labels, outcome)


def predictions_of(keys: Sequence[str], labels: tuple[str, ...], outcome: Outcome) -> tuple[Prediction, ...]:
    """Name an outcome's rows."""
    return tuple(
        Prediction(key, labels, tuple(float(p) for p in row)) for key, row in zip(keys, outcome.probs, strict=True)
    )


def outcome_of(results: Sequence[Results], n_labels: int, dimensions: Sequence[Scheme]) -> Outcome:
    """Put together what the models of a run say of the same clips."""
    shares = [found.shares for found in results if found.shares is not None]
    alone = [found.alone[..., :n_labels] for found in results if found.alone is not None]
    values = [scale_values(found.outputs[:, n_labels:], dimensions) for found in results] if dimensions else []
    return Outcome(
        np.stack([softmax(found.outputs[:, :n_labels]) for found in results]),
        tuple(_mean_attention(rows) for rows in zip(*(found.attention for found in results), strict=True)),
        shares=np.mean(shares, axis=0) if shares else None,
        alone=np.mean([_softmax_by_input(own) for own in alone], axis=0) if alone else None,
        values_by_model=np.stack(values) if values else None,
        embeddings=tuple(found.embedding for found in results if found.embedding is not None),
    )


def _softmax_by_input(logits: np.ndarray) -> np.ndarray:
    return np.stack([softmax(logits[:, i]) for i in range(logits.shape[1])], axis=1)


def _mean_attention(rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [row for row in rows if row is not None]
    return np.mean(known, axis=0) if known else None

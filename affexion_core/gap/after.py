"""Adaptations that come after training, done to a model that is trained already instead of training it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from affexion_core.evaluation.transductive import pinned_target
from affexion_core.run_folder import read_config, read_history, read_json, read_run, write_history
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.training.adaptation import PriorCorrected, correct_priors, remeasure_batchnorm
from affexion_core.training.batches import ClipFeatures, Prepared, fit_normalisation
from affexion_core.training.device import CPU, at_work, note_device
from affexion_core.training.execute import features_by_id
from affexion_core.training.model_file import DESCRIPTION, TrainedModel, load_model, save_model
from affexion_core.training.run_config import config_from_json
from affexion_core.training.targets import label_mass, vote_shares


def adapt_folder(store: Store, folder: Path, trained: Path) -> None:
    """Adapt the model of ``trained`` as ``folder`` says, and keep it there; nothing if it is there.

    Both must have the same recipe but for the adaptation, and the same training clips; then the weights are those that
    training ``folder`` from its beginning would give.

    Raises
    ------
    ModelError
        If ``trained`` holds no model.
    """
    if (folder / DESCRIPTION).is_file():
        return
    config = config_from_json(read_config(folder))
    source, labels = load_model(trained), read_run(folder).labels
    found = pinned_target(folder)
    clips = get_clips(store, [trace.clip_id for trace in found[1]]) if found else ()
    target = list(features_by_id(store, config, clips).values())
    model, normalisation = source.model, source.normalisation
    if config.adaptation.method == "statistics":
        normalisation = fit_normalisation(target, config.inputs)
    prepared = Prepared(target, config.inputs, normalisation)
    with at_work(CPU):
        if config.adaptation.method == "batchnorm":
            remeasure_batchnorm(model, prepared)
        if config.adaptation.method == "prior":
            model = _with_priors(model, prepared, _shares_trained(folder, labels), config.adaptation.strength)
    note_device(folder, CPU, resumed=False)
    write_history(folder, read_history(trained))
    save_model(folder, TrainedModel(model, normalisation, config, labels))


def _with_priors(
    model: nn.Module, target: Sequence[ClipFeatures], trained: np.ndarray, strength: float
) -> PriorCorrected:
    corrected = PriorCorrected(model, len(trained))
    corrected.eval()
    correct_priors(corrected, target, trained, strength)
    return corrected


def _shares_trained(folder: Path, labels: Sequence[str]) -> np.ndarray:
    """Give the shares of the labels that a model learned ``(n_labels,)``, as training counts them."""
    rows = [row for row in read_json(folder / "split.json")["clips"] if row["part"] == "train"]
    settings = read_config(folder)["training"]
    targets = [labels.index(row["label"]) for row in rows]
    votes = [row.get("votes") for row in rows]
    shares = vote_shares(votes, targets, labels) if settings["targets"] == "soft" else None
    mass = label_mass(targets, shares, len(labels))
    if settings["class_weights"] == "balanced" or settings["sampling"] != "none":
        mass = (mass > 0).astype(np.float64)  # what the model learned is as if labels were alike frequent
    return mass / mass.sum()

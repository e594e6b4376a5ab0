"""A whole small study on made-up tones: two datasets, a trained run and a cross-validated one, through the core."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from tones import write_folders

from affexion_core.config import build
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store, open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import HeldOut, RunRequest
from affexion_core.training.run_config import RunConfig, from_preset
from affexion_core.types import Run
from affexion_core.workspace import open_workspace


@dataclass(frozen=True)
class SmallStudy:
    """A workspace with 32 synthetic and 16 real clips, and its runs."""

    store: Store
    trained: Run
    crossvalidated: Run


def short_recipe(epochs: int = 4) -> RunConfig:
    """Give the linear baseline with few epochs."""
    config = from_preset(load_plugin("presets", "linear").PRESET)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=epochs))


def make_study(root: Path) -> SmallStudy:
    """Build the study in a workspace folder."""
    store = open_store(open_workspace(root / "workspace"))
    voices = write_folders(root / "voices", speakers=4)
    people = write_folders(root / "people", speakers=2, first_speaker=4)
    import_corpus(store, "folder", voices, ImportOptions(dataset="voices", origin="synthetic"))
    import_corpus(store, "folder", people, ImportOptions(dataset="people", origin="real"))
    training, test = load_dataset(store, "voices"), load_dataset(store, "people")
    crossvalidated = run_here(store, RunRequest("cv", short_recipe(), training, n_folds=2))
    trained = run_here(store, RunRequest("train", short_recipe(), training, HeldOut(test), name="First model"))
    return SmallStudy(store, trained, crossvalidated)


def make_attentive(root: Path) -> SmallStudy:
    """Train a very small network with attention on 32 synthetic clips, once alone and once in two folds; 8 are real."""
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", write_folders(root / "voices"), ImportOptions(dataset="voices", origin="synthetic"))
    people = write_folders(root / "people", speakers=2, takes=1, first_speaker=4)
    import_corpus(store, "folder", people, ImportOptions(dataset="people", origin="real"))
    recipe = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    small = build(load_plugin("models", "affexion").Config, {"channels": 4, "hidden": 4, "lstm_layers": 1, "dense": 8})
    recipe = dataclasses.replace(
        recipe, model_config=small, training=dataclasses.replace(recipe.training, epochs=2)
    )  # fmt: skip
    voices, test = load_dataset(store, "voices"), load_dataset(store, "people")
    crossvalidated = run_here(store, RunRequest("cv", recipe, voices, HeldOut(test), n_folds=2))
    return SmallStudy(store, run_here(store, RunRequest("train", recipe, voices, HeldOut(test))), crossvalidated)

from pathlib import Path

import pytest

from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.predictor import Predictor
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.workspace import open_workspace


def spoken_clips(shared_audio: Path) -> list[Path]:
    """List real clips of two actors: angry and sad."""
    folders = [shared_audio / "ravdess" / f"Actor_{number:02d}" for number in (1, 2)]
    return [f for folder in folders for f in sorted(folder.glob("*.flac")) if f.name.split("-")[2] in ("04", "05")]


@pytest.fixture(scope="session")
def spoken_run(shared_audio, tmp_path_factory) -> Path:
    """Train the network of the paper, small and short, on real clips of two labels; gives the run's folder."""
    root = tmp_path_factory.mktemp("live")
    rows = [f"{file},{'anger' if file.name.split('-')[2] == '05' else 'sadness'},s{file.name[-7:-5]}"
            for file in spoken_clips(shared_audio)]  # fmt: skip
    manifest = root / "clips.csv"
    manifest.write_text("\n".join(["file,label,speaker", *rows]))
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "csv", manifest, ImportOptions(dataset="spoken", origin="real"))
    recipe = from_preset(load_plugin("presets", "affexion-poster").PRESET)
    recipe = small(recipe)
    run = run_here(store, RunRequest("train", recipe, load_dataset(store, "spoken"), name="Spoken"))
    return Path(run.folder)


def small(recipe):
    """Cut a recipe down to what learns in seconds."""
    from dataclasses import replace

    model = replace(recipe.model_config, channels=8, hidden=16, lstm_layers=1, dense=16)
    return replace(recipe, model_config=model, training=replace(recipe.training, epochs=6))


@pytest.fixture(scope="session")
def predictor(spoken_run) -> Predictor:
    return Predictor.load(spoken_run)

"""A small gap study with a planted gap: tones on both sides, clean where synthetic, in white noise where real."""

from pathlib import Path

import numpy as np
import soundfile as sf
from small_study import short_recipe
from tones import SAMPLING_RATE, tone

from affexion_core.gap.part import part_folder, run_part
from affexion_core.gap.result import finish_gap
from affexion_core.gap.study import GapRequest, prepare_gap, read_plan
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store, open_store
from affexion_core.training.run_config import with_settings
from affexion_core.workspace import open_workspace

LABELS = ("boredom", "panic", "excitement")


def write_noisy(root: Path, speakers: int, first: int, takes: int, noise: float) -> Path:
    """Write the folder corpus of tones in white noise of this deviation."""
    for label in LABELS:
        for speaker in range(first, first + speakers):
            (root / label / f"s{speaker}").mkdir(parents=True, exist_ok=True)
            for take in range(takes):
                rng = np.random.default_rng([speaker, take, len(label)])
                clean = tone(label, speaker, take, seconds=0.4)
                signal = np.clip(clean + noise * rng.normal(size=len(clean)), -1, 1).astype(np.float32)
                sf.write(root / label / f"s{speaker}" / f"{take}.wav", signal, SAMPLING_RATE, subtype="PCM_16")
    return root


def gap_store(root: Path, noise: float = 0.05) -> Store:
    """Make a workspace with the datasets "voices", synthetic and clean, and "people", real and in noise."""
    store = open_store(open_workspace(root / "workspace"))
    voices = write_noisy(root / "voices", speakers=4, first=0, takes=2, noise=0.0)
    people = write_noisy(root / "people", speakers=4, first=4, takes=2, noise=noise)
    import_corpus(store, "folder", voices, ImportOptions(dataset="voices", origin="synthetic"))
    import_corpus(store, "folder", people, ImportOptions(dataset="people", origin="real"))
    return store


def small_request(store: Store, **options) -> GapRequest:
    """Ask for a small study of the linear baseline."""
    config = with_settings(options.pop("config", short_recipe(8)), options.pop("settings", {}))
    usual = {"arms": ("noise", "voices", "prior"), "sizes": (0, 1, 2), "draws": 2, "n_folds": 2}
    return GapRequest(config, load_dataset(store, "voices"), load_dataset(store, "people"), **{**usual, **options})


def carry_out(store: Store, request: GapRequest):
    """Do a whole study in this process, part after part."""
    run = prepare_gap(store, request)
    folder = Path(run.folder)
    for name in read_plan(folder).parts:
        run_part(store, part_folder(folder, name))
    return finish_gap(store, folder)

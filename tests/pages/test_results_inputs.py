"""The results page of a run that weighs voice and words."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_study import SmallStudy

from affexion_core.discovery import load_plugin
from affexion_core.evaluation.inputs import disagree
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.report.document import Picture
from affexion_core.report.of_run import report_of_run
from affexion_core.run_folder import read_evaluation, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.workspace import open_workspace

SAID = {"happy": "say the happy word", "sad": "i am so sad"}


def write_speech(root):
    """Write tones, high where happy; every fourth clip says what it doesn't sound like, and one says nothing."""
    rows, draw = [], np.random.default_rng(0)
    root.mkdir()
    for i in range(16):
        label = ("happy", "sad")[i % 2]
        other = ("sad", "happy")[i % 2] if i % 4 == 3 else label
        tone = np.sin(np.arange(4_000 + 200 * i) / (4 if label == "happy" else 20)) * 0.3
        soundfile.write(root / f"{i}.wav", tone + draw.normal(size=len(tone)) * 0.02, 16_000)
        words = "" if i == 0 else SAID[other]
        rows.append({"file": f"{i}.wav", "label": label, "speaker": f"s{i // 4}", "transcript": words})
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture(scope="module")
def spoken(tmp_path_factory, encoder_folder) -> SmallStudy:
    """A fusion run on clips some of which sound other than they read, and one on the voice alone."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AFFEXION_ENCODERS", str(encoder_folder))
    root = tmp_path_factory.mktemp("spoken")
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "csv", write_speech(root / "clips"), ImportOptions(dataset="spoken"))
    dataset, runs = load_dataset(store, "spoken"), []
    for preset in ("fusion", "wav2vec2-mlp"):
        config = from_preset(load_plugin("presets", preset).PRESET)
        quick = {"epochs": 30, "dev_fraction": 0, "early_stopping": 0, "learning_rate": 0.01}
        runs.append(run_here(store, RunRequest("train", with_settings(config, quick), dataset)))
    yield SmallStudy(store, *runs)
    patch.undo()


@pytest.fixture
def in_spoken(spoken, monkeypatch) -> SmallStudy:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(spoken.store.workspace.root))
    return spoken


def kept(run):
    return read_predictions(Path(run.folder), "train"), read_evaluation(Path(run.folder), "train")


def test_a_run_keeps_which_input_decided_and_one_input_keeps_nothing(spoken):
    rows, evaluation = kept(spoken.trained)
    assert all(sum(one.share for one in row.inputs) == pytest.approx(1, abs=1e-5) for row in rows)
    (silent,) = (row for row in rows if row.inputs[1].label is None)
    assert silent.inputs[1].share == 0 and silent.inputs[0].share == 1
    assert evaluation.inputs[0].share.n == 15 and evaluation.inputs[0].share.method == "bootstrap over 4 speakers"
    shares = [row.inputs[0].share for row in rows if row.inputs[1].share]
    assert evaluation.inputs[0].share.value == pytest.approx(np.mean(shares), abs=1e-5)
    rows, evaluation = kept(spoken.crossvalidated)
    assert all(row.inputs is None for row in rows) and evaluation.inputs == ()


def test_the_section_shows_averages_and_the_clips_on_which_inputs_disagree(in_spoken, open_page, words):
    rows, _ = kept(in_spoken.trained)
    apart = [row for row in rows if disagree(row.inputs)]
    assert apart, "the clips that sound other than they read are to be told apart"
    at = open_page("results", run=in_spoken.trained.id)
    at.session_state["section"] = "Inputs"
    at.run()
    assert not at.exception and len(at.get("plotly_chart")) == 1
    said = words(at)
    assert "mean over 15 clips" in said and "1 clip without all inputs left out" in said
    assert f"On {len(apart)} of 16 clips the inputs alone would give different labels" in said
    (choice,) = (box for box in at.selectbox if box.label == "Alone they say")
    pair = choice.options[1].rsplit(" (", 1)[0]
    assert pair in ("happy by voice, sad by words", "sad by voice, happy by words")
    choice.select_index(1).run()
    assert not at.exception
    table = next(frame.value for frame in at.dataframe if "Decided by" in frame.value.columns)
    voice, read = pair.split(", ")
    wanted = [row for row in apart if (row.inputs[0].label, row.inputs[1].label) == (voice.split()[0], read.split()[0])]
    assert len(table) == len(wanted)
    assert all("voice" in cell and "words" in cell for cell in table["Decided by"])


def test_the_report_draws_them(spoken):
    told = [
        [block.caption for section in report_of_run(spoken.store, run).sections for block in section.blocks
         if isinstance(block, Picture) and "each input counted" in block.caption]
        for run in (spoken.trained, spoken.crossvalidated)
    ]  # fmt: skip
    assert told == [["How much each input counted by label, with 95 % intervals; 15 of 16 clips have all."], []]


def test_a_cell_says_which_input_decided_and_can_be_narrowed(in_spoken, open_page):
    rows, _ = kept(in_spoken.trained)
    cell = next((row.reference, row.predicted) for row in rows if disagree(row.inputs))
    here = [row for row in rows if (row.reference, row.predicted) == cell]
    at = open_page("results", run=in_spoken.trained.id)
    at.session_state[f"cell-{in_spoken.trained.id}-train"] = cell
    at.run()
    table = next(frame.value for frame in at.dataframe if "Decided by" in frame.value.columns)
    assert len(table) == len(here)
    (toggle,) = (each for each in at.toggle if each.label.startswith("Only where the inputs disagree"))
    toggle.set_value(True).run()
    table = next(frame.value for frame in at.dataframe if "Decided by" in frame.value.columns)
    assert len(table) == sum(disagree(row.inputs) for row in here) and not at.exception


def test_a_run_with_one_input_has_no_such_section(in_spoken, open_page):
    at = open_page("results", run=in_spoken.crossvalidated.id)
    (section,) = (each for each in at.get("button_group") if each.key == "section")
    assert "Inputs" not in section.options and not at.exception
    assert not any("Decided by" in frame.value.columns for frame in at.dataframe)

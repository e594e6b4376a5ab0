"""The results page of runs that predict numbers."""

from pathlib import Path

import pytest
from dimension_tones import write_tones
from small_study import SmallStudy

from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.run_folder import read_evaluation
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.workspace import open_workspace


@pytest.fixture(scope="module")
def numbers(tmp_path_factory) -> SmallStudy:
    """A run on label and numbers at once, and a cross-validated one on numbers alone."""
    root = tmp_path_factory.mktemp("numbers")
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "csv", write_tones(root / "tones"), ImportOptions(dataset="tones"))
    config = from_preset(load_plugin("presets", "ridge-functionals").PRESET)
    dataset = load_dataset(store, "tones")
    joint = run_here(store, RunRequest("train", with_settings(config, {"targets": "joint"}), dataset))
    return SmallStudy(store, joint, run_here(store, RunRequest("cv", config, dataset, n_folds=4)))


@pytest.fixture
def in_numbers(numbers, monkeypatch) -> SmallStudy:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(numbers.store.workspace.root))
    return numbers


def test_a_joint_run_has_a_section_on_dimensions_beside_those_on_labels(in_numbers, open_page, words):
    at = open_page("results", run=in_numbers.trained.id)
    assert not at.exception and {metric.label for metric in at.metric} >= {"Accuracy", "UAR"}
    at.session_state["section"] = "Dimensions"
    at.run()
    assert not at.exception and len(at.get("plotly_chart")) == 1
    assert "20 clips, one dot each" in words(at)
    at.session_state["dimension"] = "valence"
    at.run()
    assert "16 clips, one dot each" in words(at) and "4 clips without a value take no part" in words(at)


def test_a_run_on_numbers_alone_shows_ccc_and_no_sections_on_labels(in_numbers, open_page, words):
    run = in_numbers.crossvalidated
    at = open_page("results", run=run.id)
    assert not at.exception and len(at.get("plotly_chart")) == 1
    shown = {metric.label: metric.value for metric in at.metric}
    found = {
        f"CCC of {each.name}": f"{each.ccc.value:.2f}" for each in read_evaluation(Path(run.folder), "cv").dimensions
    }
    assert shown == found and len(found) == 2
    assert "20 clips with values · 4 known speakers" in words(at)
    (section,) = (each for each in at.get("button_group") if each.key == "section")
    assert [option for option in section.options] == ["Dimensions", "How it came to be"]
    at.session_state["section"] = "How it came to be"
    at.run()
    assert not at.exception


@pytest.mark.parametrize("page", ["runs", "overview", "files", "attention", "train"])
def test_other_pages_bear_runs_on_numbers(in_numbers, open_page, page):
    at = open_page(page)
    assert not at.exception

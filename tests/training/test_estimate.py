import dataclasses
import json
from pathlib import Path

import pytest
from small_study import short_recipe
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import SplitError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.run_folder import fold_folders, write_history
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import add_job, claim_job
from affexion_core.store.session import open_store
from affexion_core.training.estimate import Effort, Pace, effort_of, find_pace, frames_per_second, frames_seen
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import HeldOut, RunRequest, plan, prepare
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.training.space import load_space, space_from_json
from affexion_core.training.sweep import SweepRequest, prepare_sweep, prepare_trial, trial_folder
from affexion_core.types import Clip


@pytest.fixture
def store(workspace, tmp_path):
    opened = open_store(workspace)
    import_corpus(opened, "folder", write_folders(tmp_path / "voices"), ImportOptions(dataset="voices"))
    return opened


def test_frames_are_cut_at_max_len():
    config = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    clips = [Clip(str(n), "a.wav", "00", "real", "c", seconds, 16000) for n, seconds in enumerate((0.5, 3.0, 60.0))]
    assert frames_per_second(config) == 100.0
    assert frames_seen(clips, config) == 51 + 301 + 1000
    assert frames_seen(clips, with_settings(config, {"max_len": 200})) == 51 + 200 + 200
    assert frames_per_second(with_settings(config, {"hop_length": 320})) == 50.0


def test_the_trials_of_a_sweep_say_how_fast_a_model_trains(store):
    space = space_from_json({"name": "s", "parameters": {"epochs": {"choices": [2, 3]}}})
    run = prepare_sweep(store, SweepRequest(short_recipe(), load_dataset(store, "voices"), space, n_folds=2))
    prepare_trial(store, Path(run.folder), 1, {"epochs": 2})
    assert find_pace(store, short_recipe()) is None
    fold = fold_folders(trial_folder(Path(run.folder), 1))[0]
    write_history(fold, [{"epoch": n, "train_loss": 1.0, "seconds": 2.0} for n in (1, 2)])
    assert find_pace(store, short_recipe()) == Pace(pytest.approx(2.0 / (16 * 61) * 1e6), 1, True)


def test_a_sweeps_effort_is_that_of_its_trials():
    config = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    clips = [Clip(str(n), "a.wav", "00", "real", "c", seconds, 16000) for n, seconds in enumerate((1.0, 3.0))]
    assert effort_of(clips, config) == Effort((15, 15), 15, 15 * (101 + 301) / 2)
    epochs = load_space("epochs")
    assert effort_of(clips, config, epochs, 3) == Effort((7, 20), 42, pytest.approx(42 * 201))
    cut = space_from_json({"name": "s", "parameters": {"max_len": {"choices": [100, 200]}, "epochs": {"choices": [2]}}})
    assert effort_of(clips, config, cut, 2) == Effort((2, 2), 4, pytest.approx(2 * 100 + 2 * (101 + 200) / 2))
    drawn = space_from_json({"name": "s", "parameters": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}})
    assert effort_of(clips, config, drawn, 10).total_epochs == 150
    many = space_from_json({"name": "s", "parameters": {"epochs": {"low": 1, "high": 1000}}})
    assert effort_of(clips, config, many, 5).total_epochs == pytest.approx(5 * 500, rel=0.06)


def test_without_runs_there_is_no_pace(store):
    assert find_pace(store, short_recipe()) is None


def test_pace_is_the_median_of_what_epochs_took_for_a_million_frames(store):
    dataset = load_dataset(store, "voices")
    config = short_recipe(3)
    run = run_here(store, RunRequest("train", config, dataset))
    rows = [{"epoch": n, "train_loss": 1.0, "seconds": seconds} for n, seconds in ((1, 9.0), (2, 2.0), (3, 2.0))]
    write_history(Path(run.folder), rows)
    frames = 32 * (1 + 0.6 * 100)
    assert find_pace(store, config) == Pace(pytest.approx(2.0 / frames * 1e6), 1, True)


def test_runs_of_other_models_and_machines_are_no_measure(store):
    dataset = load_dataset(store, "voices")
    run = run_here(store, RunRequest("train", short_recipe(1), dataset))
    paper = dataclasses.replace(short_recipe(1), model="affexion")
    assert find_pace(store, paper) is None
    assert find_pace(store, short_recipe(1)) is not None
    claim_job(store, add_job(store, "network", {}, run.id).id, "another-machine", 0.0)  # asks about it, trains nothing
    assert find_pace(store, short_recipe(1)) is not None
    claim_job(store, add_job(store, "train", {}, run.id).id, "another-machine", 0.0)
    assert find_pace(store, short_recipe(1)) is None


def test_a_run_with_other_model_settings_gives_a_rough_pace(store):
    dataset = load_dataset(store, "voices")
    run = prepare(store, RunRequest("train", short_recipe(1), dataset))
    folder = Path(run.folder)
    write_history(folder, [{"epoch": 1, "seconds": 1.0}])
    values = json.loads((folder / "config.json").read_text())
    poster = from_preset(load_plugin("presets", "affexion-poster").PRESET)
    values["model"] = {"name": "affexion", "config": {"hidden": 8}}
    (folder / "config.json").write_text(json.dumps(values))
    found = find_pace(store, poster)
    assert found is not None and not found.same_settings


def test_a_damaged_run_is_passed_over(store):
    run = prepare(store, RunRequest("train", short_recipe(1), load_dataset(store, "voices")))
    write_history(Path(run.folder), [{"epoch": 1, "seconds": 1.0}])
    (Path(run.folder) / "split.json").write_text("{")
    assert find_pace(store, short_recipe(1)) is None


def test_a_plan_is_what_prepare_then_does(store):
    request = RunRequest("cv", short_recipe(1), load_dataset(store, "voices"), n_folds=2)
    planned = plan(request)
    assert not list(store.workspace.runs.iterdir())
    folder = Path(prepare(store, request).folder)
    for k, split in enumerate(planned.splits):
        written = json.loads((folder / "folds" / str(k + 1) / "split.json").read_text())
        assert written["stamp"] == split.stamp()
        assert {row["clip_id"] for row in written["clips"] if row["part"] == "test"} == {
            item.clip.id for item in split.test
        }
    assert planned.grouping.group == written["group"] == "speaker"
    assert planned.test_stamp is None


def test_a_plan_refuses_a_test_set_that_leaks(store):
    dataset = load_dataset(store, "voices")
    with pytest.raises(SplitError, match="shares 32 clips"):
        plan(RunRequest("train", short_recipe(1), dataset, HeldOut(dataset)))
    allowed = plan(RunRequest("train", short_recipe(1), dataset, HeldOut(dataset, allow_leaks=True)))
    assert allowed.test_stamp is not None and allowed.test_stamp.startswith("leaky: shares 32 clips")

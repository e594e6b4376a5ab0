"""Exported runs read back with the trackers' own libraries, against what stands in the run folder."""

import dataclasses
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_study import make_study, short_recipe

from affexion_core.__main__ import main
from affexion_core.discovery import plugin_names
from affexion_core.errors import ConfigError, StoreError
from affexion_core.evaluation.scores import undefined
from affexion_core.export_runs import mlflow as to_mlflow
from affexion_core.export_runs import tensorboard as to_tensorboard
from affexion_core.export_runs._run import exported_run
from affexion_core.run_folder import fold_folders, read_evaluation, read_history, read_json, write_evaluation
from affexion_core.store.datasets import load_dataset
from affexion_core.training.prepare import RunRequest, prepare
from affexion_core.training.space import space_from_json
from affexion_core.training.sweep import SweepRequest, prepare_sweep, prepare_trial, run_trial

PROJECT = Path(__file__).resolve().parent.parent
needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow-skinny is not installed")
needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def mlflow_folder(tmp_path_factory):
    """A folder whose database is set up once: that takes seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def client(mlflow_folder):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{mlflow_folder / 'mlflow.db'}")


def runs_in(client, filters: str = "") -> list:
    found = client.search_experiments()
    return client.search_runs([e.experiment_id for e in found], filters)


def run_of(client, run_id: str):
    (found,) = runs_in(client, f"tags.`affexion.run` = '{run_id}'")
    return found


def points(client, found, key: str) -> list[tuple[int, float]]:
    return [(metric.step, metric.value) for metric in client.get_metric_history(found.info.run_id, key)]


def events_in(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def scalars(events, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


# MLflow


@needs_mlflow
def test_mlflow_gets_recipe_curves_figures_and_files(study, mlflow_folder, client):
    run, folder = study.trained, Path(study.trained.folder)
    done = to_mlflow.export(exported_run(run), str(mlflow_folder))
    assert done.n == 1 and done.place == f"sqlite:///{mlflow_folder / 'mlflow.db'}"
    found = run_of(client, run.id)
    assert found.info.run_name == "First model" and found.info.status == "FINISHED"
    params = found.data.params
    assert params["preset"] == "linear" and params["model"] == "linear" and params["training.epochs"] == "4"
    assert params["mfcc.n_mfcc"] == "25" and params["data.train"] == "voices" and params["data.test"] == "people"
    history = read_history(folder)
    assert points(client, found, "train_loss") == [(row["epoch"], row["train_loss"]) for row in history]
    for name in ("people", "train"):
        scores = read_evaluation(folder, name).scores
        assert points(client, found, f"{name}/accuracy") == [(0, scores.accuracy.value)]
        assert points(client, found, f"{name}/uar low") == [(0, scores.uar.low)]
        assert points(client, found, f"{name}/uar high") == [(0, scores.uar.high)]
        assert points(client, found, f"{name}/n") == [(0, scores.n)]
        recall = scores.per_class[1].recall
        assert points(client, found, f"{name}/recall of {scores.labels[1]}") == [(0, recall.value)]
    tags = found.data.tags
    assert tags["affexion.train_snapshot"] == run.train_snapshot and tags["affexion.preset"] == "linear"
    assert tags["affexion.device"] == read_json(folder / "run.json")["device"]
    assert tags["affexion.stamp"] == read_evaluation(folder, "people").stamp
    assert tags["affexion.stamp.train"].startswith("leaky")
    kept = {item.path for item in client.list_artifacts(found.info.run_id)}
    assert {"config.json", "split.json", "run.json", "history.jsonl", "confusion"} <= kept
    config = client.download_artifacts(found.info.run_id, "config.json")
    assert json.loads(Path(config).read_text()) == read_json(folder / "config.json")
    table = Path(client.download_artifacts(found.info.run_id, "confusion/people.csv")).read_text().splitlines()
    scores = read_evaluation(folder, "people").scores
    assert table == [
        "reference," + ",".join(scores.labels),
        *(f"{label}," + ",".join(map(str, row)) for label, row in zip(scores.labels, scores.confusion, strict=True)),
    ]


@needs_mlflow
def test_mlflow_gets_folds_as_nested_runs_and_nothing_twice(study, mlflow_folder, client):
    run = study.crossvalidated
    for _ in range(2):
        assert to_mlflow.export(exported_run(run), str(mlflow_folder)).n == 3
    parent = run_of(client, run.id)
    folds = runs_in(client, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {fold.info.run_name for fold in folds} == {"fold 1", "fold 2"}
    assert {fold.info.status for fold in folds} == {"FINISHED"}
    values = read_evaluation(Path(run.folder), "cv").folds["accuracy"].values
    for k, folder in enumerate(fold_folders(Path(run.folder))):
        fold = run_of(client, f"{run.id}-fold{k + 1}")
        assert points(client, fold, "train_loss") == [(r["epoch"], r["train_loss"]) for r in read_history(folder)]
        assert points(client, fold, "cv/accuracy") == [(0, values[k])]
        assert len(points(client, fold, "cv/accuracy low")) == 1
    assert len(points(client, parent, "cv/accuracy")) == 1


@needs_mlflow
def test_a_second_export_brings_mlflow_up_to_date(study, mlflow_folder, client):
    training = load_dataset(study.store, "voices")
    run = prepare(study.store, RunRequest("train", short_recipe(), training, name="Going on"))
    to_mlflow.export(exported_run(run), str(mlflow_folder))
    found = run_of(client, run.id)
    assert found.info.status == "RUNNING" and found.data.tags["affexion.stamp"] == "not measured yet"
    assert "people/accuracy" not in found.data.metrics
    later = dataclasses.replace(exported_run(study.trained), id=run.id, title="Named anew")
    to_mlflow.export(later, str(mlflow_folder))
    again = run_of(client, run.id)
    assert again.info.run_id == found.info.run_id and again.info.run_name == "Named anew"
    assert again.info.status == "FINISHED" and "people/accuracy" in again.data.metrics


@needs_mlflow
def test_a_set_measured_again_shows_its_newest_figure(study, mlflow_folder, client):
    exported = dataclasses.replace(exported_run(study.trained), id="measured-again", parts=())
    to_mlflow.export(exported, str(mlflow_folder))
    old = exported.measured[0]
    figures = {**old.figures, "accuracy": dataclasses.replace(old.figures["accuracy"], value=0.25, low=0.1, high=0.5)}
    newer = dataclasses.replace(old, figures=figures, at=old.at + 60)
    to_mlflow.export(dataclasses.replace(exported, measured=(newer,)), str(mlflow_folder))
    assert run_of(client, "measured-again").data.metrics[f"{old.name}/accuracy"] == 0.25


@needs_mlflow
def test_names_that_mlflow_does_not_take_stay_apart(study, mlflow_folder, client):
    exported = exported_run(study.trained)
    one, two = (
        dataclasses.replace(exported.measured[0], name=name, n=n) for name, n in (("a+b (Straße)", 5), ("a=b/…", 7))
    )
    to_mlflow.export(dataclasses.replace(exported, id="odd names", measured=(one, two)), str(mlflow_folder))
    metrics = run_of(client, "odd names").data.metrics
    counts = {key: value for key, value in metrics.items() if key.endswith("/n")}
    assert sorted(counts.values()) == [5, 7]
    assert {"a_2b_b _28_Straße_29_/n"} < set(counts)


@needs_mlflow
def test_a_server_that_is_not_there_is_told_soon(study, monkeypatch):
    for name in to_mlflow._ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreError, match="MLflow can't take the run into http://127.0.0.1:9: .*"):
        to_mlflow.export(exported_run(study.trained), "http://127.0.0.1:9")


@needs_mlflow
def test_nothing_is_told_to_mlflows_makers(study, tmp_path, monkeypatch):
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        to_mlflow.export(exported_run(study.trained), str(tmp_path / "file"))
    from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY

    assert MLFLOW_DISABLE_TELEMETRY.get() is True


# TensorBoard


@needs_tensorboard
def test_tensorboard_gets_curves_figures_settings_and_confusion(study, tmp_path):
    run, folder = study.trained, Path(study.trained.folder)
    done = to_tensorboard.export(exported_run(run), str(tmp_path / "logs"))
    assert done.n == 1 and done.place == str(tmp_path / "logs" / run.id)
    events = events_in(tmp_path / "logs" / run.id)
    expected = [(row["epoch"], pytest.approx(row["train_loss"], rel=1e-6)) for row in read_history(folder)]
    assert scalars(events, "training/train_loss") == expected
    scores = read_evaluation(folder, "people").scores
    for suffix, value in (("", scores.uar.value), (" low", scores.uar.low), (" high", scores.uar.high)):
        assert scalars(events, f"people/uar{suffix}") == [(0, pytest.approx(value, rel=1e-6))]
    (event,) = events.Tensors("people/confusion/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    for label, counts in zip(scores.labels, scores.confusion, strict=True):
        assert f"| {label} | " + " | ".join(map(str, counts)) + " |" in text.splitlines()
    assert f"split: {read_evaluation(folder, 'people').stamp}" in text


@needs_tensorboard
def test_tensorboard_shows_the_recipe_beside_the_figures(study, tmp_path):
    from tensorboard.plugins.hparams import plugin_data_pb2

    to_tensorboard.export(exported_run(study.trained), str(tmp_path))
    events = events_in(tmp_path / study.trained.id)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["training.epochs"].number_value == 4
    assert start.hparams["preset"].string_value == "linear"
    assert events.SummaryMetadata("_hparams_/session_end_info").plugin_data.plugin_name == "hparams"


@needs_tensorboard
def test_tensorboard_gets_folds_below_and_nothing_twice(study, tmp_path):
    run = study.crossvalidated
    for _ in range(2):
        assert to_tensorboard.export(exported_run(run), str(tmp_path)).n == 3
    folders = [tmp_path / run.id, *(tmp_path / run.id / f"fold-{k}" for k in (1, 2))]
    assert [len(list(folder.glob("events.*"))) for folder in folders] == [1, 1, 1]
    values = read_evaluation(Path(run.folder), "cv").folds["accuracy"].values
    for value, folder in zip(values, folders[1:], strict=True):
        events = events_in(folder)
        assert scalars(events, "cv/accuracy") == [(0, pytest.approx(value, rel=1e-6))]
        assert len(scalars(events, "training/train_loss")) == 4


@needs_tensorboard
def test_tensorboard_leaves_other_files_alone(study, tmp_path):
    mine = tmp_path / study.trained.id / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    to_tensorboard.export(exported_run(study.trained), str(tmp_path))
    assert mine.read_text() == "mine"


# Both


def test_an_undefined_figure_is_left_out(study):
    run, folder = study.trained, Path(study.trained.folder)
    found = read_evaluation(folder, "people")
    scores = dataclasses.replace(found.scores, uar=undefined("no clips"))
    write_evaluation(folder, dataclasses.replace(found, name="nothing", scores=scores), ())
    try:
        (measured,) = [m for m in exported_run(run).measured if m.name == "nothing"]
        assert "uar" not in measured.figures and "accuracy" in measured.figures
    finally:
        (folder / "evaluations" / "nothing.json").unlink()


def test_a_sweep_is_exported_with_its_trials_and_their_folds(study):
    space = space_from_json({"name": "tried", "parameters": {"epochs": {"choices": [1, 2]}}})
    request = SweepRequest(short_recipe(), load_dataset(study.store, "voices"), space, n_folds=2)
    sweep = prepare_sweep(study.store, request)
    for number, epochs in enumerate((1, 2), start=1):
        trial = prepare_trial(study.store, Path(sweep.folder), number, {"epochs": epochs})
        run_trial(study.store, Path(trial.folder))
    exported = exported_run(sweep)
    assert [trial.title for trial in exported.parts] == ["trial 1", "trial 2"]
    assert [trial.params["training.epochs"] for trial in exported.parts] == [1, 2]
    assert [[fold.title for fold in trial.parts] for trial in exported.parts] == [["fold 1", "fold 2"]] * 2
    assert [len(fold.epochs) for trial in exported.parts for fold in trial.parts] == [1, 1, 2, 2]
    assert len({run.id for run in exported}) == 7
    assert all(run.tags["device"] == exported.tags["device"] for run in exported)
    assert all(trial.measured[0].name == "cv" for trial in exported.parts)


@pytest.mark.parametrize(
    ("exporter", "library", "package"),
    [(to_mlflow, "mlflow", "mlflow-skinny"), (to_tensorboard, "tensorboard", "tensorboard")],
)
def test_without_the_extra_one_sentence_says_what_to_install(study, tmp_path, monkeypatch, exporter, library, package):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)  # importing it fails, as where it is not installed
    words = rf"need the package {package}, which is not installed; run `pip install -r requirements-{library}\.txt`\.$"
    with pytest.raises(ConfigError, match=words):
        exporter.export(exported_run(study.trained), str(tmp_path / "into"))
    assert not (tmp_path / "into").exists()
    pinned = (PROJECT / f"requirements-{library}.txt").read_text()
    assert f"{package}==" in pinned


@pytest.mark.parametrize("exporter", [to_mlflow, to_tensorboard])
def test_a_file_in_the_place_of_the_folder_is_a_clear_error(study, tmp_path, exporter):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file(/mlflow)? can't be (made|written) \(.*\); name another folder"):
        exporter.export(
            exported_run(study.trained), str(tmp_path / "file" if exporter is to_mlflow else tmp_path / "file")
        )


def test_the_verb_exports_below_the_workspace_and_names_the_trackers(study, capsys):
    workspace = study.store.workspace
    assert plugin_names("export_runs") == ("mlflow", "tensorboard")
    with pytest.raises(SystemExit, match="2"):
        main(["export-run", study.trained.id, "--to", "paper", "--workspace", str(workspace.root)])
    assert "There is no exporter 'paper'. Choose mlflow or tensorboard." in capsys.readouterr().err
    if find_spec("tensorboard"):
        main(["export-run", "First model", "--to", "tensorboard", "--json", "--workspace", str(workspace.root)])
        done = json.loads(capsys.readouterr().out)
        place = workspace.exports / "tensorboard" / study.trained.id
        assert done["place"] == str(place) and done["n"] == 1 and any(place.glob("events.*"))

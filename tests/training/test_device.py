"""Where a run is computed. What needs a GPU is skipped where torch sees none; the same code is tested on the CPU."""

import copy
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster
from safetensors import safe_open
from small_study import make_study, short_recipe
from test_checkpoint import KilledError, dev, same, settings, stop_after
from test_fit import examples, recipe

from affexion_core.errors import ConfigError, TrainingError
from affexion_core.jobs.engine import _reconcile
from affexion_core.jobs.gpus import count_gpus, gpu_environment, resources_of
from affexion_core.jobs.submit import submit_run
from affexion_core.jobs.supervise import supervise
from affexion_core.predictor import Predictor
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import cancel_job, get_job, list_jobs
from affexion_core.training import fit as fitting
from affexion_core.training.batches import collate, prepare
from affexion_core.training.checkpoint import restore_checkpoint
from affexion_core.training.device import (
    CPU,
    NOT_STARTED,
    Device,
    at_work,
    available_devices,
    choose_device,
    device_for_prediction,
    device_of,
    device_words,
    note_device,
    on_device,
)
from affexion_core.training.execute import CHECKPOINTS, fit_folder, run_here
from affexion_core.training.fit import build_model, fit
from affexion_core.training.forward import outputs_of
from affexion_core.training.prepare import RunRequest
from affexion_core.training.prepare import prepare as prepare_run

PROJECT = Path(__file__).resolve().parent.parent.parent
needs_gpu = pytest.mark.skipif("cuda" not in available_devices(), reason="torch sees no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("AFFEXION_DEVICE", "AFFEXION_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def tensors_of(optimizer: torch.optim.Optimizer) -> dict[str, set[str]]:
    """Devices of an optimizer's state by name; Adam counts its steps on the CPU."""
    found: dict[str, set[str]] = {}
    for state in optimizer.state.values():
        for name, value in state.items():
            found.setdefault(name, set()).add(value.device.type)
    return found


# Choosing


def test_a_gpu_is_chosen_where_there_is_one_and_the_cpu_elsewhere():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device().name == expected
    assert choose_device("cpu") == CPU == Device("cpu", "CPU, 1 thread", 1)
    assert choose_device("cpu", threads=3).words == "CPU, 3 threads"


@needs_gpu
def test_a_gpu_is_called_by_its_name():
    assert choose_device("cuda").words == torch.cuda.get_device_name(0)


def test_the_environment_decides_where_nobody_asks(monkeypatch):
    monkeypatch.setenv("AFFEXION_DEVICE", "CPU ")
    assert choose_device().name == "cpu"
    monkeypatch.setenv("AFFEXION_DEVICE", "tpu")
    with pytest.raises(ConfigError, match=r"There is no device 'tpu' here\. Choose .*auto.* cpu"):
        choose_device()
    assert choose_device("cpu").name == "cpu"


def test_a_device_that_is_not_here_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match=r"There is no device 'cuda:99' here\. Choose auto(, | or )cpu"):
        choose_device("cuda:99")


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch is built with CUDA")
def test_the_refusal_says_that_torch_lacks_cuda():
    with pytest.raises(
        ConfigError, match=r"'cuda' here\. Choose auto or cpu\. This torch \(.*\) is built without CUDA"
    ):
        choose_device("cuda")


@pytest.mark.parametrize("bad", ["0", "-1", "two", "1.5"])
def test_a_bad_number_of_threads_is_a_clear_error(monkeypatch, bad):
    monkeypatch.setenv("AFFEXION_THREADS", bad)
    with pytest.raises(ConfigError, match=f"AFFEXION_THREADS is '{bad}'; set a number of threads from 1"):
        choose_device("cpu")


def test_work_has_the_device_s_threads_and_leaves_the_caller_s():
    before = torch.get_num_threads()
    with at_work(Device("cpu", "CPU, 3 threads", 3)):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_a_full_gpu_is_a_plain_sentence():
    gpu = Device("cpu", "NVIDIA H200")
    with (
        pytest.raises(TrainingError, match="The memory of NVIDIA H200 is full; try a smaller batch_size"),
        at_work(gpu),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


# Placement; torch's "meta" device has places but no numbers


@pytest.mark.parametrize("name", ["meta", *DEVICES])
def test_every_tensor_of_a_batch_lands_on_the_device(name):
    data = examples(3)
    batch = collate([tuple(clip) for clip in data.features], data.targets, (2, 0, 1))
    moved = on_device(batch, name)
    places = {t.device.type for t in (*moved.inputs, *moved.lengths, moved.targets)}
    assert places == {name}
    assert moved.rows == (2, 0, 1)
    assert moved.inputs[0].shape == batch.inputs[0].shape


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
@pytest.mark.parametrize("name", ["meta", *DEVICES])
def test_model_and_optimizer_of_a_restored_training_lie_on_the_device(tmp_path, name):
    config = settings()
    with pytest.raises(KilledError):
        fit(examples(), 2, config, dev(), stop_after(2), tmp_path)
    progress = fitting._fresh_progress(build_model(config, (75,), 2).to(name), config)
    assert restore_checkpoint(tmp_path, config, progress)
    assert {values.device.type for values in progress.model.state_dict().values()} == {name}
    found = tensors_of(progress.optimizer)
    assert found["exp_avg"] == found["exp_avg_sq"] == {name}
    assert len(progress.optimizer.state) == len(list(progress.model.parameters()))
    assert progress.generator.device.type == "cpu"


# Training on each device there is


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("preset", ["linear", "affexion-poster"])
def test_a_training_learns_on_the_device_and_predicts_the_same_on_the_cpu(name, preset):
    data = examples()
    config = recipe(preset, class_weights="balanced")
    fitted = fit(data, 2, config, device=choose_device(name))
    assert {values.device.type for values in fitted.model.parameters()} == {name}
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in data.features]
    there, attention = outputs_of(fitted.model, clips)
    assert (there.argmax(1) == data.targets).all()
    here, attention_here = outputs_of(copy.deepcopy(fitted.model).cpu(), clips)
    np.testing.assert_allclose(there, here, atol=1e-4)
    if attention[0] is not None:
        assert [len(a) for a in attention] == [len(clip[0]) for clip in clips]
        np.testing.assert_allclose(attention[0], attention_here[0], atol=1e-5)


@pytest.mark.parametrize("name", DEVICES)
def test_a_resumed_training_ends_bit_equal_on_the_device(tmp_path, name):
    device = choose_device(name)
    whole = fit(examples(), 2, settings(), dev(), device=device)
    with pytest.raises(KilledError):
        fit(examples(), 2, settings(), dev(), stop_after(3), tmp_path, device=device)
    torch.manual_seed(12345)
    assert same(whole, fit(examples(), 2, settings(), dev(), checkpoints=tmp_path, device=device))


@pytest.mark.parametrize("name", DEVICES)
def test_a_checkpoint_holds_cpu_tensors_and_the_generators_in_use(tmp_path, name):
    fit(examples(), 2, recipe("linear", epochs=1), checkpoints=tmp_path, device=choose_device(name))
    with safe_open(max(tmp_path.glob("*.safetensors")), framework="pt") as file:
        generators = {key for key in file.keys() if key.startswith("random.")}  # noqa: SIM118
    assert generators == {"random.torch", "random.batches"} | ({"random.cuda"} if name == "cuda" else set())


@needs_gpu
@pytest.mark.parametrize(("first", "second"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_training_goes_on_on_another_device(tmp_path, first, second):
    whole = fit(examples(), 2, recipe("linear", epochs=6))
    with pytest.raises(KilledError):
        fit(
            examples(),
            2,
            recipe("linear", epochs=6),
            None,
            stop_after(3),
            tmp_path,
            device=choose_device(first),
        )
    there = fit(examples(), 2, recipe("linear", epochs=6), checkpoints=tmp_path, device=choose_device(second))
    losses = [[row["train_loss"] for row in run.history] for run in (whole, there)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


# The record


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"))


def test_a_run_says_where_it_was_trained(study):
    words = choose_device().words
    folder = Path(study.trained.folder)
    assert device_words(folder) == words
    assert read_json(folder / "run.json")["device"] == words
    assert read_json(folder / "run.json")["threads"] == 1
    assert device_words(Path(study.crossvalidated.folder)) == words
    assert read_json(Path(study.crossvalidated.folder) / "run.json")["device"] == words


def test_before_it_is_started_a_run_says_so(study):
    training = load_dataset(study.store, "voices")
    run = prepare_run(study.store, RunRequest("cv", short_recipe(), training, n_folds=2))
    assert device_words(Path(run.folder)) == NOT_STARTED
    fit_folder(study.store, Path(run.folder) / "folds" / "1")
    assert device_words(Path(run.folder)) == choose_device().words


def test_a_run_asked_to_be_elsewhere_is_refused_before_anything_is_written(study):
    training = load_dataset(study.store, "voices")
    before = set(study.store.workspace.runs.iterdir())
    for device, message in (("cuda:99", "no device 'cuda:99' here"), ("frob", "There is no device 'frob'")):
        with pytest.raises(ConfigError, match=message):
            run_here(study.store, RunRequest("train", short_recipe(), training, device=device))
    with pytest.raises(ConfigError, match="There is no device 'frob'. Choose auto, cpu or cuda"):
        submit_run(study.store, RunRequest("train", short_recipe(), training, device="frob"))
    assert set(study.store.workspace.runs.iterdir()) == before


def test_folds_go_where_the_whole_was_asked_to_go(study, monkeypatch):
    monkeypatch.setenv("AFFEXION_THREADS", "2")
    training = load_dataset(study.store, "voices")
    run = prepare_run(study.store, RunRequest("cv", short_recipe(), training, n_folds=2, device="cpu"))
    monkeypatch.setenv("AFFEXION_THREADS", "5")
    monkeypatch.setenv("AFFEXION_DEVICE", "cuda:99")
    fold = Path(run.folder) / "folds" / "2"
    assert device_of(fold) == Device("cpu", "CPU, 2 threads", 2)


def test_a_run_gone_on_elsewhere_says_both(tmp_path):
    write_json(tmp_path / "run.json", {"device": NOT_STARTED, "kind": "train"})
    note_device(tmp_path, Device("cuda", "NVIDIA H200"), resumed=False)
    assert device_words(tmp_path) == "NVIDIA H200"
    note_device(tmp_path, CPU, resumed=True)
    note_device(tmp_path, CPU, resumed=True)
    assert device_words(tmp_path) == read_json(tmp_path / "run.json")["device"] == "NVIDIA H200, then CPU, 1 thread"
    assert read_json(tmp_path / "run.json")["kind"] == "train"
    note_device(tmp_path, CPU, resumed=False)
    assert device_words(tmp_path) == "CPU, 1 thread"


def test_a_stopped_run_taken_up_again_keeps_its_first_device(study, monkeypatch):
    training = load_dataset(study.store, "voices")
    run = prepare_run(study.store, RunRequest("train", short_recipe(), training))
    folder = Path(run.folder)

    def stop(done, total, what):
        if what.startswith("epoch 2"):
            raise KilledError

    with pytest.raises(KilledError):
        fit_folder(study.store, folder, stop)
    assert any((folder / CHECKPOINTS).iterdir())
    values = read_json(folder / "run.json")
    write_json(folder / "run.json", {**values, "devices": ["NVIDIA H200"], "wanted_device": "cpu"})
    fit_folder(study.store, folder)
    assert device_words(folder) == "NVIDIA H200, then CPU, 1 thread"


def test_a_run_of_an_earlier_version_was_on_the_cpu(tmp_path):
    assert device_words(tmp_path) == "unknown"
    write_json(tmp_path / "run.json", {"device": "cpu"})
    assert device_words(tmp_path) == "CPU"


def test_a_model_predicts_where_its_device_is_missing(study, tmp_path):
    write_json(tmp_path / "run.json", {"wanted_device": "cuda:99", "threads": 2})
    assert device_for_prediction(tmp_path) == choose_device(threads=2)
    predictor = Predictor.load(Path(study.trained.folder))
    assert predictor.device == choose_device()
    assert {values.device.type for values in predictor.models[0].model.parameters()} == {predictor.device.name}


# Jobs


def test_gpus_are_counted_without_loading_torch():
    assert count_gpus() == torch.cuda.device_count()
    code = "import sys, affexion_core.jobs.engine; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "False"


def job_for(study, **options):
    return submit_run(study.store, RunRequest("train", short_recipe(), load_dataset(study.store, "voices"), **options))


def test_a_job_takes_a_gpu_where_there_is_one_and_it_wants_it(study, monkeypatch):
    job = job_for(study)
    assert resources_of(study.store, job, gpus=0) == {"slot": 1}
    assert resources_of(study.store, job, gpus=2) == {"GPU": 1}
    assert resources_of(study.store, job_for(study, device="cpu"), gpus=2) == {"slot": 1}
    asking = job_for(study, device="cuda")
    assert resources_of(study.store, asking, gpus=1) == {"GPU": 1}
    assert resources_of(study.store, asking, gpus=0) == {"slot": 1}
    monkeypatch.setenv("AFFEXION_DEVICE", "cpu")
    assert resources_of(study.store, job, gpus=2) == {"slot": 1}
    parent = submit_run(study.store, RunRequest("cv", short_recipe(), load_dataset(study.store, "voices"), n_folds=2))
    assert resources_of(study.store, parent, gpus=2) == {}


def test_jobs_side_by_side_see_a_gpu_each(study, monkeypatch):
    job, store = job_for(study), study.store
    with gpu_environment(store, job, True) as first, gpu_environment(store, job, True) as second:
        assert (first, second) == ({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"})
        with (
            gpu_environment(store, job, False) as none,
            gpu_environment(store, job_for(study, device="cuda:1"), True) as own,
        ):
            assert none == own == {}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    with gpu_environment(store, job, True) as first, gpu_environment(store, job, True) as second:
        assert [found["CUDA_VISIBLE_DEVICES"] for found in (first, second)] == ["3", "5"]


def test_a_job_is_given_to_a_worker_that_has_a_gpu(study, monkeypatch):
    """The cluster has no slots, only a GPU (by its word): the job runs as far as it is sent there."""
    for other in list_jobs(study.store, states=("queued",)):
        cancel_job(study.store, other.id)
    job = job_for(study)
    options = {"n_workers": 1, "threads_per_worker": 8, "processes": False, "dashboard_address": None}
    with LocalCluster(**options, resources={"GPU": 1}) as cluster, Client(cluster) as client:
        _reconcile(study.store, client, idle_seconds=1)
    done = get_job(study.store, job.id)
    assert done.state == "done", done.reason
    assert device_words(study.store.workspace.runs / str(job.run_id)) == choose_device().words


def test_the_foreground_gives_the_numbers_of_the_background(study):
    """With two threads, as the foreground would have on two cores, the weights of this training differ."""
    small = {"epochs": 2, "batch_size": 8, "hidden": 16, "channels": 8, "dense": 16}
    config = recipe("affexion-poster", **small)
    job = submit_run(study.store, RunRequest("train", config, load_dataset(study.store, "voices"), device="cpu"))
    assert supervise(str(study.store.workspace.root), None, job.id) == "done"
    arguments = ["train", "--preset", "affexion-poster", "--train", "voices", "--name", "here", "--device", "cpu"]
    for key, value in small.items():
        arguments += ["--set", f"{key}={value}"]
    subprocess.run(
        [sys.executable, "-m", "affexion_core", *arguments, "--workspace", str(study.store.workspace.root)],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        check=True,
    )
    here = max(study.store.workspace.runs.glob("*affexion-poster*"))
    there = study.store.workspace.runs / str(job.run_id)
    assert here != there
    for name in ("model.safetensors", "predictions/train.csv"):
        hashes = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (here, there)]
        assert hashes[0] == hashes[1], name

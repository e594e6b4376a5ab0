"""Ten hostile model files: nothing of them runs, each is refused in words, quickly and within little memory."""

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_study import short_recipe

from affexion_core.extraction import n_features
from affexion_core.training.batches import Normalisation
from affexion_core.training.fit import build_model
from affexion_core.training.model_file import DESCRIPTION, WEIGHTS, TrainedModel, load_model, save_model

MOST_SECONDS, MOST_MB = 2.0, 500


class Runs:
    """What a pickle would run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    config = short_recipe()
    width = n_features(config.front_ends[0])
    statistics = Normalisation((np.zeros(width, np.float32),), (np.ones(width, np.float32),))
    folder = tmp_path_factory.mktemp("sound")
    model = build_model(config, (width,), 2)
    save_model(folder, TrainedModel(model, statistics, config, ("boredom", "panic")))
    assert load_model(folder).labels == ("boredom", "panic")
    return folder


def header(path: Path, said: dict | bytes, data: bytes = b"") -> None:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def entry(shape: list[int], first: int, last: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def nested_zip(folder: Path) -> None:
    marker = folder / "owned"
    (folder / "data.pkl").write_bytes(pickle.dumps(Runs(marker)))
    with zipfile.ZipFile(folder / "inner.zip", "w") as inner:
        inner.write(folder / "data.pkl", "archive/data.pkl")
    with zipfile.ZipFile(folder / WEIGHTS, "w") as outer:
        outer.write(folder / "inner.zip", "inner.zip")


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Runs(folder / "owned")))


def path_in_metadata(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file(tensors, folder / WEIGHTS, metadata={"file": "../../owned", "config": "/etc/passwd"})
    told = json.loads((folder / DESCRIPTION).read_text())
    told["config"]["model"] = "../../owned"
    (folder / DESCRIPTION).write_text(json.dumps(told))


def huge_header(folder: Path) -> None:
    header(folder / WEIGHTS, b'{"__metadata__": {"a": "' + b"x" * 60_000_000 + b'"}}')


def many_tensors(folder: Path) -> None:
    header(folder / WEIGHTS, {f"model.t{i}": entry([1], 0, 4) for i in range(100_000)}, b"\0" * 4)


def overflowing_shape(folder: Path) -> None:
    header(folder / WEIGHTS, {"model.a": entry([2**32, 2**32, 4], 0, 0)}, b"\0" * 16)


def not_a_number(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    first = next(name for name, value in tensors.items() if value.is_floating_point())
    save_file({**tensors, first: torch.full_like(tensors[first], float("nan"))}, folder / WEIGHTS)


def wrong_architecture(folder: Path) -> None:
    told = json.loads((folder / DESCRIPTION).read_text())
    told["n_features"] = [2_000_000_000]
    (folder / DESCRIPTION).write_text(json.dumps(told))


def too_many_labels(folder: Path) -> None:
    told = json.loads((folder / DESCRIPTION).read_text())
    told["labels"] = [str(i) for i in range(1_000_000)]
    (folder / DESCRIPTION).write_text(json.dumps(told))


def truncated(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def wrong_dtype(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file({name: value.to(torch.int64) for name, value in tensors.items()}, folder / WEIGHTS)


def duplicate_keys(folder: Path) -> None:
    header(
        folder / WEIGHTS,
        b'{"model.a": 1, "model.a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        b"\0" * 4,
    )


def deep_header(folder: Path) -> None:
    header(folder / WEIGHTS, b"[" * 200_000)


HOSTILE = {
    nested_zip: "cut off or no safetensors",
    pickled: "cut off or no safetensors",
    path_in_metadata: "can't be used",
    huge_header: "has a header of",
    many_tensors: "has a header of",
    overflowing_shape: "doesn't fit into the file",
    not_a_number: "no numbers",
    wrong_architecture: "2000000000 features",
    too_many_labels: "labels",
    truncated: "doesn't fit into the file",
    wrong_dtype: "int64",
    duplicate_keys: "a name twice",
    deep_header: "nested too deeply",
}


def test_hostile_models_are_refused_at_once_and_run_nothing(sound: Path, tmp_path: Path, counted) -> None:
    folders = []
    for spoil in HOSTILE:
        folder = Path(shutil.copytree(sound, tmp_path / spoil.__name__))
        spoil(folder)
        folders.append(folder)
    before = {path for path in tmp_path.rglob("*")}
    script = Path(__file__).with_name("hostile_models.py")
    command = [sys.executable, script, sound, *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(HOSTILE) and "EXECUTED" not in done.stderr
    for spoil, words, result in zip(HOSTILE, HOSTILE.values(), results, strict=True):
        assert result["status"] == 0, (spoil.__name__, result)
        assert words in result["said"] and "Traceback" not in result["said"], (spoil.__name__, result)
        assert result["seconds"] <= MOST_SECONDS and result["mb"] < MOST_MB, (spoil.__name__, result)
    assert {path for path in tmp_path.rglob("*")} == before
    slowest, largest = max(result["seconds"] for result in results), max(result["mb"] for result in results)
    counted(
        f"{len(results)} hostile model files", f"0 ran anything; at most {slowest:.2f} s and {largest:.0f} MB to refuse"
    )

"""An exported run answers as the run itself does, without torch; an export that doesn't fit is never used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affexion_core.errors import ModelError
from affexion_core.evaluation.calibration import Calibration, write_calibration
from affexion_core.exported import ExportedPredictor, is_exported
from affexion_core.live.export import export_onnx, load_exported
from affexion_core.predict_files import choose_predictor, predict_files, predict_with

pytest.importorskip("onnxruntime")

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def exported_run(spoken_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a copy of the run."""
    folder = Path(shutil.copytree(spoken_run, tmp_path_factory.mktemp("exported") / "run"))
    export_onnx(folder)
    return folder


@pytest.fixture
def copied(exported_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_run, tmp_path / "copied"))


@pytest.fixture(scope="module")
def files(shared_audio: Path) -> list[Path]:
    return sorted((shared_audio / "ravdess").rglob("*.flac"))[::90][:5] + [PROJECT / "README.md"]


def assert_same(mine: list[dict], theirs: list[dict]) -> None:
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert list(one) == list(other)
        plain = {key: value for key, value in one.items() if key != "probs"}
        assert plain == {key: value for key, value in other.items() if key != "probs"}
        if "probs" in one:
            assert list(one["probs"]) == list(other["probs"])
            np.testing.assert_allclose(list(one["probs"].values()), list(other["probs"].values()), atol=2e-5)


@pytest.mark.parametrize("calibrated", [False, True])
def test_it_answers_as_the_run_itself(calibrated: bool, copied: Path, files: list[Path]) -> None:
    if calibrated:
        write_calibration(copied, Calibration(temperature=1.7, unsure_below=0.55, n=40, source="test"))
    chosen = choose_predictor(copied)
    assert isinstance(chosen.predictor, ExportedPredictor) and chosen.note is None
    rows = list(predict_with(chosen.predictor, files))
    assert_same(rows, list(predict_files(copied, files)))
    assert "error" in rows[-1] and not any("error" in row for row in rows[:-1])


def test_the_folds_of_a_cross_validation_are_averaged(copied: Path, files: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "cv"
    for fold in (0, 1):
        shutil.copytree(copied, run / "folds" / str(fold))
    (run / "run.json").write_text((copied / "run.json").read_text())
    assert is_exported(run)
    chosen = choose_predictor(run)
    assert isinstance(chosen.predictor, ExportedPredictor) and len(chosen.predictor.models) == 2
    assert_same(list(predict_with(chosen.predictor, files[:2])), list(predict_files(run, files[:2])))
    (run / "folds" / "1" / "model.onnx").unlink()
    assert not is_exported(run)


def damage(folder: Path, how: str) -> None:
    if how == "damaged":
        content = bytearray((folder / "model.onnx").read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "model.onnx").write_bytes(content)
    elif how == "trained again":
        content = bytearray((folder / "model.safetensors").read_bytes())
        content[-3] ^= 1
        (folder / "model.safetensors").write_bytes(content)
    elif how == "other labels":
        text = (folder / "model.json").read_text()
        (folder / "model.json").write_text(text.replace("anger", "joy"))
    elif how == "of an earlier version":
        (folder / "model.onnx.json").unlink()
    else:
        stamp = json.loads((folder / "model.onnx.json").read_text())
        (folder / "model.onnx.json").write_text(json.dumps(stamp | {"says_all": False} if how == "partial" else [3]))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("damaged", "is damaged, or isn't the one that was exported"),
        ("trained again", "has changed since it was exported"),
        ("other labels", "has changed since it was exported"),
        ("of an earlier version", "made by an earlier version"),
        ("no stamp", "can't be read by this version"),
        ("partial", "leaves out what the model says of its inputs"),
    ],
)
def test_an_export_that_does_not_fit_is_told_and_not_used(
    how: str, words: str, copied: Path, files: list[Path]
) -> None:
    damage(copied, how)
    with pytest.raises(ModelError, match=words):
        ExportedPredictor.load(copied)
    chosen = choose_predictor(copied)
    assert not isinstance(chosen.predictor, ExportedPredictor)
    assert chosen.note and words in chosen.note
    assert_same(list(predict_with(chosen.predictor, files[:1])), list(predict_files(copied, files[:1])))
    if how != "partial":
        with pytest.raises(ModelError, match="export the run"):
            load_exported(copied)


def test_a_run_that_was_not_exported_is_used_without_a_word(spoken_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(spoken_run, tmp_path / "plain", ignore=shutil.ignore_patterns("*.onnx*")))
    chosen = choose_predictor(folder)
    assert chosen.note is None and not isinstance(chosen.predictor, ExportedPredictor)


HEAVY = ("torch", "librosa", "sqlalchemy", "pandas", "sklearn", "scipy", "av", "numba", "streamlit", "alembic")
COUNTING = f"""
import sys
from affexion_core.__main__ import main
main(sys.argv[1:])
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def test_the_verb_loads_nothing_heavy(spoken_run: Path, files: list[Path]) -> None:
    export_onnx(spoken_run)
    try:
        verb = ["predict", "Spoken", str(files[0]), "--workspace", str(spoken_run.parent.parent), "--json"]
        done = subprocess.run([sys.executable, "-c", COUNTING, *verb], capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == 0 and done.stderr.strip() == "[]"
        assert_same(json.loads(done.stdout), list(predict_files(spoken_run, files[:1])))
        (spoken_run / "model.onnx").write_bytes(b"no graph")
        done = subprocess.run(
            [sys.executable, "-m", "affexion_core", *verb], capture_output=True, text=True, cwd=PROJECT
        )
        assert done.stderr.startswith("Note: The run's export was not used.") and "export the run again" in done.stderr
        assert_same(json.loads(done.stdout), list(predict_files(spoken_run, files[:1])))
    finally:
        for file in spoken_run.glob("model.onnx*"):
            file.unlink()

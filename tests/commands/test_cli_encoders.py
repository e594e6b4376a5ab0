"""Recipes with pretrained encoders, as a person types them: tiny encoders, real files, real training."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile
from test_cli import Study
from tiny_encoders import save_speech, save_whisper

WORDS = {"bored": "I am so bored", "happy": "say the happy word", "sad": ""}
PRESETS = ("wav2vec2-mlp", "hubert-mlp", "wav2vec2-finetune", "distilroberta-text", "fusion")
QUICK = ["--set", "epochs=2", "--set", "dev_fraction=0", "--set", "early_stopping=0"]


@pytest.fixture(scope="module")
def study(tmp_path_factory, encoder_folder):
    patch = pytest.MonkeyPatch()
    patch.setenv("AFFEXION_ENCODERS", str(encoder_folder))
    root = tmp_path_factory.mktemp("encoders-study")
    made, draw = Study(root), np.random.default_rng(0)
    made.run("init")
    for name, labels in (("spoken", ("bored", "happy")), ("partly", ("bored", "sad"))):
        rows = []
        for i in range(8):
            label, file = labels[i % 2], root / f"{name}-{i}.wav"
            tone = np.sin(np.arange(4_000 + 300 * i) / (20 if i % 2 else 4)) * 0.3
            soundfile.write(file, tone + draw.normal(size=len(tone)) * 0.02, 16_000)
            rows.append({"file": file.name, "label": label, "speaker": f"{name}{i // 4}", "transcript": WORDS[label]})
        with (root / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        made.json("import", "csv", root / f"{name}.csv", "--dataset", name)
    yield made
    patch.undo()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_recipe_trains_predicts_and_shows(preset, study):
    more = ["--set", "text.missing=empty"] if preset == "distilroberta-text" else []
    done = study.json("train", "--preset", preset, "--train", "spoken", *QUICK, *more)
    assert done["n"] == 8 and done["accuracy"]["low"] is not None
    shown = study.json("show", done["run"])
    named = [part["config"].get("encoder", "") for part in (*shown["config"]["front_ends"], shown["config"]["model"])]
    assert all("@" in encoder for encoder in named if encoder) and any(named)
    folder = study.workspace / "runs" / done["run"]
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {".json", ".jsonl", ".safetensors", ".csv"}
    (study.root / "spoken-1.txt").write_text("say the happy word\n")
    rows = study.json("predict", done["run"], study.root / "spoken-1.wav", study.root / "spoken-2.wav")
    assert rows[0]["label"] in ("bored", "happy") and rows[1]["label"] in ("bored", "happy")
    if preset == "fusion":
        voice, words = rows[0]["inputs"]
        assert (voice["front_end"], words["front_end"]) == ("ssl", "text-embedding")
        assert voice["share"] + words["share"] == pytest.approx(1) and words["label"] in ("bored", "happy")
        assert rows[1]["inputs"][1] == {"front_end": "text-embedding", "share": 0, "label": None, "probs": None}
        text = study.run("predict", done["run"], study.root / "spoken-1.wav").stdout
        assert "ssl alone: " in text and "counted" in text


def test_folds_and_another_test_set(study):
    done = study.json("cv", "--preset", "fusion", "--train", "spoken", "--folds", "2", *QUICK)
    assert done["part"] == "cv" and len(done["folds"]) == 2
    assert [(each["front_end"], each["label"]) for each in done["inputs"][:3]] == [
        ("ssl", None), ("text-embedding", None), ("ssl", "bored")
    ]  # fmt: skip
    voice, words = (each["share"] for each in done["inputs"][:2])
    assert voice["n"] == 8 and voice["value"] + words["value"] == pytest.approx(1)
    text = study.run("evaluate", done["run"], "--on", "partly", code=2).stderr
    assert "doesn't know" in text
    assert "all labels: ssl " in study.run("show", done["run"]).stdout


def test_missing_transcripts_are_named_before_anything_is_trained(study):
    before = study.json("runs")
    error = study.run("train", "--preset", "distilroberta-text", "--train", "partly", *QUICK, code=2).stderr
    assert "4 of 8 clips have no transcript" in error and "set missing to empty" in error
    assert study.json("runs") == before
    run = study.json("train", "--preset", "distilroberta-text", "--train", "spoken", *QUICK)["run"]
    rows = study.run("predict", run, study.root / "spoken-2.wav", code=2)
    assert "This run reads transcripts; write the words into spoken-2.txt" in rows.stdout


def test_a_missing_encoder_says_where_it_belongs(study):
    setting = ["--set", "ssl.encoder=nobody/nothing"]
    error = study.run("train", "--preset", "wav2vec2-mlp", "--train", "spoken", *setting, code=2).stderr
    assert "https://huggingface.co/nobody/nothing" in error and "nobody/nothing; or" in error
    error = study.run("encoder", "nobody/nothing", code=2).stderr
    assert "is not on this machine" in error


def test_the_encoder_verb_says_what_is_there(study):
    said = study.json("encoder", "facebook/hubert-base-ls960")
    assert (said["kind"], said["type"], said["width"], said["layers"]) == ("speech", "hubert", 16, 2)
    assert study.json("encoder", "distilbert/distilroberta-base")["kind"] == "text"
    assert len(said["fingerprint"]) == 16


def test_a_run_refuses_another_encoder_under_the_same_name(study, tmp_path):
    place = shutil.copytree(save_speech(tmp_path / "one", "hubert"), tmp_path / "encoder")
    run = study.json(
        "train", "--preset", "hubert-mlp", "--train", "spoken", *QUICK, "--set", f"ssl.encoder={json.dumps(str(place))}"
    )["run"]
    shutil.rmtree(place)
    save_speech(place, "hubert", initializer_range=0.3)
    error = study.run("predict", run, study.root / "spoken-1.wav", code=2).stderr
    assert "is not the one this was made with" in error


def test_clips_are_transcribed_once_and_say_by_what(study, tmp_path):
    whisper = save_whisper(tmp_path / "whisper")
    told = study.json("transcribe", "partly", "--encoder", whisper)
    assert (told["n_clips"], told["n_known"], told["n_written"] + told["n_silent"]) == (8, 4, 4)
    assert told["n_written"] == 4
    clips = {clip["id"]: clip for clip in study.json("clips", "--dataset", "partly")}
    assert all(clip["transcript"] for clip in clips.values())
    assert study.json("transcribe", "partly", "--encoder", whisper)["n_known"] == 8
    error = study.run("transcribe", "spoken", "--encoder", "nobody/nothing", code=2).stderr
    assert "is not on this machine" in error


def test_what_writes_no_words_is_refused(study, encoder_folder, tmp_path):
    study_folder = study.root / "mute.wav"
    soundfile.write(study_folder, np.zeros(8_000), 16_000)
    with (study.root / "mute.csv").open("w") as file:
        file.write("file,label\nmute.wav,bored\n")
    study.json("import", "csv", study.root / "mute.csv", "--dataset", "mute")
    error = study.run("transcribe", "mute", "--encoder", encoder_folder / "facebook" / "wav2vec2-base", code=2).stderr
    assert "is a wav2vec2, which writes no words" in error
    whisper = save_whisper(tmp_path / "whisper")
    error = study.run("transcribe", "mute", "--encoder", whisper, "--language", "xx", code=2).stderr
    assert "doesn't know the language 'xx'" in error

"""Encoders: found by folder or name, refused where they are unsafe, damaged or of another kind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_encoders
from tiny_encoders import change_config, save_speech

from affexion_core import encoders
from affexion_core.errors import ModelError


@pytest.fixture
def speech(encoder_folder: Path, tmp_path: Path) -> Path:
    """Copy of a tiny speech encoder that a test may damage."""
    return Path(shutil.copytree(encoder_folder / "facebook" / "wav2vec2-base", tmp_path / "encoder"))


def load(folder: Path, kind: encoders.Kind = "speech"):
    return encoders.load_encoder(encoders.describe_encoder(encoders.find_encoder(str(folder)), kind))


def test_an_encoder_is_found_by_folder_by_name_and_where_the_hub_library_keeps_it(
    tiny_encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "facebook/wav2vec2-base"
    folder = tiny_encoders / name
    assert encoders.find_encoder(name) == encoders.find_encoder(str(folder)) == folder
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path))
    shutil.copytree(folder, tmp_path / "encoders" / "mine")
    assert encoders.find_encoder("mine") == tmp_path / "encoders" / "mine"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    kept = tmp_path / "hf" / "hub" / "models--some--encoder" / "snapshots" / "abc"
    shutil.copytree(folder, kept)
    assert encoders.find_encoder("some/encoder") == kept


def test_what_is_missing_says_what_to_get_and_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFEXION_ENCODERS", str(tmp_path / "here"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with pytest.raises(ModelError, match=r"https://huggingface.co/facebook/absent .*put them into .*here/facebook/abs"):
        encoders.find_encoder("facebook/absent")
    with pytest.raises(ModelError, match="There is no folder /no/such/folder"):
        encoders.find_encoder("/no/such/folder")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is no encoder: config.json is missing"):
        encoders.find_encoder(str(tmp_path / "empty"))
    for name in ("../../etc", " ", "a/b/c", "-rf", "x@0123456789abcdef"):
        with pytest.raises(ModelError):
            encoders.find_encoder(name)


def test_weights_that_can_run_code_are_never_opened(speech: Path) -> None:
    (speech / "model.safetensors").unlink()
    (speech / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(ModelError, match=r"pytorch_model.bin, a format that can run code.*save_pretrained"):
        load(speech)
    (speech / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="model.safetensors is missing"):
        encoders.pinned(str(speech))


def test_damaged_and_foreign_encoders_are_refused(speech: Path, encoder_folder: Path, tmp_path: Path) -> None:
    text = encoder_folder / "distilbert" / "distilroberta-base"
    with pytest.raises(ModelError, match="of type 'roberta'; for speech choose one of type data2vec-audio, hubert"):
        load(text)
    with pytest.raises(ModelError, match="for text choose"):
        load(speech, "text")
    whole = (speech / "model.safetensors").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\xff" * 64, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + whole[8:]):
        (speech / "model.safetensors").write_bytes(content)
        with pytest.raises(ModelError, match="can't be loaded"):
            load(speech)
    shutil.copy(text / "model.safetensors", speech)
    with pytest.raises(ModelError, match="not those of the wav2vec2 that its config.json describes: .* missing"):
        load(speech)
    (speech / "model.safetensors").write_bytes(whole)
    change_config(speech, hidden_size=24)
    with pytest.raises(ModelError, match="can't be loaded|not those of"):
        load(speech)


@pytest.mark.parametrize("changes", [{"hidden_size": 10**9}, {"num_hidden_layers": "many"}, {"hidden_size": None}])
def test_sizes_no_encoder_has_are_refused(speech: Path, changes: dict) -> None:
    change_config(speech, **changes)
    with pytest.raises(ModelError, match="it must be 1 to"):
        load(speech)


def test_values_that_are_no_numbers_are_refused(speech: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(speech / "model.safetensors")
    weights["encoder.layer_norm.weight"] *= float("nan")
    save_file(weights, speech / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="no numbers"):
        load(speech)


def test_an_encoder_of_another_rate_is_refused(speech: Path) -> None:
    change_config(speech, "preprocessor_config.json", sampling_rate=8000)
    with pytest.raises(ModelError, match="hears 8000 Hz, but clips come at 16000 Hz"):
        load(speech)


def test_a_pin_tells_other_weights_under_the_same_name(speech: Path) -> None:
    name = encoders.pinned(str(speech))
    assert encoders.pinned(name) == name and encoders.find_encoder(name) == speech
    change_config(speech, layerdrop=0.3)
    with pytest.raises(ModelError, match="is not the one this was made with"):
        encoders.find_encoder(name)


def test_a_whole_checkpoint_of_pretraining_gives_its_encoder(tmp_path: Path) -> None:
    transformers = tiny_encoders.need_transformers()
    import torch

    config = transformers.Wav2Vec2Config(**tiny_encoders.SPEECH, vocab_size=12)
    whole = transformers.Wav2Vec2ForCTC(config).eval()
    whole.save_pretrained(tmp_path)
    signal = torch.randn(1, 4000)
    expected = whole.wav2vec2(signal).last_hidden_state
    torch.testing.assert_close(load(tmp_path)(signal).last_hidden_state, expected)


def test_the_hub_out_of_reach_says_what_to_do(tmp_path: Path) -> None:
    tiny_encoders.need_transformers()
    code = (
        "from pathlib import Path; from affexion_core.encoders import download_encoder; "
        f"download_encoder('facebook/wav2vec2-base', Path({str(tmp_path)!r}))"
    )
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)
    assert "ModelError: The encoder 'facebook/wav2vec2-base' could not be downloaded" in done.stderr
    assert f"put them into {tmp_path}/facebook/wav2vec2-base" in done.stderr


def test_windows_cover_a_signal_evenly() -> None:
    for n in (1, 10, 11, 25, 99):
        windows = encoders.windows_of(n, 10)
        assert [i for window in windows for i in range(n)[window]] == list(range(n))
        sizes = [window.stop - window.start for window in windows]
        assert max(sizes) <= 10 and max(sizes) - min(sizes) <= 1


def test_the_description_needs_no_library(tmp_path: Path) -> None:
    folder = save_speech(tmp_path / "e")
    about = encoders.describe_encoder(folder, "speech")
    assert (about.hidden_size, about.n_layers, about.normalises, about.shortest) == (16, 2, True, 340)
    assert json.loads((folder / "config.json").read_text())["model_type"] == about.family

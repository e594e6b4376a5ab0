"""Embeddings of speech encoders, held against the transformers library's own forward pass."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_encoders import need_transformers, save_speech

from affexion_core.errors import AudioError, ConfigError
from affexion_core.extraction import FrontEnd, features_of
from affexion_core.features import ssl
from affexion_core.types import Utterance

FAMILIES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    need_transformers()
    root = tmp_path_factory.mktemp("families")
    for family in (*FAMILIES, "whisper"):
        save_speech(root / family, family)
    save_speech(root / "layer-norm", do_stable_layer_norm=True, feat_extract_norm="layer")
    return root


def speech(n_samples, seed=0, transcript=None):
    signal = np.random.default_rng(seed).normal(size=n_samples).astype(np.float32) * 0.1 + 0.02
    return Utterance(signal, 16_000, transcript)


def expected_states(folder, signal):
    """Hidden states by the library's own preprocessor and model, the last layer as ``last_hidden_state``."""
    import transformers

    reader = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = reader(signal, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        if folder.name == "whisper":
            found = model.encoder(inputs.input_features, output_hidden_states=True)
        else:
            found = model(inputs.input_values, output_hidden_states=True)
    return torch.cat([*found.hidden_states[:-1], found.last_hidden_state]).numpy()


@pytest.mark.parametrize("family", [*FAMILIES, "layer-norm", "whisper"])
def test_all_layers_are_those_of_the_library(family, folders):
    clip = speech(12_345)
    states = expected_states(folders / family, clip.signal)
    if family == "whisper":
        states = states[:, : -(-12_345 // 320)]
    frames = ssl.extract(clip, ssl.Config(encoder=str(folders / family), pooling="none"))
    assert frames.dtype == np.float32 and frames.flags.c_contiguous
    np.testing.assert_allclose(frames, states[-1], atol=2e-5)
    for layer in (0, 1, -2):
        config = ssl.Config(encoder=str(folders / family), layer=layer)
        np.testing.assert_allclose(ssl.extract(clip, config)[0], states[layer].mean(0), atol=2e-5)
    mean = ssl.extract(clip, ssl.Config(encoder=str(folders / family), layers="mean", pooling="none"))
    np.testing.assert_allclose(mean, states.mean(0), atol=2e-5)
    stack = ssl.extract(clip, ssl.Config(encoder=str(folders / family), layers="stack", pooling="statistics"))
    np.testing.assert_allclose(stack, np.concatenate([states.mean(1), states.std(1)], axis=1), atol=2e-5)


@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.integers(1, 9_000), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_a_batch_gives_what_single_clips_give(folders, lengths, seed):
    config = ssl.Config(encoder=str(folders / "wav2vec2"), layers="stack", pooling="statistics")
    clips = [speech(n, seed + i) for i, n in enumerate(lengths)]
    for clip, found in zip(clips, ssl.extract_batch(clips, config), strict=True):
        np.testing.assert_array_equal(found, ssl.extract(clip, config))
        assert found.shape == (3, ssl.n_features(config)) == (3, 32) and np.isfinite(found).all()


@pytest.mark.parametrize("family", ["wav2vec2", "whisper"])
def test_nonsense_gives_finite_numbers(family, folders):
    config = ssl.Config(encoder=str(folders / family), pooling="none")
    for signal in ([0.3], np.zeros(5000), np.full(4000, np.nan), np.full(700, np.inf), np.ones(3000)):
        found = ssl.extract(Utterance(np.asarray(signal, np.float32), 16_000), config)
        assert found.shape[0] >= 1 and np.isfinite(found).all()


@pytest.mark.parametrize("family", ["wav2vec2", "whisper"])
def test_long_clips_are_encoded_in_pieces(family, folders):
    config = ssl.Config(encoder=str(folders / family), pooling="none")
    clip = speech(31 * 16_000)
    half = len(clip.signal) // 2
    whole = ssl.extract(clip, config)
    assert abs(len(whole) - 31 * 50) <= 4
    if family == "whisper":
        first = ssl.extract(Utterance(clip.signal[:half], 16_000), config)
        np.testing.assert_array_equal(whole[: len(first)], first)


def test_bad_input_is_named(folders):
    with pytest.raises(AudioError, match="8000 Hz"):
        ssl.extract(Utterance(np.zeros(800, np.float32), 8_000), ssl.Config(encoder=str(folders / "wav2vec2")))
    with pytest.raises(ConfigError, match=r"layer = 7: .* layers 0 to 2 \(or -1 to -3"):
        ssl.extract(speech(4000), ssl.Config(encoder=str(folders / "wav2vec2"), layer=7))
    with pytest.raises(ConfigError, match="rows are then layers"):
        ssl.Config(layers="stack", pooling="none")


def test_other_weights_under_the_same_name_are_another_cache(workspace, tmp_path, folders):
    import shutil

    import soundfile

    from affexion_core.audio.decode import file_sha256
    from affexion_core.types import Clip

    soundfile.write(workspace.audio / "a.wav", speech(8000).signal, 16_000)
    sha256 = file_sha256(workspace.audio / "a.wav")
    clip = Clip("a" * 16, "audio/a.wav", sha256, "real", "c", 0.5, 16_000)
    place = tmp_path / "encoder"
    shutil.copytree(folders / "wav2vec2", place)
    front_end = FrontEnd("ssl", ssl.Config(encoder=str(place)))
    first = features_of(workspace, [clip], front_end)[0].copy()
    pinned = FrontEnd("ssl", ssl.pin(front_end.config))
    np.testing.assert_array_equal(features_of(workspace, [clip], pinned)[0], first)
    assert len(list(workspace.features.glob("ssl-*"))) == 1
    shutil.rmtree(place)
    save_speech(place, initializer_range=0.5)
    second = features_of(workspace, [clip], front_end)[0]
    assert not np.allclose(first, second)
    assert len(list(workspace.features.glob("ssl-*"))) == 2

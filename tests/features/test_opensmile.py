import builtins
from pathlib import Path

import numpy as np
import pytest

from affexion_core.audio.decode import load_audio
from affexion_core.errors import AudioError, ConfigError
from affexion_core.features import functionals, opensmile
from affexion_core.features.opensmile import Config, extract, extract_batch, n_features
from affexion_core.types import Utterance

RATE = 16_000


@pytest.fixture
def smile():
    return pytest.importorskip("opensmile", reason="eGeMAPS needs requirements-opensmile.txt")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "opensmile":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    opensmile._smile.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"need the package opensmile.*requirements-opensmile\.txt"):
        extract(Utterance(np.zeros(RATE, np.float32), RATE), Config())
    assert n_features(Config()) == 88  # known without it


@pytest.mark.parametrize("feature_set", ["egemaps", "compare"])
def test_one_row_a_clip_of_any_length(smile, feature_set):
    config = Config(feature_set=feature_set)
    rng = np.random.default_rng(0)
    clips = [Utterance(rng.uniform(-0.3, 0.3, n).astype(np.float32), RATE) for n in (1, 700, 9_000)]
    clips.append(Utterance(np.zeros(RATE, np.float32), RATE))
    for utterance, found in zip(clips, extract_batch(clips, config), strict=True):
        assert found.shape == (1, n_features(config)) and found.dtype == np.float32 and np.isfinite(found).all()
        np.testing.assert_array_equal(found, extract(utterance, config))
    with pytest.raises(AudioError, match="has 8000 Hz"):
        extract(Utterance(np.zeros(100, np.float32), 8_000), config)


@pytest.mark.shared_audio
def test_our_own_functionals_agree_on_pitch_and_loudness(smile, shared_audio: Path):
    paths = sorted((shared_audio / "ravdess").rglob("*.flac"))[::72]
    clips = [Utterance(load_audio(path).signal, RATE) for path in paths]
    theirs = np.concatenate(extract_batch(clips, Config()))
    ours = np.concatenate(functionals.extract_batch(clips, functionals.Config()))
    names = smile.Smile(feature_set="eGeMAPSv02").feature_names
    own = list(functionals.feature_names())
    pairs = (("F0semitoneFrom27.5Hz_sma3nz_amean", "f0.mean"), ("loudness_sma3_amean", "level.mean"))
    for name, mine in pairs:
        r = np.corrcoef(theirs[:, names.index(name)], ours[:, own.index(mine)])[0, 1]
        assert r > 0.8, (name, r)

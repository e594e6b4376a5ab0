from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import lfilter

from affexion_core.audio.decode import load_audio
from affexion_core.config import build
from affexion_core.errors import AudioError, ConfigError
from affexion_core.features._pitch import track_pitch
from affexion_core.features._summaries import MANY, summaries
from affexion_core.features.functionals import Config, extract, extract_batch, feature_names, n_features
from affexion_core.types import Utterance

RATE = 16_000
NAMES = feature_names()
WIDE = Config(figures="wide")


def named(utterance: Utterance, config: Config | None = None) -> dict[str, float]:
    config = config or Config()
    return dict(zip(feature_names(config), extract(utterance, config)[0].tolist(), strict=True))


def vowel(f0: float, resonances: tuple[tuple[float, float], ...]) -> Utterance:
    """Clicks at a pitch through resonances (Hz, width in Hz): a vowel by source and filter."""
    signal = np.zeros(RATE)
    signal[np.arange(0, RATE, RATE / f0).astype(int)] = 1.0
    for hertz, width in resonances:
        r = np.exp(-np.pi * width / RATE)
        signal = lfilter([1.0], [1.0, -2 * r * np.cos(2 * np.pi * hertz / RATE), r * r], signal)
    return Utterance((0.3 * signal / np.abs(signal).max()).astype(np.float32), RATE)


def buzz(f0: np.ndarray, level: float = 0.1) -> Utterance:
    """A voice-like sound: ten harmonics of a pitch (Hz by sample), weaker towards the top."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    signal = sum(np.sin(k * phase) / k for k in range(1, 11))
    return Utterance((level * np.asarray(signal)).astype(np.float32), RATE)


def steady(f0: float, seconds: float = 1.0) -> Utterance:
    return buzz(np.full(int(seconds * RATE), f0))


@pytest.mark.parametrize("f0", [70, 110, 150, 220, 330, 440, 590])
def test_pitch_of_a_steady_voice_is_found_within_a_twentieth_of_a_semitone(f0: float) -> None:
    found = track_pitch(steady(f0).signal, RATE, 160, 60, 620)
    assert found.voiced[5:-5].all()
    assert np.abs(12 * np.log2(found.f0[5:-5] / f0)).max() < 0.05
    assert found.strength[5:-5].min() > 0.9


def test_noise_and_silence_are_not_voiced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert track_pitch(noise, RATE, 160, 60, 620).voiced.mean() < 0.1
    assert not track_pitch(np.zeros(RATE, np.float32), RATE, 160, 60, 620).voiced.any()


def test_a_rising_voice_rises_by_its_semitones_per_second() -> None:
    rising = named(buzz(110 * 2 ** (np.arange(2 * RATE) / RATE / 2)))  # an octave in 2 s
    assert rising["f0.slope"] == pytest.approx(6.0, abs=0.2)
    assert rising["f0.p50"] == pytest.approx(12 * np.log2(110 * 2**0.5 / 27.5), abs=0.1)
    assert rising["f0_rise"] == pytest.approx(6.0, rel=0.1)
    assert named(steady(110))["f0.slope"] == pytest.approx(0.0, abs=0.05)


def test_ten_times_the_pressure_adds_20_db_and_leaves_pitch_alone() -> None:
    quiet, loud = named(steady(200)), named(buzz(np.full(RATE, 200.0), level=1.0))
    assert loud["level.mean"] - quiet["level.mean"] == pytest.approx(20.0, abs=0.01)
    for name in ("f0.mean", "hnr.mean", "centroid.mean", "slope_0_500.mean", "mel5.mean", "peaks_per_second"):
        assert loud[name] == pytest.approx(quiet[name], abs=0.02)


def test_syllables_and_pauses_are_counted() -> None:
    beat = (np.sin(2 * np.pi * 4 * np.arange(3 * RATE) / RATE) > 0) + 1e-4  # on and off four times a second
    found = named(Utterance((steady(150, 3.0).signal * beat).astype(np.float32), RATE))
    assert found["peaks_per_second"] == pytest.approx(4.0, abs=0.5)
    assert found["pauses_per_second"] == pytest.approx(4.0, abs=0.6)
    assert found["pause_length"] == pytest.approx(0.11, abs=0.03)
    assert found["speech_seconds"] == pytest.approx(2.9, abs=0.1)
    bands = [found[f"modulation3.{low}_{2 * low}hz"] for low in (1, 2, 4, 8)]
    assert bands.index(max(bands)) == 2  # 4 to 8 Hz


def test_a_row_for_each_speed_sounds_as_another_speaker_might() -> None:
    rows = extract(steady(200.0), Config(speeds=(0.8, 1.25)))
    np.testing.assert_array_equal(rows[:1], extract(steady(200.0), Config()))
    pitch = 27.5 * 2 ** (rows[:, NAMES.index("f0.p50")] / 12)
    np.testing.assert_allclose(pitch, [200, 160, 250], rtol=0.005)
    assert rows[:, NAMES.index("speech_seconds")].tolist() == pytest.approx([1.0, 1.25, 0.8], abs=0.03)
    assert extract(Utterance(np.zeros(1, np.float32), RATE), Config(speeds=(2.0,))).shape == (2, 421)
    with pytest.raises(ConfigError, match="less than or equal to 2"):
        build(Config, {"speeds": (3.0,)})


def test_silence_around_speech_hardly_matters() -> None:
    speech = buzz(200 + 50 * np.sin(2 * np.pi * 3 * np.arange(RATE) / RATE))
    padded = Utterance(np.pad(speech.signal, RATE), RATE)
    alone, within = named(speech), named(padded)
    for name in ("f0.mean", "f0.sd", "level.p50", "centroid.mean", "voiced_share", "mfcc3.mean"):
        assert within[name] == pytest.approx(alone[name], rel=0.05, abs=0.05)


@pytest.mark.parametrize("places", [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240)])  # ah, ee, oo
def test_the_formants_of_a_vowel_are_found(places: tuple[float, ...]) -> None:
    found = named(vowel(110.0, tuple((hertz, 80.0) for hertz in places)), WIDE)
    for i, hertz in enumerate(places, start=1):
        assert 100 * 2 ** (found[f"formant{i}.p50"] / 12) == pytest.approx(hertz, abs=82)  # 3/4 of a harmonic


def test_the_summaries_of_a_known_course() -> None:
    line = np.linspace(0, 1, 101)[:, None]  # one per second
    found = dict(zip(MANY, summaries(line, np.ones(101, dtype=bool), MANY)[0], strict=True))
    expected = {"mean": 0.5, "p25": 0.25, "p95": 0.95, "wide_range": 0.9, "mid_range": 0.5, "skew": 0.0}
    expected |= {"change_p95": 0.01, "late": 0.335, "bend": 0.0, "kurtosis": 1.8}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=2e-3)
    assert found["slope"] == pytest.approx(1.0, abs=0.05)
    assert found["above_mean"] == pytest.approx(0.5, abs=0.01)
    assert found["unevenness"] < 0.02
    assert found["centre"] == pytest.approx(2 / 3, abs=0.01)
    bow = dict(zip(MANY, summaries(line**2, np.ones(101, dtype=bool), MANY)[0], strict=True))
    assert bow["bend"] == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("config", "n"), [(Config(), 421), (WIDE, 1475)], ids=["core", "wide"])
def test_columns_have_distinct_names(config: Config, n: int) -> None:
    assert len(feature_names(config)) == len(set(feature_names(config))) == n_features(config) == n


@pytest.mark.parametrize("n_samples", [1, 159, 1600, RATE])
@pytest.mark.parametrize("kind", ["silence", "constant", "click", "noise", "loud noise", "not a number"])
def test_any_signal_gives_finite_figures(n_samples: int, kind: str) -> None:
    signal = {
        "silence": np.zeros(n_samples),
        "constant": np.ones(n_samples),
        "click": np.eye(1, n_samples, n_samples // 2)[0],
        "noise": np.random.default_rng(1).normal(0, 1e-3, n_samples),
        "loud noise": np.random.default_rng(2).normal(0, 10, n_samples),
        "not a number": np.full(n_samples, np.nan),
    }[kind].astype(np.float32)
    for config in (Config(), WIDE):
        found = extract(Utterance(signal, RATE), config)
        assert found.shape == (1, n_features(config)) and found.dtype == np.float32
        assert np.isfinite(found).all() and np.abs(found).max() <= 1000


@given(arrays(np.float32, st.integers(1, 3000), elements=st.floats(-1, 1, width=32)))
@settings(max_examples=40, deadline=None)
def test_no_signal_gives_a_figure_that_is_not_finite(signal: np.ndarray) -> None:
    assert np.isfinite(extract(Utterance(signal, RATE), WIDE)).all()


def test_wrong_input_is_refused_with_what_to_do() -> None:
    with pytest.raises(AudioError, match="8000 Hz, the front-end is set to 16000 Hz"):
        extract(Utterance(np.zeros(800, np.float32), 8000), Config())
    with pytest.raises(AudioError, match="at least one"):
        extract(Utterance(np.zeros(0, np.float32), RATE), Config())
    with pytest.raises(ConfigError, match="choose fmin below fmax"):
        build(Config, {"fmin": 250, "fmax": 210})


@pytest.mark.shared_audio
def test_batch_and_single_agree_and_men_speak_lower_than_women(shared_audio: Path) -> None:
    files = [sorted((shared_audio / "ravdess" / f"Actor_{actor:02d}").glob("*.flac"))[1:50:16] for actor in range(1, 7)]
    speech = [Utterance(load_audio(path).signal, RATE) for group in files for path in group]
    batch = extract_batch(speech, Config())
    for utterance, row in zip(speech[:3], batch, strict=False):
        np.testing.assert_array_equal(extract(utterance, Config()), row)
    pitch = np.concatenate(batch)[:, NAMES.index("f0.p50")].reshape(6, -1).mean(axis=1)
    assert pitch[0::2].max() < pitch[1::2].min()  # odd actors are men
    assert pitch.min() > 24 and pitch.max() < 48  # 110 to 440 Hz

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affexion_core.augment import field
from affexion_core.augment.field import Conditions, Config, apply, draw, render
from affexion_core.config import build
from affexion_core.errors import AudioError, ConfigError

RATE = 16_000
CLEAN = Conditions("pink", 100.0, 0.0, 0.0, 20.0, 24_000.0, -6.0, 0.0)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Speak-like sound: a gliding tone with harmonics, in syllables, 3 s."""
    t = np.arange(3 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(150 + 30 * np.sin(2 * np.pi * 0.7 * t)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.2 * tone * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)) ** 2).astype(np.float32)


def level_db(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2)))


def noise_in(mixed: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part a mixture into what the clean sound explains and the rest."""
    mixed, clean = mixed.astype(np.float64), clean.astype(np.float64)
    explained = clean * (mixed @ clean) / (clean @ clean)
    return explained, mixed - explained


@pytest.mark.parametrize("noise", ["pink", "babble"])
@pytest.mark.parametrize("snr_db", [0.0, 5.0, 12.5, 25.0])
def test_noise_stands_as_far_below_speech_as_asked(speech: np.ndarray, noise: field.Noise, snr_db: float):
    conditions = replace(CLEAN, noise=noise, snr_db=snr_db, reverberation=0.4, direct_db=6.0, low_hz=300, high_hz=3400)
    clean = render(speech, RATE, replace(conditions, snr_db=100.0), seed=3)
    explained, rest = noise_in(render(speech, RATE, conditions, seed=3), clean)
    assert level_db(explained) - level_db(rest) == pytest.approx(snr_db, abs=0.5)


def test_real_speech_gets_the_noise_asked_for(shared_audio):
    signal, rate = soundfile.read(shared_audio / "ravdess/Actor_01/03-01-01-01-01-01-01.flac", dtype="float32")
    clean = render(signal, rate, CLEAN, seed=0)
    explained, rest = noise_in(render(signal, rate, replace(CLEAN, snr_db=10.0), seed=0), clean)
    assert level_db(explained) - level_db(rest) == pytest.approx(10.0, abs=0.5)


def test_same_seed_same_samples(speech: np.ndarray):
    first = apply(speech, RATE, Config(), 7)
    assert np.array_equal(first, apply(speech, RATE, Config(), 7))
    assert not np.array_equal(first, apply(speech, RATE, Config(), 8))
    assert first.dtype == np.float32 and first.shape == speech.shape


def test_input_is_left_alone(speech: np.ndarray):
    before = speech.copy()
    apply(speech, RATE, Config(), 0)
    assert np.array_equal(speech, before)


@settings(deadline=None, max_examples=40)
@given(
    arrays(np.float32, st.integers(1, 4000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([2_000, 8_000, 22_050, 48_000]),
    st.integers(0, 2**32 - 1),
)
def test_any_signal_stays_finite_and_in_range(signal: np.ndarray, rate: int, seed: int):
    changed = apply(signal, rate, Config(overdrive_db=(0, 24), peak_db=(-60, 0)), seed)
    assert changed.shape == signal.shape and np.isfinite(changed).all() and np.abs(changed).max() <= 1.0


def test_silence_stays_silent():
    assert not apply(np.zeros(1000, np.float32), RATE, Config(), 0).any()


def test_room_decays_by_60_db_in_its_time():
    click = np.zeros(RATE, np.float32)
    click[0] = 1.0
    room = render(click, RATE, replace(CLEAN, reverberation=0.5, direct_db=0.0, snr_db=100.0), seed=1).astype(float)
    remaining = 10 * np.log10(np.cumsum(room[::-1] ** 2)[::-1])
    early, late = (int(part * 0.5 * RATE) for part in (0.1, 0.5))
    assert (remaining[early] - remaining[late]) / 0.4 == pytest.approx(60, abs=3)


def test_band_is_limited(speech: np.ndarray):
    hiss = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    narrow = render(hiss, RATE, replace(CLEAN, low_hz=300.0, high_hz=3400.0), seed=0)
    power = np.abs(np.fft.rfft(narrow)) ** 2
    inside, below, above = power[500:3000].mean(), power[20:75].mean(), power[6800:].mean()
    assert 10 * np.log10(inside / below) > 20 and 10 * np.log10(inside / above) > 10


def test_level_and_cut_are_as_asked(speech: np.ndarray):
    changed = render(speech, RATE, replace(CLEAN, peak_db=-12.0, overdrive_db=2.0), seed=0)
    ceiling = 10 ** (-12 / 20)
    assert np.abs(changed).max() == pytest.approx(ceiling, rel=1e-6)
    assert (np.abs(changed) > 0.9999 * ceiling).sum() > 3
    whole = render(speech, RATE, replace(CLEAN, peak_db=-12.0), seed=0)
    assert (np.abs(whole) > 0.9999 * ceiling).sum() <= 3


def test_conditions_are_drawn_within_their_bounds():
    config = Config()
    drawn = [draw(config, seed) for seed in range(200)]
    assert {one.noise for one in drawn} == {"pink", "babble"}
    for name in ("snr_db", "reverberation", "direct_db", "low_hz", "high_hz", "peak_db", "overdrive_db"):
        low, high = getattr(config, name)
        values = [getattr(one, name) for one in drawn]
        assert low <= min(values) < low + 0.1 * (high - low) and high - 0.1 * (high - low) < max(values) <= high


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"snr_db": (20, 5)}, r"snr_db = \(20, 5\).*the smaller first, both from -20 to 100"),
        ({"high_hz": (100, 3000)}, "both from 2000 to 24000"),
        ({"noises": ()}, "noises"),
        ({"noises": ("rain",)}, "'pink' or 'babble'"),
    ],
)
def test_bad_settings_are_named(values: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        build(Config, values)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(0, np.float32), r"shape \(0,\)"),
        (np.zeros((10, 2), np.float32), r"shape \(10, 2\)"),
        (np.array([0.0, np.nan], np.float32), "no numbers"),
    ],
)
def test_what_is_no_mono_signal_is_refused(signal: np.ndarray, message: str):
    with pytest.raises(AudioError, match=message):
        apply(signal, RATE, Config(), 0)

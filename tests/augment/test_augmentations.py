"""What each change to a signal does, measured on the signal."""

import numpy as np
import pytest

from affexion_core.augment import codec, gain, noise, pitch, room, speed, stretch
from affexion_core.augment._signal import check
from affexion_core.config import build
from affexion_core.errors import AudioError, ConfigError

RATE = 16_000
MODULES = (codec, gain, noise, pitch, room, speed, stretch)


def tone(hz: float = 400.0, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def pitch_of(signal: np.ndarray) -> float:
    windowed = signal * np.hanning(len(signal))
    return np.abs(np.fft.rfft(windowed, 8 * len(signal))).argmax() * RATE / (8 * len(signal))


def power_db(signal: np.ndarray) -> float:
    return 10 * np.log10(np.mean(signal.astype(np.float64) ** 2))


@pytest.mark.parametrize("semitones", [-5.0, 1.0, 7.0])
def test_pitch_moves_by_semitones_and_not_the_length(semitones):
    changed = pitch.apply(tone(), RATE, pitch.Config(semitones=(semitones, semitones)), 0)
    assert len(changed) == RATE
    assert pitch_of(changed) == pytest.approx(400 * 2 ** (semitones / 12), rel=0.004)


@pytest.mark.parametrize("rate", [0.7, 1.0, 1.3])
def test_stretch_changes_the_length_and_not_the_pitch(rate):
    changed = stretch.apply(tone(), RATE, stretch.Config(rate=(rate, rate)), 0)
    assert len(changed) == round(RATE / rate)
    assert pitch_of(changed) == pytest.approx(400, rel=0.004)
    assert power_db(changed) == pytest.approx(power_db(tone()), abs=1.5)


def test_speed_changes_both():
    changed = speed.apply(tone(), RATE, speed.Config(rate=(1.25, 1.25)), 0)
    assert len(changed) == pytest.approx(RATE / 1.25, abs=2)
    assert pitch_of(changed) == pytest.approx(500, rel=0.004)


def test_noise_stands_at_the_ratio_asked_for():
    clean = tone()
    for seed in range(3):
        changed = noise.apply(clean, RATE, noise.Config(snr_db=(12, 12)), seed)
        assert power_db(clean) - power_db(changed - clean) == pytest.approx(12, abs=0.1)


def test_gain_is_in_decibels_and_never_cuts():
    assert power_db(gain.apply(tone(), RATE, gain.Config(gain_db=(-6, -6)), 0)) == pytest.approx(power_db(tone()) - 6)
    loud = gain.apply(tone(), RATE, gain.Config(gain_db=(40, 40)), 0)
    np.testing.assert_allclose(loud, tone() / np.abs(tone()).max(), atol=1e-6)


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_a_room_sounds_as_long_as_asked(seconds):
    config = room.Config(reverberation=(seconds, seconds))
    for seed in range(3):
        response = room.draw_response(RATE, config, np.random.default_rng(seed))
        assert response[0] == pytest.approx(1.0, abs=0.01)
        energy = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1])
        fall = np.arange(int(0.1 * RATE), int(0.2 * RATE))  # of the tail: Schroeder's curve, a straight line
        slope = np.polyfit(fall / RATE, energy[fall], 1)[0]
        assert -60 / slope == pytest.approx(seconds, rel=0.2)


def test_farther_away_there_is_more_room():
    shares = []
    for distance in (0.2, 2.5):
        config = room.Config(distance=(distance, distance), reverberation=(0.5, 0.5))
        responses = [room.draw_response(RATE, config, np.random.default_rng(seed)) for seed in range(8)]
        shares.append(np.median([np.sum(r[1:] ** 2) / r[0] ** 2 for r in responses]))
    assert shares[1] > 10 * shares[0]


def test_the_telephone_leaves_its_band():
    config = codec.Config(codecs=("telephone",))
    kept = codec.apply(tone(1000), RATE, config, 0)
    assert pitch_of(kept) == pytest.approx(1000, rel=0.001)
    assert power_db(kept) == pytest.approx(power_db(tone(1000)), abs=1)
    for hz in (60, 6000):
        assert power_db(codec.apply(tone(hz), RATE, config, 0)) < power_db(tone(hz)) - 20


@pytest.mark.parametrize("kind", ["mp3", "opus"])
def test_coded_sound_stays_in_its_place_and_few_bits_cost_more(kind):
    rng = np.random.default_rng(0)
    sound = tone(700) * np.repeat(rng.uniform(0.2, 1, 20), RATE // 20).astype(np.float32)
    errors = []
    for rate in (8, 64):
        changed = codec.apply(sound, RATE, codec.Config(codecs=(kind,), kbit_s=(rate, rate)), 0)
        assert len(changed) == len(sound)
        lags = np.correlate(changed[2000:14000], sound[2400:13600], "valid")
        assert lags.argmax() == pytest.approx(400, abs=24)
        errors.append(np.mean((np.abs(np.fft.rfft(changed)) - np.abs(np.fft.rfft(sound))) ** 2))
    assert errors[1] < errors[0]


@pytest.mark.parametrize("module", MODULES)
def test_silence_clicks_and_single_samples_are_no_trouble(module):
    click = np.zeros(300, dtype=np.float32)
    click[7] = 1.0
    for signal in (np.zeros(800, dtype=np.float32), click, np.ones(1, dtype=np.float32)):
        changed = module.apply(signal, RATE, module.Config(), 1)
        assert np.isfinite(changed).all() and len(changed) and np.abs(changed).max() <= 1


@pytest.mark.parametrize("module", MODULES)
def test_another_seed_draws_something_else(module):
    seeds = [module.apply(tone(seconds=0.5), RATE, module.Config(), seed) for seed in range(4)]
    assert any(len(one) != len(seeds[0]) or not np.array_equal(one, seeds[0]) for one in seeds[1:])


def test_what_is_no_signal_and_ranges_the_wrong_way_round_are_refused():
    with pytest.raises(AudioError, match="one channel with samples"):
        check(np.zeros((2, 5)))
    with pytest.raises(ConfigError, match="the smaller first"):
        build(pitch.Config, {"semitones": (3, -3)})

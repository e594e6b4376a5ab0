import numpy as np
import pytest
import soundfile as sf
from scipy.stats import gamma, norm

from affexion_core.audio.snr import _STATISTIC, estimate_snr


def mixed(snr, seed=0, n=160_000):
    rng = np.random.default_rng(seed)
    speech = rng.gamma(0.4, size=n) * rng.choice([-1, 1], n)
    noise = rng.normal(size=n)
    speech *= 10 ** (snr / 20) * np.sqrt(np.mean(noise**2) / np.mean(speech**2))
    return (0.01 * (speech + noise)).astype(np.float32)


@pytest.mark.parametrize("snr", [0, 10, 20, 30])
def test_a_mixture_of_its_own_kind_is_measured_whatever_its_level(snr):
    assert estimate_snr(mixed(snr)) == pytest.approx(snr, abs=1.0)
    assert estimate_snr(0.1 * mixed(snr)) == pytest.approx(snr, abs=1.0)


def test_the_table_is_what_the_two_distributions_give():
    q = (np.arange(1200) + 0.5) / 1200
    speech, noise = gamma.ppf(q, 0.4), norm.ppf(q)
    speech, noise = speech / np.sqrt(np.mean(speech**2)), noise / np.sqrt(np.mean(noise**2))
    for snr in (-10, 0, 20, 40):
        z = np.abs(speech[:, None] + 10 ** (-snr / 20) * noise)
        assert _STATISTIC[snr + 10] == pytest.approx(np.log(z.mean()) - np.log(z).mean(), abs=0.004)
    assert np.all(np.diff(_STATISTIC) > 0)


def test_noise_lies_at_the_bottom_and_silence_has_no_figure():
    assert estimate_snr(np.random.default_rng(0).normal(size=80_000)) < -3
    assert estimate_snr(np.zeros(16000)) is None
    assert estimate_snr(np.ones(100)) is None


def test_noise_added_to_real_speech_lowers_the_estimate(shared_audio):
    path = sorted(shared_audio.rglob("*.wav"))[0]
    signal = sf.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    rng = np.random.default_rng(0)
    power = np.sqrt(np.mean(signal**2))
    found = [estimate_snr(signal + power * 10 ** (-db / 20) * rng.normal(size=len(signal))) for db in (0, 10, 20)]
    assert found[0] < found[1] < found[2]
    padded = np.concatenate([np.zeros(16000, dtype=np.float32), signal])
    assert estimate_snr(padded) == estimate_snr(signal)

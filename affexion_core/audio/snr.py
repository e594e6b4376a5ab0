"""How far speech stands above noise, estimated from the signal alone."""

from __future__ import annotations

import numpy as np

LOWEST_DB, HIGHEST_DB = -10.0, 50.0
_LEAST_SAMPLES = 1600  # 0.1 s at 16 kHz

# ln E|z| - E ln|z| of z = speech + noise at -10, -9, ..., 50 dB, where |speech| has a gamma distribution of shape 0.4
# and either sign, and noise is Gaussian; computed on a grid of 3000 x 3000 quantiles of the two.
_STATISTIC = (
    0.4121, 0.4133, 0.4149, 0.4171, 0.42, 0.4238, 0.4286, 0.4346, 0.4421, 0.4511, 0.4618, 0.4743, 0.4888, 0.5052,
    0.5235, 0.5436, 0.5655, 0.589, 0.614, 0.6402, 0.6674, 0.6956, 0.7243, 0.7535, 0.7829, 0.8124, 0.8418, 0.8709,
    0.8997, 0.9281, 0.9559, 0.9831, 1.0096, 1.0354, 1.0604, 1.0847, 1.1082, 1.1308, 1.1527, 1.1738, 1.194, 1.2135,
    1.2323, 1.2503, 1.2676, 1.2841, 1.3, 1.3153, 1.3298, 1.3438, 1.3572, 1.37, 1.3822, 1.3939, 1.4051, 1.4158,
    1.4261, 1.4358, 1.4452, 1.4541, 1.4627
)  # fmt: skip


def estimate_snr(signal: np.ndarray) -> float | None:
    """Estimate the signal-to-noise ratio of speech from the shape of its amplitude distribution (WADA-SNR).

    Parameters
    ----------
    signal
        Mono float ``(n_samples,)``. Samples that are exactly 0 don't count: they are padding, not quiet.

    Returns
    -------
    float or None
        In dB, from -10 to 50, where what lies beyond is cut off; None for less than 1600 samples that aren't 0.

    Notes
    -----
    It takes speech for something whose amplitudes have a gamma distribution of shape 0.4, and noise for steady and
    Gaussian. Babble, music and reverberation break that, and pauses count as noise, so that it orders recordings
    better than it measures one.
    Source: C. Kim and R. M. Stern, "Robust signal-to-noise ratio estimation based on waveform amplitude distribution
    analysis", Interspeech 2008.
    """
    amplitudes = np.abs(signal[signal != 0]).astype(np.float64)
    if len(amplitudes) < _LEAST_SAMPLES:
        return None
    statistic = float(np.log(amplitudes.mean()) - np.log(amplitudes).mean())
    return float(np.interp(statistic, _STATISTIC, np.arange(LOWEST_DB, HIGHEST_DB + 1)))

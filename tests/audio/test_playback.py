import contextlib
import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from scipy.signal import lfilter

from affexion_core.audio.decode import load_audio
from affexion_core.audio.playback import (
    MOST_GAIN_DB,
    PEAK_CEILING,
    TARGET_LUFS,
    Level,
    _weighted,
    loudness,
    playback_level,
    wav_bytes,
)

FOLDERS = ("cremad", "emodb", "ravdess", "tess", "emospeech")


def sine(hertz: float, seconds: float, rate: int, peak: float = 1.0) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_loudness_of_the_standards_own_tone(rate: int) -> None:
    # ITU-R BS.1770: a full-scale sine of 997 Hz in one channel reads -3.01
    assert loudness(sine(997, 3, rate), rate) == pytest.approx(-3.01, abs=0.01)
    assert loudness(sine(997, 3, rate, 0.1), rate) == pytest.approx(-23.01, abs=0.01)


def test_pauses_do_not_count_and_a_short_clip_does() -> None:
    rate = 16_000
    tone = sine(997, 2, rate, 0.1)
    with_pause = np.concatenate([tone, np.zeros(10 * rate)])
    # the two blocks across the edge count in part
    assert loudness(with_pause, rate) == pytest.approx(loudness(tone, rate), abs=0.8)
    assert loudness(sine(997, 0.1, rate, 0.1), rate) == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize("n_samples", [1, 100, 6_400, 26_367, 26_369, 400_000])
def test_a_signal_is_measured_alike_in_pieces_and_at_once(n_samples: int) -> None:
    signal = np.random.default_rng(n_samples).normal(size=n_samples) * 0.1
    b, a = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
    weighted = lfilter((1, -2, 1), (1, -1.99004745483398, 0.99007225036621), lfilter(b, a, signal))
    assert np.concatenate(list(_weighted(signal, 48_000))) == pytest.approx(weighted, abs=1e-4)


def test_loudness_agrees_with_ffmpeg(shared_audio: Path) -> None:
    for folder in FOLDERS:
        path = sorted((shared_audio / folder).rglob("*.flac"))[3]
        decoded = load_audio(path)
        assert loudness(decoded.signal, 16_000) == pytest.approx(ebur128(decoded.signal), abs=0.1), path.name


def ebur128(signal: np.ndarray) -> float:
    """Measure with FFmpeg's filter, whose frames carry the loudness so far."""
    graph = av.filter.Graph()
    parts = [
        graph.add_abuffer(sample_rate=16_000, format="flt", layout="mono", time_base="1/16000"),
        graph.add("aresample", "48000"),
        graph.add("ebur128", "metadata=1"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*parts).configure()
    measured = []
    chunks = [signal[None, start : start + 1600] for start in range(0, len(signal) - 1599, 1600)]
    for i, chunk in enumerate([*chunks, None]):
        frame = None
        if chunk is not None:
            frame = av.AudioFrame.from_ndarray(chunk, format="flt", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 1600 * i
        graph.push(frame)
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                measured.append(graph.pull().metadata.get("lavfi.r128.I"))
    return float([value for value in measured if value is not None][-1])


def test_real_speech_is_played_at_one_loudness_and_never_clips(shared_audio: Path) -> None:
    reached, capped = 0, []
    for folder in FOLDERS:
        for path in sorted((shared_audio / folder).rglob("*.flac"))[::25][:12]:
            signal = load_audio(path).signal
            played = signal * playback_level(signal, 16_000).gain
            pcm, rate = sf.read(io.BytesIO(wav_bytes(played, 16_000)), dtype="int16")
            assert rate == 16_000 and pcm.ndim == 1 and len(pcm) == len(signal)
            assert np.abs(pcm.astype(int)).max() <= round(PEAK_CEILING * 32_768)
            measured = loudness(pcm / 32_768, 16_000)
            if abs(measured - TARGET_LUFS) <= 0.5:
                reached += 1
            elif np.isfinite(measured):
                capped.append(np.abs(played).max())
    assert reached >= 50
    # only what would pass the ceiling stays below the target
    assert capped == pytest.approx([PEAK_CEILING] * len(capped))


def test_silence_stays_silent_and_gain_is_limited() -> None:
    assert playback_level(np.zeros(16_000), 16_000) == Level(-np.inf, 1.0)
    assert playback_level(np.zeros(0), 16_000) == Level(-np.inf, 1.0)
    hiss = np.random.default_rng(0).normal(size=16_000) * 10 ** (-80 / 20)
    assert loudness(hiss, 16_000) == -np.inf and playback_level(hiss, 16_000).gain == 1.0
    faint = sine(997, 1, 16_000, 10 ** (-65 / 20))
    assert 20 * np.log10(playback_level(faint, 16_000).gain) == pytest.approx(MOST_GAIN_DB)
    click = np.zeros(16_000)
    click[100] = 0.5
    assert np.abs(click * playback_level(click, 16_000).gain).max() <= PEAK_CEILING


def test_wav_is_a_faithful_copy() -> None:
    signal = sine(440, 0.5, 16_000, 0.3)
    back, _ = sf.read(io.BytesIO(wav_bytes(signal, 16_000)))
    assert np.abs(back - signal).max() <= 1 / 32_768

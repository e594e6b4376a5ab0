import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.audio.decode import SAMPLING_RATE, Limits, file_sha256, load_audio, probe
from affexion_core.config import build
from affexion_core.errors import AudioError, ConfigError

ODD = {
    "ravdess_stereo_48khz.wav": ("wav", 48_000, 2, 3.470),
    "tess_96khz.wav": ("wav", 96_000, 1, 1.512),
    "speech.m4a": ("m4a", 44_100, 2, 3.493),
    "speech.mp3": ("mp3", 44_100, 2, 3.470),
    "speech.webm": ("webm", 48_000, 2, 3.484),
}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Two seconds of 16-bit noise at 16 kHz, as wav."""
    signal = (np.random.default_rng(1).integers(-9000, 9000, 32_000) / 32768).astype(np.float32)
    path = tmp_path_factory.mktemp("noise") / "noise.wav"
    soundfile.write(path, signal, SAMPLING_RATE, subtype="PCM_16")
    return path, signal


@pytest.mark.shared_audio
@pytest.mark.parametrize("name", ODD)
def test_real_files_of_every_common_kind(name: str, shared_audio: Path) -> None:
    container, rate, channels, seconds = ODD[name]
    info = probe(shared_audio / "odd" / name)
    assert (info.format, info.sampling_rate, info.channels) == (container, rate, channels)
    assert info.duration == pytest.approx(seconds, abs=0.001)
    decoded = load_audio(shared_audio / "odd" / name)
    assert decoded.warnings == ()
    assert decoded.signal.dtype == np.float32 and decoded.signal.ndim == 1
    assert (decoded.original_rate, decoded.original_channels) == (rate, channels)
    assert len(decoded.signal) / SAMPLING_RATE == decoded.duration == pytest.approx(seconds, abs=0.02)


@pytest.mark.shared_audio
@pytest.mark.parametrize(("name", "likeness"), [("speech.mp3", 0.999), ("speech.webm", 0.995)])
def test_lossy_copies_lie_where_the_original_lies(name: str, likeness: float, shared_audio: Path) -> None:
    original = load_audio(shared_audio / "odd" / "ravdess_stereo_48khz.wav").signal
    copy = load_audio(shared_audio / "odd" / name).signal
    assert np.corrcoef(original, copy)[0, 1] > likeness


@pytest.mark.shared_audio
@pytest.mark.parametrize("name", ODD)
def test_a_span_equals_that_part_of_the_whole(name: str, shared_audio: Path) -> None:
    path = shared_audio / "odd" / name
    whole, span = load_audio(path).signal, load_audio(path, 0.5, 1.25).signal
    assert len(span) == 12_000
    inside = slice(400, -400)  # at its edges, resampling misses the neighbours
    assert np.abs(span[inside] - whole[8_000:20_000][inside]).max() < 1e-4
    assert np.abs(span).max() > 0.01


@pytest.mark.shared_audio
def test_an_unknown_codec_in_a_known_container(shared_audio: Path, tmp_path: Path) -> None:
    data = (shared_audio / "odd" / "speech.webm").read_bytes()
    (tmp_path / "speech.webm").write_bytes(data.replace(b"A_OPUS", b"A_NONE"))
    with pytest.raises(AudioError, match="coded in an unknown way"):
        load_audio(tmp_path / "speech.webm")


@pytest.mark.shared_audio
def test_resampling_and_mixing_equal_soxr_in_one_piece(shared_audio: Path) -> None:
    path = shared_audio / "odd" / "ravdess_stereo_48khz.wav"
    raw, rate = soundfile.read(path, dtype="float32")
    expected = soxr.resample(raw.mean(axis=1), rate, SAMPLING_RATE, quality="HQ")
    assert np.abs(load_audio(path).signal - expected).max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 31_000), st.integers(1, 32_000))
def test_spans_are_exact_to_the_sample(noise: tuple[Path, np.ndarray], first: int, length: int) -> None:
    path, signal = noise
    decoded = load_audio(path, first / SAMPLING_RATE, min(first + length, 32_000) / SAMPLING_RATE)
    assert np.array_equal(decoded.signal, signal[first : first + length])


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT")]
    + [(container, None) for container in ("FLAC", "AIFF", "AU", "CAF", "W64", "RF64")],
)
def test_lossless_containers_and_any_extension(
    container: str, subtype: str | None, noise: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "speech.mp4"
    soundfile.write(path, noise[1], SAMPLING_RATE, format=container, subtype=subtype)
    decoded = load_audio(path)
    assert np.array_equal(decoded.signal, noise[1]) and decoded.warnings == ()
    assert probe(path).format == {"RF64": "wav"}.get(container, container.lower())


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF", "AU"])
def test_16_bit_samples_are_those_of_libsndfile(container: str, tmp_path: Path) -> None:
    path = tmp_path / "every_sample"
    every = np.tile(np.arange(-32_768, 32_768), 2).astype(np.int16)
    soundfile.write(path, every, SAMPLING_RATE, format=container, subtype="PCM_16")
    expected, _ = soundfile.read(path, dtype="float32")
    assert expected.min() == -1 and np.array_equal(load_audio(path).signal, expected)


def test_flac_behind_an_id3_tag(noise: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "tagged.flac"
    soundfile.write(path, noise[1], SAMPLING_RATE)
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes())
    assert probe(path).format == "flac"
    assert np.array_equal(load_audio(path).signal, noise[1])


def test_what_is_limited_is_the_product(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, 96_000).astype(np.float32)
    soundfile.write(tmp_path / "mono96.wav", signal, 96_000)
    soundfile.write(tmp_path / "stereo96.wav", np.stack([signal, signal], axis=1), 96_000)
    soundfile.write(tmp_path / "mono4.wav", signal[:12_000], 4_000)
    limits = Limits(max_seconds=1.0)
    assert load_audio(tmp_path / "mono96.wav", limits=limits).duration == 1.0
    with pytest.raises(AudioError, match=r"stereo96.wav holds 1.0 s or more .* at most 0.5 s"):
        load_audio(tmp_path / "stereo96.wav", limits=limits)
    assert load_audio(tmp_path / "stereo96.wav", 0.5, 0.9, limits=limits).duration == pytest.approx(0.4)
    with pytest.raises(AudioError, match="mono4.wav holds 3.0 s"):  # 4 kHz becomes 16 kHz, and counts as that
        load_audio(tmp_path / "mono4.wav", limits=Limits(max_seconds=1.0, max_channels=1, max_rate=32_000))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (1.0, 0.5, "a span from 1.0 to 0.5 s is impossible"),
        (-1.0, None, "impossible"),
        (float("nan"), None, "impossible"),
        (5.0, 6.0, "is 2.00 s long, so there is nothing at 5.00 s"),
    ],
)
def test_impossible_spans(start: float, end: float | None, words: str, noise: tuple[Path, np.ndarray]) -> None:
    with pytest.raises(AudioError, match=words):
        load_audio(noise[0], start, end)


def test_a_span_beyond_the_end_is_warned_of(noise: tuple[Path, np.ndarray]) -> None:
    decoded = load_audio(noise[0], 1.0, 3.0)
    assert decoded.duration == 1.0
    assert decoded.warnings == ("The span was to end at 3.00 s, but the sound ends at 2.00 s.",)


def test_float_files_beyond_full_scale(tmp_path: Path) -> None:
    signal = np.full(16_000, 0.1, np.float32)
    signal[::2] = -0.1
    signal[7] = 1.5
    soundfile.write(tmp_path / "loud.wav", signal, SAMPLING_RATE, subtype="FLOAT")
    decoded = load_audio(tmp_path / "loud.wav")
    assert decoded.signal[7] == 1.0
    assert decoded.warnings == ("The sound goes beyond full scale (peak 1.50); it was cut at 1.",)
    soundfile.write(tmp_path / "unscaled.wav", signal * 20_000, SAMPLING_RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="samples as large as 30000, where 1 is the loudest"):
        load_audio(tmp_path / "unscaled.wav")


def test_hash_of_a_file(noise: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    assert file_sha256(noise[0]) == hashlib.sha256(noise[0].read_bytes()).hexdigest()
    with pytest.raises(AudioError, match="does not exist"):
        file_sha256(tmp_path / "none.wav")


def test_limits_are_checked() -> None:
    with pytest.raises(ConfigError, match="max_seconds"):
        build(Limits, {"max_seconds": -1})

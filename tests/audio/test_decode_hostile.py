"""Twenty-one kinds of broken or hostile files, ten of each: a clear error or a stated warning, never a crash."""

import io
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affexion_core.audio.decode import Limits, load_audio, probe
from affexion_core.errors import AudioError

RATE = 16_000
N_FILES = 10


def tone(seconds: float = 1.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def encoded(container: str, signal: np.ndarray, rate: int = RATE, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, signal, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def wav(
    pcm: bytes, channels: int = 1, rate: int = RATE, bits: int = 16, stated: int | None = None, kind: int = 1
) -> bytes:
    block = channels * bits // 8 & 0xFFFF
    size = len(pcm) if stated is None else stated
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    return b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVE" + header + b"data" + struct.pack("<I", size) + pcm


def pcm16(signal: np.ndarray) -> bytes:
    return (signal * 32767).astype("<i2").tobytes()


def flac_stating(n_samples: int, body: bytes | None = None) -> bytes:
    """Make a FLAC whose header states another length; the field has 36 bits and starts in byte 21."""
    data = bytearray(encoded("FLAC", tone()) if body is None else body)
    data[21] = data[21] & 0xF0 | n_samples >> 32
    data[22:26] = struct.pack(">I", n_samples & 0xFFFFFFFF)
    return bytes(data)


def garbage(container: str, rng: np.random.Generator, i: int) -> bytes:
    whole = encoded(container, tone(3.0))
    kept = (4, 60, 200, len(whole) // 2)[i % 4]
    return whole[:kept] + rng.bytes(2_000 + 1_000 * i)


def garbage_mp3(rng: np.random.Generator, i: int) -> bytes:
    if i % 2:
        return garbage("MP3", rng, i)
    start = (b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\x00")[i // 2 % 2]
    return start + rng.bytes(2_000 + 1_000 * i)


def truncated(rng: np.random.Generator, i: int) -> bytes:
    container = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU")[i % 6]
    whole = encoded(container, tone(2.0))
    return whole[: int(len(whole) * rng.uniform(0.3, 0.8))]


def header_only(rng: np.random.Generator, i: int) -> bytes:
    if i % 2:
        return encoded(("FLAC", "AIFF", "AU", "CAF", "OGG")[i // 2 % 5], tone())[: (42, 50, 24, 40, 58)[i // 2 % 5]]
    return wav(pcm16(tone()))[: 12 + 8 * (i // 2)]


def odd_floats(rng: np.random.Generator, i: int) -> bytes:
    signal = tone()
    signal[rng.integers(len(signal))] = (np.nan, np.inf, -np.inf)[i % 3]
    return wav(signal.astype("<f4").tobytes(), bits=32, kind=3)


TEXTS = (
    b"hello",
    b"id;label\n1;joy\n",
    "Grüße".encode("utf-16"),
    "日本".encode(),
    b"\n" * 50,
    b"RIFF and so on, in prose",
)
PLAYLISTS = (b"#EXTM3U\n#EXTINF:1,a\nfile:///etc/passwd\n", b"[playlist]\nFile1=secret.wav\n", b"<asx version='3'/>")
LIES = (100, 31_000, 1_000_000, 1_000_000_000)
SCRIPTS = (b"ffconcat version 1.0\nfile '/etc/passwd'\n", b"file 'secret.wav'\nduration 3\n", b"# concat\nfile x.wav\n")
PAGES = (b"<!DOCTYPE html><html><body>404</body></html>", b"<html>", b"\xef\xbb\xbf  <HTML><script>1</script></HTML>")

LOSSLESS = ("WAV", "FLAC", "AIFF", "AU")
ERROR, WARNING, EITHER = "error", "warning", "either"
Maker = Callable[[np.random.Generator, int], bytes]
KINDS: dict[str, tuple[str, Maker]] = {
    "empty": (ERROR, lambda rng, i: b""),
    "text": (ERROR, lambda rng, i: TEXTS[i % len(TEXTS)] * (i + 1)),
    "html": (ERROR, lambda rng, i: PAGES[i % 3] + b"<p>x" * i),
    "header-only": (ERROR, header_only),
    "truncated": (EITHER, truncated),
    "lying-size": (WARNING, lambda rng, i: wav(pcm16(tone()), stated=int(rng.choice(LIES)) + 2 * i)),
    "no-channels": (ERROR, lambda rng, i: wav(pcm16(tone(0.1 * i)), channels=0)),
    "1000-channels": (ERROR, lambda rng, i: wav(rng.bytes(20_000 * (i + 1)), channels=1000)),
    "rate-0": (ERROR, lambda rng, i: wav(pcm16(tone(0.1 + 0.1 * i)), rate=0)),
    "rate-absurd": (ERROR, lambda rng, i: wav(pcm16(tone(0.1 + 0.1 * i)), rate=2**31 - 1 - i)),
    "no-samples": (ERROR, lambda rng, i: encoded(LOSSLESS[i % 4], tone(0.0), RATE + i // 4)),
    "nan": (ERROR, odd_floats),
    "silence": (WARNING, lambda rng, i: encoded(LOSSLESS[i % 4], tone(0.5 + i / 10, level=0.0002 * (i % 3)))),
    "offset": (WARNING, lambda rng, i: encoded("WAV", tone(level=0.1) + 0.05 * (i + 1) * (-1) ** i)),
    "clipped": (WARNING, lambda rng, i: encoded(LOSSLESS[i % 4], np.clip(tone(level=1.5 + i), -1, 1))),
    "garbage-flac": (EITHER, lambda rng, i: garbage("FLAC", rng, i)),
    "garbage-ogg": (EITHER, lambda rng, i: garbage("OGG", rng, i)),
    "garbage-mp3": (EITHER, garbage_mp3),
    "playlist": (ERROR, lambda rng, i: PLAYLISTS[i % 3] * (i + 1)),
    "concat-script": (ERROR, lambda rng, i: SCRIPTS[i % 3] * (i + 1)),
    "flac-bomb": (ERROR, lambda rng, i: flac_stating((3_500_000_000, 2**36 - 1, 60_000_000)[i % 3] - i)),
}  # fmt: skip
EXTENSIONS = ("wav", "mp3", "m4a", "m3u8", "txt")


@pytest.mark.parametrize("kind", KINDS)
def test_ten_of_a_kind_end_in_a_clear_error_or_a_warning(kind: str, tmp_path: Path) -> None:
    expected, make = KINDS[kind]
    outcomes = set()
    for i in range(N_FILES):
        path = tmp_path / f"{kind}-{i}.{EXTENSIONS[i % len(EXTENSIONS)]}"
        path.write_bytes(make(np.random.default_rng(i), i))
        try:
            decoded = load_audio(path)
        except AudioError as error:
            text = str(error)
            assert text.startswith(path.name) and text.endswith(".") and "\n" not in text, text
            assert text.count(". ") >= 1, f"no advice in: {text}"
            assert str(tmp_path) not in text
            outcomes.add(ERROR)
        else:
            assert decoded.warnings, f"{path.name} passed without a word"
            assert decoded.signal.dtype == np.float32 and np.isfinite(decoded.signal).all()
            assert np.abs(decoded.signal).max() <= 1.0
            outcomes.add(WARNING)
    assert expected == EITHER or outcomes == {expected}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "is empty"),
        ("text", "looks like text"),
        ("html", "looks like a web page"),
        ("playlist", "looks like a playlist"),
        ("1000-channels", "states 1000 channels; at most 32"),
        ("rate-absurd", "2147483647 Hz; 2000 to 768000 Hz"),
        ("no-samples", "holds no sound"),
        ("nan", "no numbers (NaN or infinite)"),
        ("flac-bomb", "60.8 h or more of sound (1 × 16000 Hz); at most 60.0 min"),
    ],
)
def test_the_error_says_what_is_wrong(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(KINDS[kind][1](np.random.default_rng(0), 0))
    with pytest.raises(AudioError) as caught:
        load_audio(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("silence", "silent"),
        ("offset", r"constant offset \(DC\) of \+0.050"),
        ("clipped", "clipped: 5.*% of the samples"),
        ("truncated", "bytes shorter than its header says"),
    ],
)
def test_the_warning_says_what_is_wrong(kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    path.write_bytes(KINDS[kind][1](np.random.default_rng(0), 0))
    (warning,) = load_audio(path).warnings
    assert re.search(words, warning)


def test_a_damaged_flac_keeps_what_comes_before_the_damage(tmp_path: Path) -> None:
    whole = bytearray(encoded("FLAC", tone(3.0)))
    whole[-2_000:-1_000] = bytes(1_000)
    path = tmp_path / "clip.flac"
    path.write_bytes(whole)
    decoded = load_audio(path)
    assert decoded.warnings[0].startswith("The file is damaged at")
    kept = tone(3.0)[: len(decoded.signal)]
    assert len(kept) >= RATE and np.abs(decoded.signal - kept).max() < 1e-4


def test_a_header_that_hides_a_bomb_is_stopped_while_decoding(tmp_path: Path) -> None:
    path = tmp_path / "hidden.flac"
    path.write_bytes(flac_stating(0, encoded("FLAC", tone(30.0))))  # 0: length unknown
    assert probe(path).duration is None
    with pytest.raises(AudioError, match="holds 10.. s or more of sound"):
        load_audio(path, limits=Limits(max_seconds=10, max_channels=1, max_rate=16_000))


MEASURE = """
import resource, sys, time
import affexion_core.audio.decode as decode
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
try:
    decode.load_audio(sys.argv[1])
except decode.AudioError:
    seconds = time.perf_counter() - start
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_a_bomb_is_refused_at_once_and_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    path.write_bytes(flac_stating(3_500_000_000, encoded("FLAC", np.zeros((RATE, 2), np.float32))) + bytes(7_000_000))
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 0.2 and megabytes < 100


def test_folders_pipes_and_missing_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for name, words in (("", "is not a file"), ("pipe.wav", "is not a file"), ("no.wav", "does not exist")):
        with pytest.raises(AudioError, match=words):
            load_audio(tmp_path / name)
    with pytest.raises(AudioError, match="can't be opened"):
        load_audio("a\0b.wav")

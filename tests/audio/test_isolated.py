"""Decoding apart: the same samples, and nothing a file does to its decoder reaches the app."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile as sf
from test_decode_hostile import EXTENSIONS, KINDS, N_FILES, RATE, encoded, flac_stating, tone

from affexion_core.audio import decode, isolated
from affexion_core.audio.streaming import stream_audio
from affexion_core.errors import AudioError


def both(function: str, *arguments: object) -> tuple[str, str]:
    """What is said in-process and apart."""
    said = []
    for module in (decode, isolated):
        try:
            found = getattr(module, function)(*arguments)
            said.append(repr(getattr(found, "warnings", found)))
        except AudioError as error:
            said.append(str(error))
    return said[0], said[1]


def idle() -> isolated._Child:
    return isolated._pool().idle[-1]


@pytest.mark.shared_audio
def test_the_same_samples_by_every_way(shared_audio: Path) -> None:
    for file in sorted((shared_audio / "odd").glob("*.*")):
        here = decode.load_audio(file)
        there = isolated.load_audio(file)
        assert np.array_equal(here.signal, there.signal) and there.signal.dtype == np.float32
        assert (here.duration, here.original_rate, here.original_channels, here.warnings) == (
            (there.duration, there.original_rate, there.original_channels, there.warnings)
        )
        facts = isolated.check_audio(file)
        assert (facts.duration, facts.original_rate, facts.original_channels, facts.warnings) == (
            (here.duration, here.original_rate, here.original_channels, here.warnings)
        )
        assert isolated.probe(file) == decode.probe(file)
        assert all(np.array_equal(a, b) for a, b in zip(stream_audio(file), isolated.stream_audio(file), strict=True))


def test_spans_limits_and_bytes(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", tone(3.0), RATE)
    assert np.array_equal(
        isolated.load_audio(tmp_path / "a.wav", 0.5, 1.25).signal,
        decode.load_audio(tmp_path / "a.wav", 0.5, 1.25).signal,
    )
    with pytest.raises(AudioError, match="at most 1.0 s of that kind"):
        isolated.load_audio(tmp_path / "a.wav", limits=decode.Limits(max_seconds=1.0, max_channels=1, max_rate=RATE))
    values, rate = isolated.decode_bytes((tmp_path / "a.wav").read_bytes(), "It")
    assert values.shape == (3 * RATE, 1) and rate == RATE
    for content, words in ((b"", "empty"), (b"hello", "text"), (encoded("WAV", tone(3.0))[:30], "can't be decoded")):
        with pytest.raises(AudioError, match=f"^It .*{words}"):
            isolated.decode_bytes(content, "It")
    with pytest.raises(AudioError, match="longer than 0 min"):
        isolated.decode_bytes(encoded("WAV", tone(3.0)), "It", decode.Limits(max_seconds=1.0))


def test_twenty_one_kinds_of_ten_say_apart_what_they_say_here(tmp_path: Path, counted) -> None:
    n = 0
    for kind, (_, make) in KINDS.items():
        for i in range(N_FILES):
            path = tmp_path / f"{kind}-{i}.{EXTENSIONS[i % len(EXTENSIONS)]}"
            path.write_bytes(make(np.random.default_rng(i), i))
            here, there = both("load_audio", path)
            assert here == there
            n += 1
    counted("hostile sound files decoded apart", f"{n}: 0 decoders fell")


def test_a_bomb_is_refused_at_once_and_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    path.write_bytes(flac_stating(3_500_000_000, encoded("FLAC", np.zeros((RATE, 2), np.float32))) + bytes(7_000_000))
    sf.write(tmp_path / "a.wav", tone(), RATE)
    isolated.check_audio(tmp_path / "a.wav")
    child = psutil.Process(idle().process.pid)
    before, times = child.memory_info().rss, []
    for _ in range(5):
        start = time.perf_counter()
        with pytest.raises(AudioError, match="60.8 h or more"):
            isolated.check_audio(path)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2
    assert child.memory_info().rss - before < 100e6


def test_a_killed_decoder_fails_its_file_alone(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", tone(30.0), RATE)
    pieces = isolated.stream_audio(tmp_path / "a.wav")
    next(pieces)
    waiting = {child.process.pid for child in isolated._pool().idle}
    decoders = [child for child in psutil.Process().children() if "_decode_child" in " ".join(child.cmdline())]
    (mine,) = [child for child in decoders if child.pid not in waiting]
    mine.kill()
    with pytest.raises(AudioError, match=r"a\.wav can't be decoded: its decoder was stopped\. Export it again"):
        for _ in pieces:
            pass
    assert isolated.check_audio(tmp_path / "a.wav").duration == 30.0


def test_a_decoder_that_died_waiting_is_replaced_without_a_word(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", tone(), RATE)
    isolated.check_audio(tmp_path / "a.wav")
    for child in list(isolated._pool().idle):
        os.kill(child.process.pid, signal.SIGKILL)
    assert isolated.check_audio(tmp_path / "a.wav").duration == 1.0


def limited(code: str) -> int:
    setup = "import affexion_core.audio._decode_child as c; c.CPU_SECONDS = 1; c._limit(); c._grant_time()\n"
    done = subprocess.run([sys.executable, "-c", setup + code], capture_output=True, timeout=60)
    return done.returncode


def test_memory_computing_and_writing_are_limited(tmp_path: Path) -> None:
    assert limited("while True: pass") == -signal.SIGXCPU
    memory = "try:\n    bytearray(1 << 30)\nexcept MemoryError:\n    raise SystemExit(7)"
    assert limited(memory) == 7
    assert limited(f"open({str(tmp_path / 'x')!r}, 'wb', buffering=0).write(b'x' * 100)") == 1
    assert not (tmp_path / "x").exists() or not (tmp_path / "x").stat().st_size


def test_a_decoder_that_computes_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = (
        "import affexion_core.audio._decode_child as c\n"
        "def load(*_):\n    while True: pass\n"
        "c.CPU_SECONDS = 1; c._WORK['check'] = load; c.main()"
    )
    real = subprocess.Popen
    monkeypatch.setattr(isolated, "_pools", {"here": isolated._Pool()})
    with monkeypatch.context() as patch:
        patch.setattr(isolated.subprocess, "Popen", lambda _, **more: real([sys.executable, "-c", loop], **more))
        with pytest.raises(AudioError, match=r"a\.wav can't be decoded: it took more than 20 s of computing"):
            isolated.check_audio(tmp_path / "a.wav")


def test_threads_share_decoders(tmp_path: Path) -> None:
    for i in range(8):
        sf.write(tmp_path / f"{i}.wav", tone(0.5 + i / 10), RATE)
    files = [tmp_path / f"{i % 8}.wav" for i in range(60)]
    with ThreadPoolExecutor(4) as threads:
        facts = list(threads.map(isolated.check_audio, files))
    assert [round(fact.duration, 1) for fact in facts] == [round(0.5 + (i % 8) / 10, 1) for i in range(60)]
    assert len(isolated._pool().idle) <= isolated.MOST_IDLE


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Change up to 20 bytes, often in the header, cut or repeat a part."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 20))):
        changed[int(rng.integers(min(len(changed), 400 if rng.random() < 0.6 else len(changed))))] = int(
            rng.integers(256)
        )
    if rng.random() < 0.2:
        changed = changed[: int(rng.integers(1, len(changed)))]
    if rng.random() < 0.1:
        at = int(rng.integers(len(changed)))
        changed[at:at] = changed[: int(rng.integers(1, 2_000))]
    return bytes(changed)


def try_mutated(shared_audio: Path, tmp_path: Path, n: int) -> tuple[int, int, int]:
    """Decode ``n`` mutated files of twelve formats; counts those that still sound, are refused, fell their decoder."""
    seeds = [f.read_bytes()[:40_000] for f in sorted((shared_audio / "odd").glob("*.*"))]
    seeds += [encoded(kind, tone(0.5)) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64")]
    rng, good, refused, fallen = np.random.default_rng(n), 0, 0, 0
    path = tmp_path / "mutated.bin"
    for i in range(n):
        path.write_bytes(mutated(seeds[i % len(seeds)], rng))
        try:
            isolated.check_audio(path)
            good += 1
        except AudioError as error:
            text = str(error)
            assert text.startswith("mutated.bin") and "\n" not in text
            refused += 1
            fallen += "its decoder" in text or "of computing" in text
    return good, refused, fallen


@pytest.mark.shared_audio
def test_mutated_files_never_reach_the_app(shared_audio: Path, tmp_path: Path) -> None:
    good, refused, _ = try_mutated(shared_audio, tmp_path, 300)
    assert good and refused


@pytest.mark.soak
@pytest.mark.shared_audio
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_mutated_files(shared_audio: Path, tmp_path: Path, counted) -> None:
    n = int(os.environ.get("AFFEXION_MUTATED", "100000"))
    good, refused, fallen = try_mutated(shared_audio, tmp_path, n)
    counted("mutated sound files", f"{n}: {good} decoded, {refused} refused, {fallen} fell their decoder, 0 the app")

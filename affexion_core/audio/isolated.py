"""Decode files that nobody vouches for in processes of their own, which may fall without pulling the rest down.

Clips of the library were decoded this way when they came in; they are read in-process, by `decode.load_audio`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affexion_core.audio._ahead import start_decoder, take_ahead
from affexion_core.audio.decode import SAMPLING_RATE, AudioInfo, Decoded, Limits
from affexion_core.audio.streaming import LONG, _ignore
from affexion_core.errors import AudioError

# Processes kept for the next file; more may be at work at once, one for each thread that asks.
MOST_IDLE = 2
# A decoder gets 20 s of computing. This much time passes at most, so that one that only waits ends too, and a busy
# machine has time to give.
MOST_SECONDS = 300.0
# What libraries leave behind grows with the files they have seen.
MOST_FILES = 1_000


@dataclass(frozen=True)
class SoundFacts:
    """What decoding a file showed, without its samples: see `decode.Decoded`."""

    duration: float
    original_rate: int
    original_channels: int
    warnings: tuple[str, ...] = ()


class _GoneError(Exception):
    """The process ended before it answered."""


class _Child:
    """One decoding process."""

    def __init__(self) -> None:
        self.n_files = 0
        self.process = take_ahead() or start_decoder()
        self._held = b""

    def ask(self, request: dict[str, Any], content: bytes = b"") -> None:
        assert self.process.stdin is not None
        self.n_files += 1
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            rest = memoryview(content)
            while rest:
                rest = rest[self.process.stdin.write(rest) :]
        except OSError as error:
            raise _GoneError from error

    def answer(self, most_bytes: float) -> tuple[dict[str, Any], np.ndarray]:
        """Read one answer; raises `_GoneError` where none comes, `AudioError` where it says so."""
        until = time.monotonic() + MOST_SECONDS
        while b"\n" not in self._held:
            self._held += self._read(1 << 16, until)
        line, self._held = self._held.split(b"\n", 1)
        head: dict[str, Any] = _read_head(line)
        if "error" in head:
            raise AudioError(head["error"])
        n_bytes = int(head.pop("n_bytes", -1))
        if not 0 <= n_bytes <= most_bytes:
            raise _GoneError
        values = np.empty(n_bytes // 4, np.float32)
        place, done = values.view(np.uint8), min(len(self._held), n_bytes)
        place[:done] = np.frombuffer(self._held[:done], np.uint8)
        self._held = self._held[done:]
        while done < n_bytes:
            part = self._read(min(1 << 20, n_bytes - done), until)
            place[done : done + len(part)] = np.frombuffer(part, np.uint8)
            done += len(part)
        return head, values

    def _read(self, most: int, until: float) -> bytes:
        assert self.process.stdout is not None
        pipe = self.process.stdout
        if os.name == "posix" and not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            self.process.kill()
            raise _GoneError
        part = os.read(pipe.fileno(), most)
        if not part:
            raise _GoneError
        return part

    def end(self) -> int | None:
        """End the process and say with which code it did."""
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout=2)
        self.process.kill()
        return self.process.wait()


def _read_head(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError as error:
        raise _GoneError from error
    if not isinstance(head, dict):
        raise _GoneError
    return head


@dataclass
class _Pool:
    """The idle processes of this one; a fork of it starts with none, since two can't share a pipe."""

    pid: int = field(default_factory=os.getpid)
    lock: Any = field(default_factory=threading.Lock)
    idle: list[_Child] = field(default_factory=list)


_pools = {"here": _Pool()}


def _pool() -> _Pool:
    if _pools["here"].pid != os.getpid():
        _pools["here"] = _Pool()
    return _pools["here"]


def _take() -> _Child:
    pool = _pool()
    with pool.lock:
        while pool.idle:
            child = pool.idle.pop()
            if child.process.poll() is None:
                return child
            child.end()
    return _Child()


def _give_back(child: _Child) -> None:
    pool = _pool()
    with pool.lock:
        if len(pool.idle) < MOST_IDLE and child.n_files < MOST_FILES and child.process.poll() is None:
            pool.idle.append(child)
            return
    child.end()


def _begun(
    request: dict[str, Any], most_bytes: float, content: bytes = b""
) -> tuple[_Child, dict[str, Any], np.ndarray]:
    """Hand a request to a process and read its first answer.

    One that had served before and ends without a word may have been ended by anybody: the file gets a new one.
    """
    child = _take()
    while True:
        fresh = child.n_files == 0
        with _ended_on_failure(request["name"], child, forgive=not fresh):
            child.ask(request, content)
            head, values = child.answer(most_bytes)
            return child, head, values
        child = _Child()


@contextmanager
def _ended_on_failure(name: str, child: _Child, forgive: bool = False) -> Iterator[None]:
    """Use no process again that has died or stands in the middle of an answer; ``forgive`` a death once."""
    try:
        yield
    except _GoneError:
        code = child.end()
        if not forgive or code == -_OVERTIME:
            raise AudioError(f"{name} can't be decoded: {_why(code)}.{_ADVICE}") from None
    except AudioError:
        _give_back(child)
        raise
    except BaseException:
        child.end()
        raise


def _answered(
    request: dict[str, Any], most_bytes: float = 0, content: bytes = b""
) -> tuple[dict[str, Any], np.ndarray]:
    child, head, values = _begun(request, most_bytes, content)
    _give_back(child)
    return head, values


_OVERTIME = int(getattr(signal, "SIGXCPU", 0))
_ADVICE = " Export it again, as 16-bit wav for instance."


def _why(code: int | None) -> str:
    if _OVERTIME and code == -_OVERTIME:
        return "it took more than 20 s of computing and was stopped"
    if code == -9:
        return "its decoder was stopped"
    return "it made its decoder fail"


def _request(op: str, path: str | os.PathLike[str], **more: Any) -> dict[str, Any]:
    whole = os.path.abspath(os.fspath(path))
    return {"op": op, "path": whole, "name": Path(path).name or str(path), **more}


def load_audio(
    path: str | os.PathLike[str],
    start: float | None = None,
    end: float | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Decoded:
    """Decode as `decode.load_audio` does, in a process limited to 1 GB and 20 s of computing.

    Raises
    ------
    AudioError
        As there, and where the decoder failed or was stopped.
    """
    head, samples = _answered(_request("load", path, start=start, end=end, limits=asdict(limits)), 4 * limits.allowance)
    return Decoded(
        signal=samples,
        sampling_rate=SAMPLING_RATE,
        original_rate=head["original_rate"],
        original_channels=head["original_channels"],
        duration=head["duration"],
        warnings=tuple(head["warnings"]),
    )


def check_audio(
    path: str | os.PathLike[str],
    start: float | None = None,
    end: float | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> SoundFacts:
    """Decode a file as `load_audio` does, and give all but its samples.

    Raises
    ------
    AudioError
        As `load_audio`.
    """
    head, _ = _answered(_request("check", path, start=start, end=end, limits=asdict(limits)))
    return SoundFacts(head["duration"], head["original_rate"], head["original_channels"], tuple(head["warnings"]))


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """Read a header as `decode.probe` does, in such a process."""
    head, _ = _answered(_request("probe", path))
    return AudioInfo(head["format"], head["duration"], head["sampling_rate"], head["channels"])


def stream_audio(
    path: str | os.PathLike[str],
    limits: Limits = LONG,
    warn: Callable[[str], None] = _ignore,
) -> Iterator[np.ndarray]:
    """Decode in pieces as `streaming.stream_audio` does, in such a process; each piece has its 20 s.

    ``warn`` is called after the last piece.
    """
    most = 4 * limits.allowance
    child, head, piece = _begun(_request("stream", path, limits=asdict(limits)), most)
    with _ended_on_failure(Path(path).name, child):
        while "piece" in head:
            yield piece
            head, piece = child.answer(most)
    _give_back(child)
    for warning in head["warnings"]:
        warn(warning)


def decode_bytes(content: bytes, name: str, limits: Limits = Limits()) -> tuple[np.ndarray, int]:  # noqa: B008 (frozen)
    """Decode a wav, flac, mp3 or ogg file held in memory; it never lies on a disk.

    Returns
    -------
    ndarray
        float32 ``(n_frames, channels)``.
    int
        Its sampling rate in Hz.

    Raises
    ------
    AudioError
        If it is none of these, damaged or too long; ``name`` begins the message.
    """
    request = {"op": "samples", "name": name, "n_bytes": len(content), "limits": asdict(limits)}
    head, values = _answered(request, 4 * limits.allowance, content)
    return values.reshape(-1, head["channels"]), head["rate"]

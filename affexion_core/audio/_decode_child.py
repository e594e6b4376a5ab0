"""The process that decodes files nobody vouches for: ``python -m affexion_core.audio._decode_child``.

It may take 1 GB of addresses and 20 s of computing for a file, and write no file. Requests come on standard input, a
line of JSON each; an answer is a line of JSON and the bytes it announces. Nothing here is unpickled.
"""

from __future__ import annotations

import io
import json
import math
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import soundfile

from affexion_core.audio import decode
from affexion_core.audio.sniff import sniff
from affexion_core.audio.streaming import stream_audio
from affexion_core.errors import AudioError

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 20
# Without work for so long it ends; whoever has a file to decode starts another.
IDLE_SECONDS = 600.0

Request = Mapping[str, Any]


def main() -> None:
    """Answer requests until nobody asks any more."""
    # libraries that print would print into the answers
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    _limit()
    while _waits(requests):
        line = requests.readline()
        if not line:
            return
        request = json.loads(line)
        content = requests.read(request["n_bytes"]) if "n_bytes" in request else b""
        _grant_time()
        try:
            _WORK[request["op"]](request, content, answers)
        except AudioError as error:
            _answer(answers, {"error": str(error)})
        except MemoryError:
            _answer(answers, {"error": f"{request['name']} needs more memory to decode than any recording should. "
                              "Export it again, as 16-bit wav for instance."})  # fmt: skip


def _waits(requests: BinaryIO) -> bool:
    if os.name != "posix":  # select knows pipes there alone
        return True
    return bool(select.select([requests], [], [], IDLE_SECONDS)[0])


def _limit() -> None:
    """Bound memory and forbid writing; on other systems than POSIX there are no such limits."""
    if os.name != "posix":
        return
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def _grant_time() -> None:
    """Give the next file, or the next piece of a long one, its computing time; the kernel counts whole seconds."""
    if os.name != "posix":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = math.ceil(time.process_time()) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _answer(answers: BinaryIO, head: Mapping[str, Any], values: np.ndarray | None = None) -> None:
    n_bytes = 0 if values is None else values.nbytes
    answers.write(json.dumps({**head, "n_bytes": n_bytes}).encode() + b"\n")
    if values is not None:
        answers.write(np.ascontiguousarray(values, np.float32).data.cast("B"))
    answers.flush()


def _load(request: Request, content: bytes, answers: BinaryIO) -> None:
    decoded = decode.load_audio(request["path"], request["start"], request["end"], decode.Limits(**request["limits"]))
    head = {
        "duration": decoded.duration,
        "original_rate": decoded.original_rate,
        "original_channels": decoded.original_channels,
        "warnings": decoded.warnings,
    }
    _answer(answers, head, decoded.signal if request["op"] == "load" else None)


def _probe(request: Request, content: bytes, answers: BinaryIO) -> None:
    info = decode.probe(request["path"])
    _answer(answers, {key: getattr(info, key) for key in ("format", "duration", "sampling_rate", "channels")})


def _stream(request: Request, content: bytes, answers: BinaryIO) -> None:
    warnings: list[str] = []
    for piece in stream_audio(request["path"], decode.Limits(**request["limits"]), warnings.append):
        _answer(answers, {"piece": True}, piece)
        _grant_time()
    _answer(answers, {"warnings": warnings})


def _samples(request: Request, content: bytes, answers: BinaryIO) -> None:
    """Decode a file in memory, with its own rate and channels."""
    name, file = request["name"], io.BytesIO(content)
    if sniff(file, name).library != "soundfile":
        raise AudioError(f"{name} is no wav, flac, mp3 or ogg file. Record it again.")
    try:
        with soundfile.SoundFile(file) as sound:
            most = decode.Limits(**request["limits"])
            if sound.frames > most.max_seconds * sound.samplerate:
                raise AudioError(f"{name} is longer than {most.max_seconds / 60:.0f} min. Record less.")
            if sound.frames * sound.channels * max(sound.samplerate, decode.SAMPLING_RATE) > (
                most.allowance * sound.samplerate
            ):
                raise AudioError(f"{name} has too many channels, or too high a rate. Record it again.")
            values, rate = sound.read(dtype="float32", always_2d=True), sound.samplerate
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise AudioError(f"{name} can't be decoded ({error}). Record it again.") from None
    _answer(answers, {"rate": rate, "channels": values.shape[1]}, values)


_WORK: dict[str, Callable[[Request, bytes, BinaryIO], None]] = {
    "load": _load,
    "check": _load,
    "probe": _probe,
    "stream": _stream,
    "samples": _samples,
}

if __name__ == "__main__":
    main()

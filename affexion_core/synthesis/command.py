"""Speech by any program of this machine that reads a text file and writes a WAV file: Piper, Kokoro, CosyVoice.

The program is started directly, without a shell, so that nothing in a sentence is ever read as a command. Its
arguments may hold ``{text}`` (a UTF-8 file with the sentence, which is also its standard input), ``{prompt}`` (a file
with what the voice is told), ``{voice}``, ``{seed}``, and must hold ``{out}`` (the file to write).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated

from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import SynthesisError
from affexion_core.synthesis._plan import pair
from affexion_core.synthesis._request import (
    PROMPT,
    ProviderInfo,
    RefusedError,
    Sentence,
    SpeechRequest,
    Voice,
    instruction,
)
from affexion_core.synthesis._wav import read_wav

INFO = ProviderInfo(
    title="A program of this machine",
    licence="Speech made by a local program: the licences of its voice and model say what may be done with it.",
    offline=True,
    prompted=True,
    programs=True,
)
VOICES = (Voice("en_US-lessac-medium", "female", "en", "American"),)
MOST_BYTES = 100_000_000
# What stands between the arguments of a command in the parameters of a clip, which are plain values.
_BETWEEN = "\n"


@config_class
class Config:
    """Which program, and how it is called."""

    command: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Program and arguments, with {text} {voice} {out} {prompt} {seed}"),
    ] = ("piper", "--model", "{voice}", "--output_file", "{out}")
    voices: Annotated[
        tuple[str, ...], Field(min_length=1, description="What {voice} becomes; they share the sentences equally")
    ] = ("en_US-lessac-medium",)
    name: Annotated[
        str, Field(max_length=200, description="Name and version of the program and model, for origin cards")
    ] = ""
    prompt: Annotated[
        str, Field(max_length=4000, description="What stands in the file {prompt}; {label} becomes the label")
    ] = PROMPT
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$", description="Language of the sentences, as in en")] = "en"
    timeout: Annotated[float, Field(gt=0, le=3600, description="Seconds a sentence may take")] = 120.0


def plan(sentences: Sequence[Sentence], per_label: int, config: Config, seed: int) -> tuple[SpeechRequest, ...]:
    """Choose sentence and voice of ``per_label`` clips for every label; see `_plan.pair`.

    Raises
    ------
    SynthesisError
        If the command has no ``{out}``, or there are fewer sentences of a label than asked for.
    """
    if not any("{out}" in argument for argument in config.command):
        raise SynthesisError("The command names no {out}, so the program can't know where to write; add it.")
    if any(_BETWEEN in argument for argument in config.command):
        raise SynthesisError("An argument of the command holds a line end; write it without.")
    voices = [Voice(name, "unstated", config.language) for name in dict.fromkeys(config.voices)]
    parameters: dict[str, str | float | int] = {
        "command": _BETWEEN.join(config.command),
        "name": config.name,
        "timeout": config.timeout,
    }
    # only a program that reads the prompt has been told it
    template = config.prompt if any("{prompt}" in argument for argument in config.command) else ""
    return tuple(
        SpeechRequest(sentence, voice, seed, sentence.label, parameters, instruction(template, sentence.label))
        for sentence, voice in pair(sentences, voices, per_label, seed)
    )


def speak(requests: Iterable[SpeechRequest]) -> Iterator[bytes]:
    """Start the program for each request in turn and give the WAV files it writes.

    Raises
    ------
    RefusedError
        If there is no such program.
    SynthesisError
        If it fails, takes too long, or writes no WAV file.
    """
    return map(_spoken, requests)


def generator(request: SpeechRequest | None = None) -> str:
    """Name the program as the settings do, else by its file name."""
    if request is None:
        return Config().command[0]
    return str(request.parameters["name"]) or Path(str(request.parameters["command"]).split(_BETWEEN)[0]).name


def _spoken(request: SpeechRequest) -> bytes:
    with tempfile.TemporaryDirectory(prefix="affexion-speech-") as held:
        folder = Path(held)
        paths = {"text": folder / "text.txt", "prompt": folder / "prompt.txt", "out": folder / "out.wav"}
        paths["text"].write_text(request.sentence.text + "\n", encoding="utf-8")
        paths["prompt"].write_text(f"{request.prompt or ''}\n", encoding="utf-8")
        values = {**{name: str(path) for name, path in paths.items()}, "voice": request.voice.name,
                  "seed": str(request.seed)}  # fmt: skip
        arguments = [_filled(part, values) for part in str(request.parameters["command"]).split(_BETWEEN)]
        _run(arguments, folder, float(request.parameters["timeout"]))
        return read_wav(_written(paths["out"], arguments[0])).data


def _filled(argument: str, values: Mapping[str, str]) -> str:
    """Fill placeholders in, each once over the template, so that a value never brings in another."""
    parts = argument.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        filled.append(values[name] + rest if brace and name in values else "{" + part)
    return "".join(filled)


def _run(arguments: list[str], folder: Path, timeout: float) -> None:
    program = shutil.which(arguments[0])
    if program is None:
        raise RefusedError(f"There is no program {arguments[0]!r} here; install it, or write its whole path.")
    # a program that speaks needs no keys of services
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    with (folder / "text.txt").open("rb") as text, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [program, *arguments[1:]], cwd=folder, env=environment, stdin=text, stdout=subprocess.DEVNULL,
            stderr=complaints, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise SynthesisError(
                f"{arguments[0]} took longer than {timeout:g} s; shorten the sentence, or allow more seconds."
            ) from None
        finally:
            _end(process)
        if status != 0:
            raise SynthesisError(f"{arguments[0]} ended with status {status}{_last_words(complaints)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started; nothing where it has ended by itself."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _last_words(complaints: IO[bytes]) -> str:
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - 4000))
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    return f" and said: {lines[-1][:240]}" if lines else "."


def _written(out: Path, program: str) -> bytes:
    if out.is_symlink() or not out.is_file():
        raise SynthesisError(f"{program} ended well, but wrote no file; check where the command has {{out}}.")
    if out.stat().st_size > MOST_BYTES:
        raise SynthesisError(f"{program} wrote more than {MOST_BYTES // 1_000_000} MB for one sentence.")
    return out.read_bytes()

"""espeak-ng: a formant synthesiser that speaks offline, without a key, and says the same thing the same way twice.

It is no actor: what it can set is pace, pitch, pitch range, loudness, pauses and the tune of the ending, and that is
all that tells one label from another here. `PROSODY` says how, after what listening studies found:

=============  ==============  ======  ============  ========  =============================  ========================
label          pace            pitch   pitch range   loudness  pauses and ending              source
=============  ==============  ======  ============  ========  =============================  ========================
boredom        slow            low     narrow        low       a few, long; falling           [1]_
panic          fastest         highest medium        highest   none; exclaimed                [1]_, [2]_ (strong fear)
excitement     fast            high    widest        high      none; exclaimed                [1]_ (elation), [2]_
uncertainty    slow            raised  medium        low       hesitations; rising or falling  [3]_, [4]_, [5]_
=============  ==============  ======  ============  ========  =============================  ========================

The studies give directions, not settings of this synthesiser; the numbers are chosen so that neighbouring ranges
differ clearly, except panic and excitement, which are close in life as well. Short sentences last 3 to 5 s and long
ones 8 to 13 s, by their medians: pace is part of a label, and neutral sentences have the same lengths for all. Each
clip draws its own values within the ranges.

.. [1] R. Banse, K. R. Scherer: Acoustic profiles in vocal emotion expression. J. Pers. Soc. Psychol. 70 (1996) 614-636.
.. [2] P. N. Juslin, P. Laukka: Communication of emotions in vocal expression and music performance: different
   channels, same code? Psychol. Bull. 129 (2003) 770-814.
.. [3] K. R. Scherer, H. London, J. J. Wolf: The voice of confidence: paralinguistic cues and audience evaluation.
   J. Res. Pers. 7 (1973) 31-44.
.. [4] S. E. Brennan, M. Williams: The feeling of another's knowing: prosody and filled pauses as cues to listeners
   about the metacognitive states of speakers. J. Mem. Lang. 34 (1995) 383-398.
.. [5] X. Jiang, M. D. Pell: The sound of confidence and doubt. Speech Commun. 88 (2017) 106-126.

The library is GPL-3, so it runs as a program of its own (``_espeak_child.py``); this process never loads it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Annotated, Literal
from xml.sax.saxutils import escape

import numpy as np
from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import SynthesisError, allowed
from affexion_core.synthesis._plan import pair, stable_seed
from affexion_core.synthesis._request import ProviderInfo, Sentence, SpeechRequest, Voice

INFO = ProviderInfo(
    title="espeak-ng (offline)",
    licence="Speech made with espeak-ng (GPL-3.0-or-later): the licence covers the program, not the audio it makes.",
    offline=True,
    source="https://github.com/espeak-ng/espeak-ng",
)
VOICES = (
    Voice("en-us+m3", "male", "en", "American"),
    Voice("en-gb-x-rp+m1", "male", "en", "British, received pronunciation"),
    Voice("en-us+f2", "female", "en", "American"),
    Voice("en-gb-x-rp+f1", "female", "en", "British, received pronunciation"),
    Voice("en-us+f5", "female", "en", "American"),
    Voice("en-gb-scotland+m4", "male", "en", "Scottish"),
    Voice("en-us+m7", "male", "en", "American"),
    Voice("en-us+Annie", "female", "en", "American"),
    Voice("en-gb-scotland+f4", "female", "en", "Scottish"),
)
VoiceName = Literal[
    "en-us+m3",
    "en-gb-x-rp+m1",
    "en-us+f2",
    "en-gb-x-rp+f1",
    "en-us+f5",
    "en-gb-scotland+m4",
    "en-us+m7",
    "en-us+Annie",
    "en-gb-scotland+f4",
]
DEFAULT_VOICES: tuple[VoiceName, ...] = ("en-us+m3", "en-gb-x-rp+m1", "en-us+f2", "en-gb-x-rp+f1", "en-us+f5")
TIMEOUT = 30.0
_CHILD = Path(__file__).with_name("_espeak_child.py")
_SETTINGS = ("rate", "pitch", "range", "volume")


@dataclass(frozen=True)
class Prosody:
    """How a label sounds: (lowest, highest) of what a clip draws, in the synthesiser's own units.

    ``rate`` in nominal words per minute (80 to 450); ``pitch`` and ``range`` 0 to 100, where 50 is the voice's
    own; ``volume`` 0 to 100, above which espeak-ng clips; ``pauses`` as pauses per word and ``pause_ms`` each;
    ``endings`` the last marks a sentence may get, which set its closing tune.
    """

    rate: tuple[float, float]
    pitch: tuple[float, float]
    range: tuple[float, float]
    volume: tuple[float, float]
    pauses: tuple[float, float] = (0.0, 0.0)
    pause_ms: tuple[float, float] = (0.0, 0.0)
    endings: str = "."


NEUTRAL: Mapping[str, float] = {"rate": 140, "pitch": 50, "range": 50, "volume": 66}
PROSODY: Mapping[str, Prosody] = {
    "boredom": Prosody((114, 126), (24, 36), (8, 22), (44, 54), (0.02, 0.05), (250, 450), "."),
    "panic": Prosody((154, 170), (82, 96), (30, 48), (82, 92), endings="!"),
    "excitement": Prosody((144, 160), (60, 74), (82, 98), (74, 86), endings="!"),
    "uncertainty": Prosody((122, 136), (54, 64), (44, 60), (50, 60), (0.08, 0.14), (250, 500), ".?"),
}


@config_class
class Config:
    """Who speaks, and how strongly the labels show."""

    voices: Annotated[
        tuple[VoiceName, ...], Field(min_length=1, description="Voices that share the sentences equally.")
    ] = DEFAULT_VOICES
    strength: Annotated[
        float,
        Field(ge=0, le=1, description="How far the voice leaves its neutral way: 1 = played to the full, 0 = flat."),
    ] = 1.0
    variation: Annotated[
        float, Field(ge=0, le=2, description="How much clips of one label differ: 1 = as documented, 0 = not at all.")
    ] = 1.0


def plan(sentences: Sequence[Sentence], per_label: int, config: Config, seed: int) -> tuple[SpeechRequest, ...]:
    """Choose sentence, voice and prosody of ``per_label`` clips for every label among the sentences.

    No sentence is used twice; voices, wordings and lengths are balanced within each label. Deterministic; a plan
    for more clips starts, label by label, with the same ones.

    Raises
    ------
    SynthesisError
        If a label has no prosody here, or fewer sentences than asked for.
    """
    unknown = {sentence.label for sentence in sentences} - set(PROSODY)
    if unknown:
        raise SynthesisError(f"espeak can't act {', '.join(sorted(unknown))}; it knows {allowed(PROSODY)}.")
    voices = [voice for voice in VOICES if voice.name in config.voices]
    return tuple(
        _request(sentence, voice, config, stable_seed(seed, sentence.label, sentence.text, voice.name))
        for sentence, voice in pair(sentences, voices, per_label, seed)
    )


def again(request: SpeechRequest, take: int, config: Config) -> SpeechRequest:
    """Draw another way to say the same sentence with the same voice; the same for the same ``take``."""
    return _request(request.sentence, request.voice, config, stable_seed(request.seed, take))


def _request(sentence: Sentence, voice: Voice, config: Config, seed: int) -> SpeechRequest:
    rng = np.random.default_rng(seed)
    prosody = PROSODY[sentence.label]
    parameters: dict[str, str | float | int] = {}
    for name in _SETTINGS:
        value = _draw(getattr(prosody, name), config.variation, rng)
        parameters[name] = round(NEUTRAL[name] + config.strength * (value - NEUTRAL[name]))
    n_words = len(sentence.text.split())
    n_pauses = round(n_words * config.strength * _draw(prosody.pauses, config.variation, rng))
    places = sorted(rng.permutation(np.arange(1, n_words))[:n_pauses].tolist())
    parameters["pauses"] = " ".join(f"{place}:{_draw(prosody.pause_ms, config.variation, rng):.0f}" for place in places)
    parameters["ending"] = prosody.endings[int(rng.integers(len(prosody.endings)))]
    return SpeechRequest(sentence, voice, seed, sentence.label, parameters)


def _draw(bounds: tuple[float, float], variation: float, rng: np.random.Generator) -> float:
    """Draw evenly around the middle of ``bounds``; never below 0."""
    middle, half = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
    return max(0.0, middle + variation * half * float(rng.uniform(-1, 1)))


def ssml(text: str, pauses: str = "", ending: str = ".") -> str:
    """Write a sentence as SSML: ``pauses`` such as ``"3:250 7:400"`` (after word 3, 250 ms), then the last mark."""
    words = [escape(word) for word in text.rstrip(" .!?").split()]
    for pause in pauses.split():
        place, milliseconds = (int(number) for number in pause.split(":"))
        words[place - 1] += f' <break time="{milliseconds}ms"/>'
    return " ".join(words) + ending


def speak(requests: Iterable[SpeechRequest], timeout: float = TIMEOUT) -> Iterator[bytes]:
    """Speak the requests in turn: one WAV file each (16-bit mono, 22,050 Hz), the same bytes for the same request.

    Parameters
    ----------
    requests
        What to speak; read one by one, so that the first sound comes at once.
    timeout
        Longest wait for one clip in seconds.

    Raises
    ------
    SynthesisError
        If espeakng-loader is not installed, or the synthesiser refuses, crashes or takes longer than ``timeout``.
    """
    with _speaker(timeout) as speaker:
        for request in requests:
            yield speaker.say(request)


def generator(request: SpeechRequest | None = None) -> str:
    """Name the synthesiser with its version, for the origin card; asks it the first time."""
    return _version()


@cache
def _version() -> str:
    with _speaker(TIMEOUT) as speaker:
        return f"espeak-ng {speaker.version}"


@dataclass
class _Speaker:
    """The running program that speaks."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    timeout: float
    version: str = ""

    def say(self, request: SpeechRequest) -> bytes:
        values = {name: request.parameters[name] for name in _SETTINGS}
        text = ssml(request.sentence.text, str(request.parameters["pauses"]), str(request.parameters["ending"]))
        line = json.dumps({"ssml": text, "voice": request.voice.name, "seed": request.seed, **values})
        try:
            header, wav = self.exchange(line.encode() + b"\n")
        except SynthesisError as error:
            raise SynthesisError(f"The sentence {request.sentence.text!r} was not spoken: {error}") from None
        return wav

    def exchange(self, line: bytes = b"") -> tuple[dict, bytes]:
        """Send a line, if any, and read the answer; a program that takes too long is ended."""
        assert self.process.stdin and self.process.stdout
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.process.kill()

        watch = threading.Timer(self.timeout, give_up)
        watch.start()
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
            header = json.loads(self.process.stdout.readline() or "null")
            wav = self.process.stdout.read(header.get("n_bytes", 0)) if header else b""
        except (OSError, json.JSONDecodeError):
            header, wav = None, b""
        finally:
            watch.cancel()
        if header is None or len(wav) != header.get("n_bytes", 0):
            raise SynthesisError(self._why(late.is_set()))
        if "error" in header:
            raise SynthesisError(f"{header['error']}.")
        return header, wav

    def _why(self, late: bool) -> str:
        if late:
            return f"espeak-ng took longer than {self.timeout:g} s; try again, or shorten the sentence."
        status = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        said = f" and said {lines[-1]!r}" if lines else ""
        return f"espeak-ng ended with status {status}{said}; try again, or reinstall espeakng-loader."


@contextmanager
def _speaker(timeout: float) -> Iterator[_Speaker]:
    command = [sys.executable, "-I", str(_CHILD), *_library()]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints)
        try:
            speaker = _Speaker(process, complaints, timeout)
            speaker.version = speaker.exchange()[0]["version"]
            yield speaker
        finally:
            process.kill()
            process.communicate()


def _library() -> tuple[str, str]:
    """Find the library file and its data folder. Importing the package that brings them loads no library."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise SynthesisError("The offline voice is not installed; run: pip install espeakng-loader")
    import espeakng_loader

    library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    if not Path(library).is_file():
        raise SynthesisError(
            f"espeak-ng's library is missing ({library}); run: pip install --force-reinstall espeakng-loader"
        )
    return library, data

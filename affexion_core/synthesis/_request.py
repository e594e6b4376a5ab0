"""What every speech provider shares: sentences, voices and the request to speak one sentence."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from affexion_core.errors import SynthesisError, allowed
from affexion_core.types import normalised_text
from affexion_core.workspace import SHIPPED

Wording = Literal["telling", "neutral"]
Length = Literal["short", "long"]
Gender = Literal["female", "male", "unstated"]
WORDINGS: tuple[Wording, ...] = get_args(Wording)
LENGTHS: tuple[Length, ...] = get_args(Length)
COLUMNS = ("sentence", "wording", "length")
# The paper's instruction to the voice; ``{label}`` becomes the label with a capital.
PROMPT = "You are a professional voice actor, for a given sentence, please speak it with extreme '{label}' feeling."


class BusyError(SynthesisError):
    """A provider can't answer now, and may later: ``after`` so many seconds where it says so.

    ``unsure`` says that the request may have been carried out, and billed, although no answer came.
    """

    def __init__(self, text: str, after: float | None = None, unsure: bool = False) -> None:
        super().__init__(text)
        self.after, self.unsure = after, unsure


class DamagedError(SynthesisError):
    """An answer came, and was probably billed, but there is no usable sound in it."""


class RefusedError(SynthesisError):
    """A provider would answer every other request the same way (no right, no money, no such address): stop asking."""


@dataclass(frozen=True)
class Sentence:
    """A sentence to be spoken with one label.

    ``wording`` is ``telling`` where the words alone give the label away, ``neutral`` where any label could be said
    with them: a model that reads words must fail on the neutral ones, so the two are kept apart. ``length`` is
    ``short`` (3 to 4 s spoken) or ``long`` (10 to 12 s).
    """

    text: str
    label: str
    wording: Wording
    length: Length


@dataclass(frozen=True)
class Voice:
    """A synthetic voice. ``language`` is an ISO 639-1 code; ``accent`` says which kind of it."""

    name: str
    gender: Gender
    language: str
    accent: str = ""


@dataclass(frozen=True)
class ProviderInfo:
    """What a provider is.

    ``licence`` says what may be done with its speech; ``offline`` that nothing leaves this machine; ``prompted`` that
    it can be told how to speak; ``programs`` that it starts programs that a person names, which is for this machine's
    user alone.
    """

    title: str
    licence: str
    offline: bool
    source: str = ""
    prompted: bool = False
    programs: bool = False


@dataclass(frozen=True)
class SpeechRequest:
    """One sentence, one voice, one way to say it. The same request gives the same bytes, where a provider can.

    ``parameters`` are the provider's own, complete: they go to the clip's origin card as they are. ``prompt`` is
    what the provider is told beside the sentence; None where it takes no instruction.
    """

    sentence: Sentence
    voice: Voice
    seed: int
    label: str
    parameters: Mapping[str, str | float | int] = field(default_factory=dict)
    prompt: str | None = None


@dataclass(frozen=True)
class Speech:
    """What a provider gave: a WAV file's bytes, the words it says it spoke, and counts it bills by (tokens)."""

    wav: bytes
    said: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Price:
    """What a provider charges, in US dollars: for 1000 characters of text, and for a minute of speech."""

    per_1000_characters: float = 0.0
    per_minute: float = 0.0

    def of(self, n_characters: int, seconds: float) -> float:
        """Give the price of some text and speech in US dollars."""
        return self.per_1000_characters * n_characters / 1000 + self.per_minute * seconds / 60


def instruction(template: str, label: str) -> str | None:
    """Fill a label into a prompt template; None where the template is empty."""
    return template.strip().replace("{label}", label.capitalize()) or None


def load_sentences(folder: Path | None = None) -> tuple[Sentence, ...]:
    """Read the sentences of every label from ``<label>.csv`` files (columns sentence, wording, length).

    Parameters
    ----------
    folder
        Where the files are; None for the sentences that ship with Affexion.

    Raises
    ------
    SynthesisError
        Naming the file, the line, what is wrong and what is allowed.
    """
    chosen = SHIPPED / "sentences" if folder is None else folder
    files = sorted(chosen.glob("*.csv"))
    if not files:
        raise SynthesisError(f"{chosen} has no sentences; put one CSV file per label there, named <label>.csv.")
    return tuple(sentence for file in files for sentence in _read(file))


def without_texts(sentences: Iterable[Sentence], texts: Iterable[str | None]) -> tuple[Sentence, ...]:
    """Leave out the sentences whose text counts as the same as one of ``texts`` (case and punctuation don't)."""
    taken = {normalised_text(text) for text in texts}
    return tuple(sentence for sentence in sentences if normalised_text(sentence.text) not in taken)


def _read(file: Path) -> list[Sentence]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            missing = [column for column in COLUMNS if column not in (table.fieldnames or ())]
            if missing:
                raise SynthesisError(f"{file} lacks the column {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
            sentences = [_sentence(file, table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SynthesisError(f"{file} can't be read as a UTF-8 CSV file ({error}).") from None
    _refuse_repeats(file, sentences)
    return sentences


def _sentence(file: Path, line: int, row: Mapping[str, str | None]) -> Sentence:
    text, wording, length = ((row[column] or "").strip() for column in COLUMNS)
    if normalised_text(text) is None:
        raise SynthesisError(f"{file}, line {line}: the sentence has no words; write one or delete the line.")
    for column, value, choices in (("wording", wording, WORDINGS), ("length", length, LENGTHS)):
        if value not in choices:
            raise SynthesisError(f"{file}, line {line}: {column} is {value!r}; choose {allowed(choices)}.")
    return Sentence(text, file.stem, cast(Wording, wording), cast(Length, length))


def _refuse_repeats(file: Path, sentences: Iterable[Sentence]) -> None:
    seen: set[str | None] = set()
    for sentence in sentences:
        key = normalised_text(sentence.text)
        if key in seen:
            raise SynthesisError(f"{file} has the sentence {sentence.text!r} twice; keep one of the two.")
        seen.add(key)

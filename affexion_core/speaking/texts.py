"""Sentences to be spoken: written by a person, or drafted by a language model for a person to look through."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import Field

from affexion_core.config import config_class, config_hash
from affexion_core.errors import SynthesisError
from affexion_core.synthesis._http import check_address, post
from affexion_core.synthesis._request import COLUMNS, Length, Sentence, Wording, load_sentences, without_texts
from affexion_core.synthesis.openai import BASE_URL, read_message
from affexion_core.types import normalised_text

MOST_SENTENCES = 200
MOST_LETTERS = 400
# Words of a sentence from which it takes more than some 6 s to speak, between what counts as short and as long.
_LONG_FROM = 16
_WORDINGS = {
    "telling": "The words alone should give the feeling away.",
    "neutral": "The words must fit any feeling, so that only the voice can show it.",
}
_LENGTHS = {"short": "Each has 7 to 12 words.", "long": "Each has 25 to 35 words, in one or two sentences."}


@config_class
class WriterConfig:
    """Which language model writes, and in which language."""

    model: Annotated[str, Field(min_length=1, max_length=200, description="Name of the chat model")] = "gpt-5-mini"
    language: Annotated[str, Field(min_length=2, max_length=40, description="In words, such as English")] = "English"
    base_url: Annotated[str, Field(max_length=500, description="Address of the service up to /v1")] = BASE_URL
    key_name: Annotated[str, Field(description="Under which name the key stands")] = "OPENAI_API_KEY"


def written(texts: Iterable[tuple[str, str]], wording: Wording = "neutral") -> tuple[Sentence, ...]:
    """Make sentences of ``(label, text)``; empty texts and repetitions within a label are left out.

    Raises
    ------
    SynthesisError
        If a text is too long to be one sentence.
    """
    found: dict[tuple[str, str], Sentence] = {}
    for label, text in texts:
        words, key = " ".join(text.split()), normalised_text(text)
        if key is None:
            continue
        if len(words) > MOST_LETTERS:
            raise SynthesisError(f"{words[:60]!r}… has {len(words)} characters; at most {MOST_LETTERS} are spoken.")
        found.setdefault((label, key), Sentence(words, label, wording, _length(words)))
    return tuple(found.values())


def _length(text: str) -> Length:
    return "long" if len(text.split()) >= _LONG_FROM else "short"


def draft_sentences(
    label: str, n: int, config: WriterConfig, wording: Wording = "neutral", length: Length = "short",
    known: Sequence[Sentence] = (),
) -> tuple[Sentence, ...]:  # fmt: skip
    """Have a language model write sentences for a label, in one request; for a person to look through.

    Parameters
    ----------
    n
        How many; fewer may come.
    known
        Sentences there are already; none of them comes again.

    Raises
    ------
    BusyError, RefusedError, SynthesisError
        If the service can't or won't answer, or its answer holds no sentences.
    """
    if not 1 <= n <= MOST_SENTENCES:
        raise SynthesisError(f"{n} sentences at once can't be; ask for 1 to {MOST_SENTENCES}.")
    check_address(config.base_url)
    body = {"model": config.model, "messages": [{"role": "user", "content": _asked(label, n, config, wording, length)}]}
    content = post(config.base_url, "chat/completions", body, config.key_name, config_hash(body))
    message, _ = read_message(content)
    texts = _listed(str(message.get("content") or ""))
    fresh = without_texts(written([(label, text) for text in texts if len(text) <= MOST_LETTERS], wording),
                          [sentence.text for sentence in known])  # fmt: skip
    if not fresh:
        raise SynthesisError("The model wrote no sentences that could be used; ask again, or another model.")
    return fresh[:n]


def _asked(label: str, n: int, config: WriterConfig, wording: Wording, length: Length) -> str:
    return (
        f"Write {n} different everyday sentences in {config.language}, as people say them aloud, for an actor to speak "
        f"with the feeling '{label}'. {_WORDINGS[wording]} {_LENGTHS[length]} No names, no quotes, no numbering. "
        "Answer with a JSON list of strings and nothing else."
    )


def _listed(answer: str) -> list[str]:
    """Find the list in what a model writes around it."""
    start, end = answer.find("["), answer.rfind("]")
    try:
        listed = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        listed = None
    if start < 0 or not isinstance(listed, list):
        raise SynthesisError("The model didn't answer with a list of sentences; ask again, or another model.")
    return [one for one in listed if isinstance(one, str)]


def save_sentences(folder: Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences as ``<label>.csv`` files, as `load_sentences` reads them; those of a file that is there stay.

    Raises
    ------
    SynthesisError
        If the folder can't be written, or a label can't name a file.
    """
    by_label: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        by_label.setdefault(sentence.label, []).append(sentence)
    for label, new in by_label.items():
        if PurePath(label).name != label or label.startswith("."):
            raise SynthesisError(f"The label {label!r} can't name a file; choose another.")
        file = folder / f"{label}.csv"
        known = [one for one in load_sentences(folder) if one.label == label] if file.is_file() else []
        rows = [*known, *without_texts(new, [one.text for one in known])]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8", newline="") as lines:
                table = csv.writer(lines)
                table.writerow(COLUMNS)
                table.writerows((row.text, row.wording, row.length) for row in rows)
        except OSError as error:
            raise SynthesisError(f"{file} can't be written ({error.strerror}); choose another folder.") from None

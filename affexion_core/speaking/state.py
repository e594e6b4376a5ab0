"""Where a batch stands: each sentence, what it has cost, and what it would cost before it starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from affexion_core.speaking.batch import Batch, BatchRequest, planned
from affexion_core.speaking.sounds import request_key, sound_path
from affexion_core.synthesis._request import SpeechRequest
from affexion_core.synthesis._wav import read_wav
from affexion_core.types import normalised_text
from affexion_core.workspace import Workspace

ItemState = Literal["waiting", "spoken", "failed"]
Verdict = Literal["keep", "reject"]
# Read speech in English runs at about 150 words a minute, and a word takes six characters with its space.
CHARACTERS_A_SECOND = 15.0


@dataclass(frozen=True)
class Spoken:
    """One sentence of a batch.

    ``take`` counts how often it was asked for anew; ``key`` is the hash of the request. ``error`` says why it failed.
    ``seconds`` and ``at`` (ISO 8601 UTC) are known once it was spoken; ``generator`` spoke it, and ``said`` is what it
    says it spoke. ``verdict`` is a person's, ``clip`` the id it has in the library.
    """

    number: int
    request: SpeechRequest
    take: int
    key: str
    path: Path
    state: ItemState
    error: str = ""
    seconds: float = 0.0
    at: str = ""
    generator: str = ""
    said: str | None = None
    verdict: Verdict | None = None
    clip: str | None = None

    @property
    def strayed(self) -> bool:
        """Whether the voice says it spoke other words than the sentence."""
        return self.said is not None and normalised_text(self.said) != normalised_text(self.request.sentence.text)


@dataclass(frozen=True)
class Spend:
    """What a batch has cost so far in US dollars, for how many requests; ``unsure`` more may have been billed."""

    dollars: float
    n_paid: int
    unsure: int
    usage: Mapping[str, int]


@dataclass(frozen=True)
class Estimate:
    """What a batch takes: clips, those of them spoken before, characters, seconds of speech, dollars, minutes to wait.

    Characters, seconds and dollars are those of what is still to be spoken.
    """

    n: int
    n_there: int
    n_characters: int
    seconds: float
    dollars: float
    minutes: float

    @property
    def n_new(self) -> int:
        """Clips still to be spoken."""
        return self.n - self.n_there


def estimate(workspace: Workspace, request: BatchRequest) -> Estimate:
    """Say what a batch would take; nothing is sent.

    Raises
    ------
    ConfigError, SynthesisError
        As `batch.planned`.
    """
    items = planned(request)
    new = [item for item in items if not sound_path(workspace, request_key(request.provider, item)).is_file()]
    texts = [len(item.sentence.text) for item in new]
    seconds = sum(texts) / CHARACTERS_A_SECOND
    dollars = request.price.of(sum(texts), seconds)
    return Estimate(len(items), len(items) - len(new), sum(texts), seconds, dollars, len(new) / request.per_minute)


def spoken(workspace: Workspace, batch: Batch) -> tuple[Spoken, ...]:
    """Say where each sentence of a batch stands, in their order."""
    reviews: dict[int, dict[str, Any]] = defaultdict(dict)
    for line in batch.reviews.read():
        reviews[int(line["n"])].update({name: line[name] for name in ("verdict", "take", "clip") if name in line})
    told: dict[str, Mapping[str, Any]] = {}
    for line in batch.journal.read():
        if line.get("what") in ("spoken", "failed"):
            told[str(line["key"])] = line
    return tuple(_one(workspace, batch, number, reviews[number], told) for number in range(len(batch.items)))


def _one(
    workspace: Workspace, batch: Batch, number: int, review: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]]
) -> Spoken:
    take = int(review.get("take", 0))
    request = batch.request_of(number, take)
    key = request_key(batch.request.provider, request, take)
    line, path = told.get(key, {}), sound_path(workspace, key)
    there = path.is_file()
    failed = not there and line.get("what") == "failed"
    return Spoken(
        number=number,
        request=request,
        take=take,
        key=key,
        path=path,
        state="spoken" if there else "failed" if failed else "waiting",
        error=str(line.get("words", "")) if failed else "",
        seconds=(float(line["seconds"]) if "seconds" in line else _seconds(path)) if there else 0.0,
        at=str(line.get("at", "")),
        generator=str(line.get("generator", "")),
        said=line.get("said"),
        verdict=review.get("verdict"),
        clip=review.get("clip"),
    )


def _seconds(path: Path) -> float:
    return read_wav(path.read_bytes()).duration


def spend(workspace: Workspace, batch: Batch) -> Spend:
    """Say what a batch has cost: what this batch itself sent and got, at its price. What was there before is free."""
    n_characters = {request_key(batch.request.provider, item): len(item.sentence.text) for item in batch.items}
    sent: dict[str, int] = defaultdict(int)
    closed: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in batch.journal.read():
        key = str(line.get("key"))
        if line.get("what") == "sent":
            sent[key] += 1
            n_characters.setdefault(key, int(line.get("characters", 0)))
        elif line.get("what") in ("spoken", "failed", "busy") and not line.get("there"):
            closed[key].append(line)
    paid = [key for key in sent if sound_path(workspace, key).is_file() or _was_spoken(closed[key])]
    dollars = sum(batch.request.price.of(n_characters[key], _duration(workspace, key, closed[key])) for key in paid)
    open_ones = sum(n - len(closed[key]) for key, n in sent.items())
    # one whose sound is there without a closing line was answered: the stop came between the two
    open_ones -= sum(1 for key in paid if not _was_spoken(closed[key]))
    unsure = open_ones + sum(bool(line.get("unsure")) for lines in closed.values() for line in lines)
    return Spend(dollars, len(paid), max(unsure, 0), _usage([line for lines in closed.values() for line in lines]))


def _was_spoken(lines: Sequence[Mapping[str, Any]]) -> bool:
    return any(line["what"] == "spoken" for line in lines)


def _duration(workspace: Workspace, key: str, lines: Sequence[Mapping[str, Any]]) -> float:
    told = next((float(line["seconds"]) for line in lines if "seconds" in line), None)
    return _seconds(sound_path(workspace, key)) if told is None else told


def _usage(lines: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for line in lines:
        for name, n in (line.get("usage") or {}).items():
            counts[name] += n
    return dict(counts)

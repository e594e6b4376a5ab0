"""A batch: sentences to be spoken, in a folder of the workspace that says all of it and what became of it.

``batch.json`` what is to be spoken · ``journal.jsonl`` each request sent and what came of it · ``review.jsonl`` who
kept or rejected what, what is to be spoken anew, and what was brought in. The sounds lie beside all batches (`sounds`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from affexion_core.config import build, plain
from affexion_core.discovery import load_plugin
from affexion_core.errors import ModelError, NotFoundError, StoreError, SynthesisError, allowed
from affexion_core.run_folder import read_json, write_json
from affexion_core.speaking.journal import Journal, now
from affexion_core.speaking.sounds import FOLDER
from affexion_core.synthesis._plan import stable_seed
from affexion_core.synthesis._request import Price, Sentence, SpeechRequest, Voice
from affexion_core.workspace import Workspace

FORMAT = 1
MOST_CLIPS = 20_000


@dataclass(frozen=True)
class BatchRequest:
    """What is to be spoken, and how.

    Attributes
    ----------
    provider, settings
        Name of the speech provider and its settings as plain values; never a key.
    dataset
        Name of the dataset that kept clips will go into.
    sentences
        What may be said; ``per_label`` of each label are.
    seed
        Deals sentences to voices; the same seed gives the same requests.
    price
        What the provider charges.
    budget
        US dollars after which no more is asked for; None for no such limit.
    concurrency, per_minute, tries
        Requests at once, at most so many a minute, and how often one is tried that fails for the moment.
    licence
        The terms that stand on the clips; None for what the provider says of itself.
    person
        Who asks for it.
    """

    provider: str
    dataset: str
    sentences: tuple[Sentence, ...]
    per_label: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    price: Price = Price()  # noqa: RUF009 (frozen)
    budget: float | None = None
    concurrency: int = 2
    per_minute: int = 60
    tries: int = 5
    licence: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class Batch:
    """A batch as its folder says it; ``items`` are the requests by their number, ``created`` is ISO 8601 UTC."""

    id: str
    folder: Path
    request: BatchRequest
    items: tuple[SpeechRequest, ...]
    created: str

    @property
    def journal(self) -> Journal:
        """What was sent, and what came of it."""
        return Journal(self.folder / "journal.jsonl")

    @property
    def reviews(self) -> Journal:
        """What people decided, and what was brought in."""
        return Journal(self.folder / "review.jsonl")

    @property
    def provider(self) -> ModuleType:
        """The provider's module."""
        return load_plugin("synthesis", self.request.provider)

    def request_of(self, number: int, take: int) -> SpeechRequest:
        """Give the request of an item, as it is for its ``take``: another seed for another one."""
        request = self.items[number]
        if not take:
            return request
        if hasattr(self.provider, "again"):
            config = build(self.provider.Config, self.request.settings)
            return self.provider.again(request, take, config)
        return replace(request, seed=stable_seed(request.seed, take))


def planned(request: BatchRequest) -> tuple[SpeechRequest, ...]:
    """Give the requests that a batch would send.

    Raises
    ------
    ConfigError
        If there is no such provider, or its settings don't fit.
    SynthesisError
        If sentences don't suffice, or a limit makes no sense.
    """
    provider = load_plugin("synthesis", request.provider)
    config = build(provider.Config, request.settings)
    _check(request)
    items: tuple[SpeechRequest, ...] = provider.plan(request.sentences, request.per_label, config, request.seed)
    if len(items) > MOST_CLIPS:
        raise SynthesisError(f"{len(items)} clips are too many for a batch; ask for {MOST_CLIPS} or fewer.")
    return items


def _check(request: BatchRequest) -> None:
    limits = {"concurrency": (1, 32), "per_minute": (1, 10_000), "tries": (1, 20)}
    for name, (low, high) in limits.items():
        if not low <= getattr(request, name) <= high:
            words = name.replace("_", " ")
            raise SynthesisError(
                f"{words} = {getattr(request, name)} can't be; choose {low} to {high}.", change=(name,)
            )
    if request.budget is not None and not request.budget >= 0:
        raise SynthesisError(f"A budget of {request.budget} can't be; choose 0 or more.", change=("budget",))
    if not request.dataset.strip():
        raise SynthesisError("The clips need the name of a dataset to go into.", change=("dataset",))


def prepare_batch(workspace: Workspace, request: BatchRequest) -> Batch:
    """Write the folder of a batch; nothing is spoken yet.

    Raises
    ------
    ConfigError, SynthesisError
        As `planned`; nothing is written then.
    StoreError
        If the workspace can't be written.
    """
    provider = load_plugin("synthesis", request.provider)
    request = replace(request, settings=plain(build(provider.Config, request.settings)))
    items = planned(request)
    id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{request.provider}-{secrets.token_hex(2)}"
    batch = Batch(id, workspace.root / FOLDER / id, request, items, now())
    kept = {"format": FORMAT, "created": batch.created, "request": asdict(request), "items": [asdict(i) for i in items]}
    try:
        write_json(batch.folder / "batch.json", kept)
    except OSError as error:
        raise StoreError(
            f"The workspace {workspace.root} can't be written ({error.strerror}); make room, then try again."
        ) from error
    return batch


def load_batch(folder: Path) -> Batch:
    """Read a batch.

    Raises
    ------
    StoreError
        If the folder holds none, or one of a later version.
    """
    try:
        kept = read_json(folder / "batch.json")
        if kept["format"] != FORMAT:
            raise StoreError(f"The batch {folder.name} was made by another version of Affexion; use that one.")
        request = dict(kept["request"])
        request["sentences"] = tuple(Sentence(**one) for one in request["sentences"])
        request["price"] = Price(**request["price"])
        items = tuple(_item(one) for one in kept["items"])
        return Batch(folder.name, folder, BatchRequest(**request), items, str(kept["created"]))
    except (ModelError, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"The batch in {folder} can't be read ({type(error).__name__}).") from error


def _item(kept: Mapping[str, Any]) -> SpeechRequest:
    return SpeechRequest(**{**kept, "sentence": Sentence(**kept["sentence"]), "voice": Voice(**kept["voice"])})


def batch_ids(workspace: Workspace) -> tuple[str, ...]:
    """List the ids of batches, newest first."""
    found = (workspace.root / FOLDER).glob("*/batch.json")
    return tuple(sorted((file.parent.name for file in found), reverse=True))


def find_batch(workspace: Workspace, id: str) -> Batch:
    """Load a batch by its id; `NotFoundError` names the newest."""
    ids = batch_ids(workspace)
    if id not in ids:
        raise NotFoundError(f"There is no batch {id!r}; choose {allowed(ids[:5])}.")
    return load_batch(workspace.root / FOLDER / id)

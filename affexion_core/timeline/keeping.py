"""Put recordings that were tried, or parts of them, into the library: clips without a label, for people to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from affexion_core.corpora._item import CorpusItem
from affexion_core.ingest.recordings import checked
from affexion_core.labeling.people import Person, require_now
from affexion_core.store.clips import add_clips
from affexion_core.store.session import Store, reading
from affexion_core.store.takedowns import refusals
from affexion_core.types import Clip, Provenance

CORPUS = "uploads"


@dataclass(frozen=True)
class Part:
    """A file, by the name people know it by, and a span of it in seconds; None for its start and end."""

    path: Path
    name: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Kept:
    """What became of the parts: new clips, those that were there, and why others can't be used."""

    clips: tuple[Clip, ...]
    added: int
    present: int
    problems: tuple[str, ...]


def keep_parts(store: Store, parts: Sequence[Part], by: Person | None = None) -> Kept:
    """Add files or spans of them as real clips without label and speaker; the file itself is kept whole, once.

    Parameters
    ----------
    store
        The open store.
    parts
        What to keep.
    by
        Who keeps them; None on a machine where nobody has said a name.

    Raises
    ------
    RightsError
        If ``by`` may not label, by the role they have now; nothing is written then.
    StoreError
        If the workspace can't be written.
    """
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, "label")
    today = datetime.now(UTC).date().isoformat()
    refused = refusals(store)
    results = [
        checked(
            CorpusItem(
                file=part.path,
                corpus=CORPUS,
                start=part.start,
                end=part.end,
                attributes={"recording": part.name},
                provenance=Provenance(source=part.name, retrieved=today),
            ),
            "real",
            store.workspace,
            in_place=False,
            refused=refused,
        )
        for part in parts
    ]
    clips = tuple(result.clip for result in results if result.clip is not None)
    saved = add_clips(store, clips)
    return Kept(clips, len(saved.added), len(saved.present), tuple(r.problem for r in results if r.clip is None))

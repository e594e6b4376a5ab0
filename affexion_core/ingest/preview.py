"""Say what an import would bring in, recording by recording, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from affexion_core.audio.decode import file_sha256
from affexion_core.audio.isolated import SoundFacts, check_audio
from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import AudioError
from affexion_core.ingest.labelling import Wanted
from affexion_core.ingest.planning import Plan, planned, problems, shown_name
from affexion_core.ingest.reports import ImportOptions
from affexion_core.store.clips import known_clips
from affexion_core.store.session import Store
from affexion_core.store.takedowns import refusals
from affexion_core.types import Origin, Progress, clip_id, no_progress

MOST_OPENED = 2_000
"""Recordings that are opened for a preview; of a larger corpus the others are counted by name."""

_THREADS = 2
RowState = Literal["new", "in library", "twice", "rejected", "not opened"]
STATES: tuple[RowState, ...] = get_args(RowState)


@dataclass(frozen=True)
class PreviewRow:
    """A recording as it would come in. ``seconds`` is None where it wasn't decoded; ``reason`` says what is wrong."""

    file: str
    label: str | None
    speaker: str | None
    seconds: float | None
    state: RowState
    reason: str = ""


@dataclass(frozen=True)
class Opened:
    """What a recording holds: its content's hash and what decoding showed, or why it can't be used."""

    sha256: str = ""
    facts: SoundFacts | None = None
    problem: str = ""


# Key of a file and span as it is now; keeps a preview quick when only labels or names change.
OpenedKey = tuple[str, int, int, float | None, float | None]
OpenedBefore = MutableMapping[OpenedKey, Opened]


@dataclass(frozen=True)
class Preview:
    """What would come in.

    ``rows`` holds each recording; ``left_out`` those that the label map leads nowhere, by label; ``labels`` what the
    others become in ``dataset`` (None where none has a label); ``licences`` as stated with the recordings.
    """

    corpus: str
    dataset: str | None
    origin: Origin
    rows: tuple[PreviewRow, ...]
    labels: dict[str, int]
    left_out: dict[str, int]
    licences: tuple[str, ...]
    speakers: int

    def count(self, state: RowState) -> int:
        """Count the recordings in a state."""
        return sum(row.state == state for row in self.rows)

    @property
    def n_coming(self) -> int:
        """Recordings that would be new, as far as known."""
        return self.count("new") + self.count("not opened")

    @property
    def seconds(self) -> float:
        """Length of those that were opened and would be new."""
        return sum(row.seconds or 0.0 for row in self.rows if row.state == "new")


def preview_import(
    store: Store,
    corpus: str,
    path: Path,
    options: ImportOptions = ImportOptions(),  # noqa: B008 (frozen)
    progress: Progress = no_progress,
    before: OpenedBefore | None = None,
) -> Preview:
    """Look at what `importing.import_corpus` would bring in; the library stays as it is.

    The first `MOST_OPENED` recordings are decoded, as the import will do, and compared with the library by content.

    Parameters
    ----------
    progress
        Called after each recording opened.
    before
        What was opened before, by file as it was then; what is opened now is added.

    Raises
    ------
    ConfigError, CorpusError, LabelError, StoreError
        As the import, where it would refuse the whole.
    """
    plan = planned(store, corpus, Path(path), options, save=False)
    wanted = plan.labelled.wanted
    opened = _opened([want.item for want in wanted[:MOST_OPENED]], {} if before is None else before, progress)
    ids = [clip_id(o.sha256, w.item.start, w.item.end) for o, w in zip(opened, wanted, strict=False)]
    known = known_clips(store, ids)
    rows = [PreviewRow(row.file, None, None, None, "rejected", row.reason) for row in problems(plan)]
    rows += _rows(plan, opened, ids, known, refusals(store))
    good = [want for want, row in zip(wanted, rows[len(rows) - len(wanted) :], strict=True) if row.state != "rejected"]
    counts = Counter(want.label for want in good if want.label is not None)
    return Preview(
        corpus=plan.corpus,
        dataset=plan.dataset if counts else None,
        origin=plan.origin,
        rows=tuple(rows),
        labels={label: counts[label] for label in (plan.scheme.labels if plan.scheme else ()) if counts[label]},
        left_out=plan.labelled.left_out,
        licences=tuple(sorted({w.item.provenance.licence for w in good if w.item.provenance.licence})),
        speakers=len({want.item.speaker for want in good} - {None}),
    )


def _opened(items: Sequence[CorpusItem], before: OpenedBefore, progress: Progress) -> list[Opened]:
    found: list[Opened] = []
    progress(0, len(items), "Opening recordings")
    with ThreadPoolExecutor(_THREADS) as threads:
        for item, opened in zip(items, threads.map(lambda one: _open(one, before), items), strict=True):
            found.append(opened)
            progress(len(found), len(items), f"Opened {item.file.name}")
    return found


def _open(item: CorpusItem, before: OpenedBefore) -> Opened:
    try:
        stat = item.file.stat()
        key = (str(item.file), stat.st_mtime_ns, stat.st_size, item.start, item.end)
        if key not in before:
            facts = check_audio(item.file, item.start, item.end)
            before[key] = Opened(file_sha256(item.file), facts)
    except AudioError as error:
        before[key] = Opened(problem=str(error))
    except (OSError, ValueError) as error:
        return Opened(problem=f"{item.file.name!r} can't be opened ({getattr(error, 'strerror', None) or error}).")
    return before[key]


def _rows(
    plan: Plan, opened: Sequence[Opened], ids: Sequence[str], known: set[str], refused: Mapping[str, str]
) -> list[PreviewRow]:
    rows = []
    first: dict[str, Wanted] = {}
    for place, want in enumerate(plan.labelled.wanted):
        file, label, speaker = shown_name(want.item, plan), want.label, want.item.speaker
        if place >= len(opened):
            rows.append(PreviewRow(file, label, speaker, None, "not opened"))
            continue
        found = opened[place]
        if found.facts is None or found.sha256 in refused:
            problem = refused.get(found.sha256, found.problem)
            rows.append(PreviewRow(file, label, speaker, None, "rejected", problem))
            continue
        same = first.setdefault(ids[place], want)
        state: RowState = "new" if same is want else "twice"
        reason = " ".join(found.facts.warnings)
        if state == "twice" and same.label != label:
            state, reason = "rejected", f"The same sound as {shown_name(same.item, plan)}, with another label."
        elif state == "twice":
            reason = f"The same sound as {shown_name(same.item, plan)}."
        elif ids[place] in known:
            state, reason = "in library", "The same sound is in the library already."
        rows.append(PreviewRow(file, label, speaker, found.facts.duration, state, reason))
    return rows

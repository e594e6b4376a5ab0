"""Look for everything by which test clips may be known to a model: shared names, one recording, near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affexion_core.differences.near_duplicates import Duplicate, near_duplicates, searched
from affexion_core.errors import NotFoundError
from affexion_core.run_folder import fold_folders, read_json, seen_in_training
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.types import (
    Clip,
    Dataset,
    LabelledClip,
    Progress,
    Run,
    no_progress,
    shared_traces,
    split_stamp,
    traces,
)

_MOST_EXAMPLES = 3
_WORDS = {
    "clip": "clip", "speaker": "speaker", "voice": "voice", "text": "text", "recording": "recording",
    "derived": "derived clip", "near-duplicate": "near-duplicate",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that stands on both sides: what kind, how many, and the first few by name."""

    kind: str
    n: int
    examples: tuple[str, ...]

    @property
    def words(self) -> str:
        """Say it as a stamp does: ``2 near-duplicates ('a', 'b')``."""
        shown = ", ".join(repr(one) for one in self.examples) + (", …" if self.n > len(self.examples) else "")
        return f"{self.n} {_WORDS[self.kind]}{'' if self.n == 1 else 's'} ({shown})"


@dataclass(frozen=True)
class LeakReport:
    """What an audit found between ``n_train`` and ``n_test`` clips, and what it couldn't look at.

    ``duplicates`` lists all near-duplicates, training clip first. ``unknown_speakers`` and ``unknown_texts`` count the
    clips of both sides that lack them; ``not_compared`` those without enough sound, or that can't be decoded.
    """

    train: str
    test: str
    n_train: int
    n_test: int
    findings: tuple[Finding, ...]
    duplicates: tuple[Duplicate, ...]
    unknown_speakers: int
    unknown_texts: int
    not_compared: int
    stamp: str


def audit(
    store: Store,
    train: Sequence[LabelledClip],
    test: Sequence[LabelledClip],
    names: tuple[str, str],
    progress: Progress = no_progress,
) -> LeakReport:
    """Look for leaks between two sets of clips; ``names`` are those of the two sets.

    Raises
    ------
    StoreError
        If the cache of fingerprints can't be written.
    """
    left, right = traces(train), traces(test)
    shared = shared_traces(left, right)
    named = tuple(Finding(kind, len(values), values[:_MOST_EXAMPLES]) for kind, values in shared.items())
    heard, duplicates, not_compared = _heard(store, _clips(train), _clips(test), progress)
    return LeakReport(
        train=names[0],
        test=names[1],
        n_train=len(train),
        n_test=len(test),
        findings=(*named, *heard),
        duplicates=duplicates,
        unknown_speakers=sum(trace.speaker is None for trace in left + right),
        unknown_texts=sum(trace.text is None for trace in left + right),
        not_compared=not_compared,
        stamp=with_findings(split_stamp(left, right), heard),
    )


def audit_run(
    store: Store, run: Run, test: Sequence[LabelledClip], name: str, progress: Progress = no_progress
) -> LeakReport:
    """Look for leaks between all that a run saw while training, as far as it is still there, and test clips."""
    seen = [LabelledClip(clip, "") for clip in _learned_from(store, run)]
    return audit(store, seen, test, (f"run {run.id}", name), progress)


def is_audited(store: Store, train: Dataset | Run, test: Dataset) -> bool:
    """Say whether the recordings of two sides were compared before, so that an audit takes no time."""
    left = _learned_from(store, train) if isinstance(train, Run) else _clips(train.items)
    return searched(store.workspace, left, _clips(test.items))


def _learned_from(store: Store, run: Run) -> tuple[Clip, ...]:
    return known_clips(store, [trace.clip_id for trace in seen_in_training(Path(run.folder))])


def stamp_heard(
    store: Store, train_ids: Iterable[str], test: Sequence[LabelledClip], stamp: str, progress: Progress = no_progress
) -> str:
    """Add to the stamp of a split what only the recordings themselves tell: near-duplicates and shared recordings."""
    heard, _, _ = _heard(store, known_clips(store, tuple(train_ids)), _clips(test), progress)
    return with_findings(stamp, heard)


def stamp_folds(store: Store, run: Run, items: Sequence[LabelledClip], stamp: str) -> str:
    """Add the same to the stamp of a cross-validation, over clips that are tested in different folds."""
    fold_of = _tested_in(run)
    clips = _clips(items)
    found = near_duplicates(store.workspace, clips, clips)
    apart = [pair for pair in found.pairs if fold_of.get(pair.first) != fold_of.get(pair.second)]
    heard = _duplicate_finding(apart)
    by_fold: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_fold[fold_of.get(clip.id, "")].append(clip)
    several: dict[str, set[str]] = defaultdict(set)
    for fold, own in by_fold.items():
        for key in _recordings(own, clips):
            several[key].add(fold)
    shared = sorted(key for key, folds in several.items() if len(folds) > 1)
    return with_findings(stamp, (*_finding("recording", shared), *heard))


def with_findings(stamp: str, heard: Sequence[Finding]) -> str:
    """Make a stamp leaky by findings, and name them; unchanged where there are none."""
    if not heard:
        return stamp
    words = "; ".join(finding.words for finding in heard)
    return f"{stamp}; {words}" if stamp.startswith("leaky") else f"leaky: shares {words}"


def known_clips(store: Store, ids: Sequence[str]) -> tuple[Clip, ...]:
    """Look clips up by id; those deleted since are left out."""
    try:
        return get_clips(store, ids)
    except NotFoundError:
        found: list[Clip] = []
        for id in ids:
            try:
                found += get_clips(store, [id])
            except NotFoundError:
                continue
        return tuple(found)


def report_to_json(report: LeakReport) -> dict[str, Any]:
    """Give a report JSON-ready."""
    return {
        "train": report.train,
        "test": report.test,
        "n_train": report.n_train,
        "n_test": report.n_test,
        "split": report.stamp,
        "findings": [{"kind": one.kind, "n": one.n, "examples": list(one.examples)} for one in report.findings],
        "near_duplicates": [
            {"train": pair.first, "test": pair.second, "similarity": pair.similarity, "offset": pair.offset}
            for pair in report.duplicates
        ],
        "unknown_speakers": report.unknown_speakers,
        "unknown_texts": report.unknown_texts,
        "not_compared": report.not_compared,
    }


def _clips(items: Sequence[LabelledClip]) -> tuple[Clip, ...]:
    return tuple(item.clip for item in items)


def _heard(
    store: Store, train: Sequence[Clip], test: Sequence[Clip], progress: Progress
) -> tuple[tuple[Finding, ...], tuple[Duplicate, ...], int]:
    found = near_duplicates(store.workspace, train, test, progress)
    everything = (*train, *test)
    shared = sorted(_recordings(train, everything) & _recordings(test, everything))
    findings = (
        *_finding("recording", shared),
        *_finding("derived", _derived(train, test)),
        *_duplicate_finding(found.pairs),
    )
    return findings, found.pairs, len(found.not_compared)


def _finding(kind: str, values: Sequence[str]) -> tuple[Finding, ...]:
    return (Finding(kind, len(values), tuple(values[:_MOST_EXAMPLES])),) if values else ()


def _duplicate_finding(pairs: Sequence[Duplicate]) -> tuple[Finding, ...]:
    return _finding("near-duplicate", [f"{pair.first} ~ {pair.second}" for pair in pairs])


def _recordings(clips: Sequence[Clip], everything: Sequence[Clip]) -> set[str]:
    """Name the recordings that clips are part of: files of which several clips were cut, and videos and the like.

    A source counts as a recording where its corpus has several; a corpus has one homepage for all its clips.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, set[str]] = defaultdict(set)
    for clip in everything:
        ids[clip.sha256].add(clip.id)
        sources[clip.corpus].add(clip.provenance.source or "")
    cut = {f"file {clip.sha256[:12]}" for clip in clips if len(ids[clip.sha256]) > 1}
    named = {
        clip.provenance.source for clip in clips if clip.provenance.source and len(sources[clip.corpus] - {""}) > 1
    }
    return cut | named


def _derived(train: Sequence[Clip], test: Sequence[Clip]) -> list[str]:
    """List the clips that say they were made from a clip of the other side, as ``derived ~ original``."""
    known = [{clip.id for clip in train}, {clip.id for clip in test}]
    found: set[str] = set()
    for clips, other in ((train, known[1]), (test, known[0])):
        for clip in clips:
            said: Mapping[str, Any] = {**clip.attributes, **clip.provenance.parameters}
            found.update(f"{clip.id} ~ {value}" for value in said.values() if value in other and value != clip.id)
    return sorted(found)


def _tested_in(run: Run) -> dict[str, str]:
    """Name the fold that tests each clip of a cross-validation, by clip id."""
    return {
        row["clip_id"]: folder.name
        for folder in fold_folders(Path(run.folder))
        for row in read_json(folder / "split.json")["clips"]
        if row["part"] == "test"
    }

"""Bring a corpus into the workspace: scan, check, copy, identify by content, save."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import CorpusError, NotFoundError
from affexion_core.ingest.batches import clean_parts, importing
from affexion_core.ingest.labelling import Wanted, grown
from affexion_core.ingest.planning import Plan, map_name, planned, problems, shown_name
from affexion_core.ingest.recordings import Checked, checked
from affexion_core.ingest.reports import ImportOptions, ImportReport, Rejection, kept_report
from affexion_core.labeling.people import require
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import add_clips, fill_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.imports import finish_import
from affexion_core.store.labels import add_annotations, load_scheme, save_scheme
from affexion_core.store.people import find_person
from affexion_core.store.session import Store, reading
from affexion_core.store.takedowns import refusals
from affexion_core.types import Annotation, Clip, Progress, no_progress

__all__ = ["ImportOptions", "ImportReport", "Rejection", "import_corpus"]

BATCH = 64
N_THREADS = 2
# Names annotations, so that importing the same judgement again adds nothing.
_NAMESPACE = uuid.UUID("6f1d3c1e-8a3b-5b52-9d53-0c6b1f0f7a11")


@dataclass
class _Tally:
    """What has happened so far; grows batch by batch."""

    labels: dict[str, str | None] = field(default_factory=dict)
    first_file: dict[str, str] = field(default_factory=dict)
    values: dict[str, Mapping[str, float]] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    present: int = 0
    filled: int = 0
    speakers: set[str] = field(default_factory=set)
    rejected: list[Rejection] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=dict)


def import_corpus(
    store: Store,
    corpus: str,
    path: Path,
    options: ImportOptions = ImportOptions(),  # noqa: B008 (frozen)
    progress: Progress = no_progress,
    person: str | None = None,
) -> ImportReport:
    """Import a corpus folder or manifest as clips and a dataset.

    Every recording is decoded once; what can't be decoded is reported, the others go on. Clips are identified by
    content, so that importing again, or a manifest of recordings already there, adds none twice; what the library
    doesn't know yet of a clip it has is filled in, and what it knows is kept. The corpus's own
    labels are kept as annotations by the rater ``corpus:<name>``, listeners' votes as annotations by
    ``<corpus>:vote-1`` and so on: one rater of that name is not one person.

    Clips and annotations are saved in batches, the dataset at the end as a whole: an import that was killed leaves
    clips, and importing again completes it. All that it brings bears its id, so that `batches.undo_import` can take it
    out again.

    Parameters
    ----------
    store
        The open store.
    corpus
        Name of the corpus reader, such as ``ravdess``, ``folder`` or ``csv``.
    path
        Its folder or manifest.
    options
        How to import.
    progress
        Called after each recording, and once before the first.
    person
        Who imports, to stand in the list of imports.

    Raises
    ------
    RightsError
        If that is somebody of the workspace who may not import.
    ConfigError
        If there is no such reader.
    CorpusError
        If the layout is wrong, nothing is found, nothing can be used, or origins are mixed.
    LabelError
        If labels don't fit the scheme, map or dataset; nothing is written then, but clips may be if a clip
        has another label in the dataset already.
    StoreError
        If the workspace can't be written, or the dataset has the other origin.
    """
    _require_import(store, person)
    plan = planned(store, corpus, Path(path), options)
    with importing(store, plan.corpus, str(Path(path).resolve()), plan.dataset, person) as import_id:
        return _imported(store, plan, import_id, options, progress)


def _require_import(store: Store, name: str | None) -> None:
    if name is None:
        return
    with reading(store) as connection:
        person = find_person(connection, name)
    if person is not None:
        require(person, "import")


def _imported(store: Store, plan: Plan, import_id: str, options: ImportOptions, progress: Progress) -> ImportReport:
    clean_parts(store.workspace)
    tally = _Tally(rejected=problems(plan))
    wanted = plan.labelled.wanted
    progress(0, len(wanted), "Checking recordings")
    _save_schemes(store, plan)
    check = partial(
        checked,
        origin=plan.origin,
        workspace=store.workspace,
        in_place=options.in_place,
        refused=refusals(store),
    )
    with ThreadPoolExecutor(N_THREADS) as threads:
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            results = []
            for result in threads.map(check, [want.item for want in batch]):
                results.append(result)
                progress(start + len(results), len(wanted), f"Checked {result.item.file.name}")
            _save_batch(store, plan, import_id, batch, results, tally)
    if not tally.labels:
        raise _nothing_usable(plan, tally)
    report = _finished(store, plan, import_id, options, tally)
    finish_import(store, import_id, kept_report(report))
    return report


def _save_schemes(store: Store, plan: Plan) -> None:
    """Make known the schemes that annotations and the dataset refer to, shipped ones as a whole."""
    shipped = shipped_schemes()
    needed = [scheme for scheme in (plan.own_scheme, plan.scheme) if scheme is not None]
    # a dimension that doesn't ship is known to the workspace, which is how it was found
    named = {name for item in plan.items for name in item.values}
    needed += [shipped[name] for name in sorted(named & shipped.keys())]
    for scheme in needed:
        whole = shipped.get(scheme.name, scheme)
        with suppress(NotFoundError):
            whole = grown(whole, load_scheme(store, scheme.name))
        save_scheme(store, whole)


def _save_batch(
    store: Store, plan: Plan, import_id: str, batch: Sequence[Wanted], results: Sequence[Checked], tally: _Tally
) -> None:
    clips: list[Clip] = []
    annotations: list[Annotation] = []
    for want, result in zip(batch, results, strict=True):
        clip, shown = result.clip, shown_name(want.item, plan)
        reason = result.problem if clip is None else _conflict(clip, want, tally)
        if clip is None or reason:
            tally.rejected.append(Rejection(shown, reason))
            continue
        for warning in result.warnings:
            tally.warnings.setdefault(warning, []).append(shown)
        if clip.id in tally.labels:
            tally.present += 1
            tally.warnings.setdefault("The same sound stands in the corpus twice.", []).append(shown)
            continue
        # copies are named by content: the name it came with finds it again in tables that others made
        clip = replace(clip, attributes={"file_name": shown, **clip.attributes})
        tally.labels[clip.id], tally.first_file[clip.id] = want.label, shown
        tally.values[clip.id] = want.item.values
        tally.speakers |= {clip.speaker} - {None}  # type: ignore[arg-type]
        clips.append(clip)
        annotations += _annotations(clip, want.item, plan)
    outcome = add_clips(store, clips, import_id)
    add_annotations(store, annotations, import_id)
    tally.added |= set(outcome.added)
    tally.present += len(outcome.present)
    present = set(outcome.present)
    tally.filled += fill_clips(store, [clip for clip in clips if clip.id in present])


def _conflict(clip: Clip, want: Wanted, tally: _Tally) -> str:
    before = tally.labels.get(clip.id, want.label)
    if before == want.label:
        return ""
    return (
        f"It holds the same sound as {tally.first_file[clip.id]}, which has the label {before!r}, not {want.label!r}."
    )


def _annotations(clip: Clip, item: CorpusItem, plan: Plan) -> Iterator[Annotation]:
    created = datetime.now(UTC).isoformat(timespec="microseconds")

    def made(scheme: str, rater: str, value: str | float) -> Annotation:
        id = str(uuid.uuid5(_NAMESPACE, f"{clip.id}/{scheme}/{rater}/{value}"))
        return Annotation(id, clip.id, scheme, rater, value, created)

    if plan.own_scheme is not None:
        if item.label is not None:
            yield made(plan.own_scheme.name, f"corpus:{plan.corpus}", item.label)
        votes = [label for label, count in item.votes.items() for _ in range(count)]
        for number, label in enumerate(votes, start=1):
            yield made(plan.own_scheme.name, f"{plan.corpus}:vote-{number}", label)
    for dimension, value in item.values.items():
        yield made(dimension, f"corpus:{plan.corpus}", value)


def _nothing_usable(plan: Plan, tally: _Tally) -> CorpusError:
    shown = [f"{rejection.file}: {rejection.reason}" for rejection in tally.rejected[:3]]
    more = f" (and {len(tally.rejected) - 3} more)" if len(tally.rejected) > 3 else ""
    count = f"None of the {len(plan.items)} recordings" if len(plan.items) > 1 else "The one recording"
    return CorpusError(f"{count} in {plan.root} can be used. {' '.join(shown)}{more}")


def _finished(store: Store, plan: Plan, import_id: str, options: ImportOptions, tally: _Tally) -> ImportReport:
    members = [(id, label) for id, label in tally.labels.items() if label is not None]
    if plan.scheme is not None and members:
        save_dataset(
            *(store, plan.dataset, plan.origin, plan.scheme, members, map_name(options)),
            import_id=import_id,
            values=tally.values,
        )
    counts = Counter(label for _, label in members)
    return ImportReport(
        dataset=plan.dataset if members else None,
        origin=plan.origin,
        found=len(plan.items),
        added=len(tally.added),
        present=tally.present,
        rejected=tuple(tally.rejected),
        left_out=plan.labelled.left_out,
        labels={label: counts[label] for label in (plan.scheme.labels if plan.scheme else ())},
        unlabelled=len(tally.labels) - len(members),
        speakers=len(tally.speakers),
        import_id=import_id,
        warnings=tuple(_warnings(plan, options, tally, n_unlabelled=len(tally.labels) - len(members))),
    )


def _warnings(plan: Plan, options: ImportOptions, tally: _Tally, n_unlabelled: int) -> Iterator[str]:
    for text, files in tally.warnings.items():
        where = files[0] if len(files) == 1 else f"{len(files)} files such as {files[0]}"
        yield f"{text} ({where})"
    if n_unlabelled:
        subject = "1 clip has no label: it is" if n_unlabelled == 1 else f"{n_unlabelled} clips have no label: they are"
        yield f"{subject} in the library, but in no dataset."
    if plan.labelled.unmapped and options.label_map is not None:
        labels = ", ".join(f"{label} ({plan.labelled.left_out[label]})" for label in plan.labelled.unmapped)
        yield f"Label map {options.label_map.name!r} has no row for {labels}; those recordings were not imported."
    if tally.filled:
        were = "1 clip was" if tally.filled == 1 else f"{tally.filled} clips were"
        yield (
            f"{were} in the library already with less known; what was missing of speaker, language, text, attributes "
            "or provenance was filled in, and what was known was kept."
        )

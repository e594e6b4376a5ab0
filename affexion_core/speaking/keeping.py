"""Bring what was kept of a batch into the library: one import, which can be undone."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import LabelError, NotFoundError, SynthesisError
from affexion_core.ingest.batches import importing
from affexion_core.ingest.recordings import checked
from affexion_core.ingest.reports import ImportReport, Rejection, kept_report
from affexion_core.ingest.synthesizing import SCHEME, speaker_of
from affexion_core.scheme_files import shipped_schemes
from affexion_core.speaking.batch import Batch
from affexion_core.speaking.review import note_imported
from affexion_core.speaking.state import Spoken, spoken
from affexion_core.store.clips import add_clips, get_clip
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.imports import finish_import
from affexion_core.store.labels import add_annotations, save_scheme
from affexion_core.store.session import Store
from affexion_core.store.takedowns import refusals
from affexion_core.types import Annotation, Clip, Progress, Provenance, Scheme, no_progress

BATCH = 32
# The same as for clips that are spoken straight into the library: the same clip gets no second annotation.
_NAMESPACE = uuid.UUID("0f5d7d0e-2f86-5c0c-8b0e-7c3f3d1f4e52")


def with_clips(store: Store, items: Sequence[Spoken]) -> tuple[Spoken, ...]:
    """Forget of sentences the clips that are no longer in the library, as after an import was undone."""
    from dataclasses import replace

    return tuple(
        replace(item, clip=None) if item.clip is not None and not _is_there(store, item.clip) else item
        for item in items
    )


def to_import(store: Store, batch: Batch, unheard: bool = False) -> tuple[Spoken, ...]:
    """List what would come in: sentences that were kept, with ``unheard`` also those nobody has judged."""
    wanted = ("keep", None) if unheard else ("keep",)
    items = with_clips(store, spoken(store.workspace, batch))
    return tuple(item for item in items if item.state == "spoken" and item.verdict in wanted and item.clip is None)


def import_batch(
    store: Store, batch: Batch, unheard: bool = False, person: str | None = None, progress: Progress = no_progress
) -> ImportReport:
    """Bring what was kept into the library and a dataset, as one import.

    Parameters
    ----------
    unheard
        Whether to bring in what nobody has listened to as well; such clips say so.
    person
        Who brings it in.

    Raises
    ------
    SynthesisError
        If nothing was kept, or nothing of it can be used.
    LabelError, StoreError
        If the dataset is there and of another origin or scheme, or the workspace can't be written.
    """
    items = to_import(store, batch, unheard)
    if not items:
        raise SynthesisError("Nothing of this batch waits to come in; keep some of its clips first.")
    name = batch.request.dataset
    scheme = scheme_for(store, name, sorted({item.request.label for item in items}))
    save_dataset_check(store, name, scheme)
    with importing(store, batch.request.provider, str(batch.folder), name, person) as id:
        return _imported(store, batch, items, scheme, id, progress)


def _imported(
    store: Store, batch: Batch, items: Sequence[Spoken], scheme: Scheme, id: str, progress: Progress
) -> ImportReport:
    save_scheme(store, scheme)
    members: dict[str, str] = {}
    added, rejected = 0, []
    for start in range(0, len(items), BATCH):
        clips: list[tuple[Spoken, Clip]] = []
        for number, item in enumerate(items[start : start + BATCH], start + 1):
            found = checked(_corpus_item(batch, item), "synthetic", store.workspace, False, refusals(store))
            progress(number, len(items), item.request.label)
            if found.clip is None:
                rejected.append(Rejection(item.request.sentence.text, found.problem))
            else:
                clips.append((item, found.clip))
        added += len(add_clips(store, [clip for _, clip in clips], id).added)
        add_annotations(store, [_annotation(batch, item, clip, scheme) for item, clip in clips], id)
        members.update((clip.id, item.request.label) for item, clip in clips)
        note_imported(batch, [(item.number, clip.id) for item, clip in clips], id)
    if not members:
        raise SynthesisError(f"None of {len(items)} clips can be used. {rejected[0].reason}")
    title = batch.provider.INFO.title
    description = f"Spoken by {title}; labels are those the voice was asked to show."
    save_dataset(store, batch.request.dataset, "synthetic", scheme, list(members.items()),
                 description=description, import_id=id)  # fmt: skip
    counts = Counter(members.values())
    report = ImportReport(
        dataset=batch.request.dataset,
        origin="synthetic",
        found=len(items),
        added=added,
        present=len(members) - added,
        rejected=tuple(rejected),
        left_out={},
        labels={label: counts[label] for label in scheme.labels},
        unlabelled=0,
        speakers=len({item.request.voice.name for item in items}),
        import_id=id,
    )
    finish_import(store, id, kept_report(report))
    return report


def scheme_for(store: Store, dataset: str, labels: Sequence[str]) -> Scheme:
    """Choose the scheme of a dataset: its own, else the shipped one that has all labels, else the labels themselves."""
    with suppress(NotFoundError):
        own = load_dataset(store, dataset).scheme
        if set(labels) <= set(own.labels):
            return own
        missing = ", ".join(sorted(set(labels) - set(own.labels)))
        raise LabelError(f"Dataset {dataset!r} has no label {missing}; choose another name for the dataset.")
    shipped = shipped_schemes()
    ordered = (shipped[SCHEME], *(shipped[name] for name in sorted(shipped)))
    fitting = (scheme for scheme in ordered if set(labels) <= set(scheme.labels))
    return next(fitting, Scheme(f"{dataset} labels", tuple(labels)))


def save_dataset_check(store: Store, name: str, scheme: Scheme) -> None:
    """Find out before anything is written whether clips can join a dataset that is there already."""
    with suppress(NotFoundError):
        load_dataset(store, name)
        save_dataset(store, name, "synthetic", scheme, [])


def _is_there(store: Store, id: str) -> bool:
    try:
        get_clip(store, id)
    except NotFoundError:
        return False
    return True


def _corpus_item(batch: Batch, item: Spoken) -> CorpusItem:
    request = item.request
    attributes: dict[str, str] = {"wording": request.sentence.wording, "length": request.sentence.length}
    attributes["listening"] = "kept by ear" if item.verdict == "keep" else "nobody has listened"
    if request.voice.gender != "unstated":
        attributes["gender"] = request.voice.gender
    if request.voice.accent:
        attributes["accent"] = request.voice.accent
    if item.strayed:
        attributes["said"] = str(item.said)
    provider = batch.request.provider
    return CorpusItem(
        file=item.path,
        corpus=provider,
        speaker=speaker_of(provider, request.voice),
        language=request.voice.language,
        transcript=request.sentence.text,
        attributes=attributes,
        provenance=_card(batch, item),
    )


def _card(batch: Batch, item: Spoken) -> Provenance:
    info, request = batch.provider.INFO, item.request
    return Provenance(
        source=info.source or None,
        licence=batch.request.licence or info.licence,
        retrieved=(item.at or batch.created)[:10],
        generator=item.generator or batch.provider.generator(request),
        voice=request.voice.name,
        prompt=request.prompt,
        seed=request.seed,
        intended_label=request.label,
        parameters={**request.parameters, "take": item.take, "batch": batch.id},
    )


def _annotation(batch: Batch, item: Spoken, clip: Clip, scheme: Scheme) -> Annotation:
    rater, label = f"provider:{batch.request.provider}", item.request.label
    id = str(uuid.uuid5(_NAMESPACE, f"{clip.id}/{scheme.name}/{rater}/{label}"))
    return Annotation(id, clip.id, scheme.name, rater, label, datetime.now(UTC).isoformat(timespec="microseconds"))

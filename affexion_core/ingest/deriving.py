"""A dataset made of another one by noise, rooms and codecs: stored clips, each of which knows its original."""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affexion_core.audio.decode import load_audio
from affexion_core.config import build, plain
from affexion_core.corpora._item import CorpusItem
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, NotFoundError
from affexion_core.ingest.batches import importing
from affexion_core.ingest.recordings import checked
from affexion_core.ingest.reports import ImportReport, Rejection, kept_report
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.imports import finish_import
from affexion_core.store.labels import add_annotations
from affexion_core.store.session import Store
from affexion_core.store.takedowns import refusals
from affexion_core.synthesis._plan import stable_seed
from affexion_core.types import Annotation, Clip, Dataset, LabelledClip, Progress, no_progress

# The order in which sound meets them: how it is spoken, where, what is heard beside it, what it is sent through.
ORDER = ("pitch", "stretch", "speed", "room", "noise", "field", "gain", "codec")
RATER = "derived"
BATCH = 32
MOST_COPIES = 20
_NAMESPACE = uuid.UUID("a2f0a3f6-5a54-5d0e-9a39-4c6d0c8f6f10")


@dataclass(frozen=True)
class DeriveRequest:
    """What to make of a dataset.

    ``changes`` maps the augmentations to be done to their settings (plain values; an empty mapping for the defaults);
    they are done in `ORDER`. ``copies`` clips are made of each, all different; the same ``seed`` makes the same.
    """

    source: str
    dataset: str
    changes: Mapping[str, Mapping[str, Any]]
    copies: int = 1
    seed: int = 0
    person: str | None = None
    description: str = field(default="", compare=False)


def derive_dataset(store: Store, request: DeriveRequest, progress: Progress = no_progress) -> ImportReport:
    """Make a changed copy of every clip of a dataset, and keep them as clips and a dataset: one import, to be undone.

    A copy has its original's speaker, words and label, and names it (``derived_from``), so that the search for leaks
    sees where original and copy stand on both sides. Making the same again adds nothing.

    Raises
    ------
    ConfigError
        If no change is named, one is not there, its settings don't fit, or the name is the original's.
    NotFoundError, StoreError, LabelError
        If the dataset isn't there, or the clips can't join the one that is to hold them.
    """
    changes = _checked(request)
    source = load_dataset(store, request.source)
    _check_target(store, request, source)
    with importing(store, RATER, f"dataset {request.source}", request.dataset, request.person) as id:
        return _derived(store, request, source, changes, id, progress)


def _checked(request: DeriveRequest) -> dict[str, Any]:
    if not request.changes:
        raise ConfigError("No change is named; choose at least one, such as noise, room or codec.")
    if not 1 <= request.copies <= MOST_COPIES:
        raise ConfigError(f"copies = {request.copies} can't be; choose 1 to {MOST_COPIES}.", change=("copies",))
    if request.dataset.strip() in ("", request.source):
        raise ConfigError("The derived clips need a dataset with a name of its own.", change=("into",))
    made = {name: build(load_plugin("augment", name).Config, values) for name, values in request.changes.items()}
    known = [name for name in ORDER if name in made]
    return {name: made[name] for name in (*known, *sorted(made.keys() - set(ORDER)))}


def _check_target(store: Store, request: DeriveRequest, source: Dataset) -> None:
    with suppress(NotFoundError):
        load_dataset(store, request.dataset)
        save_dataset(store, request.dataset, source.origin, source.scheme, [])


def _derived(
    store: Store, request: DeriveRequest, source: Dataset, changes: Mapping[str, Any], id: str, progress: Progress
) -> ImportReport:
    wanted = [(item, copy) for item in source.items for copy in range(request.copies)]
    progress(0, len(wanted), "Changing clips")
    members: dict[str, str] = {}
    speakers: set[str | None] = set()
    added, rejected = 0, []
    for start in range(0, len(wanted), BATCH):
        made: list[tuple[LabelledClip, Clip]] = []
        for number, (item, copy) in enumerate(wanted[start : start + BATCH], start + 1):
            try:
                made.append((item, _changed(store, request, item.clip, copy, changes)))
            except ConfigError as error:
                rejected.append(Rejection(item.clip.file, str(error)))
            progress(number, len(wanted), item.label)
        added += len(add_clips(store, [clip for _, clip in made], id).added)
        add_annotations(store, [_annotation(clip, item.label, source) for item, clip in made], id)
        members.update((clip.id, item.label) for item, clip in made)
        speakers |= {clip.speaker for _, clip in made}
    if not members:
        raise ConfigError(
            f"No clip of dataset {request.source!r} can be changed. {rejected[0].reason if rejected else ''}"
        )
    description = f"Made of dataset {request.source} by {', '.join(changes)}."
    save_dataset(store, request.dataset, source.origin, source.scheme, list(members.items()),
                 description=description, import_id=id)  # fmt: skip
    counts = Counter(members.values())
    report = ImportReport(
        dataset=request.dataset,
        origin=source.origin,
        found=len(wanted),
        added=added,
        present=len(members) - added,
        rejected=tuple(rejected),
        left_out={},
        labels={label: counts[label] for label in source.scheme.labels},
        unlabelled=0,
        speakers=len(speakers - {None}),
        import_id=id,
    )
    finish_import(store, id, kept_report(report))
    return report


def _changed(store: Store, request: DeriveRequest, clip: Clip, copy: int, changes: Mapping[str, Any]) -> Clip:
    """Make one copy; `ConfigError` where the recording can't be used any more."""
    import soundfile

    from affexion_core.errors import AudioError

    try:
        decoded = load_audio(store.workspace.clip_path(clip), clip.start, clip.end)
        signal = decoded.signal
        for name, config in changes.items():
            seed = stable_seed(request.seed, clip.id, name, copy)
            signal = load_plugin("augment", name).apply(signal, decoded.sampling_rate, config, seed)
    except AudioError as error:
        raise ConfigError(f"{clip.file}: {error}") from None
    with tempfile.TemporaryDirectory(prefix="affexion-") as folder:
        file = Path(folder) / "derived.wav"
        soundfile.write(file, signal, decoded.sampling_rate, format="WAV", subtype="PCM_16")
        item = _item(file, clip, copy, request, changes)
        found = checked(item, clip.origin, store.workspace, False, refusals(store))
    if found.clip is None:
        raise ConfigError(f"{clip.file}: {found.problem}")
    return found.clip


def _item(file: Path, clip: Clip, copy: int, request: DeriveRequest, changes: Mapping[str, Any]) -> CorpusItem:
    first = clip.attributes.get("original") or clip.attributes.get("derived_from")
    origin = {"derived_from": clip.id, **({"original": first} if first else {})}
    said = {f"{name}.{key}": str(value) for name, config in changes.items() for key, value in plain(config).items()}
    card = clip.provenance
    return CorpusItem(
        file=file,
        corpus=clip.corpus,
        speaker=clip.speaker,
        language=clip.language,
        transcript=clip.transcript,
        attributes={**clip.attributes, **origin, "changed_by": ", ".join(changes)},
        provenance=replace(
            card, parameters={**card.parameters, **said, "derived.seed": request.seed, "derived.copy": copy}
        ),
    )


def _annotation(clip: Clip, label: str, source: Dataset) -> Annotation:
    id = str(uuid.uuid5(_NAMESPACE, f"{clip.id}/{source.scheme.name}/{label}"))
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    return Annotation(id, clip.id, source.scheme.name, f"{RATER}:{source.name}", label, created)


def originals(items: Sequence[LabelledClip]) -> frozenset[str]:
    """Give the ids of the clips that some clips were derived from."""
    return frozenset(
        item.clip.attributes[name] for item in items for name in ("derived_from", "original")
        if name in item.clip.attributes
    )  # fmt: skip

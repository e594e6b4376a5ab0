"""From sentences to synthetic clips in the library, each with a card that says how it was made."""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from affexion_core.config import build
from affexion_core.corpora._item import CorpusItem
from affexion_core.discovery import load_plugin
from affexion_core.errors import NotFoundError, SynthesisError, allowed
from affexion_core.ingest.recordings import checked
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.labels import add_annotations, save_scheme
from affexion_core.store.session import Store
from affexion_core.store.takedowns import refusals
from affexion_core.synthesis._request import (
    WORDINGS,
    Sentence,
    SpeechRequest,
    Voice,
    load_sentences,
)
from affexion_core.types import Annotation, Clip, Progress, Provenance, Scheme, no_progress

SCHEME = "affexion"
BATCH = 32
# Names annotations, so that the same clip made again gets no second one.
_NAMESPACE = uuid.UUID("0f5d7d0e-2f86-5c0c-8b0e-7c3f3d1f4e52")


@dataclass(frozen=True)
class SynthesisOptions:
    """What to make.

    Attributes
    ----------
    provider
        Name of the speech provider, such as ``espeak``.
    per_label
        Clips of each label.
    dataset
        Name of the dataset to make or extend.
    seed
        The same seed gives the same clips; so does it for the first ones of a larger ``per_label``.
    labels
        Which labels; None for all that have sentences.
    wording
        ``telling`` or ``neutral`` sentences only; None for both in equal shares.
    config
        The provider's own settings, as its ``Config`` or as plain values; None for its defaults.
    """

    provider: str
    per_label: int
    dataset: str
    seed: int = 0
    labels: Sequence[str] | None = None
    wording: str | None = None
    config: Any = None


@dataclass(frozen=True)
class SynthesisReport:
    """What was made: clips new in the library and already there, clips by label and by voice, seconds of speech."""

    dataset: str
    added: int
    present: int
    labels: Mapping[str, int]
    voices: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class Spoken:
    """A request that was spoken: the WAV file's bytes, and what its clip says beside what the request knows."""

    request: SpeechRequest
    wav: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str | float | int] = field(default_factory=dict)


def synthesize_dataset(store: Store, options: SynthesisOptions, progress: Progress = no_progress) -> SynthesisReport:
    """Speak sentences for every label and keep them as clips, with the intended label as annotation and in a dataset.

    Clips are saved in batches, the dataset at the end: what was stopped goes on where it stopped when it is run again.

    Raises
    ------
    ConfigError
        If there is no such provider, or its settings don't fit.
    SynthesisError
        If labels or wording are unknown, sentences don't suffice, or the provider fails.
    LabelError, StoreError
        If the dataset is there and of another origin or scheme, or the workspace can't be written.
    """
    provider = load_plugin("synthesis", options.provider)
    config = (
        options.config if isinstance(options.config, provider.Config) else build(provider.Config, options.config or {})
    )
    requests = provider.plan(chosen_sentences(options.labels, options.wording), options.per_label, config, options.seed)
    spoken = (Spoken(request, wav) for request, wav in zip(requests, provider.speak(requests), strict=True))
    description = f"Spoken by {provider.INFO.title}; labels are those the voice was asked to show."
    return keep_spoken(store, options.provider, options.dataset, spoken, len(requests), description, progress)


def chosen_sentences(labels: Sequence[str] | None = None, wording: str | None = None) -> tuple[Sentence, ...]:
    """Give the shipped sentences of some labels and one wording; None asks nothing.

    Raises
    ------
    SynthesisError
        If there is no such label or wording.
    """
    sentences = load_sentences()
    known = {sentence.label for sentence in sentences}
    unknown = [label for label in labels or () if label not in known]
    if unknown:
        raise SynthesisError(f"There are no sentences for the label {unknown[0]!r}; choose {allowed(known)}.")
    if wording is not None and wording not in WORDINGS:
        raise SynthesisError(f"There is no wording {wording!r}; choose {allowed(WORDINGS)}.")
    return tuple(
        sentence
        for sentence in sentences
        if (labels is None or sentence.label in labels) and wording in (None, sentence.wording)
    )


def speaker_of(provider: str, voice: Voice) -> str:
    """Name a voice as clips name their speaker, such as ``espeak:en-us+m3``."""
    return f"{provider}:{voice.name}"


def keep_spoken(
    store: Store,
    provider: str,
    dataset: str,
    spoken: Iterable[Spoken],
    total: int,
    description: str,
    progress: Progress,
) -> SynthesisReport:
    """Keep what a provider speaks, ``total`` requests of it, as clips, annotations and a dataset.

    Raises
    ------
    SynthesisError
        If the provider fails or gives something that is no audio.
    LabelError, StoreError
        If the dataset is there and of another origin or scheme, or the workspace can't be written.
    """
    scheme = shipped_schemes()[SCHEME]
    _check_dataset(store, dataset, scheme)
    save_scheme(store, scheme)
    progress(0, total, "Starting the voice")
    members: dict[str, str] = {}
    voices: Counter[str] = Counter()
    added, seconds = 0, 0.0
    for batch in _batches(_clips(store, provider, spoken, total, progress)):
        clips = [clip for _, clip in batch]
        members.update((clip.id, request.label) for request, clip in batch)
        voices.update(request.voice.name for request, _ in batch)
        seconds += sum(clip.duration for clip in clips)
        added += len(add_clips(store, clips).added)
        add_annotations(store, [_annotation(clip, members[clip.id], provider) for clip in clips])
    save_dataset(store, dataset, "synthetic", scheme, list(members.items()), description=description)
    counts = Counter(members.values())
    labels = {label: counts[label] for label in scheme.labels if counts[label]}
    return SynthesisReport(
        dataset, added, len(members) - added, labels, dict(sorted(voices.items())), round(seconds, 3)
    )


def _check_dataset(store: Store, name: str, scheme: Scheme) -> None:
    """Find out before speaking whether the clips can join a dataset that is there already."""
    try:
        load_dataset(store, name)
    except NotFoundError:
        return
    save_dataset(store, name, "synthetic", scheme, [])


def _clips(
    store: Store, provider: str, spoken: Iterable[Spoken], total: int, progress: Progress
) -> Iterator[tuple[SpeechRequest, Clip]]:
    for number, one in enumerate(spoken, start=1):
        clip = _clip(store, provider, one)
        progress(number, total, f"{one.request.label}, {one.request.voice.name}")
        yield one.request, clip


def _batches(made: Iterator[tuple[SpeechRequest, Clip]]) -> Iterator[list[tuple[SpeechRequest, Clip]]]:
    while batch := list(islice(made, BATCH)):
        yield batch


def _clip(store: Store, provider: str, one: Spoken) -> Clip:
    """Put the sound into the workspace by the same way as an import, which decodes and checks it."""
    request = one.request
    with tempfile.TemporaryDirectory(prefix="affexion-") as folder:
        file = Path(folder) / "spoken.wav"
        file.write_bytes(one.wav)
        item = CorpusItem(
            file=file,
            corpus=provider,
            speaker=speaker_of(provider, request.voice),
            language=request.voice.language,
            transcript=request.sentence.text,
            attributes={**_known(request), **one.attributes},
            provenance=_card(provider, one),
        )
        result = checked(item, "synthetic", store.workspace, in_place=False, refused=refusals(store))
    if result.clip is None:
        raise SynthesisError(f"{provider} gave no usable sound for {request.sentence.text!r}. {result.problem}")
    return result.clip


def _known(request: SpeechRequest) -> dict[str, str]:
    known = {"wording": request.sentence.wording, "length": request.sentence.length, "gender": request.voice.gender}
    return {**known, "accent": request.voice.accent} if request.voice.accent else dict(known)


def _card(provider: str, one: Spoken) -> Provenance:
    made = load_plugin("synthesis", provider)
    return Provenance(
        source=made.INFO.source or None,
        licence=made.INFO.licence,
        retrieved=datetime.now(UTC).date().isoformat(),
        generator=made.generator(),
        voice=one.request.voice.name,
        prompt=one.request.prompt,
        seed=one.request.seed,
        intended_label=one.request.label,
        parameters={**one.request.parameters, **one.parameters},
    )


def _annotation(clip: Clip, label: str, provider: str) -> Annotation:
    rater = f"provider:{provider}"
    id = str(uuid.uuid5(_NAMESPACE, f"{clip.id}/{SCHEME}/{rater}/{label}"))
    return Annotation(id, clip.id, SCHEME, rater, label, datetime.now(UTC).isoformat(timespec="microseconds"))

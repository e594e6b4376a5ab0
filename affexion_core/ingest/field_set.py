"""A small stand-in for a field test: other voices, other sentences, and sound as from a phone in a noisy place."""

from __future__ import annotations

import io
from dataclasses import asdict

import numpy as np
import soundfile

from affexion_core.augment import field
from affexion_core.errors import SynthesisError
from affexion_core.ingest.synthesizing import Spoken, SynthesisReport, chosen_sentences, keep_spoken, speaker_of
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store
from affexion_core.synthesis import espeak
from affexion_core.synthesis._request import SpeechRequest, without_texts
from affexion_core.types import Dataset, Progress, no_progress

PROVIDER = "espeak"
# People outside a studio show less than an actor does, and differ more from each other.
STRENGTH, VARIATION = 0.75, 1.5
ATTRIBUTES = {"recording": "simulated field recording", "stands_in_for": "real speech"}
DESCRIPTION = (
    "Simulated stand-in for field recordings: synthetic voices and sentences that are not in {other!r}, with noise, "
    "room, band limit and level changes added. It says nothing about real people."
)


def make_field_set(
    store: Store,
    per_label: int,
    dataset: str,
    seed: int,
    exclude_dataset: str,
    progress: Progress = no_progress,
) -> SynthesisReport:
    """Make a small test set that shares no voice and no text with a synthetic training set.

    The labels are played less strongly than in training and vary more, and every clip goes through
    `augment.field` with conditions of its own, which stand on its origin card. The clips are synthetic and say in
    their attributes that they only simulate field recordings.

    Parameters
    ----------
    store
        The open store.
    per_label
        Clips of each label.
    dataset
        Name of the dataset to make or extend.
    seed
        The same seed and the same other dataset give the same clips.
    exclude_dataset
        The training set whose voices and texts are not used.
    progress
        Called after each clip, and once before the first.

    Raises
    ------
    NotFoundError
        If there is no dataset ``exclude_dataset``.
    SynthesisError
        If it leaves no voice, or too few sentences, or speaking fails.
    LabelError, StoreError
        If ``dataset`` is there and of another origin or scheme, or the workspace can't be written.
    """
    other = load_dataset(store, exclude_dataset)
    config = espeak.Config(voices=_unused_voices(other), strength=STRENGTH, variation=VARIATION)
    sentences = without_texts(chosen_sentences(), [item.clip.transcript for item in other.items])
    requests = espeak.plan(sentences, per_label, config, seed)
    spoken = (_recorded(request, wav) for request, wav in zip(requests, espeak.speak(requests), strict=True))
    description = DESCRIPTION.format(other=exclude_dataset)
    return keep_spoken(store, PROVIDER, dataset, spoken, len(requests), description, progress)


def _unused_voices(other: Dataset) -> tuple[espeak.VoiceName, ...]:
    used = {item.clip.speaker for item in other.items}
    names = [voice.name for voice in espeak.VOICES if speaker_of(PROVIDER, voice) not in used]
    if not names:
        raise SynthesisError(
            f"Dataset {other.name!r} has all {len(espeak.VOICES)} voices of {PROVIDER}, so that none is left for a "
            "test on unknown voices; make it again with fewer voices."
        )
    return tuple(names)  # type: ignore[arg-type]


def _recorded(request: SpeechRequest, wav: bytes) -> Spoken:
    """Send a spoken request through the simulated room and recorder."""
    signal, sampling_rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    conditions = field.draw(field.Config(), request.seed)
    changed: np.ndarray = field.render(signal, sampling_rate, conditions, request.seed)
    file = io.BytesIO()
    soundfile.write(file, changed, sampling_rate, format="WAV", subtype="PCM_16")
    return Spoken(request, file.getvalue(), ATTRIBUTES, {f"field_{name}": v for name, v in asdict(conditions).items()})

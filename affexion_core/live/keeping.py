"""Keep what was said in a live session as clips, because somebody asked to: the only way sound gets onto the disk."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import AudioError, RightsError, StoreError
from affexion_core.ingest.recordings import checked
from affexion_core.labeling.people import Person, require_now
from affexion_core.labeling.projects import extend_project
from affexion_core.live.vad import VoiceActivity, speech_spans
from affexion_core.store.clips import add_clips
from affexion_core.store.session import Store, reading
from affexion_core.store.takedowns import refusals
from affexion_core.types import Clip, Provenance

CORPUS = "live"
CONSENT = "The person who speaks agrees that the recording is kept in this workspace, heard and labelled by its people."


@dataclass(frozen=True)
class Kept:
    """Clips made of a session, and how many of them a project got that it didn't have."""

    clips: tuple[Clip, ...]
    n_queued: int


def keep_as_clips(
    store: Store, by: Person, signal: np.ndarray, speaker: str, consent: bool, project: str | None = None
) -> Kept:
    """Cut a session into its stretches of speech and keep them as clips without a label.

    Parameters
    ----------
    store
        The open store.
    by
        Who keeps them, a rater or above; to put them into a project, an owner.
    signal
        Mono at 16 kHz ``(n_samples,)``.
    speaker
        Who speaks, in a word.
    consent
        Whether the speaker agrees with `CONSENT`.
    project
        A labelling project whose queue they enter; None for the library alone.

    Raises
    ------
    RightsError
        If there is no consent, or ``by`` may not label, or not manage projects while one is named.
    AudioError
        If nobody speaks in it.
    StoreError
        If no speaker is named, there is no such project, or the workspace can't be written.
    """
    with reading(store) as connection:
        require_now(connection, by, "label")
    name = " ".join(speaker.split())
    if not consent:
        raise RightsError("Nothing was kept: the person who speaks has to agree first.")
    if not name or len(name) > 80 or not name.isprintable():
        raise StoreError("Say who speaks, in 1 to 80 printable characters; a made-up name will do.")
    spans = speech_spans(VoiceActivity().push(signal))
    if not spans:
        raise AudioError("Nobody speaks in what was heard so far, so there is no clip to keep.")
    if project is not None:
        # before anything is written: the right to extend it, and that it is there
        extend_project(store, by, project, ())
    clips = tuple(_kept(store, signal, span, f"{CORPUS}:{name}") for span in spans)
    add_clips(store, clips)
    n_queued = extend_project(store, by, project, [clip.id for clip in clips]) if project is not None else 0
    return Kept(clips, n_queued)


def _kept(store: Store, signal: np.ndarray, span: tuple[float, float], speaker: str) -> Clip:
    first, last = (round(at * SAMPLING_RATE) for at in span)
    now = datetime.now(UTC)
    provenance = Provenance(
        source="microphone, recorded on the page Live",
        licence="kept with the speaker's consent for this workspace",
        retrieved=now.date().isoformat(),
        parameters={"consent": CONSENT},
    )
    with tempfile.TemporaryDirectory(dir=store.workspace.audio, prefix=".live-") as folder:
        file = Path(folder) / f"live-{now:%Y%m%d-%H%M%S}-{first}.wav"
        soundfile.write(file, signal[first:last], SAMPLING_RATE, subtype="PCM_16")
        item = CorpusItem(file, CORPUS, speaker=speaker, origin="real", provenance=provenance)
        result = checked(item, "real", store.workspace, in_place=False, refused=refusals(store))
    if result.clip is None:
        raise AudioError(result.problem)
    return result.clip

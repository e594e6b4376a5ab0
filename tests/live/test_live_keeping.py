import numpy as np
import pytest

from affexion_core.audio.decode import load_audio
from affexion_core.errors import AudioError, RightsError, StoreError
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import create_project
from affexion_core.labeling.queue import draw
from affexion_core.live.keeping import CONSENT, keep_as_clips
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store


@pytest.fixture(scope="module")
def talk(shared_audio):
    """Two sentences with 2 s of silence around each."""
    pause, parts = np.zeros(32_000, np.float32), []
    for file in sorted((shared_audio / "cremad" / "AudioWAV").glob("1001_*.flac"))[:2]:
        parts += [pause, load_audio(file).signal]
    return np.concatenate([*parts, pause])


@pytest.fixture
def kept_in(workspace):
    store = open_store(workspace)
    return store, add_person(store, "Olga")


def test_kept_speech_is_in_the_library_unlabelled_and_in_the_queue(kept_in, talk):
    store, olga = kept_in
    first = keep_as_clips(store, olga, talk[: len(talk) // 2], "Sam", consent=True)
    create_project(store, olga, "Round", shipped_schemes()["affexion"], [clip.id for clip in first.clips])
    kept = keep_as_clips(store, olga, talk, " Sam  ", consent=True, project="Round")
    assert len(kept.clips) == 2 and kept.n_queued >= 1
    rows = find_clips(store, ClipQuery(corpus="live")).rows
    assert {row.clip.id for row in rows} >= {clip.id for clip in kept.clips}
    for row in rows:
        assert not row.labels and (row.clip.origin, row.clip.speaker) == ("real", "live:Sam")
        assert row.clip.provenance.parameters["consent"] == CONSENT
        assert 0.3 < row.clip.duration < 5
    assert {clip.id for clip in kept.clips} <= {task.clip_id for task in draw(store, "Round", olga, 4)}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"consent": False}, RightsError, "has to agree"),
        ({"speaker": "  "}, StoreError, "who speaks"),
        ({"signal": np.zeros(48_000, np.float32)}, AudioError, "Nobody speaks"),
        ({"project": "None such"}, StoreError, "None such"),
        ({"by": "viewer"}, RightsError, "role"),
    ],
)
def test_nothing_is_kept_without_consent_speaker_speech_project_or_right(kept_in, talk, change, error, words):
    store, olga = kept_in
    said = {"by": olga, "signal": talk, "speaker": "Sam", "consent": True, "project": None} | change
    if said["by"] == "viewer":
        said["by"] = add_person(store, "Vera", role="viewer")
    with pytest.raises(error, match=words):
        keep_as_clips(store, **said)
    assert not find_clips(store, ClipQuery()).rows
    assert not list(store.workspace.audio.rglob("*live*"))

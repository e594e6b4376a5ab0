import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from affexion_core.errors import ConfigError, StoreError, SynthesisError
from affexion_core.ingest.synthesizing import SynthesisOptions, synthesize_dataset
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets, load_dataset, save_dataset
from affexion_core.store.labels import find_annotations, load_scheme
from affexion_core.store.session import Store, open_store
from affexion_core.synthesis import espeak
from affexion_core.types import Scheme
from affexion_core.workspace import Workspace

LABELS = ("boredom", "panic", "excitement", "uncertainty")
OPTIONS = SynthesisOptions(provider="espeak", per_label=5, dataset="spoken")


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace)


def test_makes_balanced_labelled_synthetic_clips(store: Store):
    told: list[tuple[int, int, str]] = []
    report = synthesize_dataset(store, OPTIONS, lambda *args: told.append(args))
    assert (report.dataset, report.added, report.present) == ("spoken", 20, 0)
    assert report.labels == dict.fromkeys(LABELS, 5)
    assert report.voices == dict.fromkeys(sorted(espeak.DEFAULT_VOICES), 4)
    assert [done for done, _, _ in told] == list(range(21)) and {total for _, total, _ in told} == {20}
    dataset = load_dataset(store, "spoken")
    assert dataset.origin == "synthetic" and dataset.scheme == Scheme("affexion", LABELS) == load_scheme(
        store, "affexion"
    )
    assert report.seconds == pytest.approx(sum(item.clip.duration for item in dataset.items), abs=0.01)


def test_clips_say_how_they_were_made(store: Store):
    synthesize_dataset(store, OPTIONS)
    for item in load_dataset(store, "spoken").items:
        clip, card = item.clip, item.clip.provenance
        assert (clip.origin, clip.corpus, clip.language) == ("synthetic", "espeak", "en")
        assert clip.speaker == f"espeak:{card.voice}" and card.voice in espeak.DEFAULT_VOICES
        assert clip.transcript and clip.attributes["wording"] in ("telling", "neutral")
        assert clip.attributes["length"] in ("short", "long") and clip.attributes["gender"] in ("male", "female")
        assert card.intended_label == item.label and card.prompt is None and card.seed is not None
        assert card.generator == espeak.generator() and "GPL-3.0" in (card.licence or "")
        assert {"rate", "pitch", "range", "volume", "pauses", "ending"} == set(card.parameters)


def test_a_clip_can_be_made_again_from_its_card(store: Store):
    synthesize_dataset(store, OPTIONS)
    clip = load_dataset(store, "spoken").items[7].clip
    (request,) = (
        request
        for request in espeak.plan(espeak_sentences(), 5, espeak.Config(), OPTIONS.seed)
        if request.sentence.text == clip.transcript
    )
    again = replace(request, parameters=clip.provenance.parameters, seed=clip.provenance.seed or 0)
    (wav,) = espeak.speak([again])
    assert hashlib.sha256(wav).hexdigest() == clip.sha256


def espeak_sentences():
    from affexion_core.synthesis._request import load_sentences

    return load_sentences()


def test_originals_lie_under_their_content(store: Store):
    synthesize_dataset(store, OPTIONS)
    for item in load_dataset(store, "spoken").items:
        path = store.workspace.clip_path(item.clip)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == item.clip.sha256 == path.stem
        assert path.parent == store.workspace.audio / item.clip.sha256[:2]
        info = soundfile.info(path)
        assert (info.samplerate, info.channels) == (item.clip.sampling_rate, item.clip.channels) == (22050, 1)
        assert info.duration == pytest.approx(item.clip.duration, abs=0.001)
    files = [path for path in store.workspace.audio.rglob("*") if path.is_file()]
    assert len(files) == 20 and not list(Path(store.workspace.audio).rglob("*.part"))


def test_the_provider_is_the_rater_of_the_intended_label(store: Store):
    synthesize_dataset(store, OPTIONS)
    annotations = find_annotations(store, scheme="affexion", rater="provider:espeak")
    labels = {item.clip.id: item.label for item in load_dataset(store, "spoken").items}
    assert {one.clip_id: one.value for one in annotations} == labels and len(annotations) == 20


def test_same_seed_twice_adds_nothing_and_another_seed_does(store: Store):
    synthesize_dataset(store, OPTIONS)
    before = load_dataset(store, "spoken").snapshot()
    again = synthesize_dataset(store, OPTIONS)
    assert (again.added, again.present) == (0, 20)
    assert load_dataset(store, "spoken").snapshot() == before and len(find_annotations(store)) == 20
    assert synthesize_dataset(store, replace(OPTIONS, seed=1)).added == 20
    assert find_clips(store, ClipQuery()).total == 40


def test_a_larger_set_keeps_the_smaller_one(store: Store):
    synthesize_dataset(store, OPTIONS)
    report = synthesize_dataset(store, replace(OPTIONS, per_label=7))
    assert (report.added, report.present) == (8, 20)
    assert Counter(item.label for item in load_dataset(store, "spoken").items) == dict.fromkeys(LABELS, 7)


def test_labels_wording_and_voices_can_be_chosen(store: Store):
    options = replace(OPTIONS, labels=("panic",), wording="neutral", config={"voices": ["en-us+f2"]})
    report = synthesize_dataset(store, options)
    assert report.labels == {"panic": 5} and report.voices == {"en-us+f2": 5}
    clips = [item.clip for item in load_dataset(store, "spoken").items]
    assert {clip.attributes["wording"] for clip in clips} == {"neutral"}
    assert load_dataset(store, "spoken").scheme.labels == LABELS


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"provider": "parrot"}, ConfigError, "There is no provider 'parrot'. Choose .*espeak"),
        ({"labels": ("glee",)}, SynthesisError, "no sentences for the label 'glee'; choose boredom, excitement"),
        ({"wording": "loud"}, SynthesisError, "no wording 'loud'; choose neutral or telling"),
        ({"per_label": 500}, SynthesisError, "only 88 for boredom"),
        ({"config": {"strength": 7}}, ConfigError, "strength = 7"),
        ({"config": {"voices": ["nobody"]}}, ConfigError, "voices.0 = 'nobody'"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_written(store: Store, changed: dict, error: type, message: str):
    with pytest.raises(error, match=message):
        synthesize_dataset(store, replace(OPTIONS, **changed))
    assert find_clips(store, ClipQuery()).total == 0 and not list_datasets(store)


def test_a_real_dataset_takes_no_synthetic_clips_and_nothing_is_spoken(store: Store):
    save_dataset(store, "spoken", "real", Scheme("affexion", LABELS), [])
    with pytest.raises(StoreError, match="'spoken' is real; synthetic clips go into another one"):
        synthesize_dataset(store, OPTIONS)
    assert find_clips(store, ClipQuery()).total == 0


def test_a_provider_that_gives_no_audio_is_named(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(espeak, "speak", lambda requests: (b"<html>sold out</html>" for _ in requests))
    with pytest.raises(SynthesisError, match="espeak gave no usable sound for '"):
        synthesize_dataset(store, OPTIONS)


def test_what_was_stopped_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch):
    options = replace(OPTIONS, per_label=10)
    speak = espeak.speak

    def stops_at(n):
        def speaking(requests):
            for number, wav in enumerate(speak(requests)):
                if number == n:
                    raise SynthesisError("The power went.")
                yield wav

        return speaking

    monkeypatch.setattr(espeak, "speak", stops_at(35))
    with pytest.raises(SynthesisError, match="The power went"):
        synthesize_dataset(store, options)
    assert find_clips(store, ClipQuery()).total == 32
    monkeypatch.setattr(espeak, "speak", speak)
    report = synthesize_dataset(store, options)
    assert (report.added, report.present) == (8, 32) and report.labels == dict.fromkeys(LABELS, 10)

import numpy as np
import pytest
import soundfile

from affexion_core.errors import NotFoundError, SynthesisError
from affexion_core.ingest.field_set import make_field_set
from affexion_core.ingest.synthesizing import SynthesisOptions, SynthesisReport, synthesize_dataset
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.session import Store, open_store
from affexion_core.synthesis import espeak
from affexion_core.types import Split
from affexion_core.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> Store:
    store = open_store(workspace)
    synthesize_dataset(store, SynthesisOptions("espeak", 5, "example-synthetic"))
    return store


def make(store: Store, **changed) -> SynthesisReport:
    asked = {"per_label": 2, "dataset": "example-field", "seed": 0, "exclude_dataset": "example-synthetic"}
    return make_field_set(store, **{**asked, **changed})


def test_shares_no_voice_and_no_text_with_training(store: Store):
    report = make(store)
    assert (report.added, report.labels["panic"], sum(report.voices.values())) == (8, 2, 8)
    assert report.voices.keys().isdisjoint(espeak.DEFAULT_VOICES)
    train, test = load_dataset(store, "example-synthetic"), load_dataset(store, "example-field")
    split = Split(train=train.items, test=test.items)
    assert split.leaks() == {} and split.stamp() == "clean"


def test_texts_and_voices_of_training_leave_the_choice(store: Store):
    synthesize_dataset(store, SynthesisOptions("espeak", 80, "most", seed=4, labels=("panic",)))
    used = {item.clip.transcript for item in load_dataset(store, "most").items}
    with pytest.raises(
        SynthesisError, match="9 clips per label need as many sentences, and there are only 8 for panic"
    ):
        make(store, per_label=9, exclude_dataset="most")
    make(store, per_label=8, exclude_dataset="most")
    assert used.isdisjoint(item.clip.transcript for item in load_dataset(store, "example-field").items)


def test_says_that_it_only_simulates_the_field(store: Store):
    make(store)
    (summary,) = (one for one in list_datasets(store) if one.name == "example-field")
    assert summary.origin == "synthetic" and "Simulated stand-in" in summary.description
    for item in load_dataset(store, "example-field").items:
        assert item.clip.attributes["recording"] == "simulated field recording"
        parameters = item.clip.provenance.parameters
        assert 6 <= parameters["field_snr_db"] <= 20 and parameters["field_noise"] in ("pink", "babble")


def test_sound_is_finite_in_range_and_noisy_where_the_voice_pauses(store: Store):
    make(store)
    for dataset, noisy in (("example-synthetic", False), ("example-field", True)):
        for item in load_dataset(store, dataset).items:
            signal, rate = soundfile.read(store.workspace.clip_path(item.clip), dtype="float32")
            frames = signal[: len(signal) // 256 * 256].reshape(-1, 256)
            quietest = np.sqrt((frames**2).mean(axis=1)).min() / abs(signal).max()
            assert (quietest > 0.001) == noisy
            assert abs(signal).max() <= 1.0


def test_same_seed_adds_nothing(store: Store):
    make(store)
    again = make(store)
    assert (again.added, again.present) == (0, 8)
    assert make(store, seed=1).added == 8


def test_needs_the_training_set_and_a_voice_that_is_left(store: Store):
    with pytest.raises(NotFoundError, match="nowhere"):
        make(store, exclude_dataset="nowhere")
    voices = [voice.name for voice in espeak.VOICES]
    synthesize_dataset(store, SynthesisOptions("espeak", 9, "all-voices", labels=("panic",), config={"voices": voices}))
    with pytest.raises(SynthesisError, match="'all-voices' has all 9 voices of espeak"):
        make(store, exclude_dataset="all-voices")

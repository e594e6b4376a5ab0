import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from affexion_core.errors import RightsError
from affexion_core.evaluation.inputs import InputShare
from affexion_core.labeling.people import add_person, set_role
from affexion_core.predict_files import predict_files
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.timeline.following import Progress
from affexion_core.timeline.keeping import Part, keep_parts
from affexion_ui.files_following import progress_words
from affexion_ui.files_sources import file_name
from affexion_ui.input_words import decided_by


@pytest.fixture
def tried(study, tmp_path):
    """A folder of two good files and a bad one, which are not in the library."""
    people = sorted((study.store.workspace.root.parent / "people").rglob("*.wav"))
    for number, file in enumerate(people[:2]):
        signal, rate = sf.read(file)
        sf.write(tmp_path / f"{number}.wav", signal * 0.9, rate)
    (tmp_path / "bad.wav").write_text("no sound")
    return tmp_path


def test_the_table_says_what_predict_says(in_study, open_page, tried, words):
    at = open_page("files", run=in_study.trained.id)
    at.text_input(key="files-path").set_value(str(tried)).run()
    assert not at.exception
    assert "2 files answered" in words(at) and "1 can't be used" in words(at)
    table = at.dataframe[0].value.set_index("File")
    for row in predict_files(Path(in_study.trained.folder), sorted(tried.glob("*.wav"))):
        shown = table.loc[Path(row["file"]).name]
        if "error" in row:
            assert shown["Problem"] == row["error"] and list(shown["Label"]) == []
            continue
        assert list(shown["Label"]) == [row["label"]] and bool(shown["Unsure"]) == row["unsure"]
        assert [shown[f"P({label})"] / 100 for label in row["probs"]] == pytest.approx(list(row["probs"].values()))


def test_a_path_that_is_not_there_is_said(in_study, open_page):
    at = open_page("files", run=in_study.trained.id)
    at.text_input(key="files-path").set_value("/no/such/place").run()
    assert "There is no file or folder" in at.error[0].value


def test_paths_are_for_this_machine_alone(in_study, open_page, monkeypatch):
    monkeypatch.setattr("affexion_ui.files_sources.login_is_set_up", lambda: True)
    at = open_page("files", run=in_study.trained.id)
    assert not at.exception and not [box for box in at.text_input if box.key == "files-path"]


def test_a_long_recording_becomes_segments(in_study, open_page, words, shared_audio, tmp_path):
    clip = sorted((shared_audio / "cremad" / "AudioWAV").glob("1001_*.flac"))[0]
    signal, rate = sf.read(clip)
    sf.write(tmp_path / "long.wav", np.concatenate([signal, np.zeros(3 * rate), signal]), rate)
    at = open_page("files", run=in_study.trained.id, view="timeline")
    at.text_input(key="timeline-path").set_value(str(tmp_path / "long.wav")).run()
    for _ in range(100):
        # it goes on in the background; a browser asks by itself
        if "of speech in" in words(at):
            break
        at.run()
    assert not at.exception, at.exception
    assert "of speech in 2 segments" in words(at)
    assert len(at.dataframe[0].value) == 2


def test_parts_go_to_the_library_with_their_span(workspace, tried):
    store = open_store(workspace)
    kept = keep_parts(store, [Part(tried / "0.wav", "talk.wav", 0.1, 0.4), Part(tried / "bad.wav", "bad.wav")])
    assert (kept.added, kept.present, len(kept.problems)) == (1, 0, 1)
    (row,) = find_clips(store, ClipQuery()).rows
    assert (row.clip.start, row.clip.end, row.clip.attributes["recording"]) == (0.1, 0.4, "talk.wav")
    assert not row.labels and row.clip.speaker is None
    assert keep_parts(store, [Part(tried / "0.wav", "talk.wav", 0.1, 0.4)]).present == 1


def test_only_who_may_label_keeps_parts(workspace, tried):
    store = open_store(workspace)
    owner, viewer = add_person(store, "Olga"), add_person(store, "Vera", role="viewer")
    parts = [Part(tried / "0.wav", "talk.wav")]
    with pytest.raises(RightsError, match="Vera is a viewer; labelling needs the role"):
        keep_parts(store, parts, viewer)
    assert find_clips(store, ClipQuery()).total == 0 and not list(workspace.audio.rglob("*.wav"))
    rater = set_role(store, owner, "Vera", "rater")
    set_role(store, owner, "Vera", "viewer")
    with pytest.raises(RightsError, match="Vera is a viewer"):
        keep_parts(store, parts, rater)
    assert keep_parts(store, parts, owner).added == 1


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("talk one.mp3", "talk one.mp3"),
        ("C:\\calls\\Gespräch.m4a", "Gespräch.m4a"),
        ("../../etc/passwd", "passwd"),
        ("..", "recording"),
        ("a\0b.wav", "a_b.wav"),
        ("語" * 200 + ".wav", "語" * 60 + ".wav"),
    ],
)
def test_an_upload_keeps_its_name_and_never_leaves_its_folder(said, made):
    assert file_name(said) == made


def test_a_recording_that_is_none_is_said(in_study, open_page, tried):
    at = open_page("files", run=in_study.trained.id, view="timeline")
    at.text_input(key="timeline-path").set_value(str(tried / "bad.wav")).run()
    assert not at.exception and "bad.wav" in at.error[0].value


def test_a_recording_is_followed_in_the_background(in_study, open_page, words, tmp_path):
    sf.write(tmp_path / "long.wav", np.zeros(16_000 * 1800, np.int16), 16_000)
    at = open_page("files", run=in_study.trained.id, view="timeline")
    begin = time.monotonic()
    at.text_input(key="timeline-path").set_value(str(tmp_path / "long.wav")).run()
    assert not at.exception and time.monotonic() - begin < 8
    at.button(key="timeline-stop").click().run()
    for _ in range(100):
        if "was stopped" in words(at):
            break
        at.run()
    assert "long.wav was stopped." in words(at)
    at.button(key="timeline-again").click().run()
    at.button(key="timeline-stop").click().run()


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress("finding speech", 0, 0, 0), "finding speech …"),
        (Progress("finding speech", 30, 90, 0.2), "finding speech, 30 of 90 s"),
        (Progress("judging speech", 740, 3600, 0.6), "judging speech, 12 of 60 min"),
    ],
)
def test_progress_is_in_minutes(progress, said):
    assert progress_words(progress) == said


def test_it_says_which_input_decided():
    voice, words = InputShare("ssl", 0.3, "happiness"), InputShare("text-embedding", 0.7, "sadness")
    assert decided_by([voice, words]) == "words 70 % (sadness), voice 30 % (happiness)"
    nothing = InputShare("text-embedding", 0.0, None)
    assert decided_by([replace(voice, share=1.0), nothing]) == "voice 100 % (happiness), words missing"
    numbers = (InputShare("mfcc", 0.6, None), InputShare("logmel", 0.4, None))
    assert decided_by(numbers) == "mfcc 60 %, logmel 40 %"

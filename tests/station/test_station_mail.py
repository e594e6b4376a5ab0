import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import ProjectSettings, close_project, create_project
from affexion_core.labeling.queue import Answer, past_answers, submit
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_ui.station import component
from affexion_ui.station.component import asked, deliver, reply
from affexion_ui.station.mail import Mail, read_mail

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = ("id", "clip_id", "label", "second", "unclear", "skip", "confidence", "intensity", "dimensions", "comment")
answers = st.fixed_dictionaries({}, optional=dict.fromkeys((*fields, "seconds", "heard", "replaces"), plain))
mails = plain | st.fixed_dictionaries({}, optional={"id": plain, "answers": st.lists(answers) | plain, "want": plain})


@given(mails)
def test_any_mail_can_be_read(found):
    mail = read_mail(found)
    for answer in mail.answers:
        assert answer.id and answer.clip_id and isinstance(answer.skip, bool)
        assert answer.confidence is None or type(answer.confidence) is int
        assert all(isinstance(value, float) for value in answer.dimensions.values())
    assert all(isinstance(name, str) for name in (*mail.want, *mail.have))


def test_an_answer_is_read_as_it_was_given():
    said = {
        "id": "1",
        "clip_id": "c",
        "label": "panic",
        "second": "boredom",
        "unclear": None,
        "skip": False,
        "confidence": 4,
        "intensity": 2,
        "dimensions": {"arousal": 6},
        "comment": "hm",
        "seconds": 2.5,
        "heard": 1,
        "replaces": "0",
    }
    (answer,) = read_mail(json.loads(json.dumps({"id": "m", "answers": [said]}))).answers
    assert answer == Answer("1", "c", "panic", "boredom", None, False, 4, 2, {"arousal": 6.0}, "hm", 2.5, 1.0, "0")


@pytest.fixture
def store(workspace, tmp_path):
    opened = open_store(workspace)
    import_corpus(opened, "folder", write_folders(tmp_path / "people", speakers=2), ImportOptions(dataset="people"))
    return opened


@pytest.fixture
def people(store):
    return [add_person(store, name) for name in ("Anna", "Ben")]


@pytest.fixture
def project(store, people):
    ids = [item.clip.id for item in load_dataset(store, "people").items]
    settings = ProjectSettings(must_listen=False, repeat_share=0.3, gold_share=0.3)
    gold = {ids[0]: "panic", ids[1]: "boredom"}
    return create_project(store, people[0], "Round", shipped_schemes()["affexion"], ids, settings, gold=gold)


def label(clip, number=0, **more):
    return Answer(id=f"{clip}-{number}", clip_id=clip, label="panic", seconds=2.0, heard=1.0, **more)


def test_the_start_brings_clips_with_sound_and_ones_own_answers(store, people, project):
    start = reply(store, "Round", people[1], None)
    assert len(start["tasks"]) == component.AHEAD and start["past"] == [] and start["mail"] is None
    assert set(start["sounds"]) <= set(start["tasks"]) and start["sounds"]
    assert start["partial"] == (set(start["sounds"]) != set(start["tasks"]))
    submit(store, "Round", people[1], [label(start["tasks"][0])])
    again = reply(store, "Round", people[1], None)
    assert [answer["label"] for answer in again["past"]] == ["panic"]
    assert reply(store, "Round", people[0], None)["past"] == []


def test_a_reply_names_its_mail_and_leaves_out_what_the_browser_has(store, people, project):
    start = reply(store, "Round", people[1], None)
    first = start["tasks"][0]
    mail = Mail("m1", (label(first),), (), tuple(start["tasks"]))
    receipts, error = deliver(store, project, people[1], mail)
    assert error is None and [receipt.status for receipt in receipts] == ["saved"]
    said = reply(store, "Round", people[1], mail, receipts)
    assert said["mail"] == "m1" and said["receipts"] == [{"id": f"{first}-0", "status": "saved", "words": ""}]
    assert first not in said["tasks"] and not set(said["sounds"]) & set(start["tasks"])
    assert said["past"] is None and said["progress"]["done"] == 1


def test_what_is_sent_of_a_clip_is_the_same_for_all_clips(store, people, project):
    """No field tells a hidden check or repeat from another clip."""
    seen = []
    for _ in range(14):
        said = reply(store, "Round", people[1], None)
        if not said["tasks"]:
            break
        assert all(isinstance(task, str) for task in said["tasks"])
        seen += [tuple(sound) for sound in said["sounds"].values()]
        submit(store, "Round", people[1], [label(said["tasks"][0], len(seen))])
    assert set(seen) == {("url", "peaks", "duration", "spectrogram", "silent")}


def test_the_sound_of_clips_that_are_not_ones_own_is_not_given(store, people, project):
    start = reply(store, "Round", people[1], None)
    foreign = next(item.clip.id for item in load_dataset(store, "people").items if item.clip.id not in start["tasks"])
    said = reply(store, "Round", people[1], Mail("m", want=(foreign, "no-such-clip")))
    assert said["sounds"][foreign] == said["sounds"]["no-such-clip"] == {"problem": "This clip can't be played."}


def test_a_clip_that_cannot_be_decoded_does_not_tell_its_name(store, people, project):
    for item in load_dataset(store, "people").items:
        store.workspace.clip_path(item.clip).write_bytes(b"no sound at all")
    said = reply(store, "Round", people[1], None)
    assert set(map(str, said["sounds"].values())) == {"{'problem': \"This clip can't be played.\"}"}


def test_failures_are_told_and_nothing_is_called_saved(store, people, project, monkeypatch):
    def fails(*_given, **_named):
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    monkeypatch.setattr("affexion_core.labeling.queue.submit", fails)
    receipts, error = deliver(store, project, people[1], Mail("m", (label("x"),)))
    assert receipts == () and error == "The workspace can't be written at the moment."


def test_somebody_who_lost_the_right_to_label_is_told(store, people, project):
    viewer = add_person(store, "Vera", "viewer")
    receipts, error = deliver(store, project, viewer, Mail("m", (label("x"),)))
    assert receipts == () and error.startswith("Vera is a viewer; labelling needs the role")
    assert reply(store, "Round", viewer, None)["error"].startswith("Vera is a viewer")


def test_a_closed_project_gives_no_clips(store, people, project):
    close_project(store, people[0], "Round")
    said = reply(store, "Round", people[1], None)
    assert (said["open"], said["tasks"], said["error"]) == (False, [], None)


def test_a_numeric_scheme_becomes_buttons_and_numbers_again(store, people):
    ids = [item.clip.id for item in load_dataset(store, "people").items][:4]
    quiet = ProjectSettings(must_listen=False, gold_share=0, repeat_share=0)
    project = create_project(store, people[0], "Calm", shipped_schemes()["arousal"], ids, quiet)
    said = reply(store, "Calm", people[1], None)
    assert [label["name"] for label in asked(store, project, people[1])["scheme"]["labels"]] == list("1234567")
    mail = Mail("m", (replace(label(said["tasks"][0]), label="5"),))
    receipts, _ = deliver(store, project, people[1], mail)
    assert receipts[0].status == "saved"
    assert past_answers(store, "Calm", people[1])[0].answer.label == 5.0
    assert reply(store, "Calm", people[1], None)["past"][0]["label"] == "5"

"""Label Studio's own files, written by hand after its documentation: https://labelstud.io/guide/task_format ."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from bundles import bundles
from hypothesis import HealthCheck, given, settings

from affexion_core.errors import LabelError
from affexion_core.exchange import label_studio
from affexion_core.exchange._bundle import Bundle, BundleClip, Judgement, Settled
from affexion_core.exchange._label_config import label_config
from affexion_core.types import Scheme

MOOD = Scheme("mood", ("calm", "panic"))


def task(result, **annotation):
    made = {
        "id": 1001,
        "completed_by": 10,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2021-03-09T22:16:08.728353Z",
        "updated_at": "2021-03-09T22:16:08.728378Z",
        "lead_time": 4.288,
        "result_count": 0,
        "task": 1,
        **annotation,
    }
    return {
        "id": 1,
        "created_at": "2021-03-09T21:52:49.513742Z",
        "updated_at": "2021-03-09T22:16:08.746926Z",
        "project": 83,
        "data": {"audio": "/data/upload/1/1a2b3c4d-calm_01.wav"},
        "annotations": [made],
        "predictions": [{"model_version": "m", "result": [choice("panic", id="p")]}],
    }


def choice(label, name="sentiment", id="Dx_aB91ISN"):
    labels = [label] if isinstance(label, str) else label
    return {"id": id, "from_name": name, "to_name": "audio", "type": "choices", "value": {"choices": labels}}


def read(tmp_path, tasks, name="project-1-at-2021-03-09.json"):
    (tmp_path / name).write_text(json.dumps(tasks), encoding="utf-8")
    return label_studio.read(tmp_path / name)


def test_an_export_of_label_studio_is_read(tmp_path):
    results = [
        choice("calm"),
        {"id": "a", "from_name": "arousal", "to_name": "audio", "type": "rating", "value": {"rating": 4}},
        {"id": "b", "from_name": "valence", "to_name": "audio", "type": "number", "value": {"number": 2.5}},
        {"id": "c", "from_name": "confidence", "to_name": "audio", "type": "rating", "value": {"rating": 5}},
        {"id": "d", "from_name": "comment", "to_name": "audio", "type": "textarea", "value": {"text": ["one", "two"]}},
    ]
    bundle = read(tmp_path, [task(results)])
    assert bundle.problems == ()
    assert bundle.judgements == (
        Judgement(
            clip="calm_01.wav",
            rater="label-studio:10",
            value="calm",
            created="2021-03-09T22:16:08.728353Z",
            seconds=4.288,
            dimensions={"arousal": 4.0, "valence": 2.5},
            confidence=5,
            comment="one\ntwo",
        ),
    )
    assert bundle.judgements[0].place == "task 1, annotation 1001"


@pytest.mark.parametrize(
    ("completed_by", "rater"),
    [
        (10, "label-studio:10"),
        ({"id": 7, "email": "anna@example.org", "first_name": "Anna", "last_name": "B"}, "anna@example.org"),
        ({"id": 7, "email": "", "first_name": "Anna", "last_name": "B"}, "Anna B"),
        ({"id": 7, "first_name": "", "last_name": ""}, "label-studio:7"),
        (None, None),
    ],
)
def test_raters_are_named_as_far_as_known(completed_by, rater, tmp_path):
    assert read(tmp_path, [task([choice("calm")], completed_by=completed_by)]).judgements[0].rater == rater


def test_skipped_tasks_and_predictions_are_left_out(tmp_path):
    bundle = read(tmp_path, [task([choice("calm")], was_cancelled=True), task([])])
    assert bundle.judgements == () and bundle.problems == ()


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/data/upload/1/1a2b3c4d-calm_01.wav", "calm_01.wav"),
        ("/data/upload/1/1a2b3c4d-mit%20Leer.wav", "mit Leer.wav"),
        ("/data/local-files/?d=corpus/panic/calm_01.wav", "corpus/panic/calm_01.wav"),
        ("https://example.org/files/calm_01.wav?x=1", "/files/calm_01.wav"),
        ("s3://bucket/corpus/calm_01.wav", "/corpus/calm_01.wav"),
        ("corpus/100% sure.wav", "corpus/100% sure.wav"),
        ("1a2b3c4d-name.wav", "1a2b3c4d-name.wav"),
    ],
)
def test_files_are_found_behind_any_address(address, file, tmp_path):
    held = task([choice("calm")]) | {"data": {"audio": address}}
    assert read(tmp_path, [held]).judgements[0].clip == file


def test_the_sound_may_bear_any_key(tmp_path):
    held = task([choice("calm")]) | {"data": {"text": "hello", "recording": "a/b.mp3"}}
    assert read(tmp_path, [held]).judgements[0].clip == "a/b.mp3"


def test_json_min_is_read(tmp_path):
    tasks = [
        {
            "audio": "/data/upload/1/1a2b3c4d-calm_01.wav",
            "id": 1,
            "emotion": "calm",
            "arousal": [{"rating": 3}],
            "comment": "fine",
            "annotator": 2,
            "annotation_id": 5,
            "created_at": "2021-03-09T22:16:08.728353Z",
            "updated_at": "2021-03-09T22:16:08.728378Z",
            "lead_time": 2.5,
        },
        {"audio": "b.wav", "id": 2, "emotion": {"choices": ["calm", "panic"]}, "annotator": 2, "annotation_id": 6},
        {"audio": "c.wav", "id": 3},
    ]
    bundle = read(tmp_path, tasks)
    assert bundle.problems == ()
    assert bundle.judgements == (
        Judgement(
            "calm_01.wav",
            "label-studio:2",
            "calm",
            dimensions={"arousal": 3.0},
            comment="fine",
            created="2021-03-09T22:16:08.728353Z",
            seconds=2.5,
        ),
        Judgement("b.wav", "label-studio:2", "calm", second="panic"),
    )


def test_a_text_is_no_label_in_json_min(tmp_path):
    tasks = [{"audio": "b.wav", "id": 2, "label": "calm", "speaker": "anna", "annotator": 2, "annotation_id": 6}]
    assert read(tmp_path, tasks).judgements == (Judgement("b.wav", "label-studio:2", "calm"),)


def test_several_controls_are_told_apart_by_their_names(tmp_path):
    held = task([choice("calm", "emotion"), choice("noise", "unclear2"), choice("panic", "second")])
    (made,) = read(tmp_path, [held]).judgements
    assert (made.value, made.second) == ("calm", "panic")
    with pytest.raises(LabelError, match=r"x.json has several controls with choices \(a, b\); in Label Studio's"):
        read(tmp_path, [task([choice("calm", "a"), choice("x", "b")])], "x.json")


def test_what_can_not_be_used_is_told_with_its_place(tmp_path):
    bundle = read(
        tmp_path,
        [
            task([choice(["a", "b", "c"])]),
            task([choice("calm")]) | {"id": 2, "data": {"text": "no sound"}},
            task([choice("calm")], lead_time="long") | {"id": 3},
            task([{"from_name": "sentiment", "type": "choices", "value": {}}]) | {"id": 4},
            task([choice("a\0b")]) | {"id": 5},
            task([choice("calm")]) | {"id": 6},
        ],
    )
    assert [(problem.place, problem.reason.split(";")[0]) for problem in bundle.problems] == [
        ("task 1, annotation 1001", "It has 3 labels"),
        ("task 2", "It names no sound file."),
        ("task 3, annotation 1001", "seconds = 'long': input should be a valid number."),
        ("task 4, annotation 1001", "It isn't as Label Studio writes it ('choices')."),
        ("task 5", "The task: the text 'a\\x00b' holds a NUL character, which neither a database nor a table can keep"),
    ]
    assert len(bundle.judgements) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", r"x.json is no list of tasks; in Label Studio, export as JSON or JSON-MIN"),
        ("[1]", r"x.json is no list of tasks"),
        ("[", r"x.json is not JSON"),
        ('[{"data": {"audio": "a.wav", "x": NaN}}]', r"x.json is not JSON \(NaN is no number\)"),
        ("[" * 200_000, r"x.json is nested too deeply"),
    ],
)
def test_a_file_of_another_kind_is_refused(text, message, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(LabelError, match=message):
        label_studio.read(tmp_path / "x.json")


def test_the_golden_export(tmp_path):
    """What Label Studio reads: choices in its own form, the rest in meta."""
    made = Judgement(
        "c1", "Anna", "calm", "mood", "panic", confidence=4, dimensions={"arousal": 5.0}, comment="ok",
        created="2026-01-01T00:00:00Z", seconds=2.5, heard=0.0, flags=("too fast",), id="j1",
    )  # fmt: skip
    gone = replace(made, value=None, second=None, confidence=None, dimensions={}, comment=None, withdrawn=True)
    bundle = Bundle(
        name="demo",
        kind="dataset",
        scheme=MOOD,
        schemes=(MOOD,),
        clips=(BundleClip("audio/x-c1.wav", "c1", speaker="x"),),
        judgements=(made, replace(gone, id="j2", replaces="j1", seconds=None)),
        settled=(Settled("c1", "calm", {"calm": 1.0}),),
    )
    label_studio.write(bundle, tmp_path)

    def result(name, kind, value, **more):
        key = "text" if kind == "textarea" else kind
        return {"id": name, "from_name": name, "to_name": "audio", "type": kind, "value": {key: value}, **more}

    kept = {"rater": "Anna", "scheme": "mood", "created": "2026-01-01T00:00:00Z"}
    later = {"heard": 0.0, "take": 0, "flags": ["too fast"]}
    first = {**kept, "seconds": 2.5, **later, "withdrawn": False, "id": "j1"}
    second = {**kept, **later, "withdrawn": True, "replaces": "j1", "id": "j2"}
    common = {"task": 1, "completed_by": {"email": "Anna"}, "was_cancelled": True, "ground_truth": False}
    assert json.loads((tmp_path / "tasks.json").read_text()) == [
        {
            "id": 1,
            "data": {"audio": "audio/x-c1.wav", "clip": "c1", "speaker": "x"},
            "annotations": [
                {
                    "id": 1,
                    **common,
                    "created_at": "2026-01-01T00:00:00Z",
                    "lead_time": 2.5,
                    "result": [
                        result("label", "choices", ["calm"], meta={"affexion": first}),
                        result("second", "choices", ["panic"]),
                        result("confidence", "rating", 4),
                        result("arousal", "number", 5.0),
                        result("comment", "textarea", ["ok"]),
                    ],
                },
                {
                    "id": 2,
                    **common,
                    "created_at": "2026-01-01T00:00:00Z",
                    "lead_time": None,
                    "result": [result("withdrawn", "choices", ["withdrawn"], meta={"affexion": second})],
                },
            ],
            "meta": {"affexion": {"settled": {"label": "calm", "votes": {"calm": 1.0}}}},
        }
    ]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(bundles())
def test_the_labelling_interface_is_well_formed(bundle):
    root = ElementTree.fromstring(label_config(bundle))
    controls = root.findall("Choices[@name='label']/Choice")
    assert len(controls) == len(bundle.labels())
    assert root.find("Audio").get("value") == "$audio"


def test_labels_in_the_interface_are_the_labels():
    bundle = Bundle(scheme=Scheme("mood", ('say "no" & <go>', "b")))
    root = ElementTree.fromstring(label_config(bundle))
    assert [choice.get("value") for choice in root.iter("Choice")][:2] == ['say "no" & <go>', "b"]

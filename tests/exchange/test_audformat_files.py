import os
import pickle

import audformat
import audformat.testing
import pandas as pd
import pytest

from affexion_core.errors import LabelError
from affexion_core.exchange import audformat as ours
from affexion_core.exchange._bundle import Bundle, BundleClip, Judgement, Settled
from affexion_core.types import Provenance, Scheme

MOOD = Scheme("mood", ("calm", "panic"))
AROUSAL = Scheme("arousal", low=1.0, high=7.0)


def small(**changes) -> Bundle:
    clips = tuple(
        BundleClip(f"audio/s-{n}.wav", str(n), duration=1.5, language="de", provenance=Provenance(licence="CC0"))
        for n in range(3)
    )
    said = [("0", "Anna", "calm"), ("0", "Ben", "panic"), ("1", "Anna", "panic"), ("2", "Ben", None)]
    judgements = tuple(
        Judgement(clip, rater, value, "mood", unclear=None if value else "noise", id=f"j{n}", created="2026-01-01",
                  dimensions={"arousal": 3.0} if n == 0 else {})
        for n, (clip, rater, value) in enumerate(said)
    )  # fmt: skip
    values = {
        "name": "demo",
        "kind": "dataset",
        "scheme": MOOD,
        "schemes": (AROUSAL, MOOD),
        "clips": clips,
        "judgements": judgements,
        "settled": (Settled("0", "calm", {"calm": 0.5, "panic": 0.5}), Settled("1", "panic")),
    }
    return Bundle(**{**values, **changes})


def test_audformat_loads_what_was_written(tmp_path):
    ours.write(small(), tmp_path)
    db = audformat.Database.load(str(tmp_path), load_data=True)
    assert db.name == "demo"
    assert db.languages == ["deu"] and db.license == "CC0"
    assert db.schemes["mood"].labels == ["calm", "panic"]
    assert (db.schemes["arousal"].minimum, db.schemes["arousal"].maximum) == (1.0, 7.0)
    labels = db["files"]["label"].get()
    assert list(labels.index) == ["audio/s-0.wav", "audio/s-1.wav", "audio/s-2.wav"]
    assert labels.tolist()[:2] == ["calm", "panic"] and pd.isna(labels.iloc[2])
    assert db["files"].columns["label"].rater_id == "consensus"
    votes = db["votes"].get()
    assert {id: rater.description for id, rater in db.raters.items()} == {
        "consensus": "The label that counts",
        "rater-1": "Anna",
        "rater-2": "Ben",
    }
    assert votes["mood.rater-1"].tolist() == ["calm", "panic"]
    assert votes["mood.rater-2"].iloc[0] == "panic" and pd.isna(votes["mood.rater-2"].iloc[1])
    assert votes["arousal.rater-1"].iloc[0] == 3.0
    assert db["judgements"].get()["unclear"].tolist()[3] == "noise"


def test_present_judgements_alone_are_votes(tmp_path):
    first, *rest = small().judgements
    changed = Judgement("0", "Anna", "panic", "mood", id="later", replaces="j0", created="2026-01-02")
    ours.write(small(judgements=(first, changed, *rest)), tmp_path)
    db = audformat.Database.load(str(tmp_path))
    assert db["votes"].get()["mood.rater-1"].tolist() == ["panic", "panic"]


def test_spans_become_segments(tmp_path):
    clips = (BundleClip("audio/long.wav", "a", start=0.5, end=1.25), BundleClip("audio/long.wav", "b", start=2.0))
    bundle = Bundle(name="x", kind="dataset", scheme=MOOD, schemes=(MOOD,), clips=clips,
                    settled=(Settled("a", "calm"), Settled("b", "panic")))  # fmt: skip
    ours.write(bundle, tmp_path)
    table = audformat.Database.load(str(tmp_path))["segments"].get()
    assert table.index.get_level_values("start").total_seconds().tolist() == [0.5, 2.0]
    assert table.index.get_level_values("end").isna().tolist() == [False, True]
    assert ours.read(tmp_path) == bundle


def test_a_database_made_elsewhere_is_read(tmp_path):
    db = audformat.Database("other", source="x", usage="research")
    db.schemes["emotion"] = audformat.Scheme("str", labels=["calm", "panic"])
    db.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=7)
    db.schemes["age"] = audformat.Scheme("int")
    db.raters["r1"] = audformat.Rater("human", description="Anna")
    db.raters["r2"] = audformat.Rater("human")
    db["files"] = audformat.Table(audformat.filewise_index(["a/1.wav", "a/2.wav"]))
    for column, scheme, rater, values in (
        ("one", "emotion", "r1", ["calm", None]),
        ("two", "emotion", "r2", ["panic", "calm"]),
        ("arousal", "arousal", "r1", [3.0, None]),
        ("age", "age", None, [30, 40]),
    ):
        db["files"][column] = audformat.Column(scheme_id=scheme, rater_id=rater)
        db["files"][column].set(values)
    for storage in ("csv", "parquet"):
        db.save(str(tmp_path / storage), storage_format=storage)
        assert ours.read(tmp_path / storage / "db.yaml").judgements == (
            Judgement("a/1.wav", "Anna", "calm"),
            Judgement("a/1.wav", "r2", "panic"),
            Judgement("a/2.wav", "r2", "calm"),
            Judgement("a/1.wav", "Anna", 3.0, scheme="arousal"),
        )


def test_audformats_own_example_is_read(tmp_path):
    db = audformat.testing.create_db(minimal=True)
    db.schemes["mood"] = audformat.Scheme("str", labels=["calm", "panic"])
    audformat.testing.add_table(db, "files", "filewise", num_files=5, columns={"mood": ("mood", None)})
    db.save(str(tmp_path))
    assert len(ours.read(tmp_path).judgements) == 5


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["EVIL_PLACE"],)


def test_pickles_and_objects_in_the_header_are_never_run(tmp_path, monkeypatch):
    evil = tmp_path / "evil"
    monkeypatch.setenv("EVIL_PLACE", str(evil))
    (tmp_path / "db").mkdir()
    ours.write(small(), tmp_path / "db")
    before = ours.read(tmp_path / "db")
    (tmp_path / "db" / "db.judgements.pkl").write_bytes(pickle.dumps(Evil()))
    assert ours.read(tmp_path / "db") == before
    (tmp_path / "db" / "db.judgements.parquet").unlink()
    with pytest.raises(LabelError, match="'judgements' isn't there as .csv or .parquet; pickles are not read"):
        ours.read(tmp_path / "db")
    (tmp_path / "db" / "db.yaml").write_text(f"name: !!python/object/apply:os.mkdir [{str(evil)!r}]\n")
    with pytest.raises(LabelError, match="db.yaml is no header of an audformat database"):
        ours.read(tmp_path / "db")
    assert not evil.exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "holds no db.yaml; choose the folder of an audformat database"),
        ("", "db.yaml is no header"),
        ("[1, 2]", "db.yaml is no header"),
        ("name: x", "db.yaml is no header"),
        ("name: x\nsource: y\nusage: nonsense", "db.yaml is no header"),
        ("name: x\nsource: y\nusage: other\ntables: {'../up': {type: filewise}}", "a table's name can't be a path"),
        ("name: x\nsource: y\nusage: other\ntables: {gone: {type: filewise}}", "The table 'gone' isn't there"),
        ("name: x\nsource: y\nusage: other", "The database has no column with a label scheme"),
        ("name: x\nsource: y\nusage: other\nmeta: 3\naffexion: '{}'", "doesn't describe labels exported by Affexion"),
    ],
)
def test_a_bad_database_is_refused_in_a_sentence(header, message, tmp_path):
    if header is not None:
        (tmp_path / "db.yaml").write_text(header)
    with pytest.raises(LabelError, match=message):
        ours.read(tmp_path)


def test_a_damaged_table_is_refused_in_a_sentence(tmp_path):
    ours.write(small(), tmp_path)
    (tmp_path / "db.judgements.parquet").write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(LabelError, match="The table 'judgements' can't be read"):
        ours.read(tmp_path)

"""Labels leave the workspace with all that is known of them, and come back the same."""

import dataclasses
import os
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from travelling import AROUSAL, MOOD, another, contents, fill, some_clips

from affexion_core.audio.decode import file_sha256, load_audio
from affexion_core.discovery import plugin_names
from affexion_core.errors import ConfigError, LabelError, NotFoundError, RightsError, StoreError
from affexion_core.labeling.exporting import export_labels, export_zip
from affexion_core.labeling.importing_labels import LabelImportOptions, import_labels
from affexion_core.labeling.people import add_person
from affexion_core.store.clips import ClipQuery, add_clips, find_clips
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.decisions import add_decision
from affexion_core.store.exchange import raw_labels
from affexion_core.store.labels import add_annotations, find_annotations, save_scheme
from affexion_core.store.projects import ProjectRow, append_clips, insert_project
from affexion_core.store.session import Store, writing
from affexion_core.types import Annotation, Clip, Decision, Provenance, clip_id

FORMATS = plugin_names("exchange")
INTO = LabelImportOptions(dataset="demo")


@pytest.fixture(scope="module", params=[1000, pytest.param(10_000, marks=pytest.mark.soak)])
def many(request, tmp_path_factory) -> Store:
    """Many judgements with any signs in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AFFEXION_DATABASE_URL", raising=False)
        store = another(tmp_path_factory.mktemp("many"))
    fill(store, request.param)
    return store


@pytest.mark.parametrize("format", FORMATS)
def test_many_labels_come_back_byte_for_byte(format, many, tmp_path, monkeypatch, counted):
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    first = export_labels(many, "demo", format, tmp_path / "one")
    store = another(tmp_path)
    add_clips(store, some_clips())
    report = import_labels(store, tmp_path / "one", format, INTO)
    assert report.rejected == () and report.unmatched == ()
    assert report.added == first.judgements and report.clips == 500
    assert find_annotations(store) == find_annotations(many)
    assert load_dataset(store, "demo") == load_dataset(many, "demo")
    export_labels(store, "demo", format, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    again = import_labels(store, tmp_path / "one", format, INTO)
    assert (again.added, again.present, again.dataset_made) == (0, first.judgements, False)
    counted(f"NUM3: {first.judgements:,} labels out, in and out as {format}", "the same bytes, the same rows")


def with_project(store: Store) -> None:
    """A project with corrections, numbers beside answers, hidden repeats and checks, and decisions."""
    fill(store, 40, clips=4)
    ids = [clip.id for clip in some_clips(4)]
    row = ProjectRow("P =1", MOOD, {"overlap": 2, "dimensions": ["arousal"]}, ("Anna",), "open", "2026-01-01", "Anna")
    with writing(store) as connection:
        insert_project(connection, row)
        append_clips(connection, "P =1", ids[:3], wanted=2, gold={ids[1]: "calm"})

    def said(id, clip, value, at, scheme="mood", **more):
        return Annotation(id, clip, scheme, "Anna", value, f"2026-01-02T00:00:{at:02d}+00:00", project="P =1", **more)

    add_annotations(store, [said("a", ids[0], "calm", 1), said("b", ids[1], "calm", 2, confidence=3)])
    add_annotations(store, [said("a/arousal", ids[0], 2.0, 1, "arousal"), said("c", ids[0], "calm", 3, take=1)])
    add_annotations(store, [said("0", ids[0], "=panic", 4, replaces="a", heard=0.5)])
    add_annotations(store, [said("0/arousal", ids[0], 5.5, 4, "arousal", replaces="a/arousal")])
    add_annotations(store, [said("Z", ids[1], None, 5, withdrawn=True, replaces="b")])
    for n, (label, project) in enumerate([("calm", "P =1"), (None, None), ("-fear", "P =1")]):
        at = f"2026-01-03T00:00:0{n}+00:00"
        add_decision(store, Decision(f"d{n}", ids[0], "mood", label, "Ben", "=why\nnot", at, project, n == 2))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["P =1", "demo"])
def test_a_project_comes_back_with_corrections_and_decisions(name, format, store, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv("AFFEXION_DATABASE_URL", raising=False)
        source = another(tmp_path, "source")
    with_project(source)
    export_labels(source, name, format, tmp_path / "one")
    clips = some_clips(4)[: 3 if name == "P =1" else 4]
    add_clips(store, clips)
    report = import_labels(store, tmp_path / "one", format, INTO if name == "demo" else LabelImportOptions())
    assert report.rejected == () and report.projects_added == ("P =1",)
    before, after = (raw_labels(held, [clip.id for clip in clips]) for held in (source, store))
    chosen = [made for made in before.annotations if name == "demo" or made.project == name]
    assert list(after.annotations) == chosen
    assert after.decisions == before.decisions
    assert after.projects[0].gold == before.projects[0].gold
    assert after.projects[0].row.state == "closed"
    assert export_labels(store, name, format, tmp_path / "two").judgements == report.added
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_an_answer_says_in_numbers_stands_in_its_row(sqlite_store, tmp_path):
    with_project(sqlite_store)
    export_labels(sqlite_store, "P =1", "csv", tmp_path / "csv")
    lines = (tmp_path / "csv" / "labels.csv").read_text(encoding="utf-8-sig").splitlines()
    one, other = f"{0:016x},audio/demo_1_1-{0:016x}.wav,mood,Anna", f"{1:016x},audio/demo_49_30-{1:016x}.wav,mood,Anna"
    assert lines[0] == (
        "clip,file,scheme,rater,label,second,unclear,confidence,intensity,arousal,comment,created,seconds,heard,"
        "project,take,flags,withdrawn,replaces,id"
    )
    assert sorted(lines[1:]) == sorted(
        [
            f"{one},calm,,,,,2.0,,2026-01-02T00:00:01+00:00,,,P =1,0,,,,a",
            f"{one},calm,,,,,,,2026-01-02T00:00:03+00:00,,,P =1,1,,,,c",
            f"{one},'=panic,,,,,5.5,,2026-01-02T00:00:04+00:00,,0.5,P =1,0,,,a,0",
            f"{other},calm,,,3,,,,2026-01-02T00:00:02+00:00,,,P =1,0,,,,b",
            f"{other},,,,,,,,2026-01-02T00:00:05+00:00,,,P =1,0,,true,b,Z",
        ]
    )


@pytest.mark.parametrize(("what", "there"), [("votes", "labels.csv"), ("consensus", "decisions.csv")])
def test_one_half_may_go_alone(what, there, sqlite_store, tmp_path):
    with_project(sqlite_store)
    report = export_labels(sqlite_store, "demo", "csv", tmp_path / "x", what)
    assert there in report.files
    assert (report.judgements > 0, report.labels > 0, report.decisions > 0) == (
        (True, False, False) if what == "votes" else (False, True, True)
    )
    head = (tmp_path / "x" / "clips.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert ("votes_'=panic" in head or "votes_=panic" in head) == (what == "consensus")


def recordings(tmp_path: Path, store: Store) -> list[Clip]:
    """Real files in the workspace: whole ones, and spans of longer ones, of several kinds."""
    rng = np.random.default_rng(0)
    stereo = (0.3 * rng.standard_normal((48000 * 2, 2))).clip(-1, 1)
    made = []
    for name, subtype in (("a.wav", "PCM_16"), ("b.flac", "PCM_24"), ("c.wav", "FLOAT"), ("d.ogg", "VORBIS")):
        file = store.workspace.audio / name
        sf.write(file, stereo, 48000, subtype=subtype)
        sha256 = file_sha256(file)
        for start, end in ((None, None), (0.25, 1.0), (1.5, None)):
            decoded = load_audio(file, start, end)
            made.append(
                Clip(
                    id=clip_id(sha256, start, end), file=f"audio/{name}", sha256=sha256, origin="real", corpus="demo",
                    duration=decoded.duration, sampling_rate=48000, channels=2, start=start, end=end,
                    speaker="demo:Ann É", attributes={"mood": "x"},
                    provenance=Provenance(licence={"a.wav": "CC BY-NC-ND 4.0", "b.flac": "CC0"}.get(name)),
                )
            )  # fmt: skip
    add_clips(store, made)
    save_scheme(store, MOOD)
    add_annotations(
        store, [Annotation(f"j{c.id}", c.id, "mood", "Anna", "calm", "2026-01-01T00:00:00+00:00") for c in made]
    )
    save_dataset(store, "demo", "real", MOOD, [(clip.id, "calm") for clip in made])
    return made


@pytest.mark.parametrize("format", FORMATS)
def test_recordings_go_along_and_come_back(format, sqlite_store, tmp_path):
    made = recordings(tmp_path, sqlite_store)
    first = export_labels(sqlite_store, "demo", format, tmp_path / "one", audio=True)
    assert first.audio == len(made) and first.notes == ()
    store = another(tmp_path)
    report = import_labels(store, tmp_path / "one", format, INTO)
    assert report.rejected == ()
    assert (report.clips_added, report.added) == (len(made), len(made))
    export_labels(store, "demo", format, tmp_path / "two", audio=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    there = {row.clip.id: row.clip for row in find_clips(store, ClipQuery()).rows}
    assert set(there) == {clip.id for clip in made}
    for clip in made:
        one, other = sqlite_store.workspace.clip_path(clip), store.workspace.clip_path(there[clip.id])
        heard = load_audio(other, there[clip.id].start, there[clip.id].end)
        assert np.array_equal(load_audio(one, clip.start, clip.end).signal, heard.signal)
        assert there[clip.id].duration == pytest.approx(clip.duration, abs=1e-9)


def test_spans_are_cut_sample_by_sample(sqlite_store, tmp_path):
    made = recordings(tmp_path, sqlite_store)
    export_labels(sqlite_store, "demo", "csv", tmp_path / "one", audio=True)
    for clip in made:
        if clip.start is None:
            continue
        cut = tmp_path / "one" / "audio" / f"demo_Ann_E-{clip.id}.wav"
        whole, _ = sf.read(sqlite_store.workspace.clip_path(clip), dtype="float64", always_2d=True)
        part, rate = sf.read(cut, dtype="float64", always_2d=True)
        last = None if clip.end is None else round(clip.end * 48000)
        assert rate == 48000
        assert np.array_equal(part, whole[round(clip.start * 48000) : last])
    with wave.open(str(tmp_path / "one" / "audio" / f"demo_Ann_E-{made[1].id}.wav")) as sound:
        assert sound.getsampwidth() == 2 and sound.getnchannels() == 2


def test_labels_find_the_clips_that_were_sent_as_spans(sqlite_store, tmp_path):
    recordings(tmp_path, sqlite_store)
    export_labels(sqlite_store, "demo", "csv", tmp_path / "one", audio=True)
    report = import_labels(sqlite_store, tmp_path / "one", "csv", INTO)
    assert (report.added, report.present, report.clips_added) == (0, 12, 0)


def test_licences_that_forbid_are_named(sqlite_store, tmp_path):
    made = recordings(tmp_path, sqlite_store)
    report = export_labels(sqlite_store, "demo", "audiofolder", tmp_path / "one", audio=True)
    assert report.licences == {"not recorded": 6, "CC BY-NC-ND 4.0": 3, "CC0": 3}
    assert {held.clip for held in report.restricted} == {clip.id for clip in made[:3]}
    assert {held.forbids for held in report.restricted} == {
        "changes, such as cutting or adding noise, may not be passed on; it may not be used to earn money"
    }
    card = (tmp_path / "one" / "README.md").read_text()
    assert card.startswith("---\nlicense: other\n")
    assert "| demo | 3 | CC BY-NC-ND 4.0 | not recorded |" in card.replace("\\", "")
    assert "Datasheet of demo" in card


def test_the_readme_stays_short_where_each_clip_has_an_address_of_its_own(sqlite_store, tmp_path):
    clips = [
        dataclasses.replace(clip, provenance=Provenance(f"https://example.org/{n}", licence="CC0", citation="A 2020"))
        for n, clip in enumerate(some_clips(300))
    ]
    add_clips(sqlite_store, clips)
    save_dataset(sqlite_store, "demo", "real", MOOD, [(clip.id, "calm") for clip in clips])
    export_labels(sqlite_store, "demo", "csv", tmp_path / "x")
    card = (tmp_path / "x" / "README.md").read_text().replace("\\", "")
    assert len(card) < 4000
    assert "| demo | 300 | CC0 | 300 addresses, such as https://example.org/0 | A 2020 |" in card


def test_a_recording_that_is_gone_or_changed_stays_behind(sqlite_store, tmp_path):
    recordings(tmp_path, sqlite_store)
    (sqlite_store.workspace.audio / "b.flac").unlink()
    (sqlite_store.workspace.audio / "d.ogg").write_bytes(b"OggS damaged")
    report = export_labels(sqlite_store, "demo", "csv", tmp_path / "one", audio=True)
    assert report.audio == 6 and len(report.notes) == 6
    assert any("b.flac" in note and "does not exist" in note for note in report.notes)
    assert any("d.ogg has changed since it was imported" in note for note in report.notes)
    assert len(list((tmp_path / "one" / "audio").iterdir())) == 6


def test_a_folder_with_something_in_it_is_left_alone(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    with pytest.raises(StoreError, match="mine holds something already; choose a new or empty folder"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["work.txt"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="holds something already"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert export_labels(sqlite_store, "demo", "csv", tmp_path / "empty").clips == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file", "mine", "workspace"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_told(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="The export can't be written to .* nothing is left there"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "closed" / "x")


def test_below_a_file_nothing_can_be_written(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="The export can't be written to"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "file" / "x")


def test_what_no_table_can_hold_is_refused(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    add_annotations(
        sqlite_store, [Annotation("n", some_clips(1)[0].id, "mood", "A", "calm", "2026-01-01", comment="a\0b")]
    )
    with pytest.raises(LabelError, match=r"'demo' can't be exported: the text 'a\\x00b' holds a NUL character"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_wrong_requests_are_told_in_a_sentence(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    with pytest.raises(
        ConfigError, match="There is no format 'xlsx'; choose audformat, audiofolder, csv or label-studio"
    ):
        export_labels(sqlite_store, "demo", "xlsx", tmp_path / "x")
    with pytest.raises(ConfigError, match="'all' can't be exported; choose both, consensus or votes"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "x", "all")
    with pytest.raises(NotFoundError, match="There is no project or dataset 'nope'"):
        export_labels(sqlite_store, "nope", "csv", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_raters_may_not_export(sqlite_store, tmp_path):
    fill(sqlite_store, 10, clips=3)
    owner = add_person(sqlite_store, "Olga")
    rater = add_person(sqlite_store, "Anna", by=owner)
    with pytest.raises(RightsError, match="Anna is a rater; exporting needs the role"):
        export_labels(sqlite_store, "demo", "csv", tmp_path / "x", by=rater)
    assert export_labels(sqlite_store, "demo", "csv", tmp_path / "x", by=owner).clips == 3


def test_a_zip_holds_the_folder_and_comes_back(sqlite_store, tmp_path):
    recordings(tmp_path, sqlite_store)
    file, report = export_zip(sqlite_store, "demo", "csv", audio=True)
    assert file.parent == sqlite_store.workspace.exports and file.name == "demo-csv-audio.zip"
    assert report.folder == str(file)
    with zipfile.ZipFile(file) as archive:
        assert "demo-csv-audio/labels.csv" in archive.namelist()
    assert [p.name for p in file.parent.iterdir()] == ["demo-csv-audio.zip"]
    store = another(tmp_path)
    assert import_labels(store, file, "csv", INTO).clips_added == 12


def test_names_of_files_are_safe_and_say_nothing_of_the_label(sqlite_store, tmp_path):
    clips = [
        dataclasses.replace(clip, id=id, speaker=speaker, file=file)
        for clip, id, speaker, file in zip(
            some_clips(5),
            ["A", "a", "a.", "../x", "ü"],
            ["d:../../etc", "d:CON", "d:" + "x" * 300, None, "d:"],
            ["panic/a.WAV", "b.flac", "c.exe/../x", "d.wav\n", "e.verylong"],
            strict=True,
        )
    ]
    add_clips(sqlite_store, clips)
    save_dataset(sqlite_store, "demo", "real", MOOD, [(clip.id, "=panic") for clip in clips])
    save_scheme(sqlite_store, AROUSAL)
    export_labels(sqlite_store, "demo", "csv", tmp_path / "x")
    rows = (tmp_path / "x" / "clips.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    files = [row.split(",")[1] for row in rows]
    assert files == [
        "audio/demo-x.wav",
        "audio/d_etc-A.wav",
        "audio/d_CON-a.flac",
        f"audio/d_{'x' * 58}-a.wav",
        "audio/d-u.wav",
    ]

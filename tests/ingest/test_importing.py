import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from affexion_core.audio.decode import file_sha256
from affexion_core.errors import ConfigError, CorpusError, LabelError, SplitError, StoreError
from affexion_core.ingest.importing import ImportOptions, ImportReport, import_corpus
from affexion_core.ingest.label_maps import LabelMap, Rule, load_label_map
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import ClipQuery, find_clips, get_clip
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.labels import find_annotations
from affexion_core.store.session import Store, open_store
from affexion_core.types import Scheme, Split
from affexion_core.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace)


def sound(path: Path, seed: int, seconds: float = 0.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds))
    sf.write(path, noise.astype(np.float32), 16000, subtype="PCM_16")
    return path


def signals(root: Path) -> Path:
    for seed, name in enumerate(["panic/anna/1.wav", "panic/ben/2.wav", "boredom/anna/3.wav", "boredom/4.wav"]):
        sound(root / name, seed)
    return root


def n_clips(store: Store) -> int:
    return find_clips(store, ClipQuery(limit=0)).total


def files(workspace: Workspace) -> list[Path]:
    return sorted(file for file in workspace.audio.rglob("*") if file.is_file())


def adds_up(report: ImportReport) -> bool:
    handled = report.added + report.present + len(report.rejected) + sum(report.left_out.values())
    return report.found == handled


def test_a_folder_becomes_clips_and_a_dataset(store: Store, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = import_corpus(store, "folder", signals(tmp_path / "voices"), progress=lambda d, n, _: seen.append((d, n)))
    assert report == ImportReport(
        dataset="voices", origin="real", found=4, added=4, present=0, rejected=(), left_out={},
        labels={"boredom": 2, "panic": 2}, unlabelled=0, speakers=2,
    )  # fmt: skip
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    dataset = load_dataset(store, "voices")
    assert dataset.scheme == Scheme("affexion", ("boredom", "panic"))
    source = tmp_path / "voices/panic/anna/1.wav"
    clip = next(item.clip for item in dataset.items if item.clip.sha256 == file_sha256(source))
    assert clip.file == f"audio/{clip.sha256[:2]}/{clip.sha256}.wav"
    assert store.workspace.clip_path(clip).read_bytes() == source.read_bytes()
    assert (clip.speaker, clip.duration, clip.sampling_rate, clip.corpus) == ("voices:anna", 0.2, 16000, "voices")
    (made,) = find_annotations(store, [clip.id])
    assert (made.scheme, made.rater, made.value) == ("affexion", "corpus:voices", "panic")


def test_importing_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    import_corpus(store, "folder", root)
    before = load_dataset(store, "voices").snapshot(), find_annotations(store), files(store.workspace)
    report = import_corpus(store, "folder", root)
    assert (report.added, report.present) == (0, 4)
    assert (load_dataset(store, "voices").snapshot(), find_annotations(store), files(store.workspace)) == before


def test_bad_recordings_are_reported_and_the_others_go_on(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    (root / "panic/empty.wav").touch()
    (root / "panic/page.mp3").write_text("<html>not found</html>")
    sound(root / "boredom/copy.wav", 3)
    sound(root / "panic/other.wav", 3)
    sound(root / "loose.wav", 9)
    report = import_corpus(store, "folder", root)
    assert adds_up(report)
    assert (report.found, report.added, report.present, report.unlabelled) == (9, 5, 1, 1)
    reasons = {rejection.file: rejection.reason for rejection in report.rejected}
    assert set(reasons) == {"panic/empty.wav", "panic/page.mp3", "panic/other.wav"}
    assert reasons["panic/other.wav"] == (
        "It holds the same sound as boredom/4.wav, which has the label 'boredom', not 'panic'."
    )
    assert "The same sound stands in the corpus twice. (boredom/copy.wav)" in report.warnings
    assert "1 clip has no label: it is in the library, but in no dataset." in report.warnings
    assert len(load_dataset(store, "voices").items) == 4
    assert n_clips(store) == 5


def test_without_any_label_there_is_no_dataset(store: Store, tmp_path: Path) -> None:
    sound(tmp_path / "takes/1.wav", 1)
    report = import_corpus(store, "folder", tmp_path / "takes")
    assert (report.dataset, report.added, report.unlabelled, report.labels) == (None, 1, 1, {})
    assert list_datasets(store) == ()


def test_nothing_usable_is_an_error(store: Store, tmp_path: Path) -> None:
    (tmp_path / "x/panic").mkdir(parents=True)
    (tmp_path / "x/panic/a.wav").touch()
    with pytest.raises(CorpusError, match=r"The one recording in .* can be used\. panic/a\.wav: "):
        import_corpus(store, "folder", tmp_path / "x")
    (tmp_path / "m.csv").write_text("file,label\n")
    with pytest.raises(CorpusError, match=r"m\.csv names no recording"):
        import_corpus(store, "csv", tmp_path / "m.csv")
    with pytest.raises(ConfigError, match=r"no corpus 'iemocap'\. Choose audiofolder, cremad"):
        import_corpus(store, "iemocap", tmp_path)
    assert n_clips(store) == 0


def test_a_label_outside_the_scheme_stops_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    message = r"1\.wav has the label 'panic', which isn't in scheme 'mood' \(boredom, joy\); choose"
    with pytest.raises(LabelError, match=message):
        import_corpus(store, "folder", root, ImportOptions(scheme=Scheme("mood", ("boredom", "joy"))))
    assert (n_clips(store), files(store.workspace), list_datasets(store)) == (0, [], ())
    report = import_corpus(store, "folder", root, ImportOptions(scheme=Scheme("mood", ("panic", "boredom", "joy"))))
    assert list(report.labels.items()) == [("panic", 2), ("boredom", 2), ("joy", 0)]
    assert load_dataset(store, "voices").scheme.labels == ("panic", "boredom", "joy")


def test_a_label_map_leaves_out_and_says_what_it_does_not_know(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    sound(root / "joy/5.wav", 5)
    label_map = LabelMap("mine", (Rule("panic", "excitement"), Rule("boredom", None)))
    report = import_corpus(store, "folder", root, ImportOptions(dataset="mapped", label_map=label_map))
    assert adds_up(report)
    assert (report.added, report.left_out, report.labels) == (2, {"boredom": 2, "joy": 1}, {"excitement": 2})
    assert report.warnings == ("Label map 'mine' has no row for joy (1); those recordings were not imported.",)
    dataset = load_dataset(store, "mapped")
    assert (dataset.label_map, dataset.scheme) == ("mine", Scheme("affexion", ("excitement",)))
    assert {made.value for made in find_annotations(store)} == {"panic"}
    nowhere = LabelMap("nowhere", (Rule("sad", "boredom"),))
    with pytest.raises(
        LabelError, match="leads none of the labels boredom, joy or panic anywhere; its rows speak of sad"
    ):
        import_corpus(store, "folder", root, ImportOptions(dataset="other", label_map=nowhere))


def test_real_and_synthetic_are_never_mixed(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    report = import_corpus(store, "folder", root, ImportOptions(origin="synthetic"))
    assert (report.origin, load_dataset(store, "voices").origin) == ("synthetic", "synthetic")
    with pytest.raises(StoreError, match="'voices' is synthetic; real clips go into another one"):
        import_corpus(store, "folder", root)
    (tmp_path / "m.csv").write_text(
        "file,label,origin\nvoices/panic/anna/1.wav,panic,synthetic\nvoices/boredom/4.wav,x,real\n"
    )
    with pytest.raises(CorpusError, match=r"is stated to be (real|synthetic), but others are not; import real and"):
        import_corpus(store, "csv", tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("file,label,origin\nvoices/panic/anna/1.wav,panic,synthetic\n")
    assert import_corpus(store, "csv", tmp_path / "m.csv").origin == "synthetic"
    with pytest.raises(CorpusError, match=r"1\.wav is stated to be synthetic, but real was chosen"):
        import_corpus(store, "csv", tmp_path / "m.csv", ImportOptions(origin="real"))


def test_spans_of_one_recording_are_clips_of_their_own(store: Store, tmp_path: Path) -> None:
    sound(tmp_path / "long.wav", 1, seconds=3)
    (tmp_path / "cuts.csv").write_text(
        "file,label,start,end,speaker\nlong.wav,panic,0.5,1.25,anna\nlong.wav,boredom,2,,ben\nlong.wav,boredom,7,8,ben\n"
    )
    report = import_corpus(store, "csv", tmp_path / "cuts.csv")
    assert (report.dataset, report.added, len(report.rejected)) == ("cuts", 2, 1)
    clips = sorted((item.clip for item in load_dataset(store, "cuts").items), key=lambda clip: clip.start or 0)
    assert [(clip.start, clip.end, clip.duration) for clip in clips] == [(0.5, 1.25, 0.75), (2.0, None, 1.0)]
    assert len({clip.id for clip in clips}) == 2
    assert len(files(store.workspace)) == 1


def test_in_place_leaves_the_recordings_where_they_are(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    import_corpus(store, "folder", root, ImportOptions(in_place=True))
    assert files(store.workspace) == []
    for item in load_dataset(store, "voices").items:
        assert store.workspace.clip_path(item.clip).is_relative_to(root)
        assert store.workspace.clip_path(item.clip).is_file()


def test_a_dataset_grows_and_keeps_its_order(store: Store, tmp_path: Path) -> None:
    import_corpus(store, "folder", signals(tmp_path / "voices"), ImportOptions(dataset="all"))
    sound(tmp_path / "more/angst/1.wav", 11)
    report = import_corpus(store, "folder", tmp_path / "more", ImportOptions(dataset="all"))
    assert report.labels == {"boredom": 0, "panic": 0, "angst": 1}
    assert load_dataset(store, "all").scheme.labels == ("boredom", "panic", "angst")


def test_a_bare_manifest_first_and_the_corpus_later(store: Store, tmp_path: Path) -> None:
    """The order of imports must not decide whether shared speakers and texts are seen."""
    voices = signals(tmp_path / "voices")
    (tmp_path / "bare.csv").write_text("file,label\nvoices/panic/anna/1.wav,panic\nvoices/boredom/4.wav,boredom\n")
    (tmp_path / "full.csv").write_text(
        "file,label,speaker,text,language\n"
        "voices/panic/anna/1.wav,panic,anna,So what?,en\nvoices/boredom/4.wav,boredom,ben,so WHAT,en\n"
    )
    import_corpus(store, "csv", tmp_path / "bare.csv", ImportOptions(dataset="mine", corpus_name="voices"))
    one, other = load_dataset(store, "mine").items
    assert Split((one,), (other,)).stamp() == "not verifiable: speaker of 2 clips unknown"

    report = import_corpus(store, "csv", tmp_path / "full.csv", ImportOptions(dataset="mine", corpus_name="voices"))
    assert (report.added, report.present) == (0, 2)
    assert report.warnings == (
        "2 clips were in the library already with less known; what was missing of speaker, language, text, attributes "
        "or provenance was filled in, and what was known was kept.",
    )
    one, other = load_dataset(store, "mine").items
    assert {made.clip.speaker for made in (one, other)} == {"voices:anna", "voices:ben"}
    with pytest.raises(SplitError, match="Training and test share 1 text \\('so what'\\)"):
        Split((one,), (other,))
    assert find_clips(store, ClipQuery(text="so what")).total == 2

    (tmp_path / "wrong.csv").write_text("file,label,speaker,text\nvoices/boredom/4.wav,boredom,nobody,Something else\n")
    again = import_corpus(store, "csv", tmp_path / "wrong.csv", ImportOptions(dataset="mine", corpus_name="voices"))
    assert again.warnings == ()
    assert load_dataset(store, "mine").items == (one, other)
    assert import_corpus(store, "folder", voices).added == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_workspace_is_a_clear_error(store: Store, tmp_path: Path) -> None:
    root = signals(tmp_path / "voices")
    store.workspace.audio.chmod(0o500)
    with pytest.raises(StoreError, match="can't be copied into the workspace"):
        import_corpus(store, "folder", root)


def test_a_full_disk_is_a_clear_error_and_importing_again_completes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = signals(tmp_path / "voices")
    with monkeypatch.context() as patched:

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("affexion_core.ingest.recordings.os.fsync", full)
        with pytest.raises(StoreError, match=r"can't be copied into the workspace .*No space left on device"):
            import_corpus(store, "folder", root)
    assert files(store.workspace) == []
    assert import_corpus(store, "folder", root).labels == {"boredom": 2, "panic": 2}


KILLED = """
import os, sys
from pathlib import Path
from affexion_core.ingest.importing import import_corpus
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace
def progress(done, total, what):
    if done == 100: os._exit(9)
import_corpus(open_store(open_workspace(sys.argv[1])), "emodb", Path(sys.argv[2]), progress=progress)
"""


@pytest.mark.shared_audio
def test_a_killed_import_leaves_no_dataset_and_importing_again_completes_it(
    shared_audio: Path, store: Store, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(store.workspace.root), str(shared_audio / "emodb")]
    project = Path(__file__).resolve().parents[2]
    assert subprocess.run(command, cwd=project, timeout=60).returncode == 9
    assert list_datasets(store) == ()
    assert n_clips(store) == 64
    for row in find_clips(store, ClipQuery(limit=None)).rows:
        assert file_sha256(store.workspace.clip_path(row.clip)) == row.clip.sha256
    report = import_corpus(store, "emodb", shared_audio / "emodb")
    assert (report.found, report.added, report.present) == (243, 179, 64)
    assert len(load_dataset(store, "emodb").items) == 243
    assert len(find_annotations(store, rater="corpus:emodb")) == 243


@pytest.mark.shared_audio
def test_real_emodb_and_then_the_signals_in_it(shared_audio: Path, store: Store, tmp_path: Path) -> None:
    report = import_corpus(store, "emodb", shared_audio / "emodb")
    assert report.labels == {
        "anger": 60, "boredom": 35, "disgust": 12, "fear": 29, "happiness": 34, "neutral": 43, "sadness": 30,
    }  # fmt: skip
    assert (report.speakers, report.rejected) == (5, ())
    lines = (shared_audio / "signals.csv").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines[1:] if ",emodb," in line] + [line for line in lines if "Actor_01/" in line]
    rows = [lines[0], *(f"{shared_audio}/{line}" for line in chosen)]
    (tmp_path / "signals.csv").write_text("\n".join(rows), encoding="utf-8")
    report = import_corpus(store, "csv", tmp_path / "signals.csv")
    assert (report.dataset, report.present, report.added) == ("signals", 98, 12)
    assert list(report.labels.items()) == [("boredom", 35), ("panic", 29 + 4), ("excitement", 34 + 8)]
    assert n_clips(store) == 243 + 12
    mapped = ImportOptions(dataset="mapped", label_map=load_label_map("emodb-to-signals"))
    report = import_corpus(store, "emodb", shared_audio / "emodb", mapped)
    assert (report.added, report.labels) == (0, {"boredom": 35, "panic": 29, "excitement": 34})
    same = {i.clip.id: i.label for i in load_dataset(store, "signals").items if i.clip.corpus == "emodb"}
    assert same == {i.clip.id: i.label for i in load_dataset(store, "mapped").items}


@pytest.mark.shared_audio
def test_real_cremad_votes_become_annotations(shared_audio: Path, store: Store, tmp_path: Path) -> None:
    root = tmp_path / "cremad"
    (root / "AudioWAV").mkdir(parents=True)
    shutil.copy(shared_audio / "cremad/manifest.csv", root)
    for file in sorted((shared_audio / "cremad/AudioWAV").glob("1001_*")):
        (root / "AudioWAV" / file.name).symlink_to(file)
    report = import_corpus(store, "cremad", root)
    n_votes = len([made for made in find_annotations(store) if made.rater.startswith("cremad:vote-")])
    assert n_votes == sum(
        int(line.split(",")[14]) for line in (root / "manifest.csv").read_text().splitlines() if "/1001_" in line
    )
    assert report.added == len(find_annotations(store, rater="corpus:cremad")) > 5
    shown = next(r.clip for r in find_clips(store, ClipQuery(limit=None)).rows if r.clip.attributes["level"] == "XX"
                 and r.clip.attributes["sentence"] == "DFA" and r.labels["cremad"] == "ANG")  # fmt: skip
    votes = {made.rater: made.value for made in find_annotations(store, [shown.id])}
    assert votes.pop("corpus:cremad") == "ANG"
    assert sorted(votes.values()) == ["ANG"] * 6 + ["DIS"] * 2 + ["NEU"]
    before = len(find_annotations(store))
    import_corpus(store, "cremad", root)
    assert len(find_annotations(store)) == before


@pytest.mark.shared_audio
def test_real_subsets_of_every_folder(shared_audio: Path, store: Store, tmp_path: Path) -> None:
    for corpus, pattern, n in (("ravdess", "Actor_07/*.flac", 60), ("tess", "OAF_Pleasant*/*.flac", 50)):
        for file in (shared_audio / corpus).glob(pattern):
            link = tmp_path / corpus / file.relative_to(shared_audio / corpus)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
        report = import_corpus(store, corpus, tmp_path / corpus)
        assert adds_up(report)
        assert (report.dataset, report.found, report.speakers, report.rejected) == (corpus, n, 1, ())
        assert load_dataset(store, corpus).scheme == shipped_schemes()[corpus]
    lines = (shared_audio / "emospeech/manifest.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "emospeech").mkdir()
    rows = [lines[0], *(f"{shared_audio}/emospeech/{line}" for line in lines[1:41])]
    (tmp_path / "emospeech/manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    report = import_corpus(store, "csv", tmp_path / "emospeech")
    assert (report.dataset, report.found, report.added) == ("emospeech", 40, 40)
    assert load_dataset(store, "emospeech").scheme == shipped_schemes()["emospeech"]


@pytest.mark.shared_audio
def test_ravdess_has_one_recording_twice(shared_audio: Path, store: Store, tmp_path: Path) -> None:
    names = ("03-01-03-01-02-01-07.flac", "03-01-03-01-02-02-07.flac")
    for name in names:
        (tmp_path / name).symlink_to(shared_audio / "ravdess/Actor_07" / name)
    report = import_corpus(store, "ravdess", tmp_path)
    assert (report.found, report.added, report.present) == (2, 1, 1)
    assert report.warnings == (f"The same sound stands in the corpus twice. ({names[1]})",)


@pytest.mark.shared_audio
def test_real_odd_files_decode(shared_audio: Path, store: Store) -> None:
    report = import_corpus(store, "folder", shared_audio / "odd", ImportOptions(in_place=True))
    assert (report.added, report.rejected) == (5, ())
    rows = find_clips(store, ClipQuery(order="file", limit=None)).rows
    facts = {Path(row.clip.file).name: (row.clip.sampling_rate, row.clip.channels) for row in rows}
    assert facts["tess_96khz.wav"] == (96000, 1)
    assert facts["ravdess_stereo_48khz.wav"] == (48000, 2)
    assert get_clip(store, rows[0].clip.id) == rows[0].clip

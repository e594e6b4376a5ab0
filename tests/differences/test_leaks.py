"""Near-duplicates and shared recordings: found where they are, not where people only sound alike."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from small_study import short_recipe
from tones import write_folders

from affexion_core.audio.decode import load_audio
from affexion_core.differences.fingerprints import fingerprint
from affexion_core.differences.leaks import audit, audit_run, with_findings
from affexion_core.differences.near_duplicates import compared, near_duplicates, waveform_likeness
from affexion_core.errors import SplitError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.run_folder import read_evaluation
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import HeldOut, RunRequest


def coded(signal, **how):
    file = io.BytesIO()
    sf.write(file, signal, 16000, **how)
    file.seek(0)
    return sf.read(file, dtype="float32")[0]


CHANGES = {
    "mp3": lambda x: coded(x, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.99),
    "ogg": lambda x: coded(x, format="OGG", subtype="VORBIS", compression_level=1.0),
    "telephone": lambda x: soxr.resample(soxr.resample(x, 16000, 8000), 8000, 16000),
    "softer": lambda x: 0.1 * x,
    "trimmed": lambda x: x[4000:-3200],
}
CHANGES["all"] = lambda x: CHANGES["ogg"](CHANGES["mp3"](0.3 * CHANGES["telephone"](x[3300:])))


def speech(folder: Path, n: int) -> list[Path]:
    files = [*sorted((folder / "ravdess").rglob("*.flac")), *sorted((folder / "emodb").rglob("*.flac"))]
    return files[:: max(1, len(files) // n)][:n]


def write(root: Path, speaker: str, label: str, name: str, signal, **how) -> None:
    folder = root / label / speaker
    folder.mkdir(parents=True, exist_ok=True)
    sf.write(folder / name, signal, 16000, **how)


def two_sides(root: Path, shared_audio: Path, store):
    """Make two sets of real clips by the same speakers, with two recordings of the first coded anew in the second."""
    actor = sorted((shared_audio / "ravdess" / "Actor_01").glob("*.flac"))
    labels = ("calm", "happy")
    for place, file in enumerate(actor[:24]):
        side = "left" if place % 2 == 0 else "right"
        write(root / side, f"s{side}", labels[place % 4 // 2], f"{place}.wav", load_audio(file).signal)
    first = load_audio(actor[0]).signal[2000:]
    write(root / "right", "sright", "calm", "again.mp3", 0.5 * first, format="MP3", compression_level=0.99)
    write(root / "right", "sright", "happy", "again.ogg", load_audio(actor[2]).signal[:-3000], format="OGG",
          subtype="VORBIS", compression_level=1.0)  # fmt: skip
    for side in ("left", "right"):
        import_corpus(store, "folder", root / side, ImportOptions(dataset=side, origin="real"))
    return load_dataset(store, "left"), load_dataset(store, "right")


def test_a_recording_coded_anew_is_found_and_other_takes_of_the_speaker_are_not(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    left, right = two_sides(tmp_path, shared_audio, store)
    report = audit(store, left.items, right.items, ("left", "right"))
    assert len(report.duplicates) == 2
    assert [finding.kind for finding in report.findings] == ["near-duplicate"]
    assert report.stamp.startswith("leaky: shares 2 near-duplicates (")
    assert sorted(round(abs(pair.offset), 2) for pair in report.duplicates) == [0.0, 0.12]
    # the second search reads what the first one kept
    again = near_duplicates(workspace, [i.clip for i in left.items], [i.clip for i in right.items])
    assert again.pairs == report.duplicates


def test_a_run_measured_on_its_own_recordings_coded_anew_is_stamped(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    left, right = two_sides(tmp_path, shared_audio, store)
    run = run_here(store, RunRequest("train", short_recipe(1), left, HeldOut(right)))
    stamp = read_evaluation(Path(run.folder), "right").stamp
    assert stamp.startswith("leaky: shares 2 near-duplicates (")
    assert audit_run(store, run, right.items, "right").stamp == stamp


def test_a_speaker_planted_on_both_sides_is_refused_and_stands_in_the_stamp_where_it_is_allowed(tmp_path, workspace):
    store = open_store(workspace)
    for side, first in (("left", 0), ("right", 2)):  # s2 speaks in both, other takes
        made = write_folders(tmp_path / side, speakers=3, first_speaker=first)
        for file in sorted(made.rglob("s2/0.wav" if side == "left" else "s2/1.wav")):
            file.unlink()
        import_corpus(store, "folder", made, ImportOptions(dataset=side, origin="real", corpus_name="made"))
    left, right = load_dataset(store, "left"), load_dataset(store, "right")
    with pytest.raises(SplitError, match=r"shares? 1 speaker \('made:s2'\)"):
        run_here(store, RunRequest("train", short_recipe(1), left, HeldOut(right)))
    run = run_here(store, RunRequest("train", short_recipe(1), left, HeldOut(right, allow_leaks=True)))
    stamp = read_evaluation(Path(run.folder), "right").stamp
    assert stamp.startswith("leaky: shares 1 speaker ('made:s2')")
    found = {finding.kind: finding for finding in audit_run(store, run, right.items, "right").findings}
    assert found["speaker"].examples == ("made:s2",)


def test_folds_that_share_a_recording_are_stamped(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    left, right = two_sides(tmp_path, shared_audio, store)
    both = dataclasses.replace(left, name="both", items=(*left.items, *right.items))
    run = run_here(store, RunRequest("cv", short_recipe(1), both, n_folds=2))
    assert "2 near-duplicates" in read_evaluation(Path(run.folder), "cv").stamp


def test_shared_speakers_and_derived_clips_are_named(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    left, right = two_sides(tmp_path, shared_audio, store)
    original, derived = left.items[0].clip, right.items[0].clip
    made = dataclasses.replace(derived, speaker=original.speaker, attributes={"derived_from": original.id})
    items = (dataclasses.replace(right.items[0], clip=made), *right.items[1:])
    report = audit(store, left.items, items, ("left", "right"))
    found = {finding.kind: finding for finding in report.findings}
    assert found["speaker"].examples == (original.speaker,)
    assert found["derived"].examples == (f"{made.id} ~ {original.id}",)
    assert report.stamp.startswith("leaky: shares 1 speaker") and "1 derived clip" in report.stamp


def test_spans_of_one_file_and_clips_of_one_video_are_one_recording(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    left, right = two_sides(tmp_path, shared_audio, store)

    def from_video(item, address):
        provenance = dataclasses.replace(item.clip.provenance, source=address)
        return dataclasses.replace(item, clip=dataclasses.replace(item.clip, provenance=provenance))

    one = [from_video(item, f"https://example.org/{place % 3}") for place, item in enumerate(left.items)]
    apart = [from_video(item, "https://example.org/other") for item in right.items]
    assert all(f.kind != "recording" for f in audit(store, one, apart, ("a", "b")).findings)
    mixed = [from_video(right.items[0], "https://example.org/1"), *apart[1:]]
    found = {f.kind: f for f in audit(store, one, mixed, ("a", "b")).findings}
    assert found["recording"].examples == ("https://example.org/1",)


def test_a_clean_stamp_stays_clean_without_findings():
    assert with_findings("clean", ()) == "clean"
    assert with_findings("not verifiable: x", ()) == "not verifiable: x"


def recall(files, changes):
    """Count copies found and clips taken for copies; all are compared with all."""
    signals = {str(file): load_audio(file).signal for file in files}
    prints = {id: made for id, signal in signals.items() if (made := fingerprint(signal)) is not None}
    hits = asked = false = 0
    for change in changes.values():
        copies = {f"copy {id}": change(signals[id]) for id in prints}
        made = {id: found for id, one in copies.items() if (found := fingerprint(one)) is not None}
        asked += len(made)
        for pair, sure in compared(list(prints), list(made), {**prints, **made}):
            if sure or waveform_likeness(signals[pair.first], copies[pair.second]) >= 0.6:
                hits += f"copy {pair.first}" == pair.second
                false += f"copy {pair.first}" != pair.second
    return hits, asked, false


def test_copies_of_real_speech_are_found_however_they_were_changed(shared_audio):
    hits, asked, false = recall(speech(shared_audio, 16), CHANGES)
    assert asked == 96 and hits == asked and false == 0


def test_noise_and_silence_are_no_duplicates():
    rng = np.random.default_rng(0)
    prints = {str(i): fingerprint(0.1 * rng.normal(size=32000).astype(np.float32)) for i in range(20)}
    assert all(made is not None for made in prints.values())
    assert compared(list(prints), list(prints), prints) == ()
    assert fingerprint(np.zeros(16000, np.float32)) is None
    assert fingerprint(np.full(16000, np.nan, np.float32)) is None
    assert fingerprint(np.ones(10, np.float32)) is None


@pytest.mark.soak
def test_copies_among_many_real_clips(shared_audio, counted):
    files = sorted(shared_audio.rglob("*.flac"))
    hits, asked, false = recall(files[::2], CHANGES)
    counted(
        "near-duplicates of real clips: 6 changes",
        f"{hits} of {asked} found ({hits / asked:.1%}), {false} pairs of other recordings taken for copies",
    )
    assert hits / asked > 0.99 and false / asked < 0.005

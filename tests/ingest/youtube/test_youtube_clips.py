import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner

from affexion_core.__main__ import cli
from affexion_core.audio.decode import load_audio
from affexion_core.errors import LinkError
from affexion_core.ingest.batches import undo_import
from affexion_core.ingest.takedown import take_down
from affexion_core.ingest.youtube import bringing
from affexion_core.ingest.youtube.bringing import bring_in
from affexion_core.ingest.youtube.download import Fetched
from affexion_core.ingest.youtube.spans import Span, check_spans, read_spans, seconds_of, span_of
from affexion_core.ingest.youtube.states import STATES, VideoError
from affexion_core.ingest.youtube.videos import cut, get_video, known_video, speech_in
from affexion_core.licences import licence_of
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets
from affexion_core.store.session import open_store

A, B, GONE = "dQw4w9WgXcQ", "-abcdefghij", "gonegonegon"
pytestmark = pytest.mark.shared_audio
STATE = {state.name: state for state in STATES}


@pytest.fixture
def fetch(shared_audio):
    """Give real m4a and webm in place of YouTube; ``fetched`` lists what was asked for."""

    def get(link, folder, progress):
        get.fetched.append(link.video)
        if link.video == GONE:
            raise VideoError(GONE, STATE["deleted"])
        name = "speech.m4a" if link.video == A else "speech.webm"
        file = shutil.copy(shared_audio / "odd" / name, folder / f"original{Path(name).suffix}")
        facts = {"id": link.video, "title": "Two\npeople <b>argue</b>", "channel": "C", "upload_date": "20240102"}
        return Fetched(Path(file), facts, "yt-dlp 1")

    get.fetched = []
    return get


def spans_of(*texts: str) -> list[Span]:
    """Read spans written ``video start end label``."""
    made = []
    for text in texts:
        video, start, end, *label = text.split()
        made.append(span_of(f"https://youtu.be/{video}", start, end, *label))
    return made


def test_spans_of_two_videos_come_in_as_one_import_and_go_as_one(workspace, fetch):
    store = open_store(workspace)
    spans = spans_of(f"{A} 0.5 1.5 panic", f"{A} 1.5 2.25 panic", f"{B} 0.1 0.9 boredom", f"{GONE} 0 1 panic")
    report, refused = bring_in(store, spans, fetch=fetch)
    assert (report.added, report.labels["panic"], report.labels["boredom"]) == (3, 2, 1)
    assert [(one.what, one.state) for one in refused] == [(GONE, "deleted")] and fetch.fetched == [A, B, GONE]
    clip = next(
        row.clip for row in find_clips(store, ClipQuery()).rows if row.clip.attributes["video_start"] == "1.500"
    )
    assert (clip.duration, clip.sampling_rate, clip.channels, clip.corpus) == (0.75, 16_000, 1, "youtube")
    assert clip.provenance.source == f"https://www.youtube.com/watch?v={A}&t=1s" and clip.provenance.retrieved
    assert licence_of(clip.provenance.licence).name == "all rights reserved"
    known = clip.attributes
    assert (known["video"], known["video_title"]) == (A, "Two people <b>argue</b>")
    assert (known["video_uploaded"], known["fetched_with"], known["video_end"]) == ("2024-01-02", "yt-dlp 1", "2.250")
    again, _ = bring_in(store, spans[:2], fetch=fetch)
    assert (again.added, again.present) == (0, 2) and fetch.fetched == [A, B, GONE]
    undo_import(store, report.import_id)
    assert not find_clips(store, ClipQuery()).rows and not list_datasets(store)
    assert (workspace.root / "youtube" / A / "original.m4a").is_file()


def test_a_clip_that_is_taken_down_takes_its_video_along(workspace, fetch):
    store = open_store(workspace)
    bring_in(store, spans_of(f"{A} 0.5 1.5 panic", f"{A} 1.5 2.25 panic", f"{B} 0 1 panic"), fetch=fetch)
    gone = next(row.clip for row in find_clips(store, ClipQuery()).rows if row.clip.attributes["video"] == A)
    assert take_down(store, [gone.id], "the speaker asked").n_files >= 4  # the clip, and three of the video
    assert known_video(workspace, A) is None and known_video(workspace, B) is not None
    report, _ = bring_in(store, spans_of(f"{A} 0.5 1.5 panic", f"{A} 1.5 2.25 panic"), fetch=fetch)
    assert report.added == 0 and "taken down" in report.rejected[0].reason


def test_cuts_are_exact_to_the_sample(workspace, fetch, shared_audio):
    """Against the whole recording, decoded on its own and cut by plain indexing."""
    video = get_video(workspace, span_of(f"youtu.be/{A}").link, fetch=fetch)
    whole = np.round(load_audio(shared_audio / "odd" / "speech.m4a").signal * 32_767)
    rng = np.random.default_rng(0)
    for _ in range(200):
        start, end = sorted(rng.uniform(0, video.seconds, 2))
        samples = cut(video, start, end)
        assert len(samples) == round(end * 16_000) - round(start * 16_000)
        assert np.abs(samples - whole[round(start * 16_000) : round(end * 16_000)]).max(initial=0) <= 1
    halves = np.concatenate([cut(video, 0, 1.2345), cut(video, 1.2345, video.seconds)])
    np.testing.assert_array_equal(halves, sf.read(video.track, dtype="int16")[0])


@pytest.mark.parametrize("damage", [("video.json", "{"), ("video.json", '{"id": 1}'), ("track.wav", None)])
def test_a_damaged_video_is_fetched_anew(damage, workspace, fetch):
    link = span_of(f"youtu.be/{A}").link
    video = get_video(workspace, link, fetch=fetch)
    name, content = damage
    (video.folder / name).unlink() if content is None else (video.folder / name).write_text(content)
    assert get_video(workspace, link, fetch=fetch) == video and fetch.fetched == [A, A]


def test_speech_is_suggested(workspace, fetch):
    video = get_video(workspace, span_of(f"youtu.be/{B}").link, fetch=fetch)
    spans = speech_in(video)
    assert spans and all(0 <= start < end <= video.seconds for start, end in spans)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((), "There is no link"),
        ((f"{A} 0 1", f"{A} 0 1"), "given twice"),
        ((f"{A} 0 2", f"{B} 0 1", f"{A} 1 3"), "shares a part with"),
        ((f"{A} 2 1",), "ends before it starts"),
        ((f"{A} 1 1",), "ends before it starts"),
        ((f"{A} 1 1.05",), "lasts 0.05 s"),
        ((f"{A} 0 601",), "lasts 601.00 s"),
    ],
)
def test_spans_that_do_not_go_together(texts, words):
    with pytest.raises(LinkError, match=words):
        check_spans(spans_of(*texts))


@pytest.mark.parametrize("text", [f"{A} 0 100", f"{A} 50 60"])
def test_a_span_beyond_the_end_is_told_and_nothing_is_left(text, workspace, fetch):
    store = open_store(workspace)
    with pytest.raises(LinkError, match="beyond the video's end at 3"):
        bring_in(store, spans_of(text), fetch=fetch)
    assert not find_clips(store, ClipQuery()).rows


@pytest.mark.parametrize(("text", "seconds"), [("75.5", 75.5), ("1:15.5", 75.5), ("1:02:03", 3723), (" ", None)])
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1:2:3:4", "soon", "1e999"])
def test_no_times(text):
    with pytest.raises(LinkError, match="is no time"):
        seconds_of(text)


def test_a_video_that_is_no_sound_leaves_nothing(workspace, tmp_path):
    def fetch(link, folder, progress):
        (folder / "original.webm").write_bytes(b"<html>no sound</html>" * 99)
        return Fetched(folder / "original.webm", {"id": A}, "")

    with pytest.raises(LinkError, match="is not a sound file"):
        bring_in(open_store(workspace), spans_of(f"{A} 0 1"), fetch=fetch)
    assert known_video(workspace, A) is None and not list((workspace.root / "youtube").iterdir())


def test_the_verb_reads_a_table(workspace, fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(bringing, "get_video", lambda *args: get_video(*args[:3], fetch))
    table = tmp_path / "spans.csv"
    table.write_text(
        f"link,start,end,label,speaker\nhttps://youtu.be/{A}?t=1,,0:02,panic,ann\nyoutu.be/{B},,1,panic,\n"
    )
    assert [(span.start, span.end) for span in read_spans(table)] == [(1, 2), (0, 1)]
    done = CliRunner().invoke(cli, ["--json", "youtube", "--csv", str(table), "--dataset", "found"])
    report = json.loads(done.stdout)
    assert (report["added"], report["dataset"], report["speakers"], report["refused"]) == (2, "found", 1, [])
    table.write_text(f"link,start,end\nyoutu.be/{A},0,1\nhttp://127.0.0.1/,0,1\n")
    done = CliRunner().invoke(cli, ["youtube", "--csv", str(table)])
    assert isinstance(done.exception, LinkError) and "row 3" in str(done.exception)


def test_the_verb_says_why_a_video_is_refused(workspace, fetch, monkeypatch):
    monkeypatch.setattr(bringing, "get_video", lambda *args: get_video(*args[:3], fetch))
    done = CliRunner().invoke(cli, ["youtube", f"youtu.be/{GONE}"])
    assert isinstance(done.exception, LinkError) and "(deleted)" in str(done.exception)
    done = CliRunner().invoke(cli, ["youtube", f"youtu.be/{A}", "--start", "2", "--end", "1"])
    assert "--start, --end" in str(done.exception)

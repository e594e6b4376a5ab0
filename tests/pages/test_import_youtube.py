import json
import stat
import sys
from pathlib import Path

import pytest

from affexion_core.ingest.youtube.download import PROGRAM
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.imports import list_imports
from affexion_core.store.session import open_store

A, B = "dQw4w9WgXcQ", "-abcdefghij"
pytestmark = pytest.mark.shared_audio


@pytest.fixture
def local_videos(shared_audio, tmp_path, monkeypatch) -> Path:
    """Put a program in yt-dlp's place that hands out a real m4a file, and knows one video that is gone."""
    facts = json.dumps({"title": "Two *argue*", "channel": "<b>C</b>", "duration": 3.5, "live_status": "not_live"})
    path = tmp_path / "program"
    path.write_text(f"""#!{sys.executable}
import json, shutil, sys
id = sys.argv[-1][-11:]
if id == "gonegonegon":
    sys.exit("ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video.")
shutil.copy({str(shared_audio / "odd" / "speech.m4a")!r}, "original.m4a")
print(json.dumps({{**json.loads({facts!r}), "id": id}}))
""")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(PROGRAM, str(path))
    return path


def said(at) -> str:
    kinds = ("markdown", "caption", "error", "success", "info")
    return "\n".join(str(e.value) for kind in kinds for e in at.get(kind)).replace("\\", "")


def fetched(open_page, *links: str):
    at = open_page("import_clips", way="youtube")
    assert at.button("import-youtube-fetch").disabled
    at.text_area[0].set_value("\n".join(links))
    at.checkbox("import-youtube-accept").check().run()
    return at.button("import-youtube-fetch").click().run()


def test_links_are_fetched_speech_is_picked_imported_and_undone(workspace, open_page, local_videos):
    at = fetched(open_page, f"https://youtu.be/{A}", "http://169.254.169.254/x", "youtu.be/gonegonegon")
    assert not at.exception
    assert "leads to '169.254.169.254'" in said(at) and "(private)" in said(at) and "Nothing is picked yet" in said(at)
    assert not any("http://" in str(e.value).replace("\\", "") for e in at.error)  # nothing to click on
    at.selectbox("import-youtube-new-label").set_value("panic").run()
    at.text_input("import-youtube-new-speaker").set_value("ann").run()
    at.button("import-youtube-speech").click().run()
    assert not at.exception and "1 stretch of speech added" in said(at) and "1 clip picked" in said(at)
    at.button("import-youtube-speech").click().run()
    assert "0 stretches of speech added, 1 overlap" in said(at)
    end = at.number_input("import-youtube-end-1").value
    at.number_input("import-youtube-end-1").set_value(0.1).run()
    assert not at.exception and "ends before it starts" in said(at)
    at.number_input("import-youtube-end-1").set_value(99.0).run()
    assert "reaches beyond the video's end" in said(at)
    at.number_input("import-youtube-end-1").set_value(end).run()
    assert "**1 new recording**" in said(at) and "Labels: panic 1" in said(at)
    at.button("import-start").click().run()
    assert not at.exception and "1 clip added" in said(at) and "Nothing is picked yet" in said(at)
    store = open_store(workspace)
    (row,) = find_clips(store, ClipQuery()).rows
    assert dict(row.labels) == {"youtube": "panic"} and row.clip.speaker == "youtube:ann"
    assert row.clip.attributes["video_channel"] == "<b>C</b>"
    (batch,) = list_imports(store)
    at.button(f"import-undo-{batch.id}").click().run()
    assert not at.exception and not find_clips(store, ClipQuery()).rows


def test_a_table_of_spans_picks_them(workspace, open_page, local_videos):
    at = open_page("import_clips", way="youtube")
    rows = ("link,start,end,label,speaker", f"youtu.be/{A},0.5,1,boredom,bo", f"youtu.be/{B},0:01,0:02,calm,bo")
    table = "\n".join((*rows, f"youtu.be/{B},9,10,,"))
    at.file_uploader[0].set_value([("spans.csv", table.encode(), "text/csv")])
    at.checkbox("import-youtube-accept").check().run()
    at.button("import-youtube-fetch").click().run()
    assert not at.exception and "2 clips picked" in said(at) and "Labels: boredom 1, calm 1" in said(at)
    assert "beyond the video's end" in said(at)
    at.button("import-youtube-remove-1").click().run()
    assert "1 clip picked" in said(at) and "Labels: calm 1" in said(at)


def test_what_was_picked_outlives_a_reload(workspace, open_page, local_videos):
    at = fetched(open_page, f"https://youtu.be/{A}")
    at.button("import-youtube-speech").click().run()
    at.selectbox("import-youtube-label-1").set_value("panic").run()
    address = {name: at.query_params[name] for name in ("videos", "picks")}
    again = open_page("import_clips", way="youtube", **address)
    assert not again.exception and "1 clip picked" in said(again) and "Labels: panic 1" in said(again)
    again.button("import-youtube-remove-1").click().run()
    assert "picks" not in again.query_params and "Nothing is picked yet" in said(again)


@pytest.mark.parametrize("picks", ["[", "7", '["x"]', f'[["{A}",0,"NaN","",""]]', '[["../x",0,1,"",""]]', "[[1,2]]"])
def test_an_address_that_somebody_wrote_breaks_nothing(picks, workspace, open_page, local_videos):
    at = fetched(open_page, f"https://youtu.be/{A}")
    at = open_page("import_clips", way="youtube", videos=f"../../x.{A}.%2e%2e.", picks=picks)
    assert not at.exception and "1 clip picked" not in said(at)

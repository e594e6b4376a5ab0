import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from playwright.sync_api import expect

from affexion_core.audio.decode import load_audio
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]

ROW, HEAD = 35, 36  # px of a table


@pytest.fixture(scope="module")
def store(shared_audio, tmp_path_factory):
    """Train the linear baseline on real clips of two actors, angry and calm."""
    root = tmp_path_factory.mktemp("files")
    for label, code in (("anger", "05"), ("calm", "02")):
        for actor in ("01", "02"):
            folder = root / "clips" / label / f"s{actor}"
            folder.mkdir(parents=True)
            for file in sorted((shared_audio / "ravdess" / f"Actor_{actor}").glob(f"*-*-{code}-*.flac"))[:4]:
                shutil.copy(file, folder)
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", root / "clips", ImportOptions(dataset="spoken", origin="real"))
    recipe = from_preset(load_plugin("presets", "linear").PRESET)
    run_here(store, RunRequest("train", recipe, load_dataset(store, "spoken"), name="Spoken"))
    return store


@pytest.fixture(scope="module")
def talk(shared_audio, tmp_path_factory) -> Path:
    """Six sentences of another actor with 2 s of silence before each."""
    parts = []
    for file in sorted((shared_audio / "ravdess" / "Actor_03").glob("*-*-0[25]-*.flac"))[:6]:
        parts += [np.zeros(32_000, np.float32), load_audio(file).signal]
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    sf.write(path, np.concatenate(parts), 16_000, subtype="PCM_16")
    return path


def test_files_and_a_timeline(page, store, serve, shared_audio, talk, tmp_path):
    """Drop files, hear one; follow a recording, click a segment, take its table, and keep it."""
    broken = tmp_path / "broken.mp3"
    broken.write_text("no sound")
    kinds = ("speech.m4a", "speech.mp3", "speech.webm", "tess_96khz.wav")
    page.goto(f"{serve(store.workspace.root)}/files")
    page.locator("input[type=file]").set_input_files([*(shared_audio / "odd" / kind for kind in kinds), broken])
    expect(page.get_by_text("4 files answered")).to_be_visible()
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_have_count(1)
    # the reason names the file as its owner does
    expect(table).to_contain_text("broken.mp3 is")
    table.click(position={"x": 18, "y": HEAD + ROW * 1.5})
    expect(page.get_by_role("button", name="Add 1 file to library")).to_be_enabled()
    play = page.get_by_role("button", name="Play")
    play.click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_text("One long recording", exact=True).click()
    expect(page.get_by_text("No recording yet")).to_be_visible()
    page.locator("input[type=file]").set_input_files(talk)
    expect(page.get_by_text("of speech in")).to_be_visible()
    bars = page.locator(".lanes-bar")
    expect(bars).not_to_have_count(0)
    expect(page.get_by_role("button", name="Add 1 segment to library")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "talk.csv"
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "file,start,end,label,unsure,p_anger,p_calm" and len(lines) == 1 + bars.count()

    # a click plays the segment once, with the playhead through lanes and waveform, and chooses it
    page.evaluate("""() => {
        window.times = [];
        document.addEventListener("affexion:time", (event) => window.times.push(event.detail));
    }""")
    start, end = (float(cell) for cell in lines[2].split(",")[1:3])
    bars.and_(page.locator(f"[title*='{start:.1f} to']")).click()
    expect(page.get_by_text(f"{start:.1f}–")).to_be_visible()
    page.wait_for_function("window.times.length > 3 && !window.times.at(-1).playing")
    times = page.evaluate("window.times.map((at) => at.time)")
    assert times == sorted(times) and times[0] == pytest.approx(start, abs=0.3)
    assert times[-1] == pytest.approx(end, abs=0.15)
    lanes, head = (page.locator(name).bounding_box() for name in (".lanes-stack", ".lanes .sound-head"))
    assert head["y"] <= lanes["y"] + 1 and head["height"] > lanes["height"]
    at = lanes["x"] + lanes["width"] * times[-1] / float(page.evaluate("window.times.at(-1).duration"))
    assert head["x"] + head["width"] / 2 == pytest.approx(at, abs=4)
    page.get_by_role("button", name="Add 1 segment to library").click()
    expect(page.get_by_text("1 clip added to the library")).to_be_visible()
    (row,) = find_clips(store, ClipQuery(corpus="uploads")).rows
    assert row.clip.start == pytest.approx(start, abs=0.002) and row.clip.attributes["recording"] == "talk.wav"

    page.get_by_text("Many clips", exact=True).click()
    expect(page.get_by_text("5 files dropped before.")).to_be_visible()
    expect(page.get_by_text("4 files answered")).to_be_visible()

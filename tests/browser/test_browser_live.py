import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from browser_settings import CHROMIUM, FLAGS, PATIENCE
from playwright.sync_api import expect

from affexion_core.audio.decode import load_audio
from affexion_core.audio.levels import rms_dbfs
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording
from affexion_core.predictor import Predictor
from affexion_core.store.clips import facets
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.types import Utterance
from affexion_core.workspace import open_workspace

# With the soak tests for now: on two busy cores a connection takes longer than an everyday test may.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio, pytest.mark.soak]

START, STOP = "Start listening", "Stop listening"


@pytest.fixture(scope="module")
def run_folder(shared_audio, tmp_path_factory) -> Path:
    """Train the linear baseline on real clips of two actors, angry and calm."""
    root = tmp_path_factory.mktemp("live")
    for label, code in (("anger", "05"), ("calm", "02")):
        for actor in ("01", "02"):
            folder = root / "clips" / label / f"s{actor}"
            folder.mkdir(parents=True)
            for file in sorted((shared_audio / "ravdess" / f"Actor_{actor}").glob(f"*-*-{code}-*.flac")):
                shutil.copy(file, folder)
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", root / "clips", ImportOptions(dataset="spoken", origin="real"))
    recipe = from_preset(load_plugin("presets", "linear").PRESET)
    return Path(run_here(store, RunRequest("train", recipe, load_dataset(store, "spoken"), name="Spoken")).folder)


@pytest.fixture(scope="module")
def address(run_folder, serve):
    return serve(run_folder.parents[1])


def steady_clip(shared_audio, predictor):
    """Find a clip of another speaker whose label stays the same wherever a window over its repetition lies."""
    for file in sorted((shared_audio / "ravdess" / "Actor_03").glob("*-*-0[25]-*.flac")):
        signal = load_audio(file).signal
        signal = signal[np.flatnonzero(np.abs(signal) > 0.01)[0] : np.flatnonzero(np.abs(signal) > 0.01)[-1]]
        whole = predictor.of_utterances([Utterance(signal, 16_000)]).probs[0]
        settings = LiveSettings(smoothing_seconds=0)
        probs = [r.probs for r in read_recording(Recogniser(predictor, settings), np.tile(signal, 6)) if r.time > 4]
        if all(p is not None and p[whole.argmax()] > 0.6 for p in probs):
            return signal, predictor.labels[int(whole.argmax())]
    raise AssertionError("no clip has the same label all over")


class Browser:
    """A browser whose microphone plays a file."""

    def __init__(self, playwright, file: Path | None, allowed: bool = True) -> None:
        flags = [*FLAGS, "--use-fake-device-for-media-stream"]
        if allowed:
            flags.append("--use-fake-ui-for-media-stream")
        if file is not None:
            flags.append(f"--use-file-for-fake-audio-capture={file}")
        self.browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)

    def page(self):
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        return context.new_page()


@pytest.fixture(scope="module")
def listening(chromium):
    """Open a page in a browser whose microphone plays a file."""
    # the fixture chromium holds playwright's one event loop of this process
    made = []

    def opened(file, allowed=True):
        made.append(Browser(_Playwright(chromium), file, allowed))
        return made[-1].page()

    yield opened
    for browser in made:
        browser.browser.close()


class _Playwright:
    def __init__(self, chromium) -> None:
        self.chromium = chromium.browser_type


def microphone(page):
    return page.frame_locator("iframe[title*='webrtc']")


def display(page):
    return page.locator(".live").first


def wait_for_sound(page, seconds):
    """Wait until a session has read so many seconds, and no older one is shown."""
    for _ in range(300):
        if seconds < shown_time(page) < seconds + 3:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"at {shown_time(page)} s, waiting for {seconds} s")


def shown_time(page):
    return float(display(page).get_attribute("data-time"))


def wav(path, signal):
    sf.write(path, soxr.resample(signal, 16_000, 48_000), 48_000, subtype="PCM_16")
    return path


def test_a_clip_through_the_microphone_gets_its_label_and_stop_and_restart_work(
    address, run_folder, shared_audio, tmp_path, listening
):
    signal, label = steady_clip(shared_audio, Predictor.load(run_folder))
    page = listening(wav(tmp_path / "clip.wav", signal))
    page.goto(f"{address}/live")
    expect(page.get_by_text("The microphone is off.")).to_be_visible()
    microphone(page).get_by_role("button", name=START).click()
    wait_for_sound(page, 4.5)
    seen = []
    for _ in range(8):
        seen.append(display(page).evaluate("e => [e.dataset.state, e.dataset.label]"))
        page.wait_for_timeout(250)
    assert {shown for _, shown in seen} == {label}, seen
    assert "sure" in {state for state, _ in seen}
    microphone(page).get_by_role("button", name=STOP).click()
    expect(page.get_by_text("The microphone is off; below, the last of it.")).to_be_visible()
    stopped = shown_time(page)
    page.wait_for_timeout(800)
    assert shown_time(page) == stopped > 4.5
    microphone(page).get_by_role("button", name=START).click()
    wait_for_sound(page, 1)

    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.locator("iframe[title*='webrtc']")).to_have_count(0)
    page.get_by_role("link", name="Live").click()
    expect(microphone(page).get_by_role("button", name=START)).to_be_visible()
    assert not [clip for clip in facets(open_store(open_workspace(run_folder.parents[1])))["corpus"] if clip == "live"]


def test_the_level_is_that_of_the_sound(address, tmp_path, listening):
    tone = (0.25 * np.sin(2 * np.pi * 400 * np.arange(32_000) / 16_000)).astype(np.float32)
    page = listening(wav(tmp_path / "tone.wav", tone))
    page.goto(f"{address}/live")
    microphone(page).get_by_role("button", name=START).click()
    wait_for_sound(page, 2)
    levels = []
    for _ in range(6):
        levels.append(float(display(page).get_attribute("data-level")))
        page.wait_for_timeout(250)
    assert 10 ** (np.median(levels) / 20) == pytest.approx(10 ** (rms_dbfs(tone) / 20), rel=0.02)
    assert display(page).get_attribute("data-state") == "no speech"


def test_a_refused_microphone_is_told_with_what_to_do(address, listening):
    page = listening(None, allowed=False)
    page.goto(f"{address}/live")
    microphone(page).get_by_role("button", name=START).click()
    expect(microphone(page).get_by_text("The browser refused the microphone.")).to_be_visible()
    expect(page.get_by_text("Record instead")).to_be_visible()


@pytest.mark.timeout(900)
def test_ten_minutes_grow_neither_memory_nor_delay(address, run_folder, shared_audio, tmp_path, listening):
    import psutil

    signal, _ = steady_clip(shared_audio, Predictor.load(run_folder))
    page = listening(wav(tmp_path / "clip.wav", signal))
    page.goto(f"{address}/live")
    microphone(page).get_by_role("button", name=START).click()
    wait_for_sound(page, 5)
    port = address.rsplit(":", 1)[1]
    server = next(p for p in psutil.process_iter(["cmdline"]) if f"--server.port={port}" in (p.info["cmdline"] or []))
    begun, rows = time.monotonic(), []
    while time.monotonic() - begun < 600:
        page.wait_for_timeout(30_000)
        behind = time.monotonic() - begun - shown_time(page)
        rows.append((server.memory_info().rss / 1e6, behind))
    assert rows[-1][0] - rows[3][0] < 30, rows
    assert rows[-1][1] - rows[0][1] < 1.0, rows

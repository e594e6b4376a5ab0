import shutil
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from browser_settings import CHROMIUM, FLAGS, PATIENCE
from playwright.sync_api import expect

from affexion_core.audio.decode import load_audio
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.live.recogniser import Recogniser
from affexion_core.predictor import Predictor
from affexion_core.store.clips import facets
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.types import Utterance
from affexion_core.workspace import open_workspace
from affexion_ui.live_refusal import IN_USE, NONE_THERE, NOT_HERE, REFUSED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]

START, STOP = "Start listening", "Stop listening"
STEP, N_STEPS = 4_000, 8
BUSY = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('Could not start', '%s') }"
UNSAFE = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
WATCH = """
(live, seconds) => new Promise(done => {
  const seen = {};
  const timer = setInterval(() => { seen[live.dataset.time] = { ...live.dataset }; }, 20);
  setTimeout(() => { clearInterval(timer); done(Object.values(seen)); }, 1000 * seconds);
})
"""


@pytest.fixture(scope="module")
def run_folder(shared_audio, tmp_path_factory) -> Path:
    """Train the linear baseline on real clips of two actors, angry and calm."""
    root = tmp_path_factory.mktemp("live")
    for label, code in (("anger", "05"), ("calm", "02")):
        for actor in ("01", "02"):
            folder = root / "clips" / label / f"s{actor}"
            folder.mkdir(parents=True)
            for file in sorted((shared_audio / "ravdess" / f"Actor_{actor}").glob(f"*-*-{code}-*.flac"))[:10]:
                shutil.copy(file, folder)
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", root / "clips", ImportOptions(dataset="spoken", origin="real"))
    recipe = from_preset(load_plugin("presets", "linear").PRESET)
    return Path(run_here(store, RunRequest("train", recipe, load_dataset(store, "spoken"), name="Spoken")).folder)


@pytest.fixture(scope="module")
def address(run_folder, serve):
    return serve(run_folder.parents[1])


@pytest.fixture(scope="module")
def steady(shared_audio, run_folder):
    """Two seconds of another speaker, with the label that `predict` gives for them.

    It stays the same wherever a window over the repeated clip lies; a whole number of steps, so that any 8 readings in
    a row have the level of all.
    """
    predictor = Predictor.load(run_folder)
    folder = shared_audio / "ravdess" / "Actor_03"
    n_window, found = round(16_000 * Recogniser(predictor).window_seconds), []
    for file in [*sorted(folder.glob("*-*-02-02-*.flac")), *sorted(folder.glob("*-*-05-02-*.flac"))]:
        signal = load_audio(file).signal
        first = np.flatnonzero(np.abs(signal) > 0.01)[0]
        signal = signal[first : first + N_STEPS * STEP]
        if len(signal) == N_STEPS * STEP:
            best = predictor.of_utterances([Utterance(signal, 16_000)]).probs[0].argmax()
            # between the steps of a reading lie those of the microphone
            turned = [np.roll(np.tile(signal, 3), turn) for turn in range(0, N_STEPS * STEP, STEP // 2)]
            windows = [Utterance(sound[-n_window:], 16_000) for sound in turned]
            found.append((predictor.of_utterances(windows).probs[:, best].min(), signal, predictor.labels[int(best)]))
    surest, signal, label = max(found, key=lambda each: each[0])
    assert surest > 0.7
    return signal, label


@pytest.fixture
def listening(chromium):
    """Open a page in a browser whose microphone plays a file; None for a browser without one."""
    # the fixture chromium holds playwright's one event loop of this process
    made = []

    def opened(file=None, allowed=True, present=True):
        flags = [*FLAGS]
        if present:
            flags.append("--use-fake-device-for-media-stream")
        if allowed:
            flags.append("--use-fake-ui-for-media-stream")
        if file is not None:
            flags.append(f"--use-file-for-fake-audio-capture={file}")
        made.append(chromium.browser_type.launch(executable_path=str(CHROMIUM), args=flags))
        return page_in(made[-1])

    yield opened
    for browser in made:
        browser.close()


def page_in(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    return context.new_page()


class Answers:
    """Asks a server how it is, over and over; ``slowest`` is its longest time for an answer in seconds."""

    def __init__(self, address) -> None:
        self.slowest, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(f"{address}/_stcore/health",), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _ask(self, address) -> None:
        while not self._done.wait(0.1):
            begin = time.monotonic()
            urllib.request.urlopen(address, timeout=60)
            self.slowest = max(self.slowest, time.monotonic() - begin)


def microphone(page):
    return page.frame_locator("iframe[title*='webrtc']")


def press(page, name):
    microphone(page).get_by_role("button", name=name).click()


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


def watched(page):
    """Watch until each step of the repeated clip was shown: a busy machine draws the newest alone, not each."""
    seen = []
    for _ in range(8):
        seen += display(page).evaluate(WATCH, 2.3)
        if all(by_place(seen)):
            break
    return seen


def by_place(seen):
    """List the mean squares of the steps that were shown, by their place in the repeated clip."""
    places = [[] for _ in range(N_STEPS)]
    for at in seen:
        places[round(float(at["time"]) * 16_000 / STEP) % N_STEPS].append(10 ** (float(at["level"] or -200) / 10))
    return places


def share_of_level(seen, signal):
    """Divide the level of the steps that were shown by the clip's."""
    places = by_place(seen)
    assert all(places), seen
    return np.sqrt(np.mean([np.median(place) for place in places]) / np.mean(np.square(signal)))


def test_a_clip_through_the_microphone_is_heard_and_stop_restart_and_leaving_work(
    address, run_folder, steady, tmp_path, listening
):
    signal, label = steady
    page = listening(wav(tmp_path / "clip.wav", signal))
    page.goto(f"{address}/live")
    expect(page.get_by_text("The microphone is off.")).to_be_visible(timeout=PATIENCE)
    press(page, START)
    expect(page.get_by_text("Listening for")).to_be_visible()
    wait_for_sound(page, 2.2)
    with Answers(address) as answers:
        seen = watched(page)
    assert answers.slowest < 5  # it once was minutes
    assert {at["label"] for at in seen} == {label}, seen
    assert "sure" in {at["state"] for at in seen}
    assert share_of_level(seen, signal) == pytest.approx(1, abs=0.02)

    press(page, STOP)
    expect(page.get_by_text("The microphone is off; below, the last of it.")).to_be_visible()
    page.wait_for_timeout(1000)  # the step under way is finished, and drawn
    stopped = shown_time(page)
    page.wait_for_timeout(600)
    assert shown_time(page) == stopped > 4.5
    press(page, START)
    wait_for_sound(page, 0.5)

    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.locator("iframe[title*='webrtc']")).to_have_count(0)
    page.get_by_role("link", name="Live").click()
    expect(microphone(page).get_by_role("button", name=START)).to_be_visible()
    # what was heard before is gone
    expect(page.get_by_text("The microphone is off.")).to_be_visible()
    assert shown_time(page) == 0
    assert not [clip for clip in facets(open_store(open_workspace(run_folder.parents[1])))["corpus"] if clip == "live"]


def test_without_a_microphone_the_page_says_why_and_what_to_do(address, listening):
    page = listening(present=False)
    told = [told_in(page, address)]
    for script in (BUSY % "NotReadableError", BUSY % "NotAllowedError", UNSAFE):
        page = page_in(page.context.browser)
        page.add_init_script(script)
        told.append(told_in(page, address))
    assert [words.removeprefix("⚠ ") for words in told] == [NONE_THERE, IN_USE, REFUSED, NOT_HERE]


def told_in(page, address):
    page.goto(f"{address}/live")
    press(page, START)
    expect(page.locator(".live-refusal")).to_be_visible()
    expect(page.get_by_text("Record instead")).to_be_visible()
    return page.locator(".live-refusal").inner_text()


@pytest.mark.soak
def test_a_browser_that_refuses_is_told_of(address, listening):
    page = listening(allowed=False)
    assert told_in(page, address).endswith(REFUSED)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_ten_minutes_grow_neither_memory_nor_delay(address, steady, tmp_path, listening, counted):
    import psutil

    page = listening(wav(tmp_path / "clip.wav", steady[0]))
    page.goto(f"{address}/live")
    press(page, START)
    wait_for_sound(page, 5)
    port = address.rsplit(":", 1)[1]
    server = next(p for p in psutil.process_iter(["cmdline"]) if f"--server.port={port}" in (p.info["cmdline"] or []))
    begun, rows = time.monotonic(), []
    with Answers(address) as answers:
        while time.monotonic() - begun < 600:
            page.wait_for_timeout(30_000)
            behind = time.monotonic() - begun - shown_time(page)
            rows.append((server.memory_info().rss / 1e6, behind))
    grown, later = rows[-1][0] - rows[3][0], rows[-1][1] - rows[0][1]
    counted(
        "Live, one browser, 10 min",
        f"{shown_time(page):.0f} s heard; memory {grown:+.0f} MB after the first 2 min, delay {later:+.2f} s; slowest "
        f"answer of the server to anybody else {answers.slowest:.2f} s",
    )
    assert grown < 30, rows
    assert later < 1.0, rows

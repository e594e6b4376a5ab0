"""The page Attention in a browser: the playhead runs through the whole stack, and A plays the most attended second."""

import dataclasses
import re

import pytest
from playwright.sync_api import expect
from tones import write_folders

from affexion_core.config import build
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve):
    """Serve a small network trained on tones of 0.6 s, with a clip of 2.6 s among them."""
    import numpy as np
    import soundfile as sf
    from tones import SAMPLING_RATE, tone

    root = tmp_path_factory.mktemp("attended")
    folder = write_folders(root / "voices", labels=("panic", "boredom"), takes=1)
    sf.write(folder / "panic" / "s0" / "long.wav", np.tile(tone("panic", 0, 5), 5)[:41_600], SAMPLING_RATE)
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", folder, ImportOptions(dataset="voices", origin="synthetic"))
    recipe = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    small = build(load_plugin("models", "affexion").Config, {"channels": 4, "hidden": 4, "lstm_layers": 1, "dense": 8})
    training = dataclasses.replace(recipe.training, epochs=1)
    recipe = dataclasses.replace(recipe, model_config=small, training=training)
    dataset = load_dataset(store, "voices")
    run = run_here(store, RunRequest("train", recipe, dataset))
    long = max(dataset.items, key=lambda item: item.clip.duration).clip
    return f"{serve(root / 'workspace')}/attention?run={run.id}&on=train&clip={long.id}"


def test_playhead_key_and_clicks_keep_step(address, page):
    page.goto(address)
    player = page.locator(".attend .sound")
    expect(player).to_have_attribute("data-state", "ready")
    sound, picture = player.locator("audio"), page.locator(".attend-picture")
    duration = sound.evaluate("a => a.duration")
    assert duration == pytest.approx(2.6, abs=0.01)

    def step():
        """Compare where the playhead stands in the picture with the time of the sound and the time in words."""
        box, head = picture.bounding_box(), page.locator(".attend .sound-head").bounding_box()
        share = (head["x"] + head["width"] / 2 - box["x"]) / box["width"]
        time = sound.evaluate("a => a.currentTime")
        assert share * duration == pytest.approx(time, abs=0.02)
        told = float(re.match(r"[\d.]+", page.locator(".sound-time").inner_text()).group())
        assert told == pytest.approx(time, abs=0.06)
        below = page.locator(".sound-wave").bounding_box()
        assert head["y"] <= box["y"] and head["y"] + head["height"] >= below["y"] + below["height"]
        assert (below["x"], below["width"]) == pytest.approx((box["x"], box["width"]), abs=1)
        return time

    assert step() == 0
    box = picture.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 120)
    page.wait_for_function("document.activeElement !== null")
    page.wait_for_timeout(200)
    assert step() == pytest.approx(0.75 * duration, abs=0.03)

    start, end = map(float, re.match(r"([\d.]+)–([\d.]+) s", page.locator(".attend-best-note").inner_text()).groups())
    assert end - start == pytest.approx(1, abs=0.11)
    page.evaluate("""() => {
        window.times = [];
        document.addEventListener("affexion:time", (event) => window.times.push(event.detail));
    }""")
    page.keyboard.press("a")
    expect(player).to_have_attribute("data-state", "playing")
    expect(player).to_have_attribute("data-state", "ready")
    times = page.evaluate("window.times.map((told) => told.time)")
    assert min(times[2:]) > start - 0.11 and max(times) < end + 0.25, "the second alone, once"
    assert max(times) > end - 0.15
    page.wait_for_timeout(200)
    step()

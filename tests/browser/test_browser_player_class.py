"""The class ``Player`` on a page of its own, as other scripts use it."""

import io
import json

import numpy as np
import pytest
import soundfile as sf
from tones import tone

from affexion_ui.sound.component import player_source, player_style

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Counts what is added and taken away, so that what is left after the end shows.
COUNT = """
    window.left = { listeners: 0, blobs: 0, contexts: 0 };
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (name, act, options) {
        if (options?.signal) {
            window.left.listeners += 1;
            add.call(options.signal, "abort", () => { window.left.listeners -= 1; });
        } else if (this instanceof Node) window.left.listeners += 1;
        return add.call(this, name, act, options);
    };
    const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = (blob) => { window.left.blobs += 1; return create(blob); };
    URL.revokeObjectURL = (url) => { window.left.blobs -= 1; revoke(url); };
    window.AudioContext = class { constructor() { window.left.contexts += 1; } };
"""
HEAD = "<!doctype html><meta charset=utf-8><title>Player</title>"


def wav(seconds: float) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, tone("panic", 1, 1, seconds), 16_000, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


@pytest.fixture
def bench(page):
    """Open a page with a player ``p`` and ten clips of one second; names other than ``clip<n>`` answer 404."""
    sound = wav(1.0)
    asked = page.asked = []

    def answer(route):
        name = route.request.url.rsplit("/", 1)[-1]
        if name == "":
            script = "<div id=root></div><div id=edit contenteditable><b>x</b></div><button id=other>Other</button>"
            style = f"<style>{player_style()}</style>"
            code = f"{player_source()}\nwindow.Player = Player; window.dispatchEvent(new Event('here'));"
            route.fulfill(body=f"{HEAD}{style}{script}<script type=module>{code}</script>", content_type="text/html")
            return
        asked.append(name)
        if name.startswith("clip"):
            route.fulfill(body=sound, content_type="audio/wav")
        elif name == "text.wav":
            route.fulfill(body=b"no sound", content_type="audio/wav")
        else:
            route.fulfill(status=404)

    page.add_init_script(COUNT)
    page.route("http://player.test/**", answer)
    page.goto("http://player.test/")
    page.wait_for_function("!!window.Player")
    page.evaluate(
        """peaks => {
            window.told = { played: [], regions: [], stops: 0 };
            window.clip = (n) => ({ url: `/clip${n}.wav`, peaks, duration: 1, spectrogram: null });
            window.p = new Player(document.getElementById("root"), {
                key: "bench",
                onPlayed: (heard) => told.played.push(heard),
                onRegion: (region) => told.regions.push(region),
                onStop: () => { told.stops += 1; },
            });
        }""",
        np.tile([-60, 60], 50).tolist(),
    )
    page.mouse.click(5, 500)  # a first click lets sound play
    return page


def test_a_clip_is_heard_once_however_often_it_plays(bench):
    assert bench.evaluate("p.load(clip(1))") is True
    assert bench.evaluate("p.state()") == {
        "name": "ready", "url": "/clip1.wav", "time": 0, "duration": 1, "playing": False, "rate": 1, "looping": False,
        "region": None, "heard": 0,
    }  # fmt: skip
    bench.evaluate("p.speed(2); p.select({ start: 0.2, end: 0.6 })")
    bench.wait_for_function("told.played.length > 30")
    bench.evaluate("p.pause()")
    bench.wait_for_function("told.stops === 1")
    # a busy machine looks late for the end of the region
    assert 0.38 < bench.evaluate("p.heard()") < 0.8
    assert bench.evaluate("told.regions") == [{"start": 0.2, "end": 0.6}]
    bench.evaluate("p.select(null); p.seek(0); p.play()")
    bench.wait_for_function("told.stops === 2")
    assert bench.evaluate("[p.heard(), p.state().looping]") == [pytest.approx(1.0, abs=0.01), False]
    bench.evaluate("window.next = p.load(clip(2)); window.early = p.heard(); next")
    assert bench.evaluate("[early, p.heard()]") == [0, 0], "what was heard of the last clip is not the next one's"


def test_the_last_of_two_clips_wins_however_late_the_first_comes(bench):
    answers = bench.evaluate(
        """() => {
            const { fetch } = window;
            const late = (url) => new Promise((resolve) => setTimeout(resolve, 400)).then(() => fetch(url));
            window.fetch = (url, options) => (url === "/clip1.wav" ? late(url) : fetch(url, options));
            return Promise.all([p.load(clip(1)), p.load(clip(2))]);
        }"""
    )
    assert answers == [False, True]
    held = "p.store.get('/clip2.wav').then((url) => url === document.querySelector('audio').src)"
    assert bench.evaluate(held), "the sound is that of the clip on screen"


def test_play_before_the_sound_is_there_plays_then(bench):
    bench.evaluate("void p.load(clip(1)); p.play()")
    bench.wait_for_function("p.state().playing")
    bench.evaluate("void p.load(clip(2)); p.play(); p.pause()")
    bench.wait_for_function("p.state().name === 'ready'")
    bench.wait_for_timeout(100)
    assert not bench.evaluate("p.state().playing")


def test_what_fails_is_told_and_can_be_tried_again(bench):
    assert bench.evaluate("p.load({ ...clip(1), url: '/gone.wav' })") is False
    assert "could not be fetched" in bench.get_by_role("status").inner_text()
    bench.get_by_role("button", name="Try again").click()
    bench.wait_for_function("p.state().name === 'missing'")
    assert bench.asked.count("gone.wav") == 2
    assert bench.evaluate("p.load({ ...clip(1), url: '/text.wav' })") is False
    assert "can't play this sound" in bench.get_by_role("status").inner_text()
    assert bench.get_by_role("button", name="Play").is_disabled()
    assert bench.evaluate("p.load({ ...clip(1), silent: true })") is True
    assert "silent" in bench.get_by_role("status").inner_text()


def test_preloaded_clips_are_fetched_once_and_few_are_kept(bench):
    bench.evaluate("p.load(clip(0))")
    for n in range(10):
        bench.evaluate("n => { p.preload([`/clip${n + 1}.wav`, `/clip${n + 2}.wav`]); return p.load(clip(n)); }", n)
    bench.wait_for_timeout(200)
    assert sorted(bench.asked) == sorted(f"clip{n}.wav" for n in range(12))
    assert bench.evaluate("left.blobs") <= 6


KEYS = [
    ({"key": " "}, "body", True),
    ({"key": "L"}, "body", True),
    ({"key": "<"}, "body", True),
    ({"key": "ArrowLeft", "shiftKey": True}, "body", True),
    ({"key": "x"}, "body", False),
    ({"key": "l", "ctrlKey": True}, "body", False),
    ({"key": "l", "metaKey": True}, "body", False),
    ({"key": "l", "isComposing": True}, "body", False),
    ({"key": "Escape"}, "body", False),
    ({"key": "End"}, "body", False),
    ({"key": "End"}, ".sound-field", True),
    ({"key": "ArrowLeft"}, ".sound-field", True),
    ({"key": " "}, "#edit b", False),
    ({"key": "l"}, "#edit b", False),
    ({"key": " "}, "#other", False),
    ({"key": "l"}, "#other", True),
]


def test_which_keys_are_taken(bench):
    bench.evaluate("p.load(clip(1))")
    for key, where, taken in KEYS:
        answer = bench.evaluate(
            """([key, where]) => {
                const event = new KeyboardEvent("keydown", { ...key, bubbles: true, cancelable: true, composed: true });
                document.querySelector(where).dispatchEvent(event);
                return event.defaultPrevented;
            }""",
            [key, where],
        )
        assert answer is taken, (key, where)


def test_nothing_is_left_after_the_end(bench):
    before = json.loads(bench.evaluate("JSON.stringify(left)"))
    bench.evaluate(
        """async () => {
            p.destroy();
            window.before = { ...left };
            for (let i = 0; i < 5; i += 1) {
                const player = new Player(document.getElementById("root"), { key: "short" });
                await player.load(clip(i));
                player.preload([clip(i + 1).url]);
                player.play();
                player.destroy();
            }
        }"""
    )
    bench.wait_for_timeout(300)
    after = bench.evaluate("left")
    assert before["listeners"] > 10, "the count counts"
    assert after == bench.evaluate("before") and after["blobs"] == after["contexts"] == 0
    assert bench.locator("#root").inner_html() == ""
    assert bench.locator("#root").get_attribute("data-sound") is None


def test_controls_have_names_sizes_and_contrast(bench):
    bench.evaluate("p.load(clip(1))")
    bench.evaluate("p.select({ start: 0.2, end: 0.6 })")
    for element in bench.locator("#root button:visible").all():
        box = element.bounding_box()
        assert box["width"] >= 32 and box["height"] >= 32, element.inner_html()
        assert element.get_attribute("aria-label") and element.get_attribute("title")
    slider = bench.get_by_role("slider", name="Position in the clip")
    bench.evaluate("p.pause(); p.seek(0.3)")
    assert slider.get_attribute("aria-valuetext") == "0.3 of 1.0 seconds"
    slider.focus()
    bench.keyboard.press("ArrowRight")
    assert bench.evaluate("p.state().time") == pytest.approx(0.6), "it stays inside the region"
    bench.set_viewport_size({"width": 390, "height": 800})
    assert bench.evaluate("document.documentElement.scrollWidth") <= 390

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]

COUNT_CONTEXTS = """
    window.contexts = 0;
    for (const name of ["AudioContext", "webkitAudioContext", "OfflineAudioContext"]) {
        if (window[name]) window[name] = class extends window[name] {
            constructor(...parts) { super(...parts); window.contexts += 1; }
        };
    }
"""
FOLLOW = """() => {
    window.times = [];
    const keep = (event) => window.times.push({ ...event.detail, at: performance.now() });
    document.addEventListener("affexion:time", keep);
}"""


@pytest.fixture(scope="module")
def workspace(shared_audio, tmp_path_factory) -> Path:
    """Import 31 real clips whose names would tell a listener who speaks and how."""
    root = tmp_path_factory.mktemp("heard")
    folder = root / "corpus" / "panic" / "s1"
    folder.mkdir(parents=True)
    for file in sorted((shared_audio / "ravdess").rglob("*.flac"))[:31]:
        shutil.copy(file, folder)
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", root / "corpus", ImportOptions(dataset="people", origin="real"))
    return root / "workspace"


@pytest.fixture(scope="module")
def address(workspace, serve):
    return serve(workspace)


@pytest.fixture(scope="module")
def two(workspace, serve):
    return serve(workspace, Path(__file__).parent / "player_page.py")


def audio(player):
    state = player.locator("audio").evaluate(
        "a => ({ time: a.currentTime, paused: a.paused, rate: a.playbackRate, pitch: a.preservesPitch, loop: a.loop })"
    )
    return type("State", (), state)


def ready(page, n=1):
    players = page.locator(".sound")
    expect(players).to_have_count(n)
    for i in range(n):
        expect(players.nth(i)).to_have_attribute("data-state", "ready")
    return players


def drag(page, player, start, end):
    box = player.locator(".sound-field").bounding_box()
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 30, steps=5)
    page.mouse.up()


def test_a_real_clip_plays_by_keys_but_not_while_typing(address, page):
    page.goto(f"{address}/library")
    player = ready(page)
    page.evaluate(FOLLOW)
    page.keyboard.press("Space")
    expect(player).to_have_attribute("data-state", "playing")
    page.wait_for_function("window.times.some((told) => told.time > 0.5)")
    page.keyboard.press("Space")
    expect(player).to_have_attribute("data-state", "ready")
    times = page.evaluate("window.times")
    assert times[0]["key"] == "library" and times[-1]["playing"] is False
    assert [told["time"] for told in times] == sorted(told["time"] for told in times)
    assert len(times) / (times[-1]["at"] - times[0]["at"]) * 1000 < 31, "at most 30 a second"

    page.keyboard.press("l")
    assert audio(player).loop
    for key in (">", ">", "<"):
        page.keyboard.press(key)
    state = audio(player)
    assert (state.rate, state.pitch) == (1.25, True)
    before = state.time
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert audio(player).time == pytest.approx(min(before + 2, 10) - 0.5, abs=0.1)

    search = page.get_by_placeholder("words, speaker, file")
    search.click()
    time = audio(player).time
    page.keyboard.type("l > <")
    page.keyboard.press("ArrowLeft")
    state = audio(player)
    assert (state.paused, state.rate, state.loop) == (True, 1.25, True) and state.time == time
    expect(search).to_have_value("l > <")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")


def test_a_drag_selects_what_loops_and_escape_clears(two, page):
    page.goto(two)
    player = ready(page, 2).first
    page.evaluate(FOLLOW)
    drag(page, player, 0.3, 0.45)
    expect(player).to_have_attribute("data-state", "playing")
    duration = player.locator("audio").evaluate("a => a.duration")
    start, end = 0.3 * duration, 0.45 * duration
    page.wait_for_function("window.times.filter((told, i, all) => i && told.time < all[i - 1].time).length >= 2")
    times = page.evaluate("window.times.map((told) => told.time)")[1:]
    assert start - 0.05 < min(times) and max(times) < end + 0.15
    page.keyboard.press("Escape")
    expect(player.locator(".sound-region")).to_be_hidden()
    page.wait_for_function("end => window.times.at(-1).time > end + 0.3", arg=end)
    expect(player).to_have_attribute("data-state", "ready")
    assert audio(player).time == pytest.approx(duration, abs=0.05)


def test_of_two_players_only_the_one_touched_last_plays(two, page):
    page.goto(two)
    players = ready(page, 2)
    first, second = players.first, players.nth(1)
    page.keyboard.press("Space")
    expect(first).to_have_attribute("data-state", "playing")
    assert audio(second).paused
    second.get_by_role("button", name="Play").click()
    expect(second).to_have_attribute("data-state", "playing")
    expect(first).to_have_attribute("data-state", "ready")
    page.keyboard.press(">")
    assert (audio(first).rate, audio(second).rate) == (1, 1.25)
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Clip 1 is shown")).to_be_visible()
    assert not audio(second).paused, "Space pressed the button that had the focus, and nothing else"


def test_what_was_heard_is_reported(two, page):
    page.goto(two)
    second = ready(page, 2).nth(1)
    drag(page, second, 0.5, 0.75)
    page.wait_for_timeout(600)
    page.keyboard.press("Space")
    said = page.get_by_text(re.compile("Heard 0.[12]"))
    expect(said).to_be_visible()
    duration = second.locator("audio").evaluate("a => a.duration")
    start, end = map(float, re.findall(r"\d+\.\d+", said.inner_text().split("region")[1]))
    assert (start, end) == pytest.approx((0.5 * duration, 0.75 * duration), abs=0.05)


def test_sound_is_served_blind(two, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/static/" not in request.url else None)
    page.goto(two)
    ready(page, 2)
    assert any(url.endswith(".wav") for url in asked) and any(url.endswith(".png") for url in asked)
    for url in (url for url in asked if "/media/" in url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/media/[0-9a-f]+\.(wav|png|m?js|es)", url), url


def test_thirty_clips_leave_no_memory_and_no_audio_context_behind(two, chromium, page):
    page.add_init_script(COUNT_CONTEXTS)
    page.goto(two)
    player = ready(page, 2).first
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    devtools = page.context.new_cdp_session(page)

    def heap():
        devtools.send("HeapProfiler.collectGarbage")
        return devtools.send("Runtime.getHeapUsage")["usedSize"]

    sizes = []
    for i in range(1, 31):
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text(f"Clip {i} is shown")).to_be_visible()
        expect(player).to_have_attribute("data-state", "ready")
        if i % 10 == 0:
            sizes.append(heap())
    assert page.evaluate("window.contexts") == 0
    assert page.locator("audio").count() == 2
    # 500 clips may cost 50 MB
    assert sizes[-1] - sizes[0] < 2_000_000, sizes


def test_the_next_clip_is_there_before_it_is_asked_for(two, page):
    page.goto(f"{two}?autoplay=on")
    players = ready_or_playing(page)
    with page.expect_response(re.compile(r"\.wav$")):
        page.get_by_role("button", name="Next").click()
    expect(players.first).to_have_attribute("data-state", "playing")
    page.wait_for_timeout(500)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Clip 2 is shown")).to_be_visible()
    expect(players.first).to_have_attribute("data-state", "playing")
    shown = players.first.locator("audio").evaluate("a => a.src")
    assert shown.startswith("blob:")
    assert len([url for url in asked if url.endswith(".wav")]) == 1, "only the one two places on is fetched"


def ready_or_playing(page):
    players = page.locator(".sound")
    expect(players).to_have_count(2)
    expect(players.first).to_have_attribute("data-state", re.compile("ready|playing|blocked"))
    return players


def test_the_script_is_fetched_once_and_another_clip_brings_its_data_alone(two, page):
    scripts, frames = [], []
    page.on("request", lambda request: scripts.append(request.url) if request.resource_type == "script" else None)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    page.goto(two)
    ready(page, 2)
    assert len([address for address in scripts if "/media/" in address]) == 1, "of two players"
    frames.clear()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Clip 1 is shown")).to_be_visible()
    page.wait_for_timeout(500)
    # the script and its style alone are 35 kB; what both players are given is 12 kB
    assert 1000 < sum(frames) < 20_000
    assert len([address for address in scripts if "/media/" in address]) == 1
    rule = "e => getComputedStyle(e.querySelector('.sound-field')).position"
    assert [player.evaluate(rule) for player in page.locator(".sound").all()] == ["relative"] * 2, "the style is there"


def test_a_script_that_does_not_come_is_said(two, page):
    page.route(
        "**/media/*", lambda route: route.abort() if route.request.resource_type == "script" else route.continue_()
    )
    page.goto(two)
    expect(page.get_by_text("This part couldn't be fetched. Reload the page.")).to_have_count(2)
    page.unroute("**/media/*")
    page.reload()
    ready(page, 2)
    expect(page.get_by_text("couldn't be fetched")).to_have_count(0)

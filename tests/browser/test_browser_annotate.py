import json
import re
import time
from collections import Counter
from itertools import pairwise

import pytest
from browser_settings import CHROMIUM, FLAGS
from playwright.sync_api import expect
from sqlalchemy import text
from station_pages import LABELS, NOTE_KEYS, PEOPLE, Rater, make_bench, meant, tab

from affexion_core.labeling.agreement import krippendorff_alpha
from affexion_core.labeling.people import add_person, list_people
from affexion_core.labeling.projects import close_project, open_project
from affexion_core.labeling.queue import past_answers
from affexion_core.labeling.votes import load_votes, ratings_of_votes
from affexion_core.store.clips import get_clip
from affexion_core.store.labels import add_annotations, current_annotations, find_annotations
from affexion_core.store.people import Person
from affexion_core.store.session import writing
from affexion_core.types import Annotation, Scheme

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]
SOAK = pytest.mark.soak
BEN = Person("Ben", "rater")


@pytest.fixture(scope="module")
def bench(shared_audio, tmp_path_factory):
    return make_bench(tmp_path_factory.mktemp("annotated"), shared_audio)


@pytest.fixture(scope="module")
def address(bench, serve):
    return serve(bench.store.workspace.root)


@pytest.fixture(scope="module")
def loud(chromium):
    """Start a browser that plays sound without a click before."""
    flags = [*FLAGS, "--autoplay-policy=no-user-gesture-required", "--js-flags=--expose-gc"]
    browser = chromium.browser_type.launch(executable_path=str(CHROMIUM), args=flags)
    yield browser
    browser.close()


@pytest.fixture
def context(loud):
    made = loud.new_context(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@pytest.fixture
def three(loud):
    """Open three browsers' worth of cookies and storage: three people at three machines."""
    made = [loud.new_context(viewport={"width": 1280, "height": 800}) for _ in range(3)]
    yield made
    for one in made:
        one.close()


def judged(store, project):
    """Give what stands in the store: (rater, clip) → label or reason."""
    found = [made for made in find_annotations(store) if made.project == project]
    standing = current_annotations(found)
    told = {(made.rater, made.clip_id): made.value or made.unclear for made in standing if made.take == 0}
    assert len(told) == len([made for made in standing if made.take == 0])
    return told


def alpha_by_hand(told):
    """Nominal alpha from the table of coincidences, as in Krippendorff's own example."""
    clips = {}
    for (_, clip), label in told.items():
        clips.setdefault(clip, []).append(label)
    coincidences = Counter()
    for labels in clips.values():
        for i, one in enumerate(labels):
            for j, other in enumerate(labels):
                if i != j:
                    coincidences[one, other] += 1 / (len(labels) - 1)
    n = sum(coincidences.values())
    margins = Counter()
    for (one, _), count in coincidences.items():
        margins[one] += count
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    expected = (n * n - sum(m * m for m in margins.values())) / (n - 1)
    return 1 - observed / expected


@pytest.mark.parametrize("n", [12, pytest.param(60, marks=SOAK)])
def test_three_raters_by_keyboard_alone(n, bench, address, three):
    ids = bench.project(f"Keys {n}", n, overlap=3)
    anna, ben, cleo = [
        Rater(tab(context), address, name, f"Keys {n}") for context, name in zip(three, PEOPLE, strict=True)
    ]
    assert anna.answer() == n
    ben.answer(n // 2)
    ben.page.reload()  # at once: what isn't saved yet is sent after it
    ben.answer()
    other = Rater(tab(three[2]), address, "Cleo", f"Keys {n}")
    for _ in range(n // 2):  # both may show one clip: the second answer to it corrects the first
        cleo.answer(1)
        other.answer(1)
    cleo.answer()
    other.answer()
    for rater in (anna, ben, cleo, other):
        expect(rater.station).to_have_attribute("data-mode", "done")
        expect(rater.page.get_by_text("Nothing is waiting for you")).to_be_visible()

    told = judged(bench.store, f"Keys {n}")
    assert told == {(name, clip): LABELS[meant(name, clip)] for name in PEOPLE for clip in ids}
    votes = load_votes(bench.store, f"Keys {n}")
    computed = krippendorff_alpha(ratings_of_votes(votes), n_resamples=10).value
    assert computed == pytest.approx(alpha_by_hand(told), abs=1e-9)
    assert 0.1 < computed < 0.95


@pytest.mark.parametrize("pairs", [80, pytest.param(1000, marks=SOAK)])
def test_key_pairs_20_ms_apart_land_on_the_clip_on_screen(pairs, bench, address, context):
    n = 60 if pairs < 1000 else 300
    ids = bench.project(f"Fast {pairs}", n, overlap=1)
    page = tab(context)
    page.add_init_script(NOTE_KEYS)
    rater = Rater(page, address, "Ben", f"Fast {pairs}")
    rater.clip()
    rater.press("k")  # a label, then Enter
    for i in range(pairs):
        for key in (str(i % 4 + 1), "Enter"):
            began = time.perf_counter()
            page.keyboard.press(key)
            page.wait_for_timeout(max(0, 20 - 1000 * (time.perf_counter() - began)))
    rater.saved()
    noted = [(key, clip) for key, clip in page.evaluate("window.pressed") if key in ("1", "2", "3", "4", "Enter")]
    meant_for = {}
    for (key, clip), (then, same) in pairwise(noted):
        if then == "Enter" and clip and clip == same:
            meant_for["Ben", clip] = LABELS[int(key) - 1]
    told = judged(bench.store, f"Fast {pairs}")
    assert told == meant_for
    assert len(told) > 20 and {clip for _, clip in told} <= set(ids)


def test_keys_are_letters_while_a_comment_is_written(bench, address, context):
    bench.project("Comment", 3, overlap=1)
    rater = Rater(tab(context), address, "Ben", "Comment")
    clip = rater.clip()
    rater.press("m")
    rater.page.keyboard.type("1 sounds unclear, but 2? ")
    assert rater.clip() == clip
    assert judged(bench.store, "Comment") == {}
    rater.press("Enter", "2")
    rater.moved(clip)
    rater.saved()
    (answer,) = past_answers(bench.store, "Comment", BEN)
    assert (answer.answer.label, answer.answer.comment) == (LABELS[1], "1 sounds unclear, but 2?")


def test_everything_can_be_said_and_changed_by_keys(bench, address, context):
    bench.project("All", 4, overlap=1, dimensions=("arousal", "valence", "dominance"), intensity=True)
    rater = Rater(tab(context), address, "Ben", "All")
    first = rater.clip()
    rater.press("1", "Shift+3", "c", "4", "i", "2", "a", "7", "v", "1", "Enter")
    expect(rater.page.locator(".station-note")).to_contain_text("Not set yet: dominance")
    assert rater.clip() == first
    rater.press("d", "3", "Enter")
    rater.moved(first)
    second = rater.clip()
    rater.press("u", "6", "Enter")
    rater.moved(second)
    third = rater.clip()
    rater.press("s")
    rater.moved(third)
    fourth = rater.clip()
    rater.press("b", "b", "b")  # past the skip and the unclear one
    expect(rater.station).to_have_attribute("data-clip", first)
    expect(rater.page.locator(".station-past")).to_contain_text(f"You said “{LABELS[0]} + {LABELS[2]}”")
    rater.press("2", "Enter")
    expect(rater.station).to_have_attribute("data-clip", fourth)
    rater.saved()

    answers = {made.answer.clip_id: made.answer for made in past_answers(bench.store, "All", BEN)}
    assert answers.keys() == {first, second}
    changed = answers[first]
    assert (changed.label, changed.second, changed.confidence, changed.intensity) == (LABELS[1], LABELS[2], 4, 2)
    assert changed.dimensions == {"arousal": 7, "valence": 1, "dominance": 3}
    assert answers[second].unclear == "two signals"
    assert len([made for made in find_annotations(bench.store, [first], "affexion") if made.project == "All"]) == 2


def test_back_works_after_the_end_and_a_draft_survives_a_reload(bench, address, context):
    bench.project("End", 2, overlap=1)
    rater = Rater(tab(context), address, "Ben", "End")
    first = rater.clip()
    rater.press("k", "Shift+4", "2", "m")
    rater.page.keyboard.type("half a thought")
    rater.page.reload()
    assert rater.clip() == first
    expect(rater.page.get_by_role("button", name=LABELS[1])).to_have_attribute("aria-pressed", "true")
    expect(rater.page.get_by_role("textbox", name="Comment")).to_have_value("half a thought")
    rater.press("Enter")
    rater.moved(first)
    last = rater.clip()
    rater.press("1", "Enter")
    expect(rater.station).to_have_attribute("data-mode", "done")
    rater.saved()
    rater.page.reload()
    expect(rater.station).to_have_attribute("data-mode", "done")
    rater.press("b")
    expect(rater.station).to_have_attribute("data-clip", last)
    rater.press("3", "Enter")
    expect(rater.station).to_have_attribute("data-mode", "done")
    rater.saved()
    assert judged(bench.store, "End") == {("Ben", first): LABELS[1], ("Ben", last): LABELS[2]}


def test_an_early_answer_waits_until_the_clip_was_heard(bench, address, context):
    bench.project("Heard", 3, overlap=1, must_listen=True)
    rater = Rater(tab(context), address, "Ben", "Heard")
    clip = rater.clip()
    rater.press("2")
    assert rater.clip() == clip
    expect(rater.page.get_by_role("button", name="Sent when heard")).to_be_visible()
    rater.moved(clip)
    second = rater.clip()
    rater.press("1", "Escape", "Escape", "3")
    rater.moved(second)
    rater.saved()
    assert judged(bench.store, "Heard") == {("Ben", clip): LABELS[1], ("Ben", second): LABELS[2]}
    for made in past_answers(bench.store, "Heard", BEN):
        assert made.answer.heard >= 0.9 and made.answer.seconds > 0.9
        assert "not heard" not in made.flags


def test_without_leave_to_play_the_page_says_press_space(bench, address, page, chromium):
    bench.project("Quiet", 2, overlap=1, must_listen=True)
    Rater(page, address, "Ben", "Quiet").clip()
    # as after the browser was started anew: it knows the name, and nobody has clicked yet
    context = chromium.new_context(storage_state=page.context.storage_state())
    quiet = tab(context)
    # Playwright's own looks at a page count as clicks, so there is none until the browser has refused
    with quiet.expect_response(lambda answer: "audio" in answer.headers.get("content-type", ""), timeout=60_000):
        quiet.goto(f"{address}/annotate?project=Quiet", wait_until="commit")
    quiet.wait_for_timeout(3000)
    expect(quiet.locator(".station-note")).to_have_text("Press Space to hear the clip.")
    assert quiet.locator("audio").evaluate("audio => audio.paused && audio.currentTime === 0")
    quiet.keyboard.press("Space")
    expect(quiet.locator(".sound")).to_have_attribute("data-state", "playing")
    expect(quiet.locator(".station-note")).to_be_hidden()
    context.close()


def test_answers_outlive_a_killed_server(bench, serve, context):
    ids = bench.project("Killed", 8, overlap=1)
    root = bench.store.workspace.root
    address = serve(root)
    rater = Rater(tab(context), address, "Ben", "Killed")
    rater.answer(2)
    rater.saved()
    serve.kill(address)
    assert rater.answer(2) == 2  # the clips fetched ahead
    expect(rater.page.locator(".station-saved")).to_have_text("2 not saved", timeout=30_000)
    assert len(judged(bench.store, "Killed")) == 2
    serve(root, port=int(address.rsplit(":", 1)[1]))
    rater.saved()
    assert rater.answer() == 4
    rater.saved()
    assert judged(bench.store, "Killed") == {("Ben", clip): LABELS[meant("Ben", clip)] for clip in ids}


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=SOAK)])
def test_what_cannot_be_saved_is_told_kept_and_sent_again(times, bench, address, context):
    bench.project(f"Full {times}", 4 * times, overlap=1)
    rater = Rater(tab(context), address, "Ben", f"Full {times}")
    for round_ in range(times):
        rater.clip()
        run_sql(
            bench.store, "CREATE TRIGGER full BEFORE INSERT ON annotation BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
        clip = rater.clip()
        rater.press("1")
        rater.moved(clip)
        expect(rater.page.locator(".station-note")).to_contain_text("Not saved yet.")
        expect(rater.page.locator(".station-saved")).to_have_attribute("data-state", "bad")
        assert len(judged(bench.store, f"Full {times}")) == round_
        run_sql(bench.store, "DROP TRIGGER full")
        rater.page.get_by_role("button", name="Try now").click()
        rater.saved()
        assert judged(bench.store, f"Full {times}")["Ben", clip] == LABELS[0]


def run_sql(store, statement):
    # Through the store's own SQLite: a second library in one process loses the locks of the first and removes its log.
    with writing(store) as connection:
        connection.execute(text(statement))


def test_a_closed_project_refuses_in_words_and_keeps_the_answer(bench, address, context):
    bench.project("Shut", 3, overlap=1)
    rater = Rater(tab(context), address, "Ben", "Shut")
    clip = rater.clip()
    close_project(bench.store, bench.owner, "Shut")
    rater.press("1")
    expect(rater.page.locator(".station-note")).to_contain_text("Project 'Shut' is closed")
    expect(rater.page.get_by_text("This project is closed")).to_be_visible()
    assert judged(bench.store, "Shut") == {}
    rater.page.reload()
    expect(rater.page.locator(".station-note")).to_contain_text("Project 'Shut' is closed")
    open_project(bench.store, bench.owner, "Shut")
    rater.page.get_by_role("button", name="Try again").click()
    rater.saved()
    assert judged(bench.store, "Shut") == {("Ben", clip): LABELS[0]}


HOSTILE = "<img src=x onerror=window.hacked=1>"


def test_scripts_in_labels_comments_and_instructions_do_not_run(bench, address, context):
    labels = (HOSTILE, "<script>window.hacked=1</script>", "{{7*7}}", "**bold** :red[x]")
    scheme = Scheme("hostile", labels)
    bench.project("<b onclick=window.hacked=1>Bold</b>", 3, scheme, overlap=1, instructions=f"{HOSTILE}\n</p><script>")
    rater = Rater(tab(context), address, "Ben", "<b onclick=window.hacked=1>Bold</b>")
    clip = rater.clip()
    rater.press("m")
    rater.page.keyboard.type(HOSTILE)
    rater.press("Enter", "1")
    rater.moved(clip)
    rater.saved()
    expect(rater.page.locator(".station-chip")).to_have_text([HOSTILE])
    expect(rater.page.locator(".station-instructions")).to_contain_text(HOSTILE)
    expect(rater.page.locator(".station-label").nth(1)).to_contain_text("<script>")
    rater.press("b")
    expect(rater.page.get_by_role("textbox", name="Comment")).to_have_value(HOSTILE)
    assert rater.page.evaluate("window.hacked") is None
    assert rater.page.locator(".station img:not(.sound-strip)").count() == 0


def test_a_phone_reaches_everything_without_keys(bench, address, loud):
    bench.project("Phone", 3, overlap=1, dimensions=("arousal",), must_listen=False)
    context = loud.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    rater = Rater(tab(context), address, "Ben", "Phone")
    clip = rater.clip()
    page = rater.page
    wide = page.evaluate(
        "[...document.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > 391).length"
    )
    assert wide == 0
    small = rater.station.evaluate(
        "s => [...s.querySelectorAll('button, textarea')].filter((b) => b.checkVisibility())"
        ".map((b) => [b.className, b.getBoundingClientRect()]).filter(([, r]) => r.width < 32 || r.height < 32)"
        ".map(([name]) => name)"
    )
    assert small == []
    page.get_by_role("button", name=LABELS[2]).tap()
    page.get_by_role("button", name="Second label").tap()
    page.get_by_role("button", name=LABELS[0]).tap()
    page.get_by_role("button", name="Confidence 5 of 5, certain").tap()
    page.get_by_role("button", name="Arousal 6 of 7").tap()
    page.get_by_role("button", name="Submit").tap()
    rater.moved(clip)
    second = rater.clip()
    page.get_by_role("button", name="Unclear").tap()
    page.get_by_role("button", name="music").tap()
    page.get_by_role("button", name="Submit").tap()
    rater.moved(second)
    page.get_by_role("button", name="Back", exact=True).tap()
    expect(rater.station).to_have_attribute("data-clip", second)
    page.get_by_role("button", name="Go on where I was").tap()
    rater.saved()
    made = {one.answer.clip_id: one.answer for one in past_answers(bench.store, "Phone", BEN)}
    assert (made[clip].label, made[clip].second, made[clip].confidence) == (LABELS[2], LABELS[0], 5)
    assert made[clip].dimensions == {"arousal": 6} and made[second].unclear == "music"
    context.close()


def test_the_list_of_keys_opens_closes_and_holds_keys_back(bench, address, context):
    bench.project("Help", 2, overlap=1)
    rater = Rater(tab(context), address, "Ben", "Help")
    clip = rater.clip()
    rater.press("?")
    dialog = rater.page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("go back to the clip before")
    rater.press("1", "s")
    assert rater.clip() == clip
    rater.press("Escape")
    expect(dialog).to_be_hidden()
    rater.press("1")
    rater.moved(clip)


@pytest.mark.parametrize("n", [60, pytest.param(500, marks=SOAK)])
def test_memory_stays_and_no_audio_context_is_made(n, bench, address, context):
    bench.project(f"Memory {n}", n, overlap=1)
    page = tab(context)
    page.add_init_script(
        "window.contexts = 0; for (const name of ['AudioContext', 'OfflineAudioContext']) window[name] = "
        "class extends window[name] { constructor(...given) { super(...given); window.contexts += 1; } };"
    )
    rater = Rater(page, address, "Ben", f"Memory {n}")
    rater.answer(10)
    devtools = context.new_cdp_session(page)
    before = heap(devtools)
    rater.answer()
    expect(rater.station).to_have_attribute("data-mode", "done")
    assert heap(devtools) - before < 50e6 * n / 500, n
    assert page.evaluate("window.contexts") == 0


def heap(devtools):
    devtools.send("HeapProfiler.collectGarbage")
    return devtools.send("Runtime.getHeapUsage")["usedSize"]


@pytest.mark.parametrize(
    ("n_sessions", "n_answers"), [(3, 5), pytest.param(10, 100, marks=[SOAK, pytest.mark.timeout(1800)])]
)
def test_nothing_of_others_reaches_a_browser(n_sessions, n_answers, bench, address, loud, counted):
    """TEAM3 and TEAM4: canaries stand in what others said, in file names and in what models said.

    An answer is two actions, a comment and a label, taken in turn by all sessions.
    """
    names = people(bench.store, n_sessions)
    project = f"Blind {n_sessions}"
    ids = bench.project(project, n_answers + 1, overlap=n_sessions, repeat_share=0.5 if n_answers < 10 else 0.1)
    plant_canaries(bench, ids)
    contexts = [loud.new_context(viewport={"width": 1280, "height": 800}) for _ in names]
    seen = [watch(context) for context in contexts]
    raters = [Rater(page, address, name, project) for (page, _), name in zip(seen, names, strict=True)]
    for _ in range(n_answers):
        for rater in raters:
            clip = rater.clip()
            rater.press("m")
            rater.page.keyboard.type(f"canary-comment-of-{rater.name}-")
            rater.press("Enter", str(meant(rater.name, clip) + 1))
            rater.moved(clip)
    for rater in raters:
        rater.saved()
    for (_, heard), rater in zip(seen, raters, strict=True):
        everything = b"\n".join(heard)
        assert len(everything) > 100_000
        assert any(ids[0].encode() in part for part in heard), "the watch sees what the station is sent"
        others = [f"canary-comment-of-{name}-".encode() for name in names if name != rater.name]
        for canary in (*CANARIES, *others):
            assert canary not in everything, canary
        assert not re.search(rb'"(take|gold|held_until|wanted|priority|corpus|speaker|file|transcript)"', everything)
    for context in contexts:
        context.close()
    said = current_annotations(made for made in find_annotations(bench.store) if made.project == project)
    assert Counter(made.rater for made in said) == dict.fromkeys(names, n_answers)  # repeats among them
    counted(f"TEAM4: {n_sessions} sessions × {2 * n_answers} actions", "0 values of one session in another")


def people(store, n):
    """Give the names of so many people, and add those who are missing."""
    names = [*PEOPLE, *(f"Rater {i}" for i in range(n - len(PEOPLE)))]
    known = {person.name for person in list_people(store)}
    for name in names:
        if name not in known:
            add_person(store, name)
    return names


CANARIES = (b"canary-file", b"canary-speaker", b"canary-corpus", b"canary-words", b"canary-model", b"canary-peer")


def plant_canaries(bench, ids):
    root = bench.store.workspace.root
    audio = root / "audio" / "canary-file.flac"
    audio.write_bytes(bench.store.workspace.clip_path(get_clip(bench.store, ids[0])).read_bytes())
    marks = ",".join(f"'{id}'" for id in ids)
    run_sql(bench.store, f"UPDATE clip SET file = 'audio/canary-file.flac' WHERE id = '{ids[0]}'")
    told = "speaker = 'x:canary-speaker', corpus = 'canary-corpus', transcript = 'canary-words'"
    run_sql(bench.store, f"UPDATE clip SET {told}, searchable = 'canary-words' WHERE id IN ({marks})")
    folder = root / "runs" / "canary-model"
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text("\n".join(f"{id},canary-model" for id in ids))
    peer = Annotation(
        "canary-peer", ids[0], "affexion", "canary-peer", "panic", "2026-01-01T00:00:00+00:00", "canary-peer"
    )
    add_annotations(bench.store, [peer])


def watch(context):
    """Open a tab and keep all bytes that it receives."""
    page, heard = tab(context), []

    def keep(response):
        if response.request.resource_type not in ("document", "script", "stylesheet", "font"):
            heard.append(response.body())

    def frame(payload):
        heard.append(payload if isinstance(payload, bytes) else payload.encode())

    page.on("requestfinished", lambda request: keep(request.response()))
    page.on("websocket", lambda socket: socket.on("framereceived", frame))
    return page, heard


def test_the_name_stays_with_its_tab_and_an_address_gives_it_to_nobody(bench, address, three):
    bench.project("Names", 4, overlap=3)
    anna = Rater(tab(three[0]), address, "Anna", "Names")
    anna.clip()
    second = tab(three[0])
    second.goto(f"{address}/annotate?project=Names")
    expect(second.get_by_test_id("stSidebar")).to_contain_text("Anna")
    second.get_by_test_id("stSidebar").get_by_role("button", name="Anna").click()
    second.get_by_role("button", name="Ben").click()
    expect(second.get_by_test_id("stSidebar")).to_contain_text("Ben")
    for page, name in ((anna.page, "Anna"), (second, "Ben")):
        page.reload()
        expect(page.get_by_test_id("stSidebar")).to_contain_text(name)
    stranger = tab(three[1])
    stranger.goto(second.url)
    expect(stranger.get_by_text("Who is listening?")).to_be_visible()


def test_an_open_popover_takes_the_keys(bench, address, context):
    bench.project("Popover", 2, overlap=1)
    rater = Rater(tab(context), address, "Ben", "Popover")
    clip = rater.clip()
    expect(rater.page.get_by_test_id("stSidebar")).to_contain_text("wait for you")
    rater.page.get_by_test_id("stSidebar").get_by_role("button", name="Ben").click()
    popover = rater.page.get_by_test_id("stPopoverBody")
    expect(popover).to_be_visible()
    rater.press("1")
    assert rater.clip() == clip
    rater.press("Escape")
    expect(popover).to_be_hidden()
    rater.press("1")
    rater.moved(clip)


def test_the_keys_of_the_page_are_not_the_apps(bench, address, context):
    """Streamlit takes R and C for itself; here they replay and ask how sure one is."""
    bench.project("Letters", 2, overlap=1)
    rater = Rater(tab(context), address, "Ben", "Letters")
    rater.clip()
    rater.press("c")
    expect(rater.page.get_by_role("button", name="Confidence", exact=True)).to_have_attribute("aria-pressed", "true")
    rater.press("5", "r")
    expect(rater.page.get_by_role("button", name="Confidence 5 of 5")).to_have_attribute("aria-pressed", "true")
    expect(rater.page.get_by_role("dialog")).to_have_count(0)
    kept = json.loads(rater.page.evaluate("JSON.stringify(Object.keys(localStorage))"))
    assert any("/draft/" in key for key in kept)

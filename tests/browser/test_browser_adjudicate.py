import re
import time

import pytest
from playwright.sync_api import expect
from votes_workspace import votes_workspace

from affexion_core.labeling.decisions import find_decisions
from affexion_core.labeling.votes import load_votes
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("adjudicated")
    return votes_workspace(open_workspace(root / "workspace"), root)


@pytest.fixture(scope="module")
def address(store, serve):
    return serve(store.workspace.root)


def decided(store):
    return [(made.label, made.reason) for made in find_decisions(store, "round")]


def wait_for(found, wanted):
    for _ in range(100):
        if found() == wanted:
            return
        time.sleep(0.1)
    assert found() == wanted


def test_clips_are_settled_by_keys_and_nothing_typed_is_lost(store, address, page):
    page.goto(f"{address}/adjudicate?of=round")
    page.get_by_role("button", name="Bo", exact=True).click()
    expect(page.get_by_text("0 of 2 clips decided")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^panic"))).to_be_visible()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()  # the page stands
    page.keyboard.press("2")
    expect(page.get_by_text("needs a reason")).to_be_visible()
    assert decided(store) == []
    # digits and letters in the field are text, not keys
    reason = page.get_by_label("In your words")
    reason.press_sequentially("2 sobs, u1")
    reason.press("Tab")
    time.sleep(1)
    assert decided(store) == []
    expect(reason).to_have_value("2 sobs, u1")
    first = re.search("clip=(\\w+)", page.url).group(1)
    page.keyboard.press("2")
    wait_for(lambda: decided(store), [("panic", "2 sobs, u1")])
    expect(page.get_by_text("1 of 2 clips decided")).to_be_visible()
    assert load_votes(store, "round").decisions[first].decided_by == "Bo"
    expect(reason).to_have_value("")
    assert re.search("clip=(\\w+)", page.url).group(1) != first
    page.keyboard.press("z")
    expect(page.get_by_text("0 of 2 clips decided")).to_be_visible()
    assert load_votes(store, "round").decisions == {} and len(decided(store)) == 2
    assert re.search("clip=(\\w+)", page.url).group(1) == first


def test_the_address_leads_back_to_the_same_clip_and_person(store, address, page):
    clip = max(load_votes(store, "round").clips)
    page.goto(f"{address}/adjudicate?of=round&list=unclear&clip={clip}")
    page.get_by_role("button", name="Bo", exact=True).click()
    clips = page.get_by_role("combobox", name="Clips")
    expect(clips).to_have_value("found unclear (2)")
    expect(page).to_have_url(re.compile(f"clip={clip}.*rater=Bo"))
    wait_for(lambda: bool(page.context.cookies()), True)
    page.reload()
    expect(clips).to_have_value("found unclear (2)")
    expect(page).to_have_url(re.compile(f"clip={clip}"))
    expect(page.get_by_text("Bo · adjudicator").first).to_be_visible()

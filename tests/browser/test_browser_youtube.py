import json
import os
import re
import stat
import sys

import pytest
from playwright.sync_api import TimeoutError, expect

from affexion_core.ingest.youtube.download import PROGRAM
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]

ID = "dQw4w9WgXcQ"


@pytest.fixture
def served(serve, shared_audio, tmp_path) -> str:
    """Serve the app with a program in yt-dlp's place that hands out a real recording."""
    facts = json.dumps({"id": ID, "title": "Two people argue", "channel": "C", "duration": 3.5})
    program = tmp_path / "program"
    program.write_text(
        f"#!{sys.executable}\nimport shutil\n"
        f"shutil.copy({str(shared_audio / 'odd' / 'speech.webm')!r}, 'original.webm')\nprint({facts!r})\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    os.environ[PROGRAM] = str(program)
    try:
        return serve(tmp_path / "workspace")
    finally:
        del os.environ[PROGRAM]


def pick(page, first: float, last: float) -> None:
    """Drag over a share of the waveform, and add what is selected."""
    # it names the part now, and not one selected before
    near = "|".join(f"{3.47 * first + by:.2f}" for by in (-0.02, -0.01, 0, 0.01, 0.02))
    add = page.get_by_role("button", name=re.compile(rf"Add ({near})–"))
    for _ in range(5):
        drag(page, first, last)
        try:
            add.wait_for(timeout=4000)
            break
        except TimeoutError:
            continue  # the page moved under the pointer: it was still being drawn
    add.click()


def drag(page, first: float, last: float) -> None:
    wave = page.locator("canvas.sound-rest").first  # tables have canvases too
    wave.scroll_into_view_if_needed()
    box = wave.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], y, steps=6)
    page.mouse.up()


def test_two_spans_of_a_video_are_picked_imported_seen_and_undone(page, served, tmp_path):
    page.goto(f"{served}/import_clips?way=youtube")
    links = page.get_by_label("Links to videos, one a line")
    links.fill(f"https://youtu.be/{ID}?si=x")
    links.press("Control+Enter")
    page.get_by_text("I have the right to use these videos").click()
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_text("Two people argue")).to_be_visible()
    pick(page, 0.2, 0.45)
    expect(page.get_by_text("1 clip picked")).to_be_visible()
    expect(page.get_by_role("button", name="Import 1 clip")).to_be_visible()
    pick(page, 0.5, 0.8)
    expect(page.get_by_text("2 clips picked")).to_be_visible()
    page.get_by_role("button", name="Import 2 clips").click()
    expect(page.get_by_text("2 clips added")).to_be_visible()
    rows = find_clips(open_store(open_workspace(tmp_path / "workspace")), ClipQuery()).rows
    assert {row.clip.attributes["video"] for row in rows} == {ID}
    assert sorted(round(row.clip.duration, 1) for row in rows) == pytest.approx([0.9, 1.0], abs=0.11)
    page.get_by_role("link", name="Library").click()
    expect(page.get_by_text("2 clips").first).to_be_visible()
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("2 clips and 0 labels taken out again")).to_be_visible()

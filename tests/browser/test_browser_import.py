import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.shared_audio]


@pytest.fixture(scope="module")
def given(shared_audio, tmp_path_factory) -> Path:
    """A loose recording, a zip with a folder for each label, a table in other words, and a corpus folder."""
    root = tmp_path_factory.mktemp("given")
    files = sorted((shared_audio / "ravdess" / "Actor_01").glob("*.flac"))
    with zipfile.ZipFile(root / "speech.zip", "w") as archive:
        archive.write(files[0], "anger/1.flac")
        archive.write(files[1], "calm/2.flac")
    shutil.copy(files[2], root / "told.flac")
    (root / "table.csv").write_text("Datei,Gefuehl\ntold.flac,calm\n")
    (root / "broken.mp3").write_text("no sound")
    (root / "ravdess").mkdir()
    for file in files[3:6]:
        shutil.copy(file, root / "ravdess")
    return root


def choose(page, label: str, value: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=value, exact=True).click()


def test_ways_in_each_seen_first_and_undone(page, serve, given, shared_audio, tmp_path):
    """Drop files and a zip, map the columns of a table, accept a corpus; import, and undo one."""
    store = open_store(open_workspace(tmp_path / "workspace"))

    def total() -> int:
        return find_clips(store, ClipQuery(limit=0)).total

    page.goto(f"{serve(tmp_path / 'workspace')}/import_clips")
    dropped = [shared_audio / "odd" / "speech.m4a", given / "speech.zip", given / "broken.mp3"]
    page.locator("input[type=file]").set_input_files(dropped)
    expect(page.get_by_text("3 new recordings")).to_be_visible()
    expect(page.get_by_text("1 rejected")).to_be_visible()
    assert total() == 0
    page.get_by_role("button", name="Import 3 clips").click()
    expect(page.get_by_text("3 clips added, 1 file rejected")).to_be_visible()
    assert total() == 3

    page.get_by_text("A table", exact=True).click()
    inputs = page.locator("input[type=file]")
    expect(inputs).to_have_count(2)
    inputs.nth(0).set_input_files(given / "table.csv")
    expect(page.get_by_text("table.csv")).to_be_visible()
    inputs.nth(1).set_input_files(given / "told.flac")
    expect(page.get_by_text("Say which column names the recordings")).to_be_visible()
    choose(page, "File", "Datei")
    choose(page, "Label", "Gefuehl")
    expect(page.get_by_text("Labels: calm 1")).to_be_visible()
    page.get_by_role("button", name="Import 1 clip").click()
    expect(page.get_by_text("1 clip added")).to_be_visible()

    page.get_by_text("A known corpus", exact=True).click()
    choose(page, "Corpus", "RAVDESS")
    path = page.get_by_label("Folder or table on this machine")
    path.fill(str(given / "ravdess"))
    path.press("Enter")
    expect(page.get_by_text("Accept the licence to see")).to_be_visible()
    page.get_by_text("I have the right to use it under this licence").click()
    expect(page.get_by_text("3 new recordings")).to_be_visible()
    page.get_by_role("button", name="Import 3 clips").click()
    expect(page.get_by_text("3 clips added")).to_be_visible()
    assert total() == 7
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("3 clips and 3 labels taken out again")).to_be_visible()
    assert total() == 4

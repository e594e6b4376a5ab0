import json
import re
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from affexion_ui.station.keys import TABLE, all_keys

PROJECT = Path(__file__).resolve().parents[2]
SOUND = PROJECT / "affexion_ui" / "sound"
STATION = PROJECT / "affexion_ui" / "station"


def sources(folder):
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js")))


def players_keys():
    """Take the keys that the player answers to from its source."""
    actions = re.search(r"const actions = \{(.*?)\};", sources(SOUND), re.DOTALL).group(1)
    return set(re.findall(r'^\s*"?([^\s":]+|\s)"?:', actions, re.MULTILINE))


NAMES = {" ": "Space", "arrowleft": "ArrowLeft", "arrowright": "ArrowRight", "escape": "Escape"}


def test_no_key_does_two_things():
    for one, other in combinations(all_keys(), 2):
        shared = set(one.keys) & set(other.keys)
        assert not shared, f"{shared} is both {one.words!r} and {other.words!r}"
    for key in all_keys():
        assert len(set(key.keys)) == len(key.keys)


def test_every_key_of_the_player_has_one_meaning_here():
    found = players_keys()
    assert {" ", "l", "arrowleft", "<", "escape", "?"} <= found, "the player's source is read right"
    ours = {name: key.id for key in all_keys() for name in key.keys}
    # Esc clears a selection in the picture before anything else; ? shows one list of all keys; Home and End work in
    # the picture alone, where they move the position
    given_up = {"escape": "cancel", "?": "help"}
    for name in found - {"home", "end"}:
        assert ours[NAMES.get(name, name)] == given_up.get(name, "player"), name


def test_the_table_lists_what_the_player_lists():
    listed = re.findall(r'^\s*\["([^"]+)", "', (SOUND / "keys.js").read_text(encoding="utf-8"), re.MULTILINE)
    shown = {key.shown for key in all_keys()}
    assert {"Space", "L", "< >"} <= set(listed)
    assert set(listed) - {"Esc", "drag"} <= shown


def test_every_row_is_acted_on_and_every_need_exists():
    from affexion_core.labeling.projects import DIMENSIONS, ProjectSettings

    source = (STATION / "station.js").read_text(encoding="utf-8")
    orders = source[source.index("#orders() {") : source.index("#change(act)")]
    for key in all_keys():
        known = key.id in ("player", "confidence", "intensity", *DIMENSIONS)
        assert known or re.search(rf"^\s*{key.id}: ", orders, re.MULTILINE), key.id
        assert key.needs is None or key.needs in DIMENSIONS or hasattr(ProjectSettings(), key.needs)


def test_reasons_fit_the_keys_and_the_words():
    from affexion_core.labeling.queue import UNCLEAR_REASONS

    row = next(key for key in all_keys() if key.id == "unclear")
    assert f"1–{len(UNCLEAR_REASONS)}" in row.shown
    assert row.words.endswith(", ".join(UNCLEAR_REASONS))


def test_the_documents_list_every_key():
    text = (PROJECT / "docs" / "annotate.md").read_text(encoding="utf-8")
    for key in all_keys():
        assert f"| {key.shown} | {key.words} |" in text.replace("`", ""), key.shown


def test_labels_are_never_put_into_markup():
    for path in sorted(STATION.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
            path.name
        )


def test_the_table_is_json_and_the_script_is_whole(tmp_path):
    from affexion_ui.station.component import station_source

    assert isinstance(json.loads(TABLE.read_text(encoding="utf-8")), list)
    source = station_source()
    assert len(source) < 90_000
    assert "export default function" in source and source.count("export default") == 1
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", source, re.MULTILINE)
    assert len(names) == len(set(names)), "two parts of the script give a name twice"


@pytest.mark.parametrize("path", sorted(STATION.glob("*.js")), ids=lambda path: path.name)
def test_scripts_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 120


def test_nothing_is_fetched_from_elsewhere():
    assert not re.search(r"https?://(?!www\.w3\.org)", sources(STATION) + (STATION / "station.css").read_text())
    assert subprocess.run(["git", "check-ignore", str(TABLE)], cwd=PROJECT, capture_output=True).returncode == 1

import json

import pytest

from affexion_core import example


def progress_file(workspace, **values):
    progress = {"state": "running", "done": 40, "total": 100, "what": "Speaking", "error": None}
    (workspace.root / "example-progress.json").write_text(json.dumps(progress | values))


def test_an_empty_workspace_offers_the_example(workspace, open_page, words):
    at = open_page("overview")
    assert not at.exception
    assert at.button("build-example").label == "Build the example study"
    assert "Both sets are synthetic stand-ins" in words(at)
    assert f"Workspace **{workspace.root.name}**" in words(at)


def test_the_example_is_started_once_asked(workspace, open_page, monkeypatch):
    started = []
    monkeypatch.setattr(example, "start_example", started.append)
    at = open_page("overview")
    at.button("build-example").click().run()
    assert [asked.root for asked in started] == [workspace.root]


def test_a_running_example_shows_how_far_it_is(workspace, open_page, words):
    progress_file(workspace)
    at = open_page("overview")
    assert not at.exception
    bar = at.get("progress")[0]
    assert "Speaking (40 %)" in bar.proto.text
    assert "It goes on if you leave this page" in words(at)
    assert not [button for button in at.button if button.key == "build-example"]


def test_a_failed_example_says_why_and_can_be_built_again(workspace, open_page, words):
    progress_file(workspace, state="failed", error="The voice espeak-ng is missing; install it.")
    at = open_page("overview")
    assert "was not finished. The voice espeak-ng is missing" in at.error[0].value.replace("\\", "")
    assert at.button("build-example-again")


def test_with_data_it_shows_counts_newest_result_and_what_to_do(in_study, open_page, words):
    at = open_page("overview")
    assert not at.exception
    assert {metric.label: metric.value for metric in at.metric[:4]} == {
        "Clips": "48",
        "Speakers and voices": "6",
        "Datasets": "2",
        "Runs": "2",
    }
    said = words(at)
    assert "16 real · 32 synthetic" in said
    assert "First model, trained on voices" in said
    assert "Measured on: people" in said
    assert "n = 16" in said
    assert "badge[" in said
    assert "split " in said
    assert "What to do next" in said


@pytest.mark.parametrize("page", ["overview", "library", "results"])
def test_an_unusable_workspace_is_an_error_in_words(page, tmp_path, monkeypatch, open_page):
    place = tmp_path / "a-file"
    place.write_text("not a folder")
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(place))
    at = open_page(page)
    assert not at.exception
    assert "can't be written" in at.error[0].value

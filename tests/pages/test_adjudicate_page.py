from pathlib import Path

import pytest
from small_study import short_recipe
from sqlalchemy import select
from votes_workspace import votes_workspace

from affexion_core.labeling.decisions import decide, find_decisions
from affexion_core.labeling.people import get_person, set_role
from affexion_core.labeling.votes import load_votes
from affexion_core.store.datasets import dataset_papers, load_dataset
from affexion_core.store.schema import project_clip
from affexion_core.store.session import Store, reading
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest


@pytest.fixture
def store(workspace, tmp_path) -> Store:
    return votes_workspace(workspace, tmp_path)


@pytest.fixture
def open_as(open_page):
    """Open a page as somebody."""

    def opened(name, **params):
        at = open_page("overview")
        if name:
            at.session_state["person"] = name
        for key, value in params.items():
            at.query_params[key] = value
        return at.switch_page("pages/adjudicate.py").run()

    return opened


def listed(at):
    return next(frame.value for frame in at.dataframe if "Decided" in frame.value.columns)


def votes_shown(at):
    return next(frame.value for frame in at.dataframe if "Rater" in frame.value.columns)


def clip_on_screen(at):
    return at.query_params["clip"][0] if isinstance(at.query_params["clip"], list) else at.query_params["clip"]


def test_clips_raters_differ_on_wait_with_who_said_what(store, open_as, words):
    at = open_as("Bo", of="round")
    assert not at.exception
    assert listed(at)["Votes"].tolist() == ["1 boredom · 1 panic · 1 unclear", "2 panic · 1 boredom"]
    shown = votes_shown(at).set_index("Rater")
    assert shown.loc["Ada", "Label"] == ["boredom"] and shown.loc["Cy", "Label"] == ["unclear"]
    assert shown.loc["Cy", "Why"] == "noise" and shown.loc["Cy", "Comment"] == "Cy on it"
    assert [b.label for b in at.button if b.key.startswith("decide-")] == [
        "boredom",
        "panic",
        "Drop as unclear",
        "Skip",
    ]


def test_a_decision_is_kept_and_the_next_clip_comes(store, open_as):
    at = open_as("Bo", of="round")
    first = clip_on_screen(at)
    at.selectbox("adjudicate-why").set_value("heard clearly").run()
    at.text_input("adjudicate-why-text").set_value("twice").run()
    at.button("decide-1").click().run()
    assert not at.exception and not at.error
    (made,) = find_decisions(store, "round")
    assert (made.clip_id, made.label, made.decided_by, made.reason) == (first, "panic", "Bo", "heard clearly; twice")
    assert clip_on_screen(at) != first
    assert at.text_input("adjudicate-why-text").value == ""
    # the votes stay
    assert len(load_votes(store, "round").judgements) == 12
    # and it can be undone, which leads back to the clip
    at.button("adjudicate-undo").click().run()
    assert clip_on_screen(at) == first
    assert load_votes(store, "round").decisions == {} and len(find_decisions(store, "round")) == 2


def test_without_a_reason_nothing_is_decided_and_nothing_lost(store, open_as):
    at = open_as("Bo", of="round")
    first = clip_on_screen(at)
    at.button("decide-unclear").click().run()
    assert "needs a reason" in at.error[0].value
    assert clip_on_screen(at) == first and find_decisions(store, "round") == ()
    at.text_input("adjudicate-why-text").set_value("two people").run()
    at.button("decide-unclear").click().run()
    assert load_votes(store, "round").decisions[first].label is None


def test_skipping_goes_round(store, open_as):
    at = open_as("Bo", of="round")
    first = clip_on_screen(at)
    at.button("decide-skip").click().run()
    assert clip_on_screen(at) != first
    at.button("decide-skip").click().run()
    assert clip_on_screen(at) == first


def test_history_says_who_when_and_why(store, open_as):
    ids = sorted(load_votes(store, "round").clips)
    decide(store, get_person(store, "Ada"), "round", ids[0], "boredom", "no tremble")
    decide(store, get_person(store, "Bo"), "round", ids[0], None, "too *noisy*")
    at = open_as("Ada", of="round", list="decided")
    assert listed(at)["Decided"].tolist() == ["dropped"]
    history = at.get("table")[-1].value
    assert history["Who"].tolist() == ["Bo", "Ada"] and history["What"].tolist() == ["dropped as unclear", "boredom"]
    at.button(f"withdraw-{ids[0]}").click().run()
    assert not at.exception and load_votes(store, "round").decisions == {}


def test_an_asked_clip_comes_first(store, open_as):
    agreed = min(load_votes(store, "round").clips)
    at = open_as("Bo", of="round", clip=agreed)
    assert clip_on_screen(at) == agreed and len(listed(at)) == 3


@pytest.mark.parametrize("name", ["Cy", "Di"])
def test_raters_are_told_who_may(name, store, open_as, words):
    at = open_as(name, of="round")
    assert not at.exception and not at.dataframe
    assert "adjudicating needs the role adjudicator or owner" in words(at)


def test_a_role_that_was_taken_away_no_longer_decides(store, open_as):
    at = open_as("Bo", of="round")
    at.text_input("adjudicate-why-text").set_value("heard it").run()
    set_role(store, get_person(store, "Ada"), "Bo", "rater")
    at.button("decide-1").click().run()
    assert find_decisions(store, "round") == () and not at.exception


def test_somebody_must_say_who_decides(store, open_as, words):
    at = open_as(None, of="round")
    assert "Who decides?" in words(at) and not at.dataframe


def test_a_dataset_is_made_from_the_form(store, open_as, words):
    at = open_as("Bo", of="round", show="Make a dataset")
    assert not at.exception
    assert "**2 of 4 clips** get a label" in words(at)
    at.selectbox("set:consensus.rule").set_value("majority").run()
    at.number_input("set:consensus.min_votes").set_value(3).run()
    at.number_input("set:consensus.min_agreement").set_value(0.9).run()
    assert "**1 of 4 clips** get a label" in words(at)
    at.text_input("version-name-round").set_value("round: heard").run()
    at.button("version-save").click().run()
    assert not at.exception and not at.error
    assert "Saved: **round: heard** with 1 clip" in at.success[0].value.replace("\\", "")
    (item,) = load_dataset(store, "round: heard").items
    assert (item.label, item.votes) == ("panic", {"panic": 1.0})
    recipe = dataset_papers(store, "round: heard").recipe
    assert recipe["rule"]["min_votes"] == 3 and recipe["made_by"] == "Bo"
    assert "Datasheet of round" in words(at)


def test_what_was_judged_can_be_taken_along(store, open_as, words):
    at = open_as("Bo", of="round", show="Export")
    at.button("export-start").click().run()
    assert not at.exception and not at.error
    assert "4 clips" in words(at)
    assert "Download" in at.get("download_button")[0].proto.label


def test_a_datasheet_can_be_edited_and_generated_anew(store, open_as, words):
    at = open_as("Bo", of="round", show="Make a dataset")
    at.text_input("version-name-round").set_value("made").run()
    at.button("version-save").click().run()
    at.toggle("datasheet-edit-made").set_value(True).run()
    at.text_area("datasheet-text-made").set_value("# Mine ![x](https://example.org/spy.png)").run()
    at.button("datasheet-keep-made").click().run()
    assert dataset_papers(store, "made").datasheet == "# Mine ![x](https://example.org/spy.png)"
    at.toggle("datasheet-edit-made").set_value(False).run()
    assert "# Mine !\\[x]" in words(at)
    at.button("datasheet-anew-made").click().run()
    assert dataset_papers(store, "made").datasheet is None


def test_what_can_not_be_made_is_told(store, open_as, words):
    at = open_as("Bo", of="corpus", show="Make a dataset")
    at.selectbox("set:consensus.rule").set_value("dawid-skene").run()
    assert "the raters are anonymous votes" in at.error[0].value
    assert at.button("version-save").disabled


def test_labels_a_model_doubts_can_be_heard(store, open_as, words):
    run = run_here(store, RunRequest("cv", short_recipe(2), load_dataset(store, "corpus"), n_folds=2))
    # as if the model were sure of three clips, and sure of the other label on the last
    file = Path(run.folder) / "predictions" / "cv.csv"
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    sure = {"boredom": ["0.900000", "0.100000"], "panic": ["0.050000", "0.950000"]}
    lines = [[*row[:4], *sure[row[1]]] for row in rows]
    doubted = next(line for line in reversed(lines) if line[1] == "panic")
    doubted[4:] = ["0.950000", "0.050000"]
    file.write_text("\n".join(",".join(line) for line in [header, *lines]) + "\n")
    at = open_as("Bo", of="corpus")
    choice = next(box for box in at.selectbox if box.label == "Clips")
    assert "the model doubts (1)" in choice.options
    choice.set_value("doubted").run()
    assert not at.exception
    assert clip_on_screen(at) == doubted[0]
    assert "takes it for boredom (95 %), not panic (5 %); it was not trained on this clip" in words(at).replace(
        "\\", ""
    )


def test_a_model_asks_for_one_more_rater_only_after_people_judged(store, open_as):
    run_here(store, RunRequest("cv", short_recipe(2), load_dataset(store, "corpus"), n_folds=2))
    at = open_as("Bo", of="round")
    at.button("doubts-ask").click().run()
    assert not at.exception
    assert "1 clip will be given to one more rater each" in at.success[0].value
    with reading(store) as connection:
        given = connection.execute(select(project_clip.c.priority)).scalars().all()
    assert sum(priority > 0 for priority in given) == 1

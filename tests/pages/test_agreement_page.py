import pytest
from votes_workspace import votes_workspace

from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.store.session import Store
from affexion_core.types import Annotation
from affexion_ui.agreement_view import beyond_chance, vote_words
from affexion_ui.votes_choice import shown_names


@pytest.fixture
def store(workspace, tmp_path) -> Store:
    return votes_workspace(workspace, tmp_path)


@pytest.fixture
def open_as(open_page):
    """Open a page as somebody."""

    def opened(page, name, **params):
        at = open_page("overview")
        if name:
            at.session_state["person"] = name
        for key, value in params.items():
            at.query_params[key] = value
        return at.switch_page(f"pages/{page}.py").run()

    return opened


def tables(at):
    return [frame.value for frame in at.dataframe]


def test_nothing_judged_says_how_to_begin(workspace, open_page, words):
    at = open_page("agreement")
    assert not at.exception
    assert "Nobody has judged a clip yet" in words(at)


def test_the_figures_show_with_their_intervals(store, open_as, words):
    at = open_as("agreement", "Ada", of="round")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert list(figures) == ["Krippendorff's α", "Fleiss' κ", "Cohen's κ, mean", "Judgements"]
    assert figures["Judgements"] == "12"
    said = words(at)
    assert "of 4 clips, by 3 raters; 3 unclear" in said and "n = 3" in said
    assert len(at.get("plotly_chart")) == 1
    mixed = tables(at)[0]
    assert list(mixed["Labels"][0]) == ["boredom", "panic"] and mixed["Clips"].tolist() == [2]


def test_clips_stand_by_disagreement_with_their_votes(store, open_as):
    at = open_as("agreement", "Ada", of="round")
    at.session_state["agreement-round"] = "Clips"
    at.run()
    assert not at.exception
    listed = next(t for t in tables(at) if "Differ" in t.columns)
    assert listed["Votes"].tolist() == ["1 boredom · 1 panic · 1 unclear", "2 panic · 1 boredom", "3 panic"]
    assert [round(share) for share in listed["Differ"]] == [100, 67, 0]
    bars = next(t for t in tables(at) if "Share" in t.columns)
    assert bars["Votes"].tolist() == [1, 1, 1]
    at.selectbox("pair-round").set_value("boredom and panic").run()
    assert len(next(t for t in tables(at) if "Differ" in t.columns)) == 2


def test_each_rater_has_a_row_and_a_confusion(store, open_as):
    at = open_as("agreement", "Bo", of="round")
    at.session_state["agreement-round"] = "Raters"
    at.run()
    assert not at.exception
    raters = tables(at)[0].set_index("Rater")
    assert raters.loc["Ada", "Judged"] == 4 and raters.loc["Cy", "Unclear"] == 1
    assert raters.loc["Bo", "Right on known clips"] == "100 % (21–100, n = 1)"
    assert raters.loc["Ada", "Alike on repeats"] == "–" and raters.loc["Ada", "Seconds"] == 3.0
    assert len(at.get("plotly_chart")) == 2


def test_anonymous_votes_say_what_can_not_be_said(store, open_as, words):
    at = open_as("agreement", "Ada", of="corpus")
    assert not at.exception
    assert [metric.label for metric in at.metric] == ["Krippendorff's α", "Fleiss' κ", "Judgements"]
    said = words(at).replace("\\", "")
    assert "Cohen's κ is undefined: the raters are anonymous votes" in said
    assert "by listeners without names" in said
    at.session_state["agreement-corpus"] = "Raters"
    at.run()
    assert "nothing can be said of single raters" in at.info[0].value


@pytest.mark.parametrize(
    ("name", "why"), [("Cy", "4 clips wait for you in the project round"), (None, "Say who you are")]
)
def test_who_still_judges_sees_nothing(name, why, store, open_as, words):
    at = open_as("agreement", name, of="round")
    assert not at.exception
    said = words(at)
    assert why in said and "Not yet" in said
    assert not at.metric and not at.dataframe and not at.get("plotly_chart")


def test_raters_see_others_without_names(store, open_as):
    at = open_as("agreement", "Di", of="round")
    at.session_state["agreement-round"] = "Raters"
    at.run()
    assert tables(at)[0]["Rater"].tolist() == ["rater 1", "rater 2", "rater 3"]


def test_names_are_for_adjudicators_and_oneself(store):
    from affexion_core.labeling.people import get_person

    assert shown_names(["Ada", "Cy"], get_person(store, "Bo")) == {"Ada": "Ada", "Cy": "Cy"}
    assert shown_names(["Ada", "Cy"], get_person(store, "Cy")) == {"Ada": "rater 1", "Cy": "Cy"}
    assert shown_names(["Ada"], None) == {"Ada": "Ada"}


def test_an_unknown_name_in_the_address_is_no_crash(store, open_as):
    at = open_as("agreement", "Ada", of="gone")
    assert not at.exception and at.metric


def test_figures_beyond_chance_in_words():
    assert beyond_chance(Estimate(-0.1, -0.24, 0.05, 12, "bootstrap")) == ("−0.10", "−0.24 to 0.05, n = 12")
    assert beyond_chance(undefined("undefined, because nobody judged")) == ("–", "undefined: nobody judged")


def test_votes_in_words():
    said = [Annotation(f"{i}", "c", "s", "r", value, "2026") for i, value in enumerate(("calm", "panic", "panic"))]
    unclear = Annotation("u", "c", "s", "r", None, "2026", unclear="noise")
    assert vote_words([unclear, *said]) == "2 panic · 1 calm · 1 unclear"
    assert vote_words([Annotation("n", "c", "arousal", "r", 3.0, "2026")]) == "1 3"

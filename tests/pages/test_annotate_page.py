import pytest
from streamlit.testing.v1 import AppTest
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import ROLES, add_person, get_person, list_people
from affexion_core.labeling.projects import ProjectSettings, create_project, get_project, list_projects
from affexion_core.labeling.queue import Answer, draw, submit
from affexion_core.labeling.votes import load_votes
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_ui import people as people_ui


@pytest.fixture
def store(workspace, tmp_path):
    opened = open_store(workspace)
    import_corpus(opened, "folder", write_folders(tmp_path / "people", speakers=2), ImportOptions(dataset="people"))
    return opened


@pytest.fixture
def anna(store):
    return add_person(store, "Anna")


@pytest.fixture
def round_(store, anna):
    ids = [item.clip.id for item in load_dataset(store, "people").items]
    return create_project(store, anna, "Round", shipped_schemes()["affexion"], ids, ProjectSettings(must_listen=False))


@pytest.fixture
def open_as(open_page):
    """Open the page as somebody who picked their name in this session."""

    def opened(name: str, **params: str) -> AppTest:
        at = open_page("annotate", **params)
        at.session_state["person"] = name
        return at.run()

    return opened


def pressed(at, label):
    found = [button for button in at.button if button.label == label]
    assert found, f"no button {label!r} among {[button.label for button in at.button]}"
    return found[0].click().run()


def error_words(at):
    return " ".join(error.value for error in at.error).replace("\\", "")


def test_it_asks_for_a_name_and_the_first_becomes_owner(store, open_page, words):
    at = open_page("annotate")
    assert not at.exception
    assert "Who is listening?" in words(at)
    at.text_input("person-asked-new").set_value("Anna")
    pressed(at, "Add and start")
    assert get_person(store, "Anna").role == "owner"
    assert "No project for you yet" in words(at)
    assert at.query_params["rater"] == "Anna"


def test_a_name_that_cannot_be_is_told_and_kept(store, anna, open_page, words):
    at = open_page("annotate")
    at.text_input("person-asked-new").set_value("anna")
    pressed(at, "Add and start")
    assert "There is somebody called 'Anna' already" in error_words(at)
    assert at.text_input("person-asked-new").value == "anna"
    assert [person.name for person in list_people(store)] == ["Anna"]


def test_known_names_are_picked_and_shown_on_every_page(store, anna, open_page):
    at = open_page("annotate")
    pressed(at, "Anna")
    assert not at.exception
    at.switch_page("pages/library.py").run()
    assert "Anna** · owner" in str(at.sidebar.get("popover")[0].proto)


def test_the_station_stands_for_a_rater(store, round_, open_as, words):
    at = open_as("Anna")
    assert not at.exception
    assert "No project" not in words(at)
    assert len(draw(store, "Round", get_person(store, "Anna"), n=1)) == 5, "the page drew its clips"


def test_a_viewer_is_told(store, round_, open_as, words):
    add_person(store, "Vera", "viewer")
    at = open_as("Vera")
    assert not at.exception
    assert "You can look, but not label" in words(at)


def test_somebody_who_is_no_rater_of_any_project_is_told(store, anna, open_as, words):
    add_person(store, "Ben")
    ids = [item.clip.id for item in load_dataset(store, "people").items]
    create_project(store, anna, "Hers", shipped_schemes()["affexion"], ids, raters=["Anna"])
    at = open_as("Ben")
    assert "The projects here name other people as their raters" in words(at)
    assert not [button for button in at.button if button.label == "New project"]


def test_an_owner_makes_a_project_with_hidden_checks(store, anna, open_as, words):
    at = open_as("Anna", view="Projects", dataset="people")
    pressed(at, "New project")
    assert at.button("project-create").disabled
    at.text_input("new-name").set_value("First round").run()
    assert "16 of 16 clips that fit the filters" in words(at)
    at.number_input("new-gold").set_value(1).run()
    at.number_input("new-most").set_value(12).run()
    at.number_input("set:project.overlap").set_value(2).run()
    at.multiselect("new-dimensions").set_value(["arousal"]).run()
    at.text_area("new-instructions").set_value("Listen twice.").run()
    pressed(at, "Create project")
    assert not at.exception and not at.error
    made = get_project(store, "First round")
    assert (made.settings.overlap, made.settings.dimensions, made.settings.instructions) == (
        2,
        ("arousal",),
        "Listen twice.",
    )
    votes = load_votes(store, "First round")
    assert len(votes.clips) == 12
    known = {item.clip.id: item.label for item in load_dataset(store, "people").items}
    assert sorted(votes.gold.values()) == sorted(set(known.values()))
    assert all(known[clip] == label for clip, label in votes.gold.items())


def test_labels_of_ones_own(store, anna, open_as):
    at = open_as("Anna", view="Projects")
    pressed(at, "New project")
    at.text_input("new-name").set_value("Moods").run()
    at.selectbox("new-scheme").set_value("labels of my own").run()
    at.text_input("new-labels").set_value("calm").run()
    assert at.button("project-create").disabled
    at.text_input("new-labels").set_value(" calm,tense ,, calm, very  calm").run()
    pressed(at, "Create project")
    assert get_project(store, "Moods").scheme.labels == ("calm", "tense", "very calm")


def test_what_is_wrong_with_a_project_is_told_and_nothing_typed_is_lost(store, round_, open_as):
    at = open_as("Anna", view="Projects")
    pressed(at, "New project")
    at.text_input("new-name").set_value("Round").run()
    at.text_area("new-instructions").set_value("Long and careful.").run()
    pressed(at, "Create project")
    assert "There is a project 'Round' already; choose another name." in error_words(at)
    at.number_input("set:project.overlap").set_value(99).run()
    assert "overlap = 99" in error_words(at) and at.button("project-create").disabled
    assert at.text_area("new-instructions").value == "Long and careful."
    assert len(list_projects(store)) == 1


def test_hidden_checks_without_known_labels_are_refused(store, anna, open_as):
    at = open_as("Anna", view="Projects")
    pressed(at, "New project")
    at.text_input("new-name").set_value("Checked").run()
    at.number_input("new-gold").set_value(1).run()
    pressed(at, "Create project")
    assert "No hidden check can be picked" in error_words(at)


def test_progress_closing_and_opening(store, round_, open_as, words):
    anna = get_person(store, "Anna")
    (task, *_) = draw(store, "Round", anna)
    submit(store, "Round", anna, [Answer("a", task.clip_id, label="panic")])
    at = open_as("Anna", view="Projects")
    assert not at.exception
    texts = " ".join(element.proto.text for element in at.get("progress"))
    assert "0 of 16 clips done · 1 judgement: Anna 1" in texts
    pressed(at, "Close")
    assert get_project(store, "Round").state == "closed"
    pressed(at, "Open again")
    assert get_project(store, "Round").state == "open"


def test_only_owners_see_what_only_owners_may(store, round_, open_as):
    add_person(store, "Ben")
    at = open_as("Ben", view="Projects")
    assert {"New project", "Close"}.isdisjoint(button.label for button in at.button)
    assert not [box for box in at.selectbox if box.key.startswith("role-")]


def test_an_owner_gives_roles_and_the_last_owner_stays(store, anna, open_as):
    add_person(store, "Ben")
    at = open_as("Anna", view="Projects")
    at.selectbox("role-Ben").set_value("adjudicator").run()
    assert get_person(store, "Ben").role == "adjudicator"
    at.selectbox("role-Anna").set_value("viewer").run()
    assert "Anna is the only owner" in error_words(at)
    assert get_person(store, "Anna").role == "owner"
    assert at.selectbox("role-Anna").value == "owner"


class _Login:
    """What Streamlit knows of somebody who came back from the identity provider."""

    def __init__(self, **claims):
        self.claims = claims
        self.is_logged_in = bool(claims)

    def get(self, name, default=None):
        return self.claims.get(name, default)


@pytest.fixture
def logged_in(monkeypatch):
    def be(**claims):
        monkeypatch.setattr(people_ui, "login_is_set_up", lambda: True)
        monkeypatch.setattr(people_ui.st, "user", _Login(**claims))

    return be


def test_with_login_nobody_sees_a_page_before_it(store, round_, open_page, logged_in, words):
    logged_in()
    for name in ("annotate", "library", "overview"):
        at = open_page(name)
        assert not at.exception
        assert "Log in to go on" in words(at)
        assert not at.title
        assert [button.label for button in at.button] == ["Log in"]


def test_a_login_is_told_by_its_address_and_a_new_one_may_only_look(store, round_, open_page, logged_in, words):
    add_person(store, "Ben", email="ben@example.org")
    logged_in(email="Ben@Example.org", name="Somebody")
    assert "No project" not in words(open_page("annotate"))
    logged_in(email="new@example.org", name="Ben", email_verified=True)
    at = open_page("annotate")
    assert "You can look, but not label" in words(at)
    new = next(person for person in list_people(store) if person.email == "new@example.org")
    assert (new.name, new.role) == ("new@example.org", "viewer")
    assert at.query_params.get("rater") is None


def test_an_unconfirmed_address_is_nobody(store, round_, open_page, logged_in):
    logged_in(email="anna@example.org", email_verified=False)
    at = open_page("annotate")
    assert "without a confirmed mail address" in error_words(at)
    assert len(list_people(store)) == 1


@pytest.mark.parametrize("role", ROLES)
def test_every_role_opens_both_views(role, store, round_, open_as):
    add_person(store, "Rolf", role, by=get_person(store, "Anna"))
    for view in ("Label", "Projects"):
        at = open_as("Rolf", view=view)
        assert not at.exception
        assert bool([button for button in at.button if button.label == "New project"]) == (
            role == "owner" and view == "Projects"
        )

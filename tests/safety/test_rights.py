"""Every cell of the table of rights, tested where it is enforced: in the core, by the role somebody has now."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tones import write_folders

from affexion_core.errors import AffexionError, RightsError
from affexion_core.ingest.batches import undo_import
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.ingest.takedown import lift_takedown, take_down
from affexion_core.jobs.checking import submit_check
from affexion_core.jobs.comparing import Question, submit_question
from affexion_core.jobs.submit import submit_gap, submit_run, submit_sweep
from affexion_core.labeling.decisions import decide
from affexion_core.labeling.exporting import export_labels, export_zip
from affexion_core.labeling.people import ACTIONS, RIGHTS, ROLES, add_person, set_role
from affexion_core.labeling.projects import close_project, create_project, extend_project
from affexion_core.labeling.queue import draw
from affexion_core.labeling.versions import delete_version, edit_datasheet, put_version_back
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.imports import list_imports
from affexion_core.store.people import Person
from affexion_core.store.session import Store
from affexion_core.types import Scheme
from affexion_ui.run_actions import delete_entry
from affexion_ui.run_entries import Entry

HEARD = Scheme("heard", ("boredom", "panic"))
Way = Callable[[Store, Person, Path], object]


def one(store: Store) -> str:
    return load_dataset(store, "people").items[0].clip.id


def decided(store: Store, by: Person, tmp: Path) -> object:
    return decide(store, by, "round", one(store), "panic", "clear")


WAYS: dict[str, tuple[Way, ...]] = {
    "view": (lambda store, by, tmp: list_datasets(store),),
    "label": (lambda store, by, tmp: draw(store, "round", by),),
    "import": (
        lambda store, by, tmp: import_corpus(
            store, "folder", tmp / "people", ImportOptions(dataset=uuid.uuid4().hex), person=by.name
        ),
    ),
    "adjudicate": (decided,),
    "export": (
        lambda store, by, tmp: export_labels(store, "people", "csv", tmp / uuid.uuid4().hex, by=by),
        lambda store, by, tmp: export_zip(store, "people", "csv", by=by),
    ),
    # what isn't a request is refused after the rights were looked at
    "train": (
        *(
            lambda store, by, tmp, submit=submit: submit(store, None, by)
            for submit in (submit_run, submit_sweep, submit_gap)
        ),
        lambda store, by, tmp: submit_check(store, None, "cv", by),
        lambda store, by, tmp: submit_question(store, Question("shortcuts", "no-such-dataset"), by),
    ),
    "edit datasets": (lambda store, by, tmp: edit_datasheet(store, "people", "ours", by),),
    "delete runs": (lambda store, by, tmp: delete_entry(store, NO_RUN, by),),
    "manage projects": (
        lambda store, by, tmp: create_project(store, by, uuid.uuid4().hex, HEARD, [one(store)]),
        lambda store, by, tmp: extend_project(store, by, "round", []),
        lambda store, by, tmp: close_project(store, by, "round"),
        lambda store, by, tmp: undo_import(store, list_imports(store)[-1].id, by),
    ),
    "manage people": (
        lambda store, by, tmp: set_role(store, by, "Di", "viewer"),
        lambda store, by, tmp: add_person(store, uuid.uuid4().hex, "adjudicator", by=by),
    ),
    "delete datasets": (lambda store, by, tmp: put_version_back(store, delete_version(store, "people", by), by),),
    "take down": (
        lambda store, by, tmp: take_down(store, ["no-such-clip"], "asked to", by),
        lambda store, by, tmp: lift_takedown(store, "no-such-clip", "asked to", by),
    ),
}
NO_RUN = Entry.__new__(Entry)


def test_every_action_has_a_way() -> None:
    assert set(WAYS) == set(ACTIONS)


def test_every_cell_of_the_table_holds(store: Store, tmp_path: Path, counted) -> None:
    import_corpus(store, "folder", write_folders(tmp_path / "people", ("panic", "boredom"), speakers=1, takes=1))
    ada, bo = add_person(store, "Ada"), add_person(store, "Bo")
    add_person(store, "Di")
    create_project(store, ada, "round", HEARD, [one(store)])
    cells = 0
    for role in ROLES:
        set_role(store, ada, "Bo", role)
        for action, ways in WAYS.items():
            # the role in the database counts, whatever the page believes
            for believed in (bo, Person("Bo", "owner")):
                for way in ways:
                    assert refused(lambda way=way, by=believed: way(store, by, tmp_path)) == (
                        action not in RIGHTS[role]
                    ), (role, action)
            cells += 1
    stranger = Person("Mallory", "owner")
    for action, ways in WAYS.items():
        if action not in ("view", "import"):  # a corpus may name whom it likes as its importer
            assert all(refused(lambda way=way: way(store, stranger, tmp_path)) for way in ways), action
    counted("role × action", f"{cells} cells of {len(ROLES)} × {len(ACTIONS)}, each as the table says")


def refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except RightsError:
        return True
    except (AffexionError, AttributeError, TypeError):  # allowed, but there is nothing to work on
        return False
    return False


def test_an_import_is_undone_by_who_brought_it_or_an_owner(store: Store, tmp_path: Path) -> None:
    ada, bo, di = (add_person(store, name) for name in ("Ada", "Bo", "Di"))
    report = import_corpus(store, "folder", write_folders(tmp_path / "mine", ("panic",), 1, 1), person="Bo")
    with pytest.raises(RightsError, match="managing projects needs the role owner"):
        undo_import(store, report.import_id, di)
    assert undo_import(store, report.import_id, bo).n_clips == 1
    report = import_corpus(store, "folder", tmp_path / "mine", person="Bo")
    assert undo_import(store, report.import_id, ada).n_clips == 1

import dataclasses

import pytest

from affexion_core.errors import ConfigError, NotFoundError, StoreError
from affexion_core.store.runs import (
    EvaluationRecord,
    delete_run,
    get_run,
    list_evaluations,
    list_runs,
    save_evaluation,
    save_run,
)
from affexion_core.store.session import Store
from affexion_core.types import Run


def run(id: str, at: int = 1, **changes) -> Run:
    first = Run(id, "train", "paper", f"/runs/{id}", ("panic", "calm"), "tts", "f" * 64, f"2026-01-01T00:00:{at:02d}Z")
    return dataclasses.replace(first, **changes)


def figures(run_id: str, name: str = "external", at: int = 1, **summary) -> EvaluationRecord:
    return EvaluationRecord(run_id, name, "people", "all", f"2026-01-02T00:00:{at:02d}Z", "clean", summary)


def test_a_run_comes_back_as_saved(store: Store) -> None:
    made = run(
        "ab12", finished="2026-01-01T01:00:00Z", test_dataset="people", name="ü 1", parent="p", kind="fold",
        summary={"uar": {"value": 0.61, "low": 0.5, "high": None, "n": 52}},
    )  # fmt: skip
    save_run(store, made)
    assert get_run(store, "ab12") == made


def test_saving_again_replaces_the_whole_run(store: Store) -> None:
    save_run(store, run("ab12", name="first"))
    finished = run("ab12", finished="2026-01-02", summary={"uar": 0.5})
    save_run(store, finished)
    assert list_runs(store) == (finished,)


def test_runs_are_listed_newest_first(store: Store) -> None:
    parts = (run("f", 4, kind="fold", parent="b"), run("t", 5, kind="trial", parent="d"))
    for made in (run("a", 2), run("b", 3, kind="cv"), run("c", 1), run("d", 2, kind="sweep"), *parts):
        save_run(store, made)
    assert [r.id for r in list_runs(store)] == ["b", "d", "a", "c"]
    assert [r.id for r in list_runs(store, "cv")] == ["b"]
    assert [r.id for r in list_runs(store, "trial")] == ["t"]
    with pytest.raises(ConfigError, match="no kind of run 'grid'; choose cv, fold, gap, part, sweep, train or trial"):
        list_runs(store, "grid")
    with pytest.raises(ConfigError, match="Run e has the kind 'grid'"):
        save_run(store, run("e", kind="grid"))


def test_a_run_is_found_by_id_name_or_beginning(store: Store) -> None:
    for made in (run("abc1", name="best"), run("abd2", name="abc"), run("x", name="twice"), run("xy", name="twice")):
        save_run(store, made)
    assert get_run(store, "abd").id == "abd2"
    assert get_run(store, "best").id == "abc1"
    assert get_run(store, "abc").id == "abd2"  # its whole name; of the other only the beginning
    assert get_run(store, "x").id == "x"
    with pytest.raises(StoreError, match="2 runs fit 'ab': abd2, abc1; give one of these ids"):
        get_run(store, "ab")
    with pytest.raises(StoreError, match="2 runs fit 'twice': xy, x"):
        get_run(store, "twice")
    for wrong in ("", "%", "ABC1", "abc11", "_"):
        with pytest.raises(
            NotFoundError, match=r"There is no run '.*'; choose xy \(twice\), x \(twice\), abd2 \(abc\)"
        ):
            get_run(store, wrong)


def test_no_runs_yet(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no run 'a'; there are none yet, train one first"):
        get_run(store, "a")


def test_many_runs_are_not_all_listed(store: Store) -> None:
    for i in range(13):
        save_run(store, run(f"run-{i:02d}", i))
    with pytest.raises(NotFoundError, match="choose run-12, .*, run-03 or one of 3 older ones"):
        get_run(store, "z")


def test_deleting_takes_evaluations_and_folds_along(store: Store) -> None:
    for made in (run("cv", kind="cv"), run("f1", kind="fold", parent="cv"), run("other")):
        save_run(store, made)
        save_evaluation(store, figures(made.id))
    delete_run(store, "cv")
    assert [r.id for r in list_runs(store)] == ["other"]
    assert [e.run_id for e in list_evaluations(store)] == ["other"]
    with pytest.raises(NotFoundError, match="no run 'cv'; choose other"):
        delete_run(store, "cv")


def test_evaluations(store: Store) -> None:
    save_run(store, run("a"))
    save_run(store, run("b"))
    first, second, third = figures("a", uar=0.5), figures("a", "second", 2, uar=None), figures("b", at=3)
    for record in (first, second, third):
        save_evaluation(store, record)
    assert list_evaluations(store) == (third, second, first)
    assert list_evaluations(store, "a") == (second, first)
    again = figures("a", at=4, uar=0.6)
    save_evaluation(store, again)
    assert list_evaluations(store, "a") == (again, second)
    with pytest.raises(NotFoundError, match="no run 'zz'; choose b, a"):
        save_evaluation(store, figures("zz"))
    with pytest.raises(NotFoundError, match="no run 'zz'"):
        list_evaluations(store, "zz")
    save_run(store, run("c"))
    assert list_evaluations(store, "c") == ()


def test_saving_a_run_again_keeps_its_evaluations(store: Store) -> None:
    save_run(store, run("a"))
    save_evaluation(store, figures("a"))
    save_run(store, run("a", finished="2026-01-03"))
    assert list_evaluations(store, "a") == (figures("a"),)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_a_summary_that_is_no_json_is_refused(store: Store, value: object) -> None:
    with pytest.raises(StoreError, match="The summary of run a can't be stored as JSON"):
        save_run(store, run("a", summary={"uar": value}))
    assert list_runs(store) == ()
    save_run(store, run("a"))
    with pytest.raises(StoreError, match="The summary of evaluation 'external' can't be stored as JSON"):
        save_evaluation(store, figures("a", uar=value))

"""The verbs about raters' votes, as a person types them."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from affexion_core.__main__ import main
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import create_project
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import load_dataset
from affexion_core.store.labels import add_annotations
from affexion_core.store.session import Store, open_store
from affexion_core.types import Annotation, Clip, Scheme
from affexion_core.workspace import Workspace

# Krippendorff's four observers of twelve units (Computing Krippendorff's Alpha-Reliability, 2011)
KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
SCHEME = Scheme("units", ("1", "2", "3", "4", "5"))


def typed(*arguments: str, code: int = 0) -> str:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as stop:
            status = stop.code
    assert status == code, out.getvalue() + err.getvalue()
    return out.getvalue() + err.getvalue()


@pytest.fixture
def units(workspace: Workspace) -> Store:
    store = open_store(workspace)
    add_clips(store, [Clip(f"u{i:02d}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(12)])
    create_project(store, add_person(store, "Ada"), "units", SCHEME, [f"u{i:02d}" for i in range(12)])
    said = [
        Annotation(f"{rater}-{i}", f"u{i:02d}", "units", f"r{rater}", str(value), "2026", project="units")
        for rater, values in enumerate(KRIPPENDORFF)
        for i, value in enumerate(values)
        if value is not None
    ]
    add_annotations(store, said)
    return store


def test_agreement_is_that_of_the_published_example(units: Store) -> None:
    found = json.loads(typed("agreement", "units", "--json"))
    assert round(found["alpha_nominal"]["value"], 3) == 0.743
    assert (found["clips"], found["raters"], found["annotations"], found["unclear"]) == (12, 4, 41, 0)
    for key in ("alpha_nominal", "fleiss_kappa", "pairwise_kappa"):
        assert found[key]["low"] < found[key]["value"] < found[key]["high"] and found[key]["n"]
    assert len(found["pairwise_kappa"]["pairs"]) == 6
    assert "Krippendorff's α  0.74 (" in typed("agreement", "units")


def test_consensus_counts_first_and_saves_when_asked(units: Store) -> None:
    counted = json.loads(typed("consensus", "units", "--rule", "majority", "--min-votes", "2", "--json"))
    # the sixth clip got 1, 2, 3 and 4; the twelfth one vote alone
    assert (counted["kept"], counted["dropped"]) == (10, {"too few votes": 1, "a tie": 1})
    assert counted["dataset"] is None
    words = typed("consensus", "units", "--rule", "majority", "--min-votes", "2", "--into", "units-1")
    assert "10 of 12 clips get a label" in words and "Dataset units-1 (real) saved" in words
    items = load_dataset(units, "units-1").items
    assert [item.label for item in items] == ["1", "2", "3", "3", "2", "4", "1", "2", "5", "1"]
    assert "was there already, the same" in typed(
        "consensus", "units", "--rule", "majority", "--min-votes", "2", "--into", "units-1"
    )


def test_what_is_wrong_is_told_in_one_sentence(units: Store) -> None:
    assert "There is no project or dataset 'gone'" in typed("agreement", "gone", code=2)
    assert "min_agreement" in typed("consensus", "units", "--min-agreement", "2", code=2)
    typed("consensus", "units", "--into", "v")
    told = typed("consensus", "units", "--into", "v", "--min-votes", "3", code=2)
    assert "such as 'v-2'. Options: --into." in told

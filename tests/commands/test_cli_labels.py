"""The verbs about people and projects, as a person types them."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from affexion_core.__main__ import main
from affexion_core.labeling.projects import get_project
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.session import Store
from affexion_core.types import Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


def run(store: Store, *arguments: str, code: int = 0) -> str:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*arguments, "--workspace", str(store.workspace.root)])
        except SystemExit as stop:
            status = int(stop.code or 0)
    assert status == code, err.getvalue()
    return out.getvalue() if code == 0 else err.getvalue()


def as_json(store: Store, *arguments: str):
    return json.loads(run(store, *arguments, "--json"))


@pytest.fixture
def library(sqlite_store: Store) -> Store:
    add_clips(sqlite_store, [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(6)])
    save_dataset(sqlite_store, "calls", "real", MOOD, [("c0", "calm"), ("c1", "panic"), ("c2", "calm")])
    save_dataset(sqlite_store, "known", "real", MOOD, [("c4", "panic")])
    return sqlite_store


def test_people_come_in_and_get_roles(library: Store) -> None:
    assert "the first person becomes the owner" in run(library, "people")
    assert "Nobody is in the workspace yet" in run(library, "people", "role", "Anna", "owner", code=2)
    assert as_json(library, "people", "add", "Anna") == {"name": "Anna", "role": "owner", "email": None}
    assert run(library, "people", "add", "Ben", "--email", "ben@example.org") == "Ben is here as rater.\n"
    assert as_json(library, "people", "add", "Ada", "--role", "adjudicator")["role"] == "adjudicator"
    assert "Ben is a rater; managing people" in run(library, "people", "role", "Ada", "owner", "--by", "Ben", code=2)
    assert run(library, "people", "role", "Ben", "owner") == "Ben is owner now.\n"
    several = run(library, "people", "role", "Ada", "viewer", code=2)
    assert several == "Error: Say who does it: the owners are Anna or Ben. Options: --by.\n"
    assert [(row["name"], row["role"]) for row in as_json(library, "people")] == [
        ("Ada", "adjudicator"),
        ("Anna", "owner"),
        ("Ben", "owner"),
    ]


def test_a_project_is_made_extended_closed_and_listed(library: Store) -> None:
    run(library, "people", "add", "Anna")
    run(library, "people", "add", "Ben")
    assert "No labelling projects yet" in run(library, "projects")
    chosen = ["--scheme", "mood", "--dataset", "calls", "--clips", "c3, c0", "--gold", "known", "--overlap", "2"]
    more = ["--set", "dimensions=arousal, valence", "--set", "gold_share=0.1", "--set", "must_listen=false"]
    made = as_json(library, "project", "create", "Voices", *chosen, *more, "--rater", "Ben")
    assert (made["clips"], made["done"], made["overlap"], made["raters"]) == (5, 0, 2, ["Ben"])
    settings = get_project(library, "Voices").settings
    assert (settings.dimensions, settings.gold_share, settings.must_listen) == (("arousal", "valence"), 0.1, False)
    assert "6 clips, 2 people for each, 0 done. Raters: Ben" in run(
        library, "project", "extend", "Voices", "--clips", "c5"
    )
    assert "everybody whose role allows it" in run(library, "project", "raters", "Voices")
    assert "Voices is closed" in run(library, "project", "close", "Voices")
    assert as_json(library, "projects")[0]["state"] == "closed"
    assert "Voices is open" in run(library, "project", "open", "Voices")
    assert "0 of 6" in run(library, "projects")


def test_what_is_wrong_is_said(library: Store) -> None:
    run(library, "people", "add", "Anna")
    create = ["project", "create", "Voices", "--dataset", "calls"]
    assert "There is no scheme 'nope' in the workspace; choose mood. Shipped are" in run(
        library, *create, "--scheme", "nope", code=2
    )
    assert "would have no clips; choose some. Options: --dataset, --clips." in run(
        library, "project", "create", "Voices", "--scheme", "mood", code=2
    )
    wrong = run(library, *create, "--scheme", "mood", "--set", "gold_share=2", code=2)
    assert "gold_share = '2': input should be less than or equal to 0.5" in wrong
    assert "There is a dataset 'calls' already" in run(
        library, "project", "create", "calls", "--dataset", "calls", "--scheme", "mood", code=2
    )
    assert "There is no project 'Voices'" in run(library, "project", "close", "Voices", code=2)

"""What the library asks of the database takes as many statements with 5000 clips as with 50."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from affexion_core.licences import licences_in
from affexion_core.store.clips import ClipQuery, add_clips, facets, find_clips
from affexion_core.store.dataset_rows import dataset_hash
from affexion_core.store.datasets import list_datasets, load_dataset, save_dataset
from affexion_core.store.imports import import_of, list_imports
from affexion_core.store.licences import dataset_licences
from affexion_core.store.session import Store, open_store
from affexion_core.types import Clip, Provenance, Scheme
from affexion_core.workspace import open_workspace

SCHEME = Scheme("two", ("a", "b"))
# Statements each question may take, its transaction's own aside.
ASKED: dict[str, tuple[int, Callable[[Store], object]]] = {
    "open": (3, lambda store: find_clips(store, ClipQuery())),
    "filter": (3, lambda store: find_clips(store, ClipQuery(dataset="d", label="a", text="w 1"))),
    "sort": (3, lambda store: find_clips(store, ClipQuery(dataset="d", order="label", descending=True))),
    "page": (3, lambda store: find_clips(store, ClipQuery(offset=40))),
    "filters": (2, facets),
    "filters of a dataset": (3, lambda store: facets(store, "d")),
    "datasets": (3, list_datasets),
    "version": (2, lambda store: dataset_hash(store, "d")),
    "whole dataset": (3, lambda store: load_dataset(store, "d")),
    "licences": (1, licences_in),
    "licences of datasets": (1, dataset_licences),
    "imports": (2, list_imports),
    "import of a clip": (1, lambda store: import_of(store, "0" * 16)),
}


@pytest.fixture(scope="module", params=[50, 5000])
def filled(request, tmp_path_factory) -> Store:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AFFEXION_DATABASE_URL", raising=False)
        store = open_store(open_workspace(tmp_path_factory.mktemp("filled")))
    clips = [
        Clip(f"{i:016x}", f"audio/{i}.wav", f"{i:064x}", "real", f"c{i % 5}", 1.0 + i % 7, 16000, speaker=f"c:{i % 99}",
             transcript=f"w {i}", provenance=Provenance(licence=("CC0", None)[i % 2]))
        for i in range(request.param)
    ]  # fmt: skip
    add_clips(store, clips)
    save_dataset(store, "d", "real", SCHEME, [(clip.id, "ab"[i % 2]) for i, clip in enumerate(clips)])
    return store


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(connection, cursor, statement, parameters, context, executemany) -> None:
        if statement.split()[0] in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"):
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("what", ASKED)
def test_a_question_takes_a_fixed_number_of_statements(filled: Store, what: str) -> None:
    most, ask = ASKED[what]
    with statements(filled) as seen:
        ask(filled)
    assert 1 <= len(seen) <= most, seen


def test_the_hash_is_that_of_the_loaded_dataset(filled: Store) -> None:
    assert dataset_hash(filled, "d") == load_dataset(filled, "d").snapshot()

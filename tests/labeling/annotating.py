"""What the tests of the queue share: a project with clips and raters, answers, and the books checked."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select

from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import ProjectSettings, create_project, get_project
from affexion_core.labeling.queue import Answer, Receipt, draw, submit
from affexion_core.store.clips import add_clips
from affexion_core.store.people import Person
from affexion_core.store.projects import current_votes
from affexion_core.store.schema import annotation, assignment, project_clip
from affexion_core.store.session import Store, reading
from affexion_core.types import Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))
PROJECT = "voices"
T0 = 1_800_000_000.0
# Without hidden checks, repeats and further raters: what is left is the overlap alone.
PLAIN = {"gold_share": 0.0, "repeat_share": 0.0, "extra_raters": 0}
_numbers = itertools.count()


def clip_names(n: int) -> list[str]:
    return [f"c{i:05d}" for i in range(n)]


def add_test_clips(store: Store, n: int) -> list[str]:
    names = clip_names(n)
    add_clips(store, [Clip(name, f"{name}.wav", "0" * 64, "real", "demo", 1.0, 16000) for name in names])
    return names


def make_project(
    store: Store,
    n_clips: int,
    n_raters: int,
    gold: Mapping[str, str] | None = None,
    scheme: Scheme = MOOD,
    **settings: object,
) -> tuple[Person, list[Person]]:
    """Make a project with clips ``c00000``, …; give the owner and the raters."""
    names = add_test_clips(store, n_clips)
    owner = add_person(store, "Olga")
    raters = [add_person(store, f"rater-{i:02d}") for i in range(n_raters)]
    create_project(store, owner, PROJECT, scheme, names, ProjectSettings(**(PLAIN | settings)), gold=gold)
    return owner, raters


def answer(clip_id: str, label: str | None = "calm", id: str | None = None, **more: object) -> Answer:
    unlabelled = more.get("unclear") or more.get("skip")
    return Answer(id or f"answer-{next(_numbers)}", clip_id, None if unlabelled else label, **more)


def give(store: Store, rater: Person, *answers: Answer, now: float = T0) -> tuple[Receipt, ...]:
    return submit(store, PROJECT, rater, answers, now=now)


def judge_all(store: Store, rater: Person, label: str = "calm", now: float = T0, at_once: int = 4) -> list[str]:
    """Draw and answer until nothing is left; give the clips in the order answered."""
    heard: list[str] = []
    while tasks := draw(store, PROJECT, rater, at_once, now=now):
        receipts = give(store, rater, *(answer(task.clip_id, label) for task in tasks), now=now)
        assert {receipt.status for receipt in receipts} == {"saved"}
        heard += [task.clip_id for task in tasks]
    return heard


def held(store: Store, rater: Person, n: int = 1, now: float = T0) -> list[str]:
    return [task.clip_id for task in draw(store, PROJECT, rater, n, now=now)]


def votes(store: Store, *clip_ids: str) -> list[list[str | None]]:
    with reading(store) as connection:
        found = current_votes(connection, PROJECT, "mood", clip_ids)
    return [sorted(found.get(id, []), key=str) for id in clip_ids]


def column(store: Store, name: str) -> dict[str, object]:
    """Read one column of the project's clips."""
    with reading(store) as connection:
        query = select(project_clip.c.clip_id, project_clip.c[name]).where(project_clip.c.project == PROJECT)
        return {id: value for id, value in connection.execute(query)}


def states(store: Store, rater: Person | None = None) -> Counter[tuple[int, str]]:
    """Count assignments by take and state."""
    query = select(assignment.c.take, assignment.c.state)
    query = query if rater is None else query.where(assignment.c.rater == rater.name)
    with reading(store) as connection:
        return Counter((take, state) for take, state in connection.execute(query))


def n_rows(store: Store) -> int:
    with reading(store) as connection:
        return len(connection.execute(select(annotation.c.id)).all())


def raters_of(store: Store) -> dict[str, list[str]]:
    """Give who judged each clip for the first time, one entry for each chain of corrections."""
    query = select(annotation.c.clip_id, annotation.c.rater).where(
        annotation.c.project == PROJECT, annotation.c.take == 0, annotation.c.replaces.is_(None)
    )
    found: dict[str, list[str]] = {}
    with reading(store) as connection:
        for clip_id, rater in connection.execute(query.where(annotation.c.scheme == "mood")):
            found.setdefault(clip_id, []).append(rater)
    return found


def check_books(store: Store) -> None:
    """Check what must hold at every moment: counts are those of the rows, and nobody is asked in vain."""
    with reading(store) as connection:
        rows = connection.execute(select(assignment)).mappings().all()
    counted = Counter(row["clip_id"] for row in rows if row["take"] == 0 and row["state"] in ("held", "answered"))
    taken, wanted, gold = column(store, "taken"), column(store, "wanted"), column(store, "gold")
    assert {id: n for id, n in taken.items() if n} == dict(counted)
    for row in rows:
        assert row["counted"] == (row["take"] == 0 and row["state"] in ("held", "answered"))
    settings = get_project(store, PROJECT).settings
    for n in wanted.values():
        assert settings.overlap <= n <= settings.overlap + settings.extra_raters
    judged = {(row["clip_id"], row["rater"]) for row in rows if row["take"] == 0 and row["state"] == "answered"}
    with reading(store) as connection:
        standing = current_votes(connection, PROJECT, "mood", list(taken))
    assert {id: len(found) for id, found in standing.items()} == dict(Counter(id for id, _ in judged))
    assert all(gold[id] is None or n == settings.overlap for id, n in wanted.items())


def shares(values: Iterable[object], chosen: Sequence[object]) -> float:
    held_values = list(values)
    return sum(value in chosen for value in held_values) / len(held_values)

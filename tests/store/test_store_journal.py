"""A write-ahead journal that was cut off or damaged: what is found is a beginning of what was written, or a refusal."""

import multiprocessing
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from affexion_core.errors import AffexionError
from affexion_core.store.clips import add_clips
from affexion_core.store.labels import add_annotations, find_annotations, save_scheme
from affexion_core.store.session import open_store, reading
from affexion_core.types import Annotation, Clip, Scheme
from affexion_core.workspace import Workspace, open_workspace

N = 60


def write_and_die(root: str) -> None:
    """Save labels one by one and be killed before the journal is folded into the database."""
    store = open_store(open_workspace(root))
    add_clips(store, [Clip("c", "c.wav", "0" * 64, "real", "demo", 1.0, 16000)])
    save_scheme(store, Scheme("mood", ("calm", "panic")))
    for n in range(N):
        add_annotations(store, [Annotation(f"{n:03d}", "c", "mood", "ann", "calm", f"2026-01-01T00:00:{n:02d}Z")])
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def crashed(workspace: Workspace) -> Path:
    """The folder of a workspace whose writer was killed, with a journal beside the database."""
    writer = multiprocessing.get_context("spawn").Process(target=write_and_die, args=(str(workspace.root),))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    assert (workspace.root / "affexion.db-wal").stat().st_size > 10_000
    return workspace.root


def found_after(damage, crashed: Path, place: Path) -> list[str] | None:
    """Open a copy whose journal was damaged; the ids of its labels, or None where opening was refused in words."""
    shutil.copytree(crashed, place)
    (place / "affexion.db-shm").unlink(missing_ok=True)
    damage(place / "affexion.db-wal")
    try:
        store = open_store(open_workspace(place))
        ids = [made.id for made in find_annotations(store)]
    except AffexionError as error:
        assert str(error).endswith(".") and "Traceback" not in str(error)
        return None
    with reading(store) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.engine.dispose()
    return ids


def test_a_whole_journal_brings_every_label_back(crashed: Path, tmp_path: Path) -> None:
    assert found_after(lambda wal: None, crashed, tmp_path / "whole") == [f"{n:03d}" for n in range(N)]


def test_a_damaged_journal_leaves_a_beginning(crashed: Path, tmp_path: Path) -> None:
    draw = random.Random(7)
    size = (crashed / "affexion.db-wal").stat().st_size
    offsets = sorted(draw.randrange(size) for _ in range(50))

    def cut(offset: int):
        return lambda wal: os.truncate(wal, offset)

    def flipped(offset: int):
        def damage(wal: Path) -> None:
            content = bytearray(wal.read_bytes())
            content[offset] ^= 0xFF
            wal.write_bytes(content)

        return damage

    lengths = []
    for k, offset in enumerate(offsets):
        for kind, damage in (("cut", cut(offset)), ("flip", flipped(offset))):
            ids = found_after(damage, crashed, tmp_path / f"{kind}-{k}")
            if ids is not None:
                assert ids == [f"{n:03d}" for n in range(len(ids))]
                lengths.append(len(ids))
    # the test itself: damage costs something, and less the later it is
    assert len(lengths) > 50 and min(lengths) < N / 2 < max(lengths)

"""Two hundred names that lead elsewhere, on every id and path: nothing outside the workspace is read or written."""

import itertools
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from affexion_core.archives import unpack
from affexion_core.errors import AffexionError
from affexion_core.evaluation.measuring import evaluate
from affexion_core.ingest.takedown import lift_takedown, preview_takedown, take_down
from affexion_core.jobs.submit import resume_run
from affexion_core.labeling._import_audio import _within
from affexion_core.labeling.datasheet import datasheet_of
from affexion_core.labeling.exporting import export_labels, export_zip
from affexion_core.labeling.people import get_person
from affexion_core.labeling.projects import get_project
from affexion_core.labeling.versions import compare_datasets, delete_version
from affexion_core.licences import licences_in
from affexion_core.run_folder import file_stem, read_evaluation, read_predictions, write_json
from affexion_core.store.clips import ClipQuery, add_clips, find_clips, get_clip
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.imports import get_import, import_of
from affexion_core.store.jobs import get_job
from affexion_core.store.runs import get_run
from affexion_core.store.session import Store, open_store
from affexion_core.types import Clip, Scheme
from affexion_ui.files_sources import file_name

STEPS = (
    "../",
    "..\\",
    "....//",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%2f",
    "..%5c",
    "%252e%252e%252f",
    "..%c0%af",
    "．．／",
    "./../",
)
ENDS = ("canary.txt", "outside/canary.txt", "canary.txt\0.wav", "canary.txt%00.wav")
ABSOLUTE = ("/etc/passwd", "//etc/passwd", "file:///etc/passwd", "C:\\Windows\\win.ini", "\\\\host\\share\\x", 
            "~/canary", "~root/x", "$HOME/canary", "${HOME}/x", "/proc/self/environ", "/dev/zero", "|id", "`id`", "-rf",
            "--help", ".", "..", "/", "", " ", "\0", "a\0b", "a/../../canary.txt", "audio/../../canary.txt", "CON",
            "a" * 5000, "runs/../../canary.txt", "\n../canary.txt", "../canary.txt\n", "*", "**/*",
            "[!a]*")  # fmt: skip
NAMES = tuple(
    dict.fromkeys(
        [*ABSOLUTE, *(step * depth + end for step, depth, end in itertools.product(STEPS, (1, 2, 4, 8), ENDS))]
    )
)[:210]
MODES = {"r", "w", "w+", "rb", "wb", "a", "a+", "x", "xb", "r+", "rb+", "wb+"}
# Reading and writing, as the interpreter itself tells it.
EVENTS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.listdir", "os.scandir",
          "os.chmod", "os.truncate", "shutil.rmtree", "shutil.copyfile", "shutil.move", "glob.glob"}  # fmt: skip
_watching: list[list[str]] = []


def _hook(event: str, args: tuple) -> None:
    if _watching and event in EVENTS:
        _watching[-1].extend(os.fsdecode(each) for each in args[:2] if isinstance(each, str | bytes | os.PathLike))


sys.addaudithook(_hook)


@contextmanager
def touched() -> Iterator[list[str]]:
    """Note every path that is opened, listed, made, moved or removed."""
    seen: list[str] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.pop()


def outside(seen: list[str], root: Path) -> list[str]:
    """Keep those paths that lie neither in the workspace nor among what Python and the product are made of."""
    project = Path(__file__).resolve().parents[2]
    own = [root, *(project / name for name in ("affexion_core", "affexion_ui", "tests", ".venv", "data"))]
    own += [Path(sys.prefix), Path(sys.base_prefix) / "lib", Path("/usr/lib"), Path("/usr/share")]
    found = []
    for text in seen:
        if not text or text in MODES:
            continue
        path = Path(os.path.realpath(os.path.join(os.getcwd(), text.split("\0")[0])))
        if not any(path.is_relative_to(each.resolve()) for each in own):
            found.append(text)
    return found


@pytest.fixture
def small(tmp_path: Path, monkeypatch) -> Store:
    from affexion_core.workspace import open_workspace

    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    root = tmp_path / "deep" / "er" / "workspace"
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(root))
    for folder in (tmp_path, tmp_path / "deep", tmp_path / "deep" / "er"):
        folder.mkdir(exist_ok=True)
        (folder / "canary.txt").write_text("secret")
    store = open_store(open_workspace())
    clip = Clip("a" * 16, "audio/aa/x.wav", "a" * 64, "real", "c", 1.0, 16000)
    add_clips(store, [clip])
    save_dataset(store, "set", "real", Scheme("two", ("a", "b")), [(clip.id, "a")])
    return store


WAYS: dict[str, Callable[[Store, str], object]] = {
    "clip": get_clip,
    "clips of a dataset": lambda store, name: find_clips(store, ClipQuery(dataset=name)),
    "search": lambda store, name: find_clips(store, ClipQuery(text=name)),
    "dataset": load_dataset,
    "datasheet": datasheet_of,
    "licences": licences_in,
    "comparison": lambda store, name: compare_datasets(store, "set", name),
    "deletion": delete_version,
    "takedown": lambda store, name: take_down(store, [name], "because"),
    "what would go": lambda store, name: preview_takedown(store, [name]),
    "lifting": lambda store, name: lift_takedown(store, name, "because"),
    "import": get_import,
    "import of a clip": import_of,
    "job": get_job,
    "run": get_run,
    "person": get_person,
    "project": get_project,
    "measurement": lambda store, name: read_evaluation(store.workspace.runs / "r", name),
    "predictions": lambda store, name: read_predictions(store.workspace.runs / "r", name),
    "file of a measurement": lambda store, name: write_json(store.workspace.runs / "r" / f"{file_stem(name)}.json", {}),
    "export": lambda store, name: export_zip(store, name, "csv"),
    "format of an export": lambda store, name: export_labels(store, "set", name, store.workspace.exports / "out"),
    "file of a clip": lambda store, name: _clip_bytes(store, name),
    "file beside labels": lambda store, name: _within(store.workspace.exports, name),
    "upload": lambda store, name: (store.workspace.exports / file_name(name)).write_bytes(b"x"),
    "member of an archive": lambda store, name: _unpacked(store, name),
}
# imported above so that loading them isn't counted among what a name opens
_LOADED = (evaluate, resume_run)


def _clip_bytes(store: Store, name: str) -> None:
    clip = Clip("b" * 16, f"audio/{name}", "b" * 64, "real", "c", 1.0, 16000)
    path = store.workspace.clip_path(clip)
    if path.is_file():
        path.read_bytes()


def _unpacked(store: Store, name: str) -> None:
    file = store.workspace.exports / "in.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name or "x"), b"x")
    target = store.workspace.exports / "unpacked"
    target.mkdir(exist_ok=True)
    unpack(file, target)


def test_a_read_outside_would_be_seen(small: Store, tmp_path: Path) -> None:
    with touched() as seen:
        (small.workspace.root / ".." / "canary.txt").read_text()
        (small.workspace.root / "inside").write_text("x")
    assert len(outside(seen, small.workspace.root)) == 1


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_none_of_two_hundred_names_leads_outside(way: str, small: Store, tmp_path: Path, counted) -> None:
    assert len(NAMES) >= 200
    refused = tried(way, NAMES, small, tmp_path)
    counted(f"{len(NAMES)} names that lead elsewhere, as {way}", f"0 reads or writes outside; {refused} refused")


@pytest.mark.parametrize("way", WAYS)
def test_no_name_leads_outside(way: str, small: Store, tmp_path: Path) -> None:
    tried(way, [*ABSOLUTE[:3], *ABSOLUTE[-14:], *NAMES[40::40]], small, tmp_path)


def tried(way: str, names: Sequence[str], small: Store, tmp_path: Path) -> int:
    root = small.workspace.root
    canaries = {path: path.read_text() for path in (tmp_path / "deep").rglob("canary.txt")}
    strays, refused = [], 0
    for name in names:
        with touched() as seen:
            try:
                WAYS[way](small, name)
            except (AffexionError, ValueError, OSError, KeyError) as error:
                refused += 1
                # what isn't one of ours would be shown as an unexpected error
                assert isinstance(error, AffexionError) or way in ("search", *_RAW), f"{way} {name[:60]!r}: {error!r}"
        strays += [(name[:60], path) for path in outside(seen, root)]
    assert strays == []
    assert {path: path.read_text() for path in canaries} == canaries
    return refused


_RAW = ("upload", "file of a measurement", "member of an archive", "file of a clip")

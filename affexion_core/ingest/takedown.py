"""Takedown: a clip leaves the workspace with all that was made of it, and does not come back unasked.

What goes: the recording, cached features and measures, exports that hold it, its labels, judgements, decisions and
places in projects. What stays is a tombstone, and models that learned from it: these are listed, since weights can't
forget one clip.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection

from affexion_core.config import config_hash
from affexion_core.errors import NotFoundError, StoreError
from affexion_core.ingest.youtube.videos import forget_videos
from affexion_core.labeling.people import Person, require_now
from affexion_core.run_folder import write_json
from affexion_core.speaking.sounds import forget_sounds
from affexion_core.store.clips import get_clips, known_clips
from affexion_core.store.session import Store, reading, writing
from affexion_core.store.takedowns import (
    Tombstone,
    bury,
    holding,
    mark_lifted,
    same_recording,
    tombstones_of,
)
from affexion_core.types import Clip
from affexion_core.workspace import Workspace

MAX_REASON = 500
# Members of an export beyond this size are recordings, which go with the tables that name them.
_MOST_TEXT = 200_000_000
_TEXTS = (".csv", ".json", ".jsonl", ".md", ".html", ".txt", ".yaml")


@dataclass(frozen=True)
class TakedownReport:
    """What a takedown takes, or would take.

    Attributes
    ----------
    clips
        Ids of the clips that go, of which ``parts`` were not named but lie in the same recording.
    datasets, projects
        Names → how many of the clips they lose.
    n_judgements, n_decisions
        Of people, about these clips; ``kept_judgements`` says whether the tombstones keep the judgements.
    learned, measured
        Ids of runs whose models learned from one of the clips, and of those only measured on one.
    exports
        Files in the workspace's folder for exports that hold one; they are deleted.
    n_files
        Files deleted: recordings, cached features and measures, exports. 0 before it is done.
    outside
        Recordings that were used in place, outside the workspace; they are not touched.
    done
        Whether it happened.
    """

    clips: tuple[str, ...]
    parts: tuple[str, ...]
    datasets: Mapping[str, int]
    projects: Mapping[str, int]
    n_judgements: int
    n_decisions: int
    kept_judgements: bool
    learned: tuple[str, ...]
    measured: tuple[str, ...]
    exports: tuple[str, ...]
    n_files: int
    outside: tuple[str, ...]
    done: bool


def preview_takedown(store: Store, ids: Sequence[str], keep_judgements: bool = False) -> TakedownReport:
    """Say what a takedown would take; nothing is changed.

    Raises
    ------
    NotFoundError
        If a clip isn't there.
    """
    clips = get_clips(store, dict.fromkeys(ids))
    with reading(store) as connection:
        going = _going(connection, clips)
    whole = get_clips(store, going)
    with reading(store) as connection:
        return _report(store, connection, clips, whole, keep_judgements)


def take_down(
    store: Store,
    ids: Sequence[str],
    reason: str,
    by: Person | None = None,
    keep_judgements: bool = False,
    whole_recording: bool = False,
) -> TakedownReport:
    """Take clips down: rows in one transaction, then files. Done again for the same clip, it removes what was left.

    Parameters
    ----------
    store
        The open store.
    ids
        Of the clips.
    reason
        Why; it stays on the tombstone and is shown to whoever imports the recording again.
    by
        Who does it, an owner; None for somebody at the machine itself.
    keep_judgements
        Keep what people said of the clips, without comments, on the tombstones. By default they go as well: what is
        said about a voice is about the person.
    whole_recording
        Take down all clips of the recordings, where a clip is only a part of one.

    Raises
    ------
    RightsError
        If ``by`` may not.
    NotFoundError
        If a clip isn't there and was not taken down before.
    StoreError
        If no reason is given, or other clips are parts of the same recording and the whole isn't asked for; nothing is
        changed then.
    """
    why = " ".join(reason.split())
    if not why or len(why) > MAX_REASON:
        raise StoreError(f"Say why, in 1 to {MAX_REASON} characters; it stays on the tombstone.", change=("reason",))
    _require(store, by)
    wanted = list(dict.fromkeys(ids))
    there = known_clips(store, wanted)
    _clean_again(store, [id for id in wanted if id not in there])
    named = get_clips(store, [id for id in wanted if id in there])
    if not named:
        return _nothing(wanted, keep_judgements)
    with reading(store) as connection:
        whole = get_clips(store, _going(connection, named))
        found = _report(store, connection, named, whole, keep_judgements)
    if found.parts and not whole_recording:
        raise StoreError(
            f"The recording of clip {named[0].id} holds other clips ({len(found.parts)}, the first {found.parts[0]})"
            ": its sound can go only as a whole. Ask for the whole recording, or leave it.",
            change=("whole_recording",),
        )
    _bury(store, whole, found, why, by)
    n_files = _erase(store.workspace, whole, [store.workspace.root / name for name in found.exports])
    return TakedownReport(**{**vars(found), "n_files": n_files, "done": True})


def _bury(store: Store, whole: Sequence[Clip], found: TakedownReport, why: str, by: Person | None) -> None:
    with writing(store) as connection:
        if by is not None:
            require_now(connection, by, "take down")
        again = same_recording(connection, {clip.sha256 for clip in whole})
        if {id for held in again.values() for id in held} - set(found.clips):
            raise StoreError("Clips of this recording came in just now; nothing was changed. Try again.")
        contents = {clip.id: clip.sha256 for clip in whole}
        kept = {name: value for name, value in asdict(found).items() if name not in ("done", "n_files", "clips")}
        bury(connection, contents, why, None if by is None else by.name, kept, found.kept_judgements)


def lift_takedown(store: Store, clip_id: str, reason: str, by: Person | None = None) -> Tombstone:
    """Allow the recording of a clip that was taken down to come in again; it doesn't come back by itself.

    Raises
    ------
    RightsError
        If ``by`` may not.
    NotFoundError
        If no clip of that id was taken down.
    StoreError
        If no reason is given, or it is lifted already.
    """
    why = " ".join(reason.split())
    if not why or len(why) > MAX_REASON:
        raise StoreError(f"Say why, in 1 to {MAX_REASON} characters.", change=("reason",))
    _require(store, by)
    return mark_lifted(store, clip_id, why, None if by is None else by.name)


def _require(store: Store, by: Person | None) -> None:
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, "take down")


def _going(connection: Connection, clips: Sequence[Clip]) -> list[str]:
    """List the clips of the recordings that these clips lie in."""
    found = same_recording(connection, {clip.sha256 for clip in clips})
    return sorted({id for held in found.values() for id in held})


def _nothing(ids: Sequence[str], keep_judgements: bool) -> TakedownReport:
    return TakedownReport(tuple(ids), (), {}, {}, 0, 0, keep_judgements, (), (), (), 0, (), done=True)


def _report(
    store: Store, connection: Connection, named: Sequence[Clip], whole: Sequence[Clip], keep_judgements: bool
) -> TakedownReport:
    ids = [clip.id for clip in whole]
    held = holding(connection, ids)
    learned, measured = _runs_with(store.workspace, ids)
    return TakedownReport(
        clips=tuple(ids),
        parts=tuple(sorted(set(ids) - {clip.id for clip in named})),
        datasets=held.datasets,
        projects=held.projects,
        n_judgements=held.n_judgements,
        n_decisions=held.n_decisions,
        kept_judgements=keep_judgements,
        learned=learned,
        measured=measured,
        exports=tuple(path.relative_to(store.workspace.root).as_posix() for path in _exports_with(store, ids)),
        n_files=0,
        outside=tuple(sorted({clip.file for clip in whole if Path(clip.file).is_absolute()})),
        done=False,
    )


def _pattern(ids: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(id.encode()) for id in ids))


def _runs_with(workspace: Workspace, ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the runs that learned from a clip, and those that were only measured on one, by what their folders say."""
    seen, wanted = _pattern(ids), set(ids)
    learned: set[str] = set()
    measured: set[str] = set()
    for path in workspace.runs.rglob("split.json"):
        content = path.read_bytes()
        if seen.search(content):
            parts = {row.get("part") for row in json.loads(content)["clips"] if row.get("clip_id") in wanted}
            (learned if parts & {"train", "dev"} else measured).add(path.relative_to(workspace.runs).parts[0])
    for path in workspace.runs.rglob("predictions/*.csv"):
        run = path.relative_to(workspace.runs).parts[0]
        if run not in measured and seen.search(path.read_bytes()) and _is_row(path, wanted):
            measured.add(run)
    return tuple(sorted(learned)), tuple(sorted(measured - learned))


def _is_row(path: Path, wanted: set[str]) -> bool:
    with path.open(newline="", encoding="utf-8") as file:
        return any(row and row[0] in wanted for row in csv.reader(file))


def _exports_with(store: Store, ids: Sequence[str]) -> Iterator[Path]:
    """Find exports and reports that name a clip, looking into archives as well."""
    seen = _pattern(ids)
    for path in sorted(store.workspace.exports.rglob("*")):
        if path.is_file() and not path.is_symlink() and any(seen.search(text) for text in _texts(path)):
            yield path


def _texts(path: Path) -> Iterator[bytes]:
    if path.suffix.lower() in _TEXTS and path.stat().st_size <= _MOST_TEXT:
        yield path.read_bytes()
    if path.suffix.lower() != ".zip":
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith(_TEXTS) and member.file_size <= _MOST_TEXT:
                    yield archive.read(member)
    except (zipfile.BadZipFile, OSError, ValueError):
        return


def _clean_again(store: Store, ids: Sequence[str]) -> None:
    """Remove what a takedown that was killed has left; a clip that never was there is an error."""
    with reading(store) as connection:
        buried = tombstones_of(connection, ids)
    missing = [id for id in ids if id not in buried]
    if missing:
        raise NotFoundError(f"There is no clip {missing[0]!r} in the workspace, and none was taken down.")
    for tombstone in buried.values():
        if tombstone.lifted is None:
            _erase_recording(store.workspace, tombstone.sha256)
            _erase_cached(store.workspace, [tombstone.clip_id], ())
    if buried:
        for path in _exports_with(store, list(buried)):
            path.unlink(missing_ok=True)


def _erase(workspace: Workspace, clips: Sequence[Clip], exports: Sequence[Path]) -> int:
    contents = {clip.sha256 for clip in clips}
    n_files = sum(_erase_recording(workspace, sha256) for sha256 in contents) + forget_sounds(workspace, contents)
    for clip in clips:
        path = workspace.root / clip.file
        # files used in place belong to somebody else
        n_files += _unlinked(path) if path.resolve().is_relative_to(workspace.audio.resolve()) else 0
    n_files += forget_videos(workspace, clips)
    words = {config_hash(clip.transcript) for clip in clips if clip.transcript is not None}
    n_files += _erase_cached(workspace, [clip.id for clip in clips], sorted(words))
    return n_files + sum(map(_unlinked, exports))


def _erase_recording(workspace: Workspace, sha256: str) -> int:
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return 0
    folder = workspace.audio / sha256[:2]
    return sum(_unlinked(path) for path in [*folder.glob(f"{sha256}*"), *folder.glob(f".{sha256[:16]}.*.part")])


def _erase_cached(workspace: Workspace, ids: Sequence[str], words: Sequence[str]) -> int:
    """Remove features, fingerprints and measures: files of a clip's name, and its entries in tables of many clips."""
    safe = [id for id in ids if re.fullmatch(r"[\w-]+", id, re.ASCII)]
    n_files = 0
    for folder in workspace.features.iterdir():
        if folder.is_dir():
            n_files += sum(_unlinked(folder / key[:2] / f"{key}.npy") for key in (*safe, *words))
    seen = _pattern(safe) if safe else re.compile(b"(?!)")
    for table in workspace.features.rglob("*.json"):
        content = table.read_bytes()
        if seen.search(content):
            n_files += _without(table, content, set(safe))
    return n_files


def _without(table: Path, content: bytes, ids: set[str]) -> int:
    """Strike clips from a cached table by clip; one of another kind is removed, as it can be made again."""
    try:
        held = json.loads(content)
    except ValueError:
        held = None
    if isinstance(held, dict) and ids & held.keys():
        left = {key: value for key, value in held.items() if key not in ids}
        if not _pattern(ids).search(json.dumps(left).encode()):
            write_json(table, left)
            return 0
    return _unlinked(table)


def _unlinked(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(
            f"The rows are gone, but {path} can't be deleted ({error.strerror}); make it writable, then take the clip "
            "down again: that removes what is left."
        ) from error
    return 1

"""Unpack zip archives that somebody else made: nothing lands outside, nothing grows without end."""

from __future__ import annotations

import re
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import CorpusError

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_BLOCK = 1 << 20
# Files of this size may be packed as tightly as they like: a table of zeros is no bomb.
_SMALL = 10_000_000
# Names that Windows takes for devices, whatever the suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_NESTED = re.compile(r"\.(zip|jar|tar|tgz|tbz2?|txz|gz|bz2|xz|zst|7z|rar)$", re.IGNORECASE)
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 200, 1000, 20


@config_class
class ArchiveLimits:
    """How much an archive may hold."""

    max_bytes: Annotated[int, Field(ge=1, description="Of all files unpacked; a workspace's disk is not endless")] = (
        4_000_000_000
    )
    max_file_bytes: Annotated[
        int, Field(ge=1, description="Of one file unpacked; ten minutes of stereo take 0.1 GB")
    ] = 1_000_000_000
    max_files: Annotated[int, Field(ge=1, description="Files and folders; more take minutes to create")] = 20_000
    max_ratio: Annotated[int, Field(ge=1, description="Unpacked to packed size; sound shrinks to a half at best")] = 200


@contextmanager
def unpacked(path: Path, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[Path]:  # noqa: B008 (frozen)
    """Unpack a zip archive into a temporary folder, which is gone afterwards.

    All names, kinds and sizes are checked before anything is written; sizes again while writing, since headers lie.
    What macOS adds (``__MACOSX``, ``.DS_Store``) is left out. Permissions and times are not restored.

    Yields
    ------
    The folder; where the archive holds nothing but one folder, that one.

    Raises
    ------
    CorpusError
        If it is no zip archive, is damaged or encrypted, holds too much, or an entry that could land outside, is no
        plain file or folder, or can't stand on every system.
    """
    with tempfile.TemporaryDirectory(prefix="affexion-archive-") as held:
        yield unpack(path, Path(held), limits)


def unpack(path: Path, root: Path, limits: ArchiveLimits = ArchiveLimits()) -> Path:  # noqa: B008 (frozen)
    """Unpack a zip archive into an empty folder, by the same rules as `unpacked`; gives what that yields.

    Raises
    ------
    CorpusError
        As `unpacked`; the folder may hold a part of the archive then.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _extract(path, archive, _checked(path, archive, limits), root, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CorpusError(f"{path.name} is damaged or no zip archive ({error}); pack or download it again.") from error
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CorpusError(f"{path.name} can't be unpacked ({reason}).") from error
    return _only_folder(root)


def _only_folder(root: Path) -> Path:
    found = list(root.iterdir())
    return found[0] if len(found) == 1 and found[0].is_dir() else root


def _checked(path: Path, archive: zipfile.ZipFile, limits: ArchiveLimits) -> list[tuple[zipfile.ZipInfo, Path]]:
    """Give the entries to unpack with their paths below the folder."""
    infos = archive.infolist()
    if len(infos) > limits.max_files:
        raise CorpusError(f"{path.name} holds {len(infos)} entries; at most {limits.max_files} are unpacked. Split it.")
    packed = sum(info.compress_size for info in infos)
    if packed > path.stat().st_size:
        raise CorpusError(f"{path.name} holds entries that overlap; no program packs so, and it is not unpacked.")
    total = sum(info.file_size for info in infos)
    if total > limits.max_bytes:
        raise CorpusError(f"{path.name} unpacks to {_size(total)}; at most {_size(limits.max_bytes)} is allowed.")
    entries = []
    for info in infos:
        reason = _wrong_kind(info, limits) or _wrong_name(info)
        if reason:
            raise CorpusError(f"{path.name} is not unpacked: its entry {info.orig_filename[:80]!r} {reason}.")
        place = Path(*_parts(info.orig_filename))
        if "__MACOSX" not in place.parts and place.name != ".DS_Store":
            entries.append((info, place))
    _check_collisions(path, entries)
    if not any(not info.is_dir() for info, _ in entries):
        raise CorpusError(f"{path.name} holds no files.")
    return entries


def _wrong_kind(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither file nor folder"
    if info.flag_bits & 0x1:
        return "is encrypted; pack it without a password"
    if info.compress_type not in _METHODS:
        return "is packed in a way that can't be read; pack it as an ordinary zip"
    if info.file_size > limits.max_file_bytes:
        return f"unpacks to {_size(info.file_size)}; at most {_size(limits.max_file_bytes)} is allowed"
    if info.file_size > max(_SMALL, info.compress_size * limits.max_ratio):
        return f"would grow from {_size(info.compress_size)} to {_size(info.file_size)}"
    return None


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part]


def _wrong_name(info: zipfile.ZipInfo) -> str | None:
    name, parts = info.orig_filename, _parts(info.orig_filename)
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        return "has control characters in its name"
    if name.startswith(("/", "\\")):
        return "has an absolute path"
    if ".." in parts or "." in parts:
        return "has a path that leads elsewhere"
    if re.match(r"[A-Za-z]:", name) or ":" in name:
        return "has a drive letter or colon in its name"
    if not parts or len(parts) > _DEEPEST or len(name) > _LONGEST_PATH:
        return "has a path that is empty, too long or too deep"
    for part in parts:
        if len(part.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
            return "has a name that is too long"
        if _DEVICES.fullmatch(part):
            return "has the name of a device"
        if part.endswith((".", " ")) or part.startswith(" "):
            return "has a name with a space or full stop at its end"
    if _NESTED.search(name):
        return "is an archive itself; unpack that one first"
    return None


def _check_collisions(path: Path, entries: Sequence[tuple[zipfile.ZipInfo, Path]]) -> None:
    """Refuse two entries that would be one file, there or on a system that minds neither case nor letter forms."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for info, place in entries:
        steps = [Path(*place.parts[:n]) for n in range(1, len(place.parts) + 1)]
        if not info.is_dir():
            key = _folded(steps.pop())
            if key in files or key in folders:
                raise _collision(path, files.get(key) or folders[key], str(place))
            files[key] = str(place)
        for step in steps:
            key = _folded(step)
            if key in files or folders.setdefault(key, str(step)) != str(step):
                raise _collision(path, files.get(key) or folders[key], str(place))


def _folded(place: Path) -> str:
    return unicodedata.normalize("NFKC", place.as_posix()).casefold()


def _collision(path: Path, one: str, other: str) -> CorpusError:
    return CorpusError(
        f"{path.name} is not unpacked: {one!r} and {other!r} would be the same file on some systems; rename one."
    )


def _extract(
    path: Path,
    archive: zipfile.ZipFile,
    entries: Sequence[tuple[zipfile.ZipInfo, Path]],
    root: Path,
    limits: ArchiveLimits,
) -> None:
    left = limits.max_bytes
    for info, place in entries:
        target = root / place
        if info.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as copy:
            while block := source.read(_BLOCK):
                left -= len(block)
                if left < 0 or copy.tell() + len(block) > limits.max_file_bytes:
                    raise CorpusError(f"{path.name} holds more than it states; it is not unpacked.")
                copy.write(block)
            if copy.tell() != info.file_size:
                raise CorpusError(f"{path.name} is damaged: {place.name!r} ends early. Pack or download it again.")


def _size(n: int) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"

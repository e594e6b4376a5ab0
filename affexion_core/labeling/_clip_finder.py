"""Find the clips that a file speaks of: by id, by content, or by file name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from affexion_core.errors import LabelError
from affexion_core.exchange._bundle import BundleClip
from affexion_core.exchange._names import exported_names
from affexion_core.types import Clip

# Where a clip keeps the name that its file had when it was imported.
FILE_NAME = "file_name"


class ClipFinder:
    """Finds clips among those given."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        self._clips = {clip.id: clip for clip in clips}
        self._by_content = {(c.sha256, c.start, c.end): c.id for c in self._clips.values()}
        self._by_name: dict[str, list[tuple[tuple[str, ...], str]]] | None = None

    def by_id(self, id: str) -> Clip | None:
        """Find a clip by its id."""
        return self._clips.get(id)

    def of_bundle(self, held: BundleClip) -> Clip | None:
        """Find the clip that a file describes, by its id, else by its content."""
        found = self._clips.get(held.id or "")
        if found is None and held.sha256 is not None:
            found = self._clips.get(self._by_content.get((held.sha256, held.start, held.end), ""))
        return found

    def find(self, key: str) -> Clip | None:
        """Find a clip by id or file name; the name may stand with folders or without, and without its suffix.

        Raises
        ------
        LabelError
            If several clips have the name; the message names them.
        """
        found = self._clips.get(key)
        if found is not None:
            return found
        parts = _parts(key)
        if not parts:
            return None
        ids = self._named(parts) or self._named((*parts[:-1], PurePosixPath(parts[-1]).stem))
        if len(ids) > 1:
            shown = ", ".join(f"{self._shown(id)} ({id})" for id in sorted(ids, key=self._shown)[:4])
            more = f" and {len(ids) - 4} more" if len(ids) > 4 else ""
            raise LabelError(
                f"{key!r} is the name of {len(ids)} clips: {shown}{more}. Write the folder before the name, or the "
                "clip's id instead."
            )
        return self._clips[ids.pop()] if ids else None

    def _shown(self, id: str) -> str:
        clip = self._clips[id]
        return clip.attributes.get(FILE_NAME) or clip.file

    def _named(self, parts: tuple[str, ...]) -> set[str]:
        """Give the clips with a name that ends as ``parts`` does, or the other way round; an equal one wins."""
        held = self._names().get(parts[-1], ())
        exact = {id for path, id in held if path == parts}
        return exact or {id for path, id in held if _ends_alike(path, parts)}

    def _names(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        if self._by_name is None:
            self._by_name = {}
            exported = {**exported_names(tuple(self._clips.values()), cut=True)}
            for clip in self._clips.values():
                known = {clip.file, exported[clip.id], clip.attributes.get(FILE_NAME, "")}
                for path in {_parts(name) for name in known}:
                    if path:
                        self._by_name.setdefault(path[-1], []).append((path, clip.id))
                        stem = PurePosixPath(path[-1]).stem
                        if stem != path[-1]:
                            self._by_name.setdefault(stem, []).append(((*path[:-1], stem), clip.id))
        return self._by_name


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    n = min(len(one), len(other))
    return one[-n:] == other[-n:]

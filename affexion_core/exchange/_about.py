"""What belongs to labels as a whole (schemes, dataset, projects) as one JSON object: about.json in an export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from affexion_core.errors import LabelError
from affexion_core.exchange._bundle import Bundle, ProjectCard
from affexion_core.types import ORIGINS, Scheme

FILE = "about.json"
MADE_BY = "affexion labels"
VERSION = 1


def about(bundle: Bundle) -> dict[str, Any]:
    """Make the object of a bundle, JSON-ready and in a fixed order."""
    return {
        "made_by": MADE_BY,
        "version": VERSION,
        "name": bundle.name,
        "kind": bundle.kind,
        "origin": bundle.origin,
        "description": bundle.description,
        "label_map": bundle.label_map,
        "recipe": bundle.recipe,
        "datasheet": bundle.datasheet,
        "scheme": None if bundle.scheme is None else _plain(bundle.scheme),
        "schemes": [_plain(scheme) for scheme in bundle.schemes],
        "projects": [asdict(project) for project in bundle.projects],
    }


def _plain(scheme: Scheme) -> dict[str, Any]:
    if scheme.labels:
        return {"name": scheme.name, "labels": list(scheme.labels)}
    return {"name": scheme.name, "low": scheme.low, "high": scheme.high}


def with_about(bundle: Bundle, values: object, where: str) -> Bundle:
    """Give a bundle what such an object says.

    Raises
    ------
    LabelError
        If it is none, or a newer version wrote it; ``where`` names it.
    """
    if not isinstance(values, Mapping) or values.get("made_by") != MADE_BY:
        raise LabelError(f"{where} doesn't describe labels exported by Affexion; take it out, or export again.")
    if values.get("version") != VERSION:
        raise LabelError(
            f"{where} was written in version {values.get('version')!r}, and this Affexion reads {VERSION}; update it, "
            "or export again."
        )
    try:
        return replace(
            bundle,
            name=_text(values, "name"),
            kind=values["kind"] if values.get("kind") in ("dataset", "project") else None,
            origin=next((origin for origin in ORIGINS if origin == values.get("origin")), None),
            description=_text(values, "description") or "",
            label_map=_text(values, "label_map"),
            recipe=_object(values, "recipe"),
            datasheet=_text(values, "datasheet"),
            scheme=None if values.get("scheme") is None else _scheme(values["scheme"]),
            schemes=tuple(_scheme(held) for held in values.get("schemes", ())),
            projects=tuple(_project(held) for held in values.get("projects", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelError(f"{where} is incomplete or damaged ({error}); export again.") from error


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _object(values: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"{name} is no object")
    return value


def _scheme(values: Mapping[str, Any]) -> Scheme:
    labels = tuple(values.get("labels", ()))
    if not all(isinstance(label, str) for label in labels):
        raise TypeError(f"labels of scheme {values['name']!r} are no texts")
    low, high = values.get("low"), values.get("high")
    return Scheme(
        str(values["name"]), labels, None if low is None else float(low), None if high is None else float(high)
    )


def _project(values: Mapping[str, Any]) -> ProjectCard:
    gold = {str(id): None if label is None else str(label) for id, label in values["gold"].items()}
    settings = values["settings"]
    if not isinstance(settings, dict):
        raise TypeError("settings are no object")
    names = ("name", "scheme", "created", "created_by")
    return ProjectCard(**{name: str(values[name]) for name in names}, settings=settings, gold=gold)


def write_about(bundle: Bundle, folder: Path) -> None:
    """Write about.json into a folder."""
    write_json(folder / FILE, about(bundle))


def is_export(folder: Path) -> bool:
    """Tell whether a folder holds an export with its about.json."""
    return (folder / FILE).is_file()


def read_about(bundle: Bundle, folder: Path) -> Bundle:
    """Give a bundle what about.json of a folder says; `LabelError` if it can't be used."""
    return with_about(bundle, read_json(folder / FILE), FILE)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON for people to read, the same bytes for the same values."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_bytes((text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    LabelError
        If it can't be read, or isn't JSON.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_no_number)
    except OSError as error:
        raise LabelError(f"{path.name} can't be read ({error.strerror}); check its name and permissions.") from error
    except RecursionError as error:
        raise LabelError(f"{path.name} is nested too deeply to be read.") from error
    except ValueError as error:
        raise LabelError(f"{path.name} is not JSON ({error}); export it again.") from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")

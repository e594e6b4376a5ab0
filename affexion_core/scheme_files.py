"""Annotation schemes as small JSON files: those that ship stand in ``data/schemes``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from affexion_core.errors import LabelError, allowed
from affexion_core.types import Scheme
from affexion_core.workspace import SHIPPED

KEYS = ("name", "labels", "low", "high", "description")


def shipped_schemes() -> dict[str, Scheme]:
    """Give the schemes that ship, by name: label sets of the known corpora, and the three dimensions."""
    found = (load_scheme_file(path) for path in sorted((SHIPPED / "schemes").glob("*.json")))
    return {scheme.name: scheme for scheme in found}


def load_scheme_file(path: Path) -> Scheme:
    """Read a scheme such as ``{"name": "mood", "labels": ["low", "high"]}``; ``description`` is for the reader.

    A numeric scheme has ``low`` and ``high`` instead of labels. Without ``name`` it is named after the file.

    Raises
    ------
    LabelError
        If the file can't be read or isn't a scheme.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LabelError(f"The scheme {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise LabelError(f"The scheme {path} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise LabelError(f'The scheme {path} needs an object such as {{"name": "mood", "labels": ["low", "high"]}}.')
    unknown = sorted(set(values) - set(KEYS))
    if unknown:
        raise LabelError(
            f"The scheme {path} has {unknown[0]!r}, which a scheme doesn't have. It may have {allowed(KEYS)}."
        )
    return _checked(path, values)


def _checked(path: Path, values: dict[str, Any]) -> Scheme:
    name, labels = values.get("name", path.stem), values.get("labels", [])
    low, high = values.get("low"), values.get("high")
    if not isinstance(name, str) or not name.strip():
        raise LabelError(f"The scheme {path} has the name {name!r}; it needs text.")
    if not isinstance(labels, list) or not all(isinstance(label, str) and label.strip() for label in labels):
        raise LabelError(f"The scheme {path} has the labels {labels!r}; they need to be a list of texts.")
    for key, value in (("low", low), ("high", high)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise LabelError(f"The scheme {path} has {key} = {value!r}; it needs a number.")
    if labels and (low is not None or high is not None):
        raise LabelError(f"The scheme {path} has both labels and a numeric range; it needs one of the two.")
    return Scheme(name, tuple(labels), None if low is None else float(low), None if high is None else float(high))

"""Keys for services: read where they are kept, handed on to one request, and never written anywhere."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affexion_core.synthesis._request import RefusedError
from affexion_core.workspace import PROJECT

# Streamlit's places for secrets; jobs are processes of their own and read the same files.
_FILES = (PROJECT / ".streamlit" / "secrets.toml", Path.home() / ".streamlit" / "secrets.toml")


def api_key(name: str) -> str | None:
    """Give the key called ``name`` from the environment, else from the secrets files; None where there is none.

    In a secrets file it stands at the top as ``NAME = "…"``, or as ``api_key`` in the section of the service:
    ``OPENAI_API_KEY`` also as ``[openai] api_key``.

    Raises
    ------
    RefusedError
        If the key can't go into a request: it holds spaces, line ends or letters beyond ASCII.
    """
    found = os.environ.get(name, "").strip() or next(filter(None, (_held(file, name) for file in _FILES)), "")
    if not all("!" <= letter <= "~" for letter in found):
        raise RefusedError(f"The key {name} holds spaces or other signs that a key can't have; copy it again.")
    return found or None


def _held(file: Path, name: str) -> str:
    try:
        secrets: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    section = secrets.get(name.removesuffix("_API_KEY").lower())
    value = secrets.get(name) or (section.get("api_key") if isinstance(section, dict) else "")
    return value.strip() if isinstance(value, str) else ""

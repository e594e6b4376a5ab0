"""What was spoken, kept under the hash of its request: nothing is asked, or paid, for twice."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from affexion_core.errors import StoreError
from affexion_core.synthesis._request import SpeechRequest
from affexion_core.workspace import Workspace

FOLDER = "synthesis"
# Settings that change nothing about what is spoken.
_BESIDE = ("timeout", "key_name")


def request_key(provider: str, request: SpeechRequest, take: int = 0) -> str:
    """Hash all that decides what is spoken (64 hex digits); ``take`` counts repetitions that somebody asked for."""
    parameters = {name: value for name, value in request.parameters.items() if name not in _BESIDE}
    parts = {
        "provider": provider,
        "text": request.sentence.text,
        "voice": asdict(request.voice),
        "prompt": request.prompt,
        "seed": request.seed,
        "parameters": parameters,
        "take": take,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def sound_path(workspace: Workspace, key: str) -> Path:
    """Give the place of the sound of a request."""
    return workspace.root / FOLDER / "sounds" / key[:2] / f"{key}.wav"


def keep_sound(workspace: Workspace, key: str, wav: bytes) -> None:
    """Keep a sound, all of it or nothing, and wait until it is on disk.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    target = sound_path(workspace, key)
    part = target.with_name(f".{key[:16]}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(wav)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(
            f"What was spoken can't be kept in {workspace.root} ({error.strerror}); make room, then go on."
        ) from error


def forget_sounds(workspace: Workspace, contents: Collection[str]) -> int:
    """Delete the sounds with these SHA-256, as where a clip is taken down; gives how many there were."""
    files = [file for file in (workspace.root / FOLDER / "sounds").glob("??/*.wav") if contents]
    gone = [file for file in files if hashlib.sha256(file.read_bytes()).hexdigest() in contents]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)

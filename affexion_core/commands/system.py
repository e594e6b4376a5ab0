"""Verbs about the installation and the ready example."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, workspace_option
from affexion_core.discovery import PLUGIN_PACKAGES, plugin_names
from affexion_core.errors import AffexionError
from affexion_core.workspace import Workspace, open_workspace

_PACKAGES = {
    "torch": "training and prediction",
    "librosa": "mel filter banks",
    "soundfile": "wav, flac, mp3 and ogg",
    "av": "m4a, webm and other containers",
    "soxr": "resampling",
    "scikit-learn": "folds",
    "safetensors": "model files",
    "streamlit": "the app",
    "plotly": "figures",
    "streamlit-webrtc": "the microphone",
    "espeakng-loader": "the offline voice",
    "psycopg": "PostgreSQL as the store",
    "pysqlite3": "a current SQLite",
}


@dataclass(frozen=True)
class Check:
    """One finding: ``ok``, ``missing``, or something to know."""

    name: str
    state: Literal["ok", "missing", "note"]
    detail: str
    fix: str | None = None


@click.command()
@common_options
def doctor() -> None:
    """Say what is installed, where data lies, what is missing and how to get it."""
    checks = [*_workspace_checks(), *_package_checks(), _youtube_check(), *_machine_checks()]
    signs = {"ok": "ok     ", "missing": "MISSING", "note": "note   "}
    lines = [
        f"{signs[check.state]}  {check.name}: {check.detail}" + (f" → {check.fix}" if check.fix else "")
        for check in checks
    ]
    plugins = {package: list(plugin_names(package)) for package in PLUGIN_PACKAGES}
    lines += ["", *(f"{package}: {', '.join(names)}" for package, names in plugins.items())]
    ok = all(check.state != "missing" for check in checks)
    emit({"ok": ok, "checks": [asdict(check) for check in checks], "plugins": plugins}, "\n".join(lines))


def _workspace_checks() -> Iterator[Check]:
    try:
        workspace = open_workspace(workspace_option())
    except AffexionError as error:
        yield Check("workspace", "missing", str(error), "name another with --workspace DIR")
        return
    yield Check("workspace", "ok", str(workspace.root))
    yield _database_check()
    yield _disk_check(workspace)


def _database_check() -> Check:
    try:
        opened = store()
    except AffexionError as error:
        return Check("database", "missing", str(error), "see docs/storage.md")
    return Check("database", "ok", opened.engine.url.render_as_string())


def _disk_check(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.root).free / 1e9
    if free < 1:
        return Check("disk", "note", f"{free:.1f} GB free", "make room: features alone take about 0.3 MB a clip")
    return Check("disk", "ok", f"{free:.0f} GB free")


def _package_checks() -> Iterator[Check]:
    for package, purpose in _PACKAGES.items():
        try:
            yield Check(package, "ok", f"{version(package)} ({purpose})")
        except PackageNotFoundError:
            yield Check(package, "missing", f"needed for {purpose}", "pip install -r requirements.txt")


def _youtube_check() -> Check:
    """Say whether videos can be fetched; an extra, so that its absence is no fault."""
    how = "pip install -r requirements-youtube.txt"
    try:
        return Check("yt-dlp", "ok", f"{version('yt-dlp')}, deno {version('deno')} (clips out of YouTube videos)")
    except PackageNotFoundError as error:
        return Check("yt-dlp", "note", f"{error.name} is not installed: clips can't come from YouTube", how)


def _machine_checks() -> Iterator[Check]:
    import os

    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")
    try:
        import torch
    except ImportError:
        return
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU, no GPU seen"
    yield Check("device", "ok", device)


@click.command()
@common_options
def example() -> None:
    """Build the ready example study: synthetic clips, a simulated field set, a trained run and its results."""
    opened = store()
    from affexion_core.example import build_example

    with progress_bar() as progress:
        built = build_example(opened, progress)
    emit(
        asdict(built),
        f"The example study is ready: run {built.run}, trained on {built.synthetic}, tested on {built.field}.",
    )


COMMANDS = (doctor, example)

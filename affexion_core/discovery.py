"""Find plug-ins: every module in a plug-in package whose name has no leading underscore is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from affexion_core.errors import ConfigError, allowed

PLUGIN_PACKAGES = ("corpora", "features", "models", "synthesis", "augment", "presets", "export_runs", "exchange")


@cache
def plugin_names(package: str) -> tuple[str, ...]:
    """List the plug-ins of a package by name, without importing them (torch and librosa stay unloaded).

    File names use ``_`` where plug-in names use ``-``: ``affexion_paper.py`` is ``affexion-paper``.
    """
    found = importlib.import_module(f"affexion_core.{package}")
    names = (info.name for info in pkgutil.iter_modules(found.__path__))
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def load_plugin(package: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises
    ------
    ConfigError
        If there is no such plug-in; the message lists those there are.
    """
    key = name.replace("_", "-")
    if key not in plugin_names(package):
        kind = {
            "corpora": "corpus",
            "features": "front-end",
            "synthesis": "provider",
            "export_runs": "exporter",
            "exchange": "format",
        }.get(package, package.rstrip("s"))
        raise ConfigError(f"There is no {kind} {name!r}. Choose {allowed(plugin_names(package))}.")
    return importlib.import_module(f"affexion_core.{package}.{key.replace('-', '_')}")

"""What all verbs share: the workspace and JSON options, progress bars, and how results and errors are printed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from affexion_core.errors import AffexionError, ConfigError
from affexion_core.types import Progress, no_progress
from affexion_core.workspace import open_workspace

if TYPE_CHECKING:
    from affexion_core.store.session import Store

F = TypeVar("F", bound=Callable[..., Any])


def common_options(command: F) -> F:
    """Give a verb ``--workspace`` and ``--json``; both may also stand before the verb."""

    @click.option("--workspace", metavar="DIR", help="The workspace folder (default: AFFEXION_WORKSPACE or data/).")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON value on standard output.")
    @click.pass_context
    @functools.wraps(command)
    def with_context(context: click.Context, workspace: str | None, as_json: bool, **options: Any) -> Any:
        shared = context.ensure_object(dict)
        shared["workspace"] = workspace or shared.get("workspace")
        shared["json"] = as_json or shared.get("json", False)
        try:
            return command(**options)
        except AffexionError as error:
            named = options_for(error.change)
            if not named:
                raise
            raise type(error)(f"{error} {named}") from error

    return with_context  # type: ignore[return-value]


def options_for(parts: Sequence[str]) -> str:
    """Name the options of the current verb that say these parts of a request, as a sentence; empty without any."""
    parameters = click.get_current_context().command.params
    found = [p.opts[0] for part in parts for p in parameters if p.name in (part, f"{part}_name")]
    return f"Options: {', '.join(found)}." if found else ""


def store() -> Store:
    """Open the store of the chosen workspace."""
    from affexion_core.store.session import open_store

    return open_store(open_workspace(_shared().get("workspace")))


def workspace_option() -> str | None:
    """Give the workspace named on the command line, if any."""
    return _shared().get("workspace")


def wants_json() -> bool:
    """Say whether ``--json`` was given."""
    return bool(_shared().get("json"))


def _shared() -> dict[str, Any]:
    return click.get_current_context().ensure_object(dict)


def emit(value: Any, text: str) -> None:
    """Print a result: ``value`` as JSON if asked for, else ``text``."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) if wants_json() else text)


@contextmanager
def progress_bar(n_steps: int | None = None) -> Iterator[Progress]:
    """Show progress on standard error; silent where that is no terminal, or there is but one step."""
    if n_steps == 1:
        yield no_progress
        return
    from tqdm import tqdm

    bar = tqdm(
        total=0,
        disable=None,
        leave=False,
        dynamic_ncols=True,
        bar_format="{desc} {percentage:3.0f}% |{bar}| {remaining}",
    )

    def report(done: int, total: int, what: str) -> None:
        bar.total = total
        bar.n = done
        bar.set_description_str(what, refresh=False)
        bar.refresh()

    try:
        yield report
    finally:
        bar.close()


def key_values(pairs: Sequence[str]) -> dict[str, str]:
    """Split ``key=value`` options.

    Raises
    ------
    ConfigError
        If one has no ``=``.
    """
    parsed = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f"{pair!r} is not of the form key=value.")
        parsed[key.strip()] = value.strip()
    return parsed


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], empty: str) -> str:
    """Lay rows out in aligned columns; ``empty`` where there are none."""
    if not rows:
        return empty
    cells = [[str(row.get(column, "") if row.get(column) is not None else "–") for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    lines = [columns, *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )

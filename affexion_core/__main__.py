"""The command line: ``python -m affexion_core VERB`` or ``affexion VERB``."""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib import import_module

from affexion_core.audio._ahead import start_ahead

if sys.argv[1:2] == ["predict"]:
    start_ahead()  # before anything else is loaded, so that the two load side by side

import click

from affexion_core import __version__
from affexion_core.errors import AffexionError

# The files of verbs, below `commands`; each lists its own in ``COMMANDS``.
_FILES = (
    "agreement",
    "backup",
    "benchmark",
    "data",
    "describe",
    "differences",
    "encoders",
    "evaluation",
    "exchange",
    "explain",
    "gap",
    "jobs",
    "labels",
    "live",
    "predict",
    "report",
    "runs",
    "sweep",
    "synthesis",
    "system",
    "takedown",
    "timeline",
    "versions",
    "youtube",
)
# Verbs in a file of their own name that don't wait for the others' imports: asked for one sound at a time as well.
_ALONE = ("predict",)


@cache
def _verbs() -> dict[str, click.Command]:
    """Load every verb."""
    modules = [import_module(f"affexion_core.commands.{name}") for name in _FILES]
    return {str(command.name): command for module in modules for command in module.COMMANDS}


class _Verbs(click.Group):
    """The verbs, loaded when they are asked for."""

    @property
    def commands(self) -> dict[str, click.Command]:
        return _verbs()

    @commands.setter
    def commands(self, given: object) -> None:
        """Take nothing: click sets this when a group is made."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in _ALONE:
            return getattr(import_module(f"affexion_core.commands.{name}"), name)
        return super().get_command(context, name)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--workspace", metavar="DIR", help="The workspace folder (default: AFFEXION_WORKSPACE or data/).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value on standard output.")
@click.version_option(__version__, prog_name="affexion")
@click.pass_context
def cli(context: click.Context, workspace: str | None, as_json: bool) -> None:
    """Study how something is said: clips in, models trained and measured, figures with intervals out."""
    context.obj = {"workspace": workspace, "json": as_json}


def main(arguments: list[str] | None = None) -> None:
    """Run a verb; bad input ends with exit code 2 and one plain sentence on standard error."""
    try:
        cli.main(args=arguments, prog_name="affexion", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except AffexionError as error:
        _say(error, "--json" in (arguments if arguments is not None else sys.argv))
        sys.exit(2)


def _say(error: AffexionError, as_json: bool) -> None:
    click.echo(f"Error: {error}", err=True)
    if as_json:
        click.echo(json.dumps({"error": str(error)}, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""The command line: ``python -m affexion_core VERB`` or ``affexion VERB``."""

from __future__ import annotations

import json
import sys

import click

from affexion_core import __version__
from affexion_core.commands import (
    agreement,
    backup,
    benchmark,
    data,
    describe,
    differences,
    encoders,
    evaluation,
    exchange,
    explain,
    gap,
    jobs,
    labels,
    live,
    predict,
    report,
    runs,
    sweep,
    synthesis,
    system,
    takedown,
    timeline,
    versions,
    youtube,
)
from affexion_core.errors import AffexionError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--workspace", metavar="DIR", help="The workspace folder (default: AFFEXION_WORKSPACE or data/).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value on standard output.")
@click.version_option(__version__, prog_name="affexion")
@click.pass_context
def cli(context: click.Context, workspace: str | None, as_json: bool) -> None:
    """Study how something is said: clips in, models trained and measured, figures with intervals out."""
    context.obj = {"workspace": workspace, "json": as_json}


for _command in (
    *data.COMMANDS,
    *youtube.COMMANDS,
    *describe.COMMANDS,
    *encoders.COMMANDS,
    *labels.COMMANDS,
    *agreement.COMMANDS,
    *exchange.COMMANDS,
    *runs.COMMANDS,
    *predict.COMMANDS,
    *live.COMMANDS,
    *timeline.COMMANDS,
    *sweep.COMMANDS,
    *synthesis.COMMANDS,
    *gap.COMMANDS,
    *benchmark.COMMANDS,
    *evaluation.COMMANDS,
    *differences.COMMANDS,
    *explain.COMMANDS,
    *report.COMMANDS,
    *takedown.COMMANDS,
    *versions.COMMANDS,
    *jobs.COMMANDS,
    *backup.COMMANDS,
    *system.COMMANDS,
):
    cli.add_command(_command)


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

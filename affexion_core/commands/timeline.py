"""The verb that follows a long recording through a trained run."""

from __future__ import annotations

from pathlib import Path

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, table
from affexion_core.errors import StoreError

_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--csv", "csv_out", type=_OUT, metavar="OUT", help="Write a table.")
@click.option("--textgrid", "textgrid_out", type=_OUT, metavar="OUT", help="Write a Praat TextGrid.")
@click.option("--webvtt", "webvtt_out", type=_OUT, metavar="OUT", help="Write subtitles.")
@common_options
def timeline(run: str, file: Path, csv_out: Path | None, textgrid_out: Path | None, webvtt_out: Path | None) -> None:
    """Find the speech in a long FILE, and say how each stretch is said, by a trained RUN."""
    from affexion_core.commands.runs import _with_a_model
    from affexion_core.predictor import Predictor
    from affexion_core.timeline import exports
    from affexion_core.timeline.recognising import recognise

    found = _with_a_model(store(), run)
    with progress_bar() as progress:
        made = recognise(Predictor.load(Path(found.folder)), file, progress=progress)
    writers = ((csv_out, exports.csv_text), (textgrid_out, exports.textgrid_text), (webvtt_out, exports.webvtt_text))
    for out, write in writers:
        if out is not None:
            _write(out, write(made))
    rows = [
        {
            "from": f"{segment.start:.2f}",
            "to": f"{segment.end:.2f}",
            "label": segment.label + (", unsure" if segment.unsure else ""),
            "probability": f"{100 * segment.prob:.0f} %",
        }
        for segment in made.segments
    ]
    lines = [*made.warnings, table(rows, ["from", "to", "label", "probability"], "Nobody speaks in it.")]
    emit(exports.json_value(made), "\n".join(lines))


def _write(out: Path, text: str) -> None:
    try:
        with out.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except OSError as error:
        raise StoreError(f"{out} can't be written ({error.strerror}). Choose another place.") from error


COMMANDS = (timeline,)

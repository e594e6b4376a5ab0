"""The verb that brings in clips of YouTube videos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store
from affexion_core.errors import LinkError


@click.command()
@click.argument("links", nargs=-1, metavar="[LINK]...")
@click.option("--csv", "csv_", type=click.Path(path_type=Path), metavar="FILE",
              help="A table with link, start, end, label, speaker.")  # fmt: skip
@click.option("--start", metavar="TIME", default="", help="Where the clip begins: 75.5 or 1:15.5.")
@click.option("--end", metavar="TIME", default="", help="Where it ends.")
@click.option("--label", metavar="LABEL", default="", help="Label of the clips.")
@click.option("--speaker", metavar="NAME", default="", help="Who speaks in them.")
@click.option("--dataset", metavar="NAME", help="Dataset the clips go into (default: youtube).")
@click.option("--label-map", metavar="FILE", help="A label map: a shipped name or a CSV file.")
@common_options
def youtube(
    links: tuple[str, ...],
    csv_: Path | None,
    start: str,
    end: str,
    label: str,
    speaker: str,
    dataset: str | None,
    label_map: str | None,
) -> None:
    """Bring in spans of YouTube videos as clips; you need the right to use them."""
    from affexion_core.ingest.label_maps import load_label_map
    from affexion_core.ingest.reports import ImportOptions
    from affexion_core.ingest.youtube.bringing import bring_in
    from affexion_core.ingest.youtube.spans import check_spans, read_spans, span_of

    if csv_ is not None and (links or start or end or label or speaker):
        raise LinkError("A table says links, times, labels and speakers itself. Give either a table or links.")
    spans = read_spans(csv_) if csv_ is not None else [span_of(link, start, end, label, speaker) for link in links]
    check_spans(spans)
    chosen = load_label_map(label_map) if label_map else None
    with progress_bar() as progress:
        report, refused = bring_in(store(), spans, ImportOptions(dataset=dataset, label_map=chosen), progress)
    labels = ", ".join(f"{name} {n}" for name, n in report.labels.items())
    lines = [
        f"{report.added} clips added, {report.present} already there"
        + (f", into {report.dataset}." if report.dataset else "; without a label they join no dataset."),
        f"Labels: {labels or 'none'}; {report.speakers} speaker{'' if report.speakers == 1 else 's'}.",
        *(f"Refused: {one.reason}" for one in refused),
        *(f"Rejected {item.file}: {item.reason}" for item in report.rejected),
        *(f"Note: {warning}" for warning in report.warnings),
        f"Undo all of it with `undo-import {report.import_id}`.",
    ]
    emit({**asdict(report), "refused": [asdict(one) for one in refused]}, "\n".join(lines))


COMMANDS = (youtube,)

"""The verb that makes a run ready for use elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from affexion_core.commands._options import common_options, emit, store
from affexion_core.errors import ConfigError


@click.command("export-onnx")
@click.argument("run")
@common_options
def export_onnx(run: str) -> None:
    """Write the model of a RUN as ONNX beside its weights, checked against it."""
    from affexion_core.store.runs import get_run

    found = get_run(store(), run)
    if found.kind == "sweep":
        raise ConfigError(f"Run {found.id} is a sweep; name one of its trials, which `show {found.id}` lists.")
    from affexion_core.live.export import export_onnx as export

    done = export(Path(found.folder))
    files = [str(file) for file in done.files]
    emit(
        {"run": found.id, "files": files, "greatest_difference": done.greatest_difference},
        "\n".join([*files, f"greatest difference from the model: {done.greatest_difference:.1g}"]),
    )


COMMANDS = (export_onnx,)

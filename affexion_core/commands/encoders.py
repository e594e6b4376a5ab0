"""Verbs about pretrained encoders: where one is, and the words of clips by one."""

from __future__ import annotations

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store


@click.command()
@click.argument("name")
@click.option("--download", is_flag=True, help="Fetch it from huggingface.co where it isn't here.")
@common_options
def encoder(name: str, download: bool) -> None:
    """Say whether the encoder NAME (or a folder) is on this machine, what it is, and where encoders are looked for."""
    from affexion_core.encoders import describe_encoder, download_encoder, encoder_folders, find_encoder, pinned
    from affexion_core.errors import ModelError

    try:
        folder = find_encoder(name)
    except ModelError:
        if not download:
            raise
        folder = download_encoder(name)
    try:
        about = describe_encoder(folder, "speech")
    except ModelError as error:
        try:
            about = describe_encoder(folder, "text")
        except ModelError:
            raise error from None
    pin = pinned(str(folder)).rsplit("@", 1)[1]
    values = {
        "folder": str(folder),
        "kind": about.kind,
        "type": about.family,
        "width": about.hidden_size,
        "layers": about.n_layers,
        "fingerprint": pin,
        "looked_in": [str(path) for path in encoder_folders()],
    }
    line = f"{folder}: {about.family} for {about.kind}, {about.n_layers} layers, {about.hidden_size} wide, {pin}"
    emit(values, line)


@click.command()
@click.argument("dataset")
@click.option("--encoder", "model", required=True, metavar="FOLDER", help="A Whisper model: a folder or a name.")
@click.option("--language", metavar="CODE", help="Such as en; without it each clip's own, or what the model hears.")
@common_options
def transcribe(dataset: str, model: str, language: str | None) -> None:
    """Write down the words of the clips of a DATASET that have no transcript, by a Whisper model on this machine."""
    from dataclasses import asdict

    from affexion_core.ingest.transcribing import transcribe as write_down
    from affexion_core.store.datasets import load_dataset

    opened = store()
    clips = [item.clip for item in load_dataset(opened, dataset).items]
    with progress_bar() as progress:
        report = write_down(opened, clips, model, language, progress)
    line = f"{report.n_written} of {report.n_clips} clips transcribed; {report.n_known} had a transcript"
    emit(asdict(report), line + (f"; no words in {report.n_silent}." if report.n_silent else "."))


COMMANDS = (encoder, transcribe)

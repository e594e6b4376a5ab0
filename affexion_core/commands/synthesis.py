"""Verbs that speak synthetic clips, bring in what was kept, and make noisy copies."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, key_values, progress_bar, store, table
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError, SynthesisError

if TYPE_CHECKING:
    from affexion_core.ingest.reports import ImportReport
    from affexion_core.speaking.batch import Batch, BatchRequest
    from affexion_core.speaking.state import Estimate


@click.command()
@click.option("--provider", default="espeak", show_default=True, help="Which speech provider speaks.")
@click.option("--per-label", type=click.IntRange(min=1), metavar="N", help="Clips for each label.")
@click.option("--dataset", metavar="NAME", help="Dataset the clips go into.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same requests.")
@click.option("--wording", type=click.Choice(["telling", "neutral"]), help="Only sentences of this wording.")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Only this label; may stand several times.")
@click.option("--sentences", type=click.Path(path_type=Path), metavar="FOLDER", help="Own sentences, <label>.csv each.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the provider.")
@click.option("--price-per-minute", type=click.FloatRange(min=0), metavar="USD", help="For a minute of speech.")
@click.option("--price-per-1000", type=click.FloatRange(min=0), metavar="USD", help="For 1000 characters of text.")
@click.option("--budget", type=click.FloatRange(min=0), metavar="USD", help="Ask for no more after this.")
@click.option("--concurrency", type=int, default=2, show_default=True, help="Requests at once.")
@click.option("--per-minute", type=int, default=60, show_default=True, help="At most so many requests a minute.")
@click.option("--licence", metavar="TEXT", help="The terms that stand on the clips.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Only say what it takes and costs.")
@click.option("--yes", is_flag=True, help="Spend without asking.")
@click.option("--review", is_flag=True, help="Bring nothing in before somebody has listened.")
@click.option("--background", is_flag=True, help="Queue it and return; nothing comes in before it was listened to.")
@click.option("--resume", metavar="BATCH", help="Go on with a batch that was stopped or has failures.")
@common_options
def synthesize(**said: Any) -> None:
    """Speak sentences for each label with a synthetic voice and add them as a dataset."""
    if said["resume"]:
        from affexion_core.speaking.batch import find_batch

        _speak(find_batch(store().workspace, said["resume"]), said)
        return
    if said["per_label"] is None or not said["dataset"]:
        raise ConfigError(
            "Say how many clips of each label, and the name of a dataset.", change=("per_label", "dataset")
        )
    settings = {key: _value(text) for key, text in key_values(said["settings"]).items()}
    info = load_plugin("synthesis", said["provider"]).INFO
    own = said["sentences"] is not None
    if info.offline and not info.programs and not any((own, *map(said.get, _BATCHED))):
        _straight_in(said, settings)
        return
    request = _request(said, settings)
    if _agreed(request, info.offline, said):
        from affexion_core.speaking.batch import prepare_batch

        _speak(prepare_batch(store().workspace, request), said)


_BATCHED = ("only_estimate", "review", "background", "budget", "licence")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _straight_in(said: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Speak offline, all of it at once, into the library."""
    from affexion_core.ingest.synthesizing import SynthesisOptions, synthesize_dataset

    options = SynthesisOptions(
        provider=said["provider"],
        per_label=said["per_label"],
        dataset=said["dataset"],
        seed=said["seed"],
        labels=said["labels"] or None,
        wording=said["wording"],
        config=settings,
    )
    with progress_bar() as progress:
        report = synthesize_dataset(store(), options, progress)
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items())
    counts = f"{report.added} clips added, {report.present} already there"
    emit(asdict(report), f"Dataset {report.dataset} (synthetic): {counts}.\nLabels: {labels}")


def _request(said: Mapping[str, Any], settings: Mapping[str, Any]) -> BatchRequest:
    from affexion_core.config import build
    from affexion_core.ingest.synthesizing import chosen_sentences
    from affexion_core.speaking.batch import BatchRequest
    from affexion_core.speaking.prices import price_of
    from affexion_core.synthesis._request import Price, load_sentences

    provider = load_plugin("synthesis", said["provider"])
    usual = price_of(store().workspace, said["provider"], build(provider.Config, settings))
    minute, thousand = said["price_per_minute"], said["price_per_1000"]
    sentences = load_sentences(said["sentences"]) if said["sentences"] else chosen_sentences(None, said["wording"])
    wanted = tuple(
        one
        for one in sentences
        if said["wording"] in (None, one.wording) and (not said["labels"] or one.label in said["labels"])
    )
    return BatchRequest(
        provider=said["provider"],
        dataset=said["dataset"],
        sentences=wanted,
        per_label=said["per_label"],
        settings=settings,
        seed=said["seed"],
        price=Price(
            usual.per_1000_characters if thousand is None else thousand,
            usual.per_minute if minute is None else minute,
        ),
        budget=said["budget"],
        concurrency=said["concurrency"],
        per_minute=said["per_minute"],
        licence=said["licence"],
    )


def _agreed(request: BatchRequest, offline: bool, said: Mapping[str, Any]) -> bool:
    """Say what it takes and costs, and ask before money is spent."""
    from affexion_core.speaking.state import estimate

    found = estimate(store().workspace, request)
    words = _estimate_words(found)
    if said["only_estimate"]:
        emit({**asdict(found), "n_new": found.n_new, "price": asdict(request.price)}, words)
        return False
    click.echo(words, err=True)
    if offline or said["yes"] or not found.n_new:
        return True
    if not sys.stdin.isatty():
        raise SynthesisError("This may cost money, and nobody can be asked here.", change=("yes",))
    return click.confirm("Start?", err=True)


def _estimate_words(found: Estimate) -> str:
    there = f", {found.n_there} spoken before" if found.n_there else ""
    speech = f"about {found.seconds / 60:.1f} min of speech, {found.n_characters} characters"
    return f"{found.n} clips{there}: {speech}, about {found.dollars:.2f} USD at the price given. Prices change."


def _speak(batch: Batch, said: Mapping[str, Any]) -> None:
    from affexion_core.speaking.execute import speak_batch
    from affexion_core.speaking.keeping import import_batch, to_import

    if said["background"]:
        from affexion_core.jobs.engine import ensure_engine
        from affexion_core.jobs.speaking import submit_batch

        job = submit_batch(store(), batch.id)
        ensure_engine(store().workspace)
        emit({"batch": batch.id, "job": job.id}, f"Batch {batch.id} is queued; see `batches`.")
        return
    with progress_bar() as progress:
        speak_batch(store().workspace, batch, progress)
    report = None
    if not said["review"] and to_import(store(), batch, unheard=True):
        with progress_bar() as progress:
            report = import_batch(store(), batch, True, None, progress)
    values = _about(batch)
    lines = [
        f"Batch {batch.id}: {values['spoken']} of {values['n']} spoken, {values['dollars']:.2f} USD.",
        *(f"Failed: {one['text']!r}: {one['error']}" for one in values["failures"]),
    ]
    if values["unsure"]:
        lines.append(f"{values['unsure']} more requests got no usable answer and may have been billed.")
    lines.append(_told(report) if report else f"Listen on the page Synthesize, then `keep-batch {batch.id}`.")
    emit({**values, "import": asdict(report) if report else None}, "\n".join(lines))


def _told(report: ImportReport) -> str:
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items())
    return (
        f"Dataset {report.dataset} (synthetic): {report.added} clips added, {report.present} already there.\n"
        f"Labels: {labels}\nUndo all of it with `undo-import {report.import_id}`."
    )


def _about(batch: Batch) -> dict[str, Any]:
    from affexion_core.speaking.keeping import with_clips
    from affexion_core.speaking.state import spend, spoken

    items = with_clips(store(), spoken(store().workspace, batch))
    cost = spend(store().workspace, batch)
    return {
        "batch": batch.id,
        "provider": batch.request.provider,
        "dataset": batch.request.dataset,
        "n": len(items),
        "spoken": sum(item.state == "spoken" for item in items),
        "kept": sum(item.verdict == "keep" for item in items),
        "rejected": sum(item.verdict == "reject" for item in items),
        "imported": sum(item.clip is not None for item in items),
        "dollars": round(cost.dollars, 4),
        "unsure": cost.unsure,
        "created": batch.created,
        "failures": [
            {"number": item.number, "text": item.request.sentence.text, "error": item.error}
            for item in items
            if item.state == "failed"
        ],
    }


@click.command()
@common_options
def batches() -> None:
    """List the batches that were spoken, newest first, with what they have cost."""
    from affexion_core.speaking.batch import batch_ids, find_batch

    workspace = store().workspace
    rows = [_about(find_batch(workspace, id)) for id in batch_ids(workspace)]
    columns = ["batch", "dataset", "n", "spoken", "kept", "rejected", "imported", "dollars", "unsure"]
    emit(rows, table(rows, columns, "No batches yet; `synthesize` makes one."))


@click.command("keep-batch")
@click.argument("batch_id", metavar="BATCH")
@click.option("--unheard", is_flag=True, help="Also what nobody has listened to; such clips say so.")
@common_options
def keep_batch(batch_id: str, unheard: bool) -> None:
    """Bring in what was kept of BATCH, as one import."""
    from affexion_core.speaking.batch import find_batch
    from affexion_core.speaking.keeping import import_batch

    with progress_bar() as progress:
        report = import_batch(store(), find_batch(store().workspace, batch_id), unheard, None, progress)
    emit(asdict(report), _told(report))


@click.command("write-sentences")
@click.argument("labels", nargs=-1, required=True)
@click.option("--per-label", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="How many.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where <label>.csv go.")
@click.option("--wording", type=click.Choice(["telling", "neutral"]), default="neutral", show_default=True,
              help="Whether the words give the label away.")  # fmt: skip
@click.option("--length", type=click.Choice(["short", "long"]), default="short", show_default=True, help="Of each.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="model, language, base_url, key_name.")
@common_options
def write_sentences(
    labels: tuple[str, ...], per_label: int, out: Path, wording: Any, length: Any, settings: tuple[str, ...]
) -> None:
    """Have a language model write sentences for LABELS, as files to look through before they are spoken."""
    from affexion_core.config import build
    from affexion_core.speaking.texts import WriterConfig, draft_sentences, save_sentences

    config = build(WriterConfig, key_values(settings))
    counts: dict[str, int] = {}
    for label in labels:
        found = draft_sentences(label, per_label, config, wording, length)
        save_sentences(out, found)
        counts[label] = len(found)
    words = ", ".join(f"{label} {n}" for label, n in counts.items())
    emit({"folder": str(out), "labels": counts}, f"Written to {out}: {words}. Read them before they are spoken.")


@click.command()
@click.argument("dataset")
@click.option("--into", required=True, metavar="NAME", help="Dataset of the copies.")
@click.option("--copies", type=int, default=1, show_default=True, help="Copies of each clip, all different.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same copies.")
@click.option("--set", "settings", multiple=True, metavar="CHANGE.KEY=VALUE", help="As in noise.snr_db=[5,15].")
@common_options
def derive(dataset: str, into: str, copies: int, seed: int, settings: tuple[str, ...], **changes: bool) -> None:
    """Make noisy copies of DATASET's clips, which know their originals, as a dataset of their own."""
    from affexion_core.ingest.deriving import DeriveRequest, derive_dataset

    wanted: dict[str, dict[str, Any]] = {name: {} for name, chosen in changes.items() if chosen}
    for key, text in key_values(settings).items():
        name, dot, setting = key.partition(".")
        if not dot or name not in wanted:
            raise ConfigError(f"{key!r} names no setting of a change that was chosen; write e.g. noise.snr_db=[5,15].")
        wanted[name][setting] = _value(text)
    with progress_bar() as progress:
        report = derive_dataset(store(), DeriveRequest(dataset, into, wanted, copies, seed), progress)
    values = asdict(report)
    lines = [
        f"Dataset {into} ({report.origin}): {report.added} clips added, {report.present} already there.",
        *(f"Left out {item.file}: {item.reason}" for item in report.rejected),
        f"Undo all of it with `undo-import {report.import_id}`.",
    ]
    emit(values, "\n".join(lines))


for _name in reversed(plugin_names("augment")):
    click.option(f"--{_name}", is_flag=True, help=f"Change by {_name}.")(derive)

COMMANDS = (synthesize, batches, keep_batch, write_sentences, derive)

"""Verbs about datasets as versions, and about licences."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import common_options, emit, store, table

if TYPE_CHECKING:
    from affexion_core.labeling.versions import DatasetComparison


@click.command("compare-datasets")
@click.argument("a")
@click.argument("b")
@common_options
def compare_datasets(a: str, b: str) -> None:
    """Say what differs between datasets A and B: clips in one alone, labels changed, counts."""
    from affexion_core.labeling.versions import compare_datasets as compare

    found = compare(store(), a, b)
    emit(asdict(found), "\n".join(_compared(found)))


def _compared(found: DatasetComparison) -> list[str]:
    if found.hash_a == found.hash_b:
        return [f"{found.a} and {found.b} hold the same {found.n_a} clips, labels and votes ({found.hash_a[:16]})."]
    rows = [{"label": label, found.a: n_a, found.b: n_b} for label, (n_a, n_b) in found.labels.items()]
    lines = [
        f"{found.a}: {found.n_a} clips, {found.hash_a[:16]}",
        f"{found.b}: {found.n_b} clips, {found.hash_b[:16]}",
        f"Only in {found.a}: {len(found.only_a)}; only in {found.b}: {len(found.only_b)}; in both: "
        f"{found.same} with the same label ({found.other_votes} with other votes), {len(found.changed)} with another.",
        f"Speakers only in {found.a}: {len(found.speakers_only_a)}; only in {found.b}: {len(found.speakers_only_b)}.",
        table(rows, list(dict.fromkeys(("label", found.a, found.b))), "No labels."),
    ]
    return lines + [f"{change.clip_id}: {change.a} -> {change.b}" for change in found.changed]


@click.command()
@click.option("--dataset", metavar="NAME", help="Only its clips (default: the whole library).")
@common_options
def licences(dataset: str | None) -> None:
    """Say under which licences clips are, and what each allows."""
    from affexion_core.licences import licence_json, licence_warnings, licences_in

    counts = licences_in(store(), dataset)
    warnings = licence_warnings(counts)
    rows = [{"licence": held.licence.name, "clips": held.n, "allows": held.licence.allows} for held in counts]
    lines = [table(rows, ["licence", "clips", "allows"], "There are no clips yet."), *warnings]
    lines += ["This is no legal advice; the licences' own texts count."] if counts else []
    emit({"licences": [dict(licence_json(held)) for held in counts], "warnings": warnings}, "\n".join(lines))


COMMANDS = (compare_datasets, licences)

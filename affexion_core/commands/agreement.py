"""Verbs about what raters said: how far they agree, and datasets made of their votes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, store, table
from affexion_core.types import ORIGINS

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.labeling.agreement import AgreementReport
    from affexion_core.labeling.consensus import ConsensusReport

RULES = ("majority", "dawid-skene", "adjudicated", "adjudicated-dawid-skene")


@click.command()
@click.argument("name")
@common_options
def agreement(name: str) -> None:
    """Say how far the raters of a project or dataset NAME agree, each figure with its interval."""
    from affexion_core.labeling.agreement import agreement_report, report_to_json
    from affexion_core.labeling.votes import agreement_tables, load_votes

    votes = load_votes(store(), name)
    report = agreement_report(*agreement_tables(votes))
    unclear = sum(made.unclear is not None for made in votes.judgements)
    known = {"name": votes.name, "kind": votes.kind, "scheme": votes.scheme.name, "anonymous": votes.anonymous}
    emit({**known, **report_to_json(report), "unclear": unclear}, _agreement_text(name, report, unclear))


def _agreement_text(name: str, report: AgreementReport, unclear: int) -> str:
    lines = [
        f"{name}: {report.annotations} judgements of {report.clips} clips by {report.raters} raters, "
        f"and {unclear} that found a clip unclear.",
        "",
        f"  Krippendorff's α  {_figure(report.alpha_nominal)}",
        f"  Fleiss' κ         {_figure(report.fleiss_kappa)}",
        f"  Cohen's κ, mean   {_figure(report.pairwise_kappa.mean)}",
        *(f"  {dimension}: α {_figure(figure)}" for dimension, figure in report.dimensions.items()),
    ]
    labels = [
        {"label": one.label, "votes": one.votes, "α against the rest": _figure(one.alpha)} for one in report.per_label
    ]
    pairs = [
        {
            "mixed up": " – ".join(one.labels),
            "clips": one.n_clips,
            "share": f"{100 * one.share:.0f} %",
            "times chance": f"{one.times_chance:.2f}",
        }
        for one in report.mix_ups[:5]
    ]
    if labels:
        lines += ["", table(labels, ["label", "votes", "α against the rest"], "")]
    if pairs:
        lines += ["", table(pairs, ["mixed up", "clips", "share", "times chance"], "")]
    return "\n".join(lines)


def _figure(figure: Estimate) -> str:
    if figure.value is None:
        return f"{figure.reason}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f}, n = {figure.n})"


@click.command()
@click.argument("name")
@click.option("--rule", type=click.Choice(RULES), default="adjudicated", show_default=True, help="What decides a clip.")
@click.option("--into", metavar="DATASET", help="Save as this new dataset (default: only count).")
@click.option("--min-votes", type=int, default=1, show_default=True, metavar="N", help="Votes that a clip needs.")
@click.option("--min-agreement", type=float, default=0.0, metavar="SHARE", help="Share of votes a label needs, 0 to 1.")
@click.option("--min-posterior", type=float, default=0.0, metavar="P", help="Probability a label needs (dawid-skene).")
@click.option("--max-unclear", type=float, default=0.5, metavar="SHARE", help="Share of unclear judgements allowed.")
@click.option("--keep-unclear", is_flag=True, help="Never drop a clip because raters found it unclear.")
@click.option("--origin", type=click.Choice(ORIGINS), help="Only clips of this origin, where there are both.")
@common_options
def consensus(name: str, into: str | None, keep_unclear: bool, origin: Any, **settings: Any) -> None:
    """Make one label a clip of the votes on a project or dataset NAME."""
    from affexion_core.config import build
    from affexion_core.labeling.consensus import ConsensusRule, save_consensus, summarise_consensus
    from affexion_core.labeling.votes import load_votes

    opened = store()
    rule = build(ConsensusRule, {**settings, "drop_unclear": not keep_unclear})
    if into:
        report = save_consensus(opened, None, name, into, rule, origin)
    else:
        report = summarise_consensus(load_votes(opened, name), rule, origin)
    emit(asdict(report), _consensus_text(report))


def _consensus_text(report: ConsensusReport) -> str:
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items())
    lines = [f"{report.kept} of {report.clips} clips get a label: {labels}."]
    lines += [f"Left out, {reason}: {n}" for reason, n in report.dropped.items()]
    if report.entropy is not None:
        lines.append(f"Entropy of the votes: {report.entropy:.2f} bit on average.")
    if report.dataset:
        state = "saved" if report.added else "was there already, the same"
        lines.append(f"Dataset {report.dataset} ({report.origin}) {state}; hash {report.dataset_hash}.")
    else:
        lines.append("Nothing is saved; name a dataset with --into.")
    return "\n".join(lines)


COMMANDS = (agreement, consensus)

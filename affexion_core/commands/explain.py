"""Verbs that say where a run looks in a clip, and whether that says what its answers rest on."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store
from affexion_core.commands._requests import background_option
from affexion_core.commands._waiting import say_queued
from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.explain.attention import ClipAttention, Span
    from affexion_core.explain.gradients import Attribution
    from affexion_core.jobs.checking import Check
    from affexion_core.run_folder import ScoredClip
    from affexion_core.store.session import Store
    from affexion_core.types import Run

_THIRDS = ("first third", "middle", "last third")


def _run_with_a_model(opened: Store, key: str) -> Run:
    from affexion_core.store.runs import get_run

    found = get_run(opened, key)
    if found.kind == "sweep":
        raise ConfigError(f"Run {found.id} is a sweep; name one of its trials, which `show {found.id}` lists.")
    return found


@click.command()
@click.argument("run")
@click.option("--clip", "clip_id", required=True, metavar="ID", help="The clip to look at.")
@click.option("--fold", type=int, help="Ask this fold's model alone, as for a clip the others trained on.")
@click.option("--gradients", is_flag=True, help="Also attribute the answer to moments, by integrated gradients.")
@common_options
def explain(run: str, clip_id: str, fold: int | None, gradients: bool) -> None:
    """Say where a RUN looks in a clip: attention by frame, and the most attended second."""
    opened = store()
    found = _run_with_a_model(opened, run)
    from affexion_core.explain.attention import evenness, look_at, most_attended, only_fold
    from affexion_core.explain.gradients import integrated_gradients
    from affexion_core.predictor import Predictor
    from affexion_core.store.clips import get_clips

    (clip,) = get_clips(opened, [clip_id])
    folder = Path(found.folder)
    predictor = only_fold(Predictor.load(folder), folder, fold)
    seen = look_at(predictor, opened.workspace, clip)
    best = most_attended(seen.mean, seen.hop, min(len(seen.times) * seen.hop, clip.duration))
    slopes = integrated_gradients(predictor, seen.features, seen.label) if gradients else None
    values = {"run": found.id, **_json(seen, best, slopes), "evenness": evenness(seen.mean)}
    lines = [
        f"{clip.id}: {seen.label} ({seen.probs.mean(axis=0).max():.0%})",
        f"most attended: {best.start:.2f} to {best.end:.2f} s, {best.share:.0%} of attention",
        "Attention says which moments were weighed, not why; `deletion` checks whether it points at what counts.",
    ]
    emit(values, "\n".join(lines))


def _json(seen: ClipAttention, best: Span, slopes: Attribution | None) -> dict[str, Any]:
    from dataclasses import asdict

    several = len(seen.weights) > 1
    values: dict[str, Any] = {
        "clip": seen.clip_id,
        "label": seen.label,
        "probs": dict(zip(seen.labels, seen.probs.mean(axis=0).tolist(), strict=True)),
        "n_models": len(seen.weights),
        "hop": seen.hop,
        "times": [round(time, 6) for time in seen.times.tolist()],
        "attention": seen.mean.tolist(),
        "attention_sd": seen.weights.std(axis=0, ddof=1).tolist() if several else None,
        "most_attended": asdict(best),
    }
    if slopes is not None:
        values["gradients"] = {
            "frames": [0.0] * seen.lead + slopes.frames.tolist(),
            "difference": slopes.difference,
            "gap": slopes.gap,
        }
    return values


@click.command()
@click.argument("run")
@click.option("--on", "on", required=True, metavar="NAME", help="What it was measured on: a test set, cv or train.")
@background_option
@common_options
def deletion(run: str, on: str, background: bool) -> None:
    """Check whether a RUN's attention points at what it uses, by deleting frames."""
    opened = store()
    found = _run_with_a_model(opened, run)
    from affexion_core.explain.deletion import deletion_json, verdict
    from affexion_core.explain.evaluated import deletion_on, kept_deletion

    if background and kept_deletion(found, on) is None:
        _queue(opened, found, on, "deletion")
        return
    with progress_bar() as progress:
        check = deletion_on(opened, found, on, progress)
    lines = [f"{found.id} on {on}, {check.n_clips} clips", verdict(check)]
    for order, area in check.areas.items():
        low, high = 100 * (area.low or 0.0), 100 * (area.high or 0.0)
        points = f"{100 * (area.value or 0.0):+.1f} points ({low:+.1f} to {high:+.1f}, n = {area.n})"
        lines.append(f"  against {order}: {points}")
    emit({"run": found.id, "on": on, **deletion_json(check)}, "\n".join(lines))


@click.command()
@click.argument("run")
@click.option("--on", "on", required=True, metavar="NAME", help="What it was measured on: a test set, cv or train.")
@background_option
@common_options
def attention(run: str, on: str, background: bool) -> None:
    """Gather where a RUN looks over all clips it was measured on, by label and by right and wrong."""
    opened = store()
    found = _run_with_a_model(opened, run)
    from affexion_core.explain.evaluated import evaluated_attention, kept_attention

    if background and kept_attention(found, on) is None:
        _queue(opened, found, on, "attention")
        return
    with progress_bar() as progress:
        gathered = evaluated_attention(opened, found, on, progress)
    curves, rows = gathered.by_clip, gathered.scored
    groups: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys([*(row.reference for row in rows), *map(_answer, rows)]):
        own = [place for place, row in enumerate(rows) if name in (row.reference, _answer(row))]
        groups[name] = {"n": len(own), "attention": curves[own].mean(axis=0).tolist()}
    lines = [f"{found.id} on {on}, {len(rows)} clips; an even spread gives each third 33 %."]
    lines += [f"  {name} (n = {one['n']}): {_thirds(one['attention'])}" for name, one in groups.items()]
    emit({"run": found.id, "on": on, "n_clips": len(rows), "groups": groups}, "\n".join(lines))


def _queue(opened: Store, run: Run, on: str, kind: Check) -> None:
    from affexion_core.jobs.checking import submit_check
    from affexion_core.jobs.engine import ensure_engine

    job = submit_check(opened, run, on, kind=kind)
    ensure_engine(opened.workspace)
    say_queued(job)


def _answer(row: ScoredClip) -> str:
    return "right" if row.reference == row.predicted else "wrong"


def _thirds(curve: list[float]) -> str:
    edges = [round(len(curve) * third / 3) for third in range(4)]
    shares = [sum(curve[a:b]) / sum(curve) for a, b in itertools.pairwise(edges)]
    return ", ".join(f"{share:.0%} in the {name}" for share, name in zip(shares, _THIRDS, strict=True))


COMMANDS = (explain, deletion, attention)

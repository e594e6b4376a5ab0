"""A model card: what a run's model is, what it learnt from, how well it does, and what was measured of its limits.

The headings follow M. Mitchell et al., "Model cards for model reporting", FAT* 2019. Only what was measured is said;
what was not measured is named as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import quantiles

from affexion_core.evaluation.scores import Estimate, Scores
from affexion_core.labeling.datasheet import FEW, escaped
from affexion_core.report.document import Block, Section, Table, Text
from affexion_core.run_folder import Evaluation
from affexion_core.types import Dataset, Run

_ORDER = {"test": 0, "cv": 1, "train": 2}
_KINDS = {"train": "one model, trained once", "cv": "a cross-validation: the mean of its fold models' probabilities"}


def figure(estimate: Estimate) -> str:
    """Write a figure in percent with interval and n, or why it is undefined: ``45 % (33–59, n = 52)``."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"undefined: {estimate.reason}"
    value, low, high = (100 * part for part in (estimate.value, estimate.low, estimate.high))
    return f"{value:.0f} % ({low:.0f}–{high:.0f}, n = {estimate.n})"


def measured_on(evaluation: Evaluation) -> str:
    """Say in words what a run was measured on."""
    if evaluation.part == "cv":
        return f"held-out folds of {evaluation.dataset}"
    return f"its training clips, {evaluation.dataset}" if evaluation.part == "train" else evaluation.name


def principal(evaluations: Sequence[Evaluation], origins: Mapping[str, str]) -> Evaluation | None:
    """Choose the measurement that says most: real test clips, then other test clips, held-out folds, training clips."""

    def rank(one: Evaluation) -> tuple[int, bool, bool, str]:
        return _ORDER.get(one.part, 3), origins.get(one.dataset) != "real", not _is_clean(one), one.name

    return min(evaluations, key=rank, default=None)


def _is_clean(one: Evaluation) -> bool:
    # a clean stamp may go on: "clean: no shared clip or speaker (text of 332 clips unknown)"
    return one.stamp.partition(":")[0] == "clean"


def model_card(
    run: Run, evaluations: Sequence[Evaluation], trained_on: Dataset | None, origins: Mapping[str, str]
) -> Section:
    """Write the model card of a run.

    Parameters
    ----------
    run
        The run.
    evaluations
        All that it was measured on.
    trained_on
        Its training data as they are now, None where they are gone.
    origins
        Origin (real or synthetic) of each dataset it was measured on, by name.
    """
    words = _KINDS.get(run.kind, run.kind)
    blocks: list[Block] = [
        Text(f"**What it is.** {escaped(run.preset)}, {words}; {_said(run, evaluations)}."),
        Text(
            "**What it may be used for.** Research on how speech sounds, on clips like those it was measured on. It "
            "says how something sounds to listeners, not what a speaker feels or means; don't judge people by it."
        ),
        Text("**What it learnt from.** " + " ".join(_training(run, trained_on))),
    ]
    limits = tuple(limits_of(run, evaluations, trained_on, origins))
    blocks.append(Text("**Measured limits**\n\n" + "\n".join(f"- {limit}" for limit in limits)))
    chosen = principal(evaluations, origins)
    if chosen is not None and chosen.scores.labels:
        blocks.append(_by_label(chosen))
    return Section("Model card", tuple(blocks))


def _said(run: Run, evaluations: Sequence[Evaluation]) -> str:
    """Say what the run predicts: labels, dimensions, or both."""
    labels = f"it tells {len(run.labels)} labels apart: {escaped(', '.join(run.labels))}" if run.labels else ""
    found = next((one.dimensions for one in evaluations if one.dimensions), ())
    numbers = ", ".join(f"{escaped(each.name)} ({each.low:g} to {each.high:g})" for each in found)
    return "; ".join(filter(None, (labels, f"it predicts {numbers}" if numbers else "")))


def _training(run: Run, dataset: Dataset | None) -> Iterator[str]:
    yield f"The dataset {escaped(run.train_dataset)}"
    if dataset is None:
        yield "is no longer in this workspace; the run's folder lists its clips."
        return
    clips = [item.clip for item in dataset.items]
    speakers = {clip.speaker for clip in clips} - {None}
    languages = ", ".join(sorted({clip.language or "not recorded" for clip in clips}))
    licences = ", ".join(sorted({clip.provenance.licence or "not recorded" for clip in clips}))
    who = "voices" if dataset.origin == "synthetic" else "known speakers"
    yield f"({dataset.origin}): {len(clips)} clips by {len(speakers)} {who}."
    yield f"Languages: {escaped(languages)}. Licences: {escaped(licences)}."
    if dataset.snapshot() != run.train_snapshot:
        yield "It has changed since the run was trained; these counts are today's."


def limits_of(
    run: Run, evaluations: Sequence[Evaluation], trained_on: Dataset | None, origins: Mapping[str, str]
) -> Iterator[str]:
    """Say what the measurements show of a model's limits, and what was never measured, a sentence each."""
    held_out = [one for one in evaluations if one.part != "train"]
    if not held_out:
        yield "It was never measured on clips that it had not learnt from: nothing is known of how it does elsewhere."
    elif not any(origins.get(one.dataset) == "real" for one in held_out):
        yield "It was never measured on real speech: its figures say nothing about real people."
    yield from _gap(held_out, origins)
    chosen = principal(held_out, origins)
    if chosen is not None:
        yield from _of_scores(chosen)
    for one in held_out:
        if not _is_clean(one):
            where = escaped(measured_on(one))
            yield f"On {where} the split is stamped *{escaped(one.stamp)}*: its figures may be too good."
    if trained_on is not None:
        yield from _of_training(trained_on)


def _gap(held_out: Sequence[Evaluation], origins: Mapping[str, str]) -> Iterator[str]:
    best = {
        origin: principal([one for one in held_out if origins.get(one.dataset) == origin], origins)
        for origin in ("synthetic", "real")
    }
    synthetic, real = best["synthetic"], best["real"]
    if synthetic is not None and real is not None:
        yield (
            f"UAR {figure(synthetic.scores.uar)} on synthetic clips ({escaped(measured_on(synthetic))}) and "
            f"{figure(real.scores.uar)} on real ones ({escaped(measured_on(real))})."
        )


def _of_scores(chosen: Evaluation) -> Iterator[str]:
    scores, name = chosen.scores, escaped(measured_on(chosen))
    present = [one for one in scores.per_class if one.n]
    if not present:
        return
    # who always gives the same answer gets this, averaged over the labels that are there
    chance = 1 / len(present)
    if scores.uar.low is not None and scores.uar.low <= chance:
        yield f"On {name} its UAR, {figure(scores.uar)}, can't be told from guessing ({100 * chance:.0f} %)."
    weakest = min(present, key=lambda one: one.recall.value or 0)
    if len(present) > 1:
        yield f"On {name} it finds *{escaped(weakest.label)}* least often: {figure(weakest.recall)}."
    yield from _confused(scores, name)
    missing = [one.label for one in scores.per_class if not one.n]
    if missing:
        yield f"There is no clip of {escaped(', '.join(missing))} in {name}: nothing was measured about that."
    few = [f"{one.label} ({one.n})" for one in present if one.n < FEW]
    if few:
        yield f"Fewer than {FEW} clips in {name}: {escaped(', '.join(few))}; figures about these are wide."


def _confused(scores: Scores, name: str) -> Iterator[str]:
    pairs = [
        (scores.confusion[i][j], i, j) for i in range(len(scores.labels)) for j in range(len(scores.labels)) if i != j
    ]
    n, i, j = max(pairs, default=(0, 0, 0))
    if n:
        labels = scores.labels
        yield (
            f"Its commonest mistake on {name} is to take *{escaped(labels[i])}* for *{escaped(labels[j])}*: "
            f"{n} of {sum(scores.confusion[i])} clips."
        )


def _of_training(dataset: Dataset) -> Iterator[str]:
    clips = [item.clip for item in dataset.items]
    if len(clips) > 1:
        cuts = quantiles([clip.duration for clip in clips], n=20)
        low, high = f"{cuts[0]:.1f}", f"{cuts[-1]:.1f}"
        span = f"{low} to {high} s" if low != high else f"about {low} s"
        yield f"It learnt from clips of {span} (nine in ten); others are unlike what it knows."
    speakers = Counter(clip.speaker for clip in clips if clip.speaker)
    if 0 < len(speakers) < 10:
        who = "voices" if dataset.origin == "synthetic" else "speakers"
        yield f"It heard only {len(speakers)} {who}: it may know them better than the labels."


def _by_label(chosen: Evaluation) -> Table:
    rows = tuple(
        (one.label, one.n, figure(one.precision), figure(one.recall), figure(one.f1)) for one in chosen.scores.per_class
    )
    caption = f"By label on {measured_on(chosen)}: value and 95 % interval. Split: {chosen.stamp}."
    return Table(("label", "clips", "precision", "recall", "F1"), rows, caption)

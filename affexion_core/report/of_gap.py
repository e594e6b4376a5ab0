"""The report of a gap study: its cells, the curve over a few real clips, its arms, and the datasheets of both sets."""

from __future__ import annotations

from pathlib import Path

from affexion_core.errors import ModelError
from affexion_core.gap.result import Gap, read_gap
from affexion_core.report.document import Block, Cell, Picture, Report, Section, Table, Text
from affexion_core.report.model_card import figure
from affexion_core.report.of_run import datasheet_sections, settings_section
from affexion_core.store.session import Store
from affexion_core.types import Run

_GAPS = {
    "gap": "The gap, real → real minus synthetic → real",
    "gain": "What real clips beside the synthetic ones add",
    "beyond": "What synthetic clips beside the real ones add",
}


def report_of_gap(store: Store, run: Run) -> Report:
    """Put together the report of a study of synthetic against real speech.

    Raises
    ------
    ModelError
        If the study has not finished, or files of its folder are missing or damaged.
    """
    if run.finished is None:
        raise ModelError(f"Study {run.name or run.id} has not finished; a report needs figures. Wait, or resume it.")
    found = read_gap(store, Path(run.folder))
    names = [run.train_dataset, *([run.test_dataset] if run.test_dataset else [])]
    sections = [
        _cells(found),
        *([_by_label(found)] if any(cell.scores for cell in found.cells) else []),
        *([_curve(found)] if found.curve else []),
        *([_arms(found)] if found.arms else []),
        settings_section(run),
        *datasheet_sections(store, names),
    ]
    subtitle = (
        f"Does a model trained on {run.train_dataset} (synthetic) understand {run.test_dataset} (real)? "
        f"Recipe {run.preset}, finished {run.finished[:10]}. Run {run.id}."
    )
    return Report(run.name or "Synthetic vs real", subtitle, tuple(sections))


def _cells(found: Gap) -> Section:
    from affexion_core.plots.gap import effect_words, plot_cells

    rows: list[tuple[Cell, ...]] = []
    for cell in found.cells:
        own, reported = cell.scores, (cell.reported or {}).get("accuracy")
        figures = [figure(own.accuracy), figure(own.uar), figure(own.macro_f1)] if own else [cell.state, None, None]
        source = None if reported is None else f"{reported:g} %"
        rows.append((f"{cell.trained} → {cell.measured}", *figures, source, cell.n_train or None, cell.stamp))
    columns = ("trained → measured", "accuracy", "UAR", "macro F1", "source: accuracy", "training clips", "split")
    gaps = [
        f"- {words}: UAR **{effect_words(found.gaps[name].uar)}**, in pairs on the same clips"
        for name, words in _GAPS.items()
        if name in found.gaps
    ]
    notes = [f"- {note}" for note in found.plan.notes]
    caption = "UAR by cell, with 95 % intervals; small ticks: other draws."
    blocks: list[Block] = [Picture(plot_cells(found, "uar"), caption), Table(columns, tuple(rows), "Value (95 %, n).")]
    return Section("From synthetic to real", (*blocks, *(Text("\n".join(part)) for part in (gaps, notes) if part)))


def _by_label(found: Gap) -> Section:
    measured = [cell for cell in found.cells if cell.scores]
    rows = []
    for label in found.plan.labels:
        recalls = [
            next((figure(one.recall) for one in cell.scores.per_class if one.label == label), None)
            for cell in measured
            if cell.scores
        ]
        rows.append((label, *recalls))
    columns = ("label", *(f"{cell.trained} → {cell.measured}" for cell in measured))
    return Section(
        "Recall by label", (Table(columns, tuple(rows), "The share of a label's clips that were called so."),)
    )


def _curve(found: Gap) -> Section:
    from affexion_core.plots.gap import effect_words, plot_curve

    rows = []
    for point in found.curve:
        own = point.figures
        draws = ", ".join("–" if uar is None else f"{100 * uar:.0f}" for uar in own.uars) if own else point.state
        change = effect_words(point.effect.uar) if point.effect else None
        rows.append((point.size, point.added, figure(own.uar) if own else None, draws, change))
    columns = ("real clips of each label", "in all", "UAR, mean of draws", "each draw, %", "against none")
    blocks: list[Block] = [Table(columns, tuple(rows))]
    if any(point.figures for point in found.curve):
        n = f"{found.plan.draws} draw{'' if found.plan.draws == 1 else 's'}"
        caption = f"{n} a point, on the same {len(found.plan.rest)} real clips that no draw holds."
        blocks.insert(0, Picture(plot_curve(found, "uar"), caption))
    return Section("A few real clips", tuple(blocks))


def _arms(found: Gap) -> Section:
    from affexion_core.plots.gap import effect_words, plot_arms

    rows = tuple(
        (
            row.arm.title,
            row.arm.what,
            f"{row.state}: {row.reason}" if row.reason else row.state,
            figure(row.without.uar) if row.without else None,
            figure(row.figures.uar) if row.figures else None,
            effect_words(row.effect.uar) if row.effect else None,
            row.stamp,
        )
        for row in found.arms
    )
    columns = ("arm", "what it does", "state", "UAR without", "with", "change", "split")
    warning = Text(
        "Of twenty arms that do nothing, one looks as if it did. Whoever picks the best arm by these figures has "
        "picked it on the clips measured: confirm it on new ones."
    )
    blocks: list[Block] = [Table(columns, rows), warning]
    if any(row.effect for row in found.arms):
        caption = "Change of UAR against the same recipe without the arm, in pairs on the same real clips."
        blocks.insert(0, Picture(plot_arms(found, "uar"), caption))
    return Section("What may close the gap", tuple(blocks))

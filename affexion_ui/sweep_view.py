"""A sweep on the page Runs, live: what each trial came to, which differences are more than noise, and the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError, ConfigError
from affexion_core.run_folder import read_config, read_json
from affexion_ui.figures import show_figure
from affexion_ui.theme import escape_markdown, mode, stamp_badge
from affexion_ui.train_choices import SweepChoices, address_like
from affexion_ui.words import GLOSSARY, estimate_words, stamp_parts

if TYPE_CHECKING:
    from affexion_core.evaluation.folds import FoldSpread
    from affexion_core.store.jobs import Job
    from affexion_core.training.sweep_result import Sweep, SweepRow
    from affexion_core.types import Run

# A trial's state: sign and word of its cell, and the pill's colour, on which white text stands at 4.5 or more.
_STATES = {
    "waiting": ("… waiting", "#505B68"),
    "running": ("▶ running", "#005C91"),
    "done": ("✓ done", "#006B4E"),
    "pruned": ("– pruned", "#7D5600"),
    "failed": ("✕ failed", "#9A4300"),
}
_ABSENT = "–"


def show_trials(run: Run, parts: Sequence[Job]) -> None:
    """Show the trials of a sweep as they stand: the best, the figure, the table. ``parts`` are its jobs."""
    from affexion_core.plots.sweep import plot_sweep, sweep_caption, sweep_rows
    from affexion_core.training.sweep_result import read_sweep

    sweep = with_running(read_sweep(Path(run.folder)), parts)
    if not sweep.rows:
        st.caption("A row for each trial shows here as soon as it is made.")
        return
    _show_best(sweep)
    show_figure(plot_sweep(sweep, mode()), f"sweep-{run.id}", sweep_caption(sweep), sweep_rows(sweep))
    rows = trial_rows(sweep)
    st.dataframe(
        rows,
        key=f"trials-{run.id}",
        hide_index=True,
        height=min(320, 36 + 35 * len(rows)),
        column_config=_columns(sweep),
        alt=f"{len(rows)} trials with values, state, figures and stamps",
    )
    st.caption(
        f"Held-out clips: each by the fold that had not seen it, with the 95 % interval. {GLOSSARY['uar']} "
        "Its mean over the folds decides."
        if not sweep.stamp
        else f"UAR on the test set decides. {GLOSSARY['uar']}"
    )


def with_running(sweep: Sweep, parts: Sequence[Job]) -> Sweep:
    """Call trials running whose job runs; their folders say so only from the end of the first fold on."""
    running = {part.spec.get("trial") for part in parts if part.state == "running"}
    rows = tuple(
        replace(row, state="running") if row.state == "waiting" and row.number in running else row for row in sweep.rows
    )
    return replace(sweep, rows=rows)


def _show_best(sweep: Sweep) -> None:
    """Name the best trial, in a place that stays the same from the first trial to the last."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"best-{sweep.run.id}"):
        if sweep.best is None:
            st.markdown("No trial has come to its end yet.", width="content")
        else:
            _name_best(sweep, sweep.row(sweep.best))


def _name_best(sweep: Sweep, row: SweepRow) -> None:
    from affexion_core.training.space import said

    figure = f"{100 * row.uar.mean:.0f} %" if row.uar and row.uar.mean is not None else _ABSENT
    if sweep.stamp and row.test:
        figure = estimate_words(row.test.uar)
    by = "UAR on the test set" if sweep.stamp else "mean UAR over the folds"
    so_far = "" if sweep.run.finished else " so far"
    st.markdown(f"Best{so_far} by {by}, {figure}: **{escape_markdown(said(row.values))}**", width="content")
    if sweep.stamp:
        stamp_badge(sweep.stamp)
    _train_link(sweep, row)


def _train_link(sweep: Sweep, row: SweepRow) -> None:
    what = "Opens the page Train, filled in with the values of the best trial, for one model of all clips."
    if sweep.stamp:
        what += " They were chosen by the test set: measured on it again, they promise too much again."
    try:
        address = trial_address(sweep, row)
    except AffexionError as error:
        st.caption(f":material/info: {escape_markdown(str(error))}")
        return
    st.page_link("pages/train.py", label="Train with these settings", icon=":material/model_training:", help=what,
                 query_params=address)  # fmt: skip


def trial_address(sweep: Sweep, row: SweepRow) -> dict[str, str]:
    """Give the address of the page Train filled in for one model with the settings of a trial.

    Raises
    ------
    AffexionError
        If the trial's recipe can't be read, or its preset has other parts today.
    """
    from affexion_core.training.run_config import config_from_json

    config = config_from_json(read_config(row.folder))
    return address_like(sweep.run, config, None, len(sweep.plan.folds), held_out_of(row.folder), kind="train")


def sweep_address(run: Run) -> dict[str, str]:
    """Give the address of the page Train filled in as a sweep was started.

    Raises
    ------
    AffexionError
        If its recipe can't be read, or it tries what the form can't say.
    """
    from affexion_core.training.run_config import config_from_json
    from affexion_core.training.sweep import read_plan
    from affexion_ui.sweep_panel import choices_like

    folder = Path(run.folder)
    planned = read_plan(folder)
    config = config_from_json(read_config(folder))
    chosen = choices_like(config, planned.space)
    if chosen is None:
        raise ConfigError("It tries more than the page Train can say, so it can't be filled in there.")
    trials = planned.n_trials if planned.sampler == "tpe" else None
    tried = SweepChoices(*chosen, planned.sampler, trials, planned.select_on_test)
    group = planned.group if planned.group_reason is None else None
    return address_like(run, config, group, len(planned.folds), held_out_of(folder), sweep=tried)


def held_out_of(folder: Path) -> dict[str, Any] | None:
    """Give how a run's folder says it is measured: its label map by name, and whether leaks are allowed."""
    values = read_json(folder / "datasets.json") if (folder / "datasets.json").is_file() else {}
    test = values.get("test")
    if not test:
        return None
    return {"label_map": (test.get("label_map") or {}).get("name"), "allow_leaks": test.get("allow_leaks", False)}


def trial_rows(sweep: Sweep) -> list[dict[str, Any]]:
    """Give the table of trials, a row each, in words."""
    return [_row(sweep, row) for row in sweep.rows]


def _row(sweep: Sweep, row: SweepRow) -> dict[str, Any]:
    from affexion_core.training.space import said

    values = {name: said({name: value}).removeprefix(f"{name} ") for name, value in row.values.items()}
    stamp = row.test_stamp or row.cv_stamp
    own: dict[str, Any] = {
        "Trial": f"{row.number}{' ★ best' if row.number == sweep.best else ''}",
        **values,
        "State": [_STATES[row.state][0]],
        "UAR over folds": spread_words(row.uar, len(sweep.plan.folds)),
        "Held-out clips": estimate_words(row.cv.accuracy) if row.cv else _ABSENT,
    }
    if sweep.plan.test_name:
        own["Test set"] = estimate_words(row.test.accuracy) if row.test else _ABSENT
    own["Against the best"] = against_words(sweep, row.number)
    own["Split"] = _stamp_words(stamp) if stamp else _ABSENT
    if any(each.reported for each in sweep.rows):
        own["Source says"] = _reported_words(row)
    if any(each.reason for each in sweep.rows):
        own["Why"] = row.reason or ""
    return own


def spread_words(spread: FoldSpread | None, n_folds: int) -> str:
    """Write a mean over folds with the lowest and the highest: ``45 % (40–52)``, with how many folds so far."""
    if spread is None or spread.mean is None:
        return _ABSENT
    so_far = "" if len(spread.values) == n_folds else f", {len(spread.values)} of {n_folds} folds"
    if spread.low is None or spread.high is None:
        return f"{100 * spread.mean:.0f} %{so_far}"
    return f"{100 * spread.mean:.0f} % ({100 * spread.low:.0f}–{100 * spread.high:.0f}{so_far})"


def against_words(sweep: Sweep, number: int) -> str:
    """Say whether a trial differs from the best by more than chance, once that has been tested."""
    from affexion_core.plots.sweep import verdict_of

    found = sweep.against_best(number)
    if number == sweep.best or found is None:
        return _ABSENT
    p = "p < 0.001" if found.adjusted_p < 0.001 else f"p = {found.adjusted_p:.3f}"
    verdict = verdict_of(found)
    return f"{'may be chance' if verdict == 'open' else verdict}, {p}"


def _stamp_words(stamp: str) -> str:
    state, detail = stamp_parts(stamp)
    return f"{state}, {stamp_parts(detail)[0]}" if state.startswith("selected") else state


def _reported_words(row: SweepRow) -> str:
    if row.reported is None:
        return ""
    accuracy = row.reported.figures.get("real", {}).get("accuracy")
    parts = [f"{accuracy:g} % on real clips" if accuracy is not None else "", row.reported.remark]
    return "; ".join(part for part in parts if part)


def _columns(sweep: Sweep) -> Mapping[str, Any]:
    wide = {"UAR over folds": 112, "Held-out clips": 148, "Test set": 148, "Against the best": 150}
    wide |= {"Split": 150 if sweep.stamp else 95}
    on = "test clips" if sweep.plan.test_name else "held-out clips"
    helps = {
        "Held-out clips": "Accuracy with 95 % interval over all folds, and the number of clips.",
        "Test set": "Accuracy with 95 % interval, and the number of clips.",
        "Against the best": f"Clip by clip on the same {on} (McNemar’s test), p raised for the number of pairs. "
        "Above 0.05 the difference may be chance.",
    }
    return {
        "Trial": st.column_config.TextColumn(width=74),
        "State": st.column_config.MultiselectColumn(
            options=[words for words, _ in _STATES.values()], color=[c for _, c in _STATES.values()], width=96
        ),
        **{name: st.column_config.TextColumn(width=n, help=helps.get(name)) for name, n in wide.items()},
    }

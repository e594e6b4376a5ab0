"""The results page's section on certainty: reliability, calibration, and saying "unsure"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.results_data import Measured, can_scale_apart, certainty_of
from affexion_ui.theme import mode
from affexion_ui.words import counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.evaluation.abstention import CoveragePoint
    from affexion_core.evaluation.calibration import Calibration
    from affexion_core.evaluation.reliability import Reliability
    from affexion_core.store.session import Store

_COVERAGE, _ACCURACY = "share of clips answered", "share of answers right"


def show_certainty(store: Store, measured: Measured) -> None:
    """Show whether the model is as sure as it is right, and how right it is when it may abstain."""
    from affexion_core.evaluation.calibration import read_calibration

    calibration = read_calibration(Path(measured.run.folder))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        applied = st.toggle(
            "Calibrated probabilities",
            disabled=calibration is None,
            key="calibrated",
            bind="query-params",
            help="Shows probabilities divided by the run's temperature. Predictions stay the same.",
        )
        _show_calibrate(store, measured)
        st.caption(_calibration_words(calibration), width=460)
    used = calibration if applied else None
    found, points = certainty_of(measured, used)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**As sure as right?**")
        _show_reliability(measured, found, used)
    with right:
        st.markdown("**If it may say “unsure”**")
        _show_coverage(measured, points, used)


def _calibration_words(calibration: Calibration | None) -> str:
    if calibration is None:
        return "Not calibrated: these are the probabilities as the model gives them."
    right = "" if calibration.accuracy is None else f", {calibration.accuracy * 100:.0f} % of these right"
    return (
        f"Temperature {calibration.temperature:.2f}, fitted on {counted(calibration.n, 'clip')}: {calibration.source}. "
        f"Unsure below {calibration.unsure_below * 100:.0f} %: of them {calibration.coverage * 100:.0f} % answered"
        f"{right}."
    )


def _show_calibrate(store: Store, measured: Measured) -> None:
    with st.popover("Calibrate", icon=":material/tune:"):
        st.caption(
            "Fits one temperature on training clips that the model had not seen, never on a test set, and a threshold "
            "below which it says “unsure”. Both are kept with the run."
        )
        goal = st.segmented_control(
            "Threshold by", [_COVERAGE, _ACCURACY], default=_COVERAGE, required=True, key="goal"
        )
        share = st.slider("At least", 5, 100, 80, 5, format="%d %%", key="goal-share") / 100
        if st.button("Fit and keep", type="primary", key="fit-calibration"):
            _calibrate(store, measured, goal == _ACCURACY, share)


def _calibrate(store: Store, measured: Measured, by_accuracy: bool, share: float) -> None:
    from affexion_core.evaluation.calibration import fit_calibration, write_calibration

    wish = {"accuracy" if by_accuracy else "coverage": share}
    try:
        with st.spinner("Fitting …"):
            write_calibration(Path(measured.run.folder), fit_calibration(measured.run, store, **wish))
    except AffexionError as error:
        show_error(error)
        return
    st.rerun()


def _show_reliability(measured: Measured, found: Reliability, used: Calibration | None) -> None:
    from affexion_core.plots.reliability import plot_reliability, reliability_rows

    ece = f"ECE {estimate_words(found.ece)}, {found.n_bins} bins of equal width, {found.ece.method.split(',')[0]}."
    means = ""
    if found.confidence is not None and found.accuracy is not None:
        means = f" On average {found.confidence * 100:.0f} % sure and {found.accuracy * 100:.0f} % right."
    how = ""
    if used is not None:
        how = " Calibrated."
        if measured.evaluation.part == "cv":
            apart = can_scale_apart(measured)
            how = " Calibrated, each fold by the others."
            how = how if apart else " Calibrated by the temperature of these very clips, which flatters."
    show_figure(
        plot_reliability(found, mode()),
        f"reliability-{measured.key}",
        f"{ece}{means}{how} Below the dotted line the model is too sure.",
        reliability_rows(found),
    )


def _show_coverage(measured: Measured, points: tuple[CoveragePoint, ...], used: Calibration | None) -> None:
    from affexion_core.plots.coverage import coverage_rows, plot_coverage

    answered = [point for point in points if used is not None and point.threshold >= used.unsure_below]
    chosen = answered[-1] if answered else None
    words = "Answers the surest clips first; the band is the 95 % interval."
    if chosen is not None:
        words += (
            f" With the run's threshold {chosen.coverage * 100:.0f} % are answered, {chosen.accuracy * 100:.0f} % "
            f"({chosen.low * 100:.0f}–{chosen.high * 100:.0f}, n = {chosen.n_answered}) of these right."
        )
    elif used is not None:
        words += " No clip here reaches the run's threshold."
    show_figure(
        plot_coverage(points, chosen, len(measured.run.labels), mode()),
        f"coverage-{measured.key}",
        f"{counted(len(measured.rows), 'clip')}. {words}",
        coverage_rows(points),
    )

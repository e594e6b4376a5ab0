from dataclasses import replace
from pathlib import Path

import pytest

from affexion_core.errors import ModelError
from affexion_core.gap.result import read_gap
from affexion_core.report.choose import report_of
from affexion_core.report.document import Picture, Table, render_html
from affexion_core.report.model_card import figure
from affexion_core.store.runs import list_runs


def test_a_study_is_told_whole(study):
    store, _ = study
    run = list_runs(store, "gap")[0]
    found = read_gap(store, Path(run.folder))
    report = report_of(store, run)
    titles = [section.title for section in report.sections]
    assert titles[:2] == ["From synthetic to real", "Recall by label"] and "Settings" in titles
    assert f"Datasheet of {run.train_dataset}" in titles and f"Datasheet of {run.test_dataset}" in titles
    cells = next(block for block in report.sections[0].blocks if isinstance(block, Table))
    assert [row[0] for row in cells.rows] == [f"{cell.trained} → {cell.measured}" for cell in found.cells]
    told = [row[2] for row, cell in zip(cells.rows, found.cells, strict=True) if cell.scores]
    assert told == [figure(cell.scores.uar) for cell in found.cells if cell.scores]
    if found.arms:
        arms = next(section for section in report.sections if section.title == "What may close the gap")
        assert len(next(b for b in arms.blocks if isinstance(b, Table)).rows) == len(found.arms)
    assert any(isinstance(block, Picture) for section in report.sections for block in section.blocks)
    page = render_html(report)
    assert page.count("Plotly.newPlot(") >= 1


def test_an_unfinished_study_and_other_runs_have_no_report(study):
    store, _ = study
    run = list_runs(store, "gap")[0]
    with pytest.raises(ModelError, match="has not finished"):
        report_of(store, replace(run, finished=None))
    with pytest.raises(ModelError, match="no report of a sweep"):
        report_of(store, replace(run, kind="sweep"))

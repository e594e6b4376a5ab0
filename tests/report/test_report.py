import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest
from click.testing import CliRunner
from small_study import make_study

from affexion_core.__main__ import cli
from affexion_core.errors import ModelError, StoreError
from affexion_core.evaluation.metrics import score
from affexion_core.labeling.datasheet import generate_datasheet
from affexion_core.report.document import Picture, Report, Section, Table, Text, render_html, write_report
from affexion_core.report.model_card import limits_of, principal
from affexion_core.report.of_run import report_of_run
from affexion_core.run_folder import Evaluation
from affexion_core.store.datasets import load_dataset, save_datasheet

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Parts(HTMLParser):
    """Counts tags, and notes what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]


def parts_of(page: str) -> Parts:
    parts = Parts()
    parts.feed(page)
    return parts


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AFFEXION_DATABASE_URL", raising=False)
        yield make_study(tmp_path_factory.mktemp("reported"))


def plain(report: Report) -> Report:
    """A report without its pictures: the same words, without Plotly's script."""
    kept = [replace(s, blocks=tuple(b for b in s.blocks if not isinstance(b, Picture))) for s in report.sections]
    return replace(report, sections=tuple(kept))


def test_a_run_is_told_whole(study):
    report = report_of_run(study.store, study.trained)
    titles = [section.title for section in report.sections]
    expected = [
        "Figures",
        "Model card",
        "Measured on people",
        "Measured on its training clips, voices",
        "How it learnt",
        "Settings",
    ]
    assert titles == [*expected, "Datasheet of voices", "Datasheet of people"]
    page = render_html(plain(report))
    assert report.title == "First model" and "<h1>First model</h1>" in page
    assert study.trained.train_snapshot in page
    assert re.search(r"n = 16\)", page) and "training.epochs" in page
    table = next(b for s in report.sections for b in s.blocks if isinstance(b, Table))
    assert [row[0] for row in table.rows] == ["people", "its training clips, voices"], (
        "real test clips stand before training clips"
    )


def test_a_cross_validation_shows_its_folds(study):
    report = report_of_run(study.store, study.crossvalidated)
    section = next(section for section in report.sections if section.title == "Measured on held-out folds of voices")
    assert sum(isinstance(block, Picture) for block in section.blocks) == 4
    assert "2 folds" in section.blocks[-1].caption


def test_it_opens_offline_and_says_each_picture_in_words(study):
    page = render_html(report_of_run(study.store, study.trained))
    parts = parts_of(page)
    assert parts.loads == []
    assert "default-src 'none'" in page and "connect-src" not in page
    assert page.count('role="img"') == page.count("Plotly.newPlot(") - 0 > 3
    assert all(alt for alt in re.findall(r'aria-label="([^"]*)"', page))


def test_nothing_in_it_runs_but_its_own_script():
    figure = go.Figure(go.Bar(x=[HOSTILE], y=[1]), layout={"title": HOSTILE, "meta": {"alt": HOSTILE}})
    blocks = (Text(f"*{HOSTILE}* [x](javascript:alert(3))"), Table((HOSTILE,), ((HOSTILE,),), HOSTILE))
    with_figure = Section(HOSTILE, (*blocks, Picture(figure, HOSTILE)))
    page = render_html(Report(HOSTILE, HOSTILE, (with_figure,)))
    tags = parts_of(page).tags
    assert tags.count("script") == 2 and "img" not in tags and parts_of(page).loads == []
    assert "<script>alert" not in page


def test_edited_datasheets_are_shown_but_not_run(study):
    save_datasheet(study.store, "people", f"# Datasheet\n\n## Ours\n\n{HOSTILE}\n\n| a | b |\n| - | - |\n| 1 | 2 |")
    try:
        page = render_html(plain(report_of_run(study.store, study.trained)))
        assert "<h3>Ours</h3>" in page and "<td>1</td>" in page
        assert parts_of(page).tags.count("script") == 0
    finally:
        save_datasheet(study.store, "people", None)
    assert "Datasheet of people" in generate_datasheet(study.store, "people")


def measured(name, part, reference, predicted, stamp="clean"):
    labels = ("calm", "anger", "boredom")
    return Evaluation(name, name, part, stamp, score(reference, predicted, labels), "2026-01-01")


def test_limits_name_what_was_measured_and_what_was_not(study):
    right = ["calm", "anger"] * 40
    wrong = ["calm", "anger", "calm", "calm"] * 20
    real = measured("field", "test", right, wrong, "leaky: 1 shared speaker")
    folds = measured("cv", "cv", right, right)
    origins = {"field": "real", "cv": "synthetic"}
    assert principal([folds, real], origins) is real
    told = "\n".join(limits_of(study.trained, [folds, real], None, origins))
    assert "finds *anger* least often: 50 %" in told
    assert "take *anger* for *calm*: 20 of 40 clips" in told
    assert "no clip of boredom" in told
    assert "1 shared speaker*: its figures may be too good" in told
    assert "100 %" in told and "on synthetic clips (held-out folds of cv)" in told and "on real ones (field)" in told
    assert "never measured" not in told

    told = "\n".join(limits_of(study.trained, [folds], None, origins))
    assert "never measured on real speech" in told
    assert "never measured on clips that it had not learnt from" in "\n".join(limits_of(study.trained, [], None, {}))
    guessing = measured("field", "test", right, ["calm"] * 80)
    assert "can't be told from guessing" in "\n".join(limits_of(study.trained, [guessing], None, origins))
    unknown = measured("field", "test", right, right, "clean: no shared clip (text of 80 clips unknown)")
    assert "too good" not in "\n".join(limits_of(study.trained, [unknown], None, origins))
    assert principal([replace(unknown, name="b"), replace(unknown, name="a", stamp="leaky: shares")], {}).name == "b"


def test_training_data_limit_it_too(study):
    told = "\n".join(limits_of(study.trained, [], load_dataset(study.store, "voices"), {}))
    assert "only 4 voices" in told and "clips of" in told


def test_what_cannot_be_reported_is_told(study, tmp_path):
    with pytest.raises(ModelError, match="has not finished"):
        report_of_run(study.store, replace(study.trained, finished=None))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be written"):
        write_report(Report("A", "b", ()), tmp_path / "file" / "report.html")


def test_the_verb_writes_the_file(study, tmp_path):
    root = str(study.store.workspace.root)
    result = CliRunner().invoke(
        cli, ["report", "First model", "--to", str(tmp_path / "r.html"), "--workspace", root, "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["report"] == str(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>") and "Model card" in page

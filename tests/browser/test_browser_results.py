"""A click on a cell of the confusion matrix brings its clips to the ear."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from small_study import make_study

from affexion_core.run_folder import read_evaluation, read_predictions

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_cell_clicked_is_heard(tmp_path, serve, page):
    study = make_study(tmp_path)
    folder = Path(study.crossvalidated.folder)
    labels = read_evaluation(folder, "cv").scores.labels
    cells = sorted({(row.reference, row.predicted) for row in read_predictions(folder, "cv")})
    page.goto(f"{serve(study.store.workspace.root)}/results?run={study.crossvalidated.id}&on=cv")
    image = page.locator(".js-plotly-plot .heatmaplayer .hm image")
    expect(page.locator(".sound")).to_have_attribute("data-state", "ready")
    box = None
    while box is None or box != image.bounding_box():  # the plot has come to rest
        box = image.bounding_box()
        page.wait_for_timeout(300)
    reference, predicted = cells[-1]
    row, column = labels.index(reference), labels.index(predicted)
    page.mouse.click(
        box["x"] + box["width"] * (column + 0.5) / len(labels), box["y"] + box["height"] * (row + 0.5) / len(labels)
    )
    words = f"{reference}, right" if reference == predicted else f"{reference} taken for {predicted}"
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    expect(page.locator(".sound")).to_have_attribute("data-state", "ready")
    sound = page.locator("audio")
    sound.evaluate("element => { element.muted = true; return element.play() }")
    # the sound is short: it is heard once it has gone on, or has ended
    heard = "element => new Promise(done => setInterval(() => element.currentTime > 0.05 && done(true), 20))"
    assert sound.evaluate(heard)

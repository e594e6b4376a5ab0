"""The app's pages as `benchmarks/app.py` looks at them: address, what is useful in them first, and the main gesture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

TABLE = "[data-testid=stDataFrame] canvas"
# Streamlit's tables: height of the head and of a row, in pixels.
_HEAD, _ROW = 36, 35


@dataclass(frozen=True)
class Look:
    """A page: its address, the element whose appearance makes it useful, and what people do most on it.

    ``gesture(page, k)`` does it for the k-th time, so that each time changes something.
    """

    name: str
    path: str
    marker: str
    does: str
    gesture: Callable[[Page, int], object]


def row(page: Page, k: int) -> None:
    """Choose another row of the first table, by the circle at its head."""
    box = page.locator(TABLE).first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 14, box["y"] + _HEAD + _ROW * (0.5 + (k + 1) % 3))


def ticked(page: Page, k: int) -> None:
    """Tick the box at the head of a row of the first table, or take the tick away."""
    box = page.locator(TABLE).first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 14, box["y"] + _HEAD + _ROW * (0.5 + k % 2))


def one_of(*names: str) -> Callable[[Page, int], None]:
    """Press one of some names in turn."""

    def press(page: Page, k: int) -> None:
        page.get_by_test_id("stMain").get_by_text(names[(k + 1) % len(names)], exact=True).first.click()

    return press


def choice(label: str) -> Callable[[Page, int], None]:
    """Choose another option of a select box: the next one, the one before, and so on."""

    def choose(page: Page, k: int) -> None:
        box = page.get_by_test_id("stMain").get_by_label(label, exact=False).first
        box.click()
        page.keyboard.press("ArrowUp" if k % 2 else "ArrowDown")
        page.keyboard.press("Enter")

    return choose


def pages(project: str, rater: str) -> tuple[Look, ...]:
    """List the app's pages, on a workspace that `docs/screenshot_study.py` has filled and a project to label in."""
    asked = f"?project={project.replace(' ', '+')}&rater={rater}"
    study = "train?preset=affexion-paper&train=example-synthetic&test=example-field&kind=cv"
    main = "[data-testid=stMain] "
    figure = main + ".js-plotly-plot .main-svg"
    return (
        Look("Overview", "", main + "[data-testid=stMetric]", "go to Library", _to_library),
        Look("Library", "library", TABLE, "choose a clip", row),
        Look("Datasets", "datasets", TABLE, "choose a dataset", row),
        Look("Import", "import_clips", main + "[data-testid=stFileUploader]", "another way in",
             one_of("Drop files", "A folder")),
        Look("Synthesize", "synthesize", main + "[data-testid=stSelectbox]", "another way",
             one_of("Speak", "Derive noisy copies")),
        Look("Annotate", f"annotate{asked}", ".station[data-mode=live]", "give a label", _label),
        Look("Agreement", f"agreement{asked}", main + "[data-testid=stMetric]", "another tab",
             one_of("Labels", "Clips")),
        Look("Adjudicate", f"adjudicate{asked}", main + "[data-testid=stButton]", "the next clip", one_of("Skip")),
        Look("Train", study, main + "[data-testid=stSelectbox]", "another kind of run",
             one_of("Cross-validation", "One model")),
        Look("Runs", "runs", TABLE, "tick a run", ticked),
        Look("Results", "results", main + "[data-testid=stMetric]", "another section",
             one_of("Confusion", "By label")),
        Look("Attention", "attention", main + "[data-testid=stSelectbox]", "another clip", choice("Clip")),
        Look("Synthetic vs real", "gap", figure, "another figure", one_of("UAR", "Accuracy")),
        Look("Live", "live", main + "[data-testid=stSelectbox]", "another run", choice("Run")),
        Look("Files and timelines", "files", main + "[data-testid=stFileUploader]", "another view",
             one_of("Many clips", "One long recording")),
    )  # fmt: skip


def _to_library(page: Page, k: int) -> None:
    name = "Overview" if k % 2 else "Library"
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()


def _label(page: Page, k: int) -> None:
    page.keyboard.press(str(k % 4 + 1))

"""Drive the labelling station as a person does, and look into its workspace from outside."""

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import ProjectSettings, create_project
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import open_workspace

_ANSWERABLE = re.compile("live|past|done")
PEOPLE = ("Anna", "Ben", "Cleo")
LABELS = shipped_schemes()["affexion"].labels
# Keys as they go down, with the clip on screen, noted before the station hears of them.
NOTE_KEYS = """
window.pressed = [];
window.addEventListener("keydown", (event) => {
    const all = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
    const station = all.map((one) => one.shadowRoot?.querySelector(".station")).find(Boolean);
    window.pressed.push([event.key, station?.dataset.clip ?? ""]);
}, true);
"""


@dataclass
class Bench:
    """A workspace of real clips with people, and the projects made on it so far."""

    store: Store
    owner: object
    ids: list[str]
    used: int = 0
    names: list[str] = field(default_factory=list)

    def project(self, name: str, n: int, scheme=None, **settings) -> list[str]:
        """Make a project of the next clips; without hidden checks and repeats unless they are asked for."""
        if self.used + n > len(self.ids):
            self.used = 0  # a clip may be in several projects
        ids = self.ids[self.used : self.used + n]
        self.used += n
        quiet = {"gold_share": 0.0, "repeat_share": 0.0, "must_listen": False, **settings}
        made = create_project(
            self.store, self.owner, name, scheme or shipped_schemes()["affexion"], ids, ProjectSettings(**quiet)
        )
        self.names.append(made.name)
        return ids


def make_bench(root: Path, audio: Path) -> Bench:
    """Import real clips, in place, and add three people, of whom the first is the owner."""
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "emodb", audio / "emodb", ImportOptions(dataset="emodb", in_place=True))
    import_corpus(store, "tess", audio / "tess", ImportOptions(dataset="tess", in_place=True))
    owner, *_ = [add_person(store, name) for name in PEOPLE]
    short = sorted(load_dataset(store, "tess").items, key=lambda item: (item.clip.duration, item.clip.id))
    rest = load_dataset(store, "emodb").items
    return Bench(store, owner, [item.clip.id for item in (*short, *rest)])


def meant(rater: str, clip: str) -> int:
    """Give the label, from 0, that a rater is to choose for a clip: mostly the same for all, now and then another."""
    own = zlib.crc32(f"{rater} {clip}".encode())
    return (own // 7 if own % 4 == 0 else zlib.crc32(clip.encode())) % len(LABELS)


class Rater:
    """A person at the station, in a tab."""

    def __init__(self, page: Page, address: str, name: str, project: str) -> None:
        self.page, self.name = page, name
        page.goto(f"{address}/annotate?project={project.replace(' ', '+')}")
        pick = page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)
        expect(pick.or_(page.locator(".station")).first).to_be_visible()
        if not page.locator(".station").count():
            pick.click()
        self.station = page.locator(".station")
        expect(self.station).to_be_visible()

    def clip(self) -> str:
        """Wait for a clip, or for the end; gives its id, or nothing."""
        expect(self.station).to_have_attribute("data-mode", _ANSWERABLE)
        return self.station.get_attribute("data-clip") or ""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def moved(self, clip: str) -> None:
        """Wait until another clip is on screen, or none."""
        expect(self.station).not_to_have_attribute("data-clip", clip)

    def saved(self) -> None:
        expect(self.page.locator(".station-saved")).to_have_attribute("data-state", "good")

    def answer(self, most: int = 10_000) -> int:
        """Answer as `meant`, until nothing is left or so many are done; gives how many were."""
        for done in range(most):
            clip = self.clip()
            if not clip:
                return done
            self.press(str(meant(self.name, clip) + 1))
            self.moved(clip)
        return most


def tab(context: BrowserContext) -> Page:
    """Open a tab with the patience that a busy machine needs."""
    context.set_default_timeout(60_000)
    return context.new_page()

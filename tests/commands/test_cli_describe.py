"""The verb that describes a dataset, as a person types it."""

import json

import pytest
from tones import write_folders

from affexion_core.__main__ import main
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.session import open_store


@pytest.fixture
def root(workspace, tmp_path):
    folder = write_folders(tmp_path / "people", speakers=2)
    import_corpus(open_store(workspace), "folder", folder, ImportOptions(dataset="people"))
    return str(workspace.root)


def test_each_label_has_n_interval_and_spread(root, capsys):
    main(["describe", "people", "--workspace", root, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["dataset"] == "people" and found["n"] == sum(row["n"] for row in found["labels"])
    for row in found["labels"]:
        assert set(row["spreads"]) == {"amplitude", "energy", "duration", "speech"}
        assert row["n_speakers"] == 2 and row["spreads"]["amplitude"]["method"] == "bootstrap over 2 speakers"
    main(["describe", "people", "--workspace", root])
    text = capsys.readouterr().out
    assert "mean (95 % interval; standard deviation)" in text and "±" in text


def test_an_unknown_dataset_is_a_clear_error(root, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["describe", "peple", "--workspace", root])
    assert stop.value.code == 2 and "people" in capsys.readouterr().err

"""What a training learns from besides its dataset, as a person types it."""

import json

import pytest
from test_cli import QUICK, Study
from tones import write_folders


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    root = tmp_path_factory.mktemp("beside")
    made = Study(root)
    made.run("init")
    for name, first in (("home", 0), ("away", 4), ("field", 8)):
        write_folders(root / name, ("panic", "boredom"), speakers=3, takes=2, first_speaker=first)
        made.json("import", "folder", root / name, "--dataset", name)
    return made


def test_a_second_dataset_and_clips_to_adapt_to(study):
    done = study.json(
        *("train", "--preset", "linear", "--train", "home", "--test", "field", *QUICK, "--seed", "3"),
        *("--also-train", "away", "--also-limit", "2", "--adapt-to", "field", "--set", "method=statistics"),
    )
    assert done["split"].endswith("transductive: 12 of the 12 clips measured are among them")
    shown = study.json("show", done["run"])
    assert shown["also_train"]["clips"] == 4 and shown["also_train"]["per_label"] == 2
    assert shown["adapt_to"] == {"dataset": "field", "clips": 12}
    assert shown["config"]["adaptation"]["method"] == "statistics"
    rows = json.loads((study.workspace / "runs" / done["run"] / "split.json").read_text())["clips"]
    assert len(rows) == 16


def test_copies_and_the_rest_by_set_in_a_cross_validation(study):
    done = study.json(
        *("cv", "--preset", "linear", "--train", "home", "--folds", "3", "--set", "epochs=2", "--adapt-to", "away"),
        *("--set", "method=prior", "--set", "copies=1", "--set", "kinds=gain,noise", "--set", "noise.snr_db=[10,20]"),
        *("--set", "mixup=0.2", "--set", "time_masks=1", "--set", "sampling=truncated"),
    )
    assert done["split"].endswith("; adapted on 12 unlabelled clips of away")
    config = study.json("show", done["run"])["config"]
    assert config["augmenters"]["noise"]["snr_db"] == [10, 20] and config["training"]["mixup"] == 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--also-limit", "2"), "needs a second dataset. Options: --also-train."),
        (
            ("--adapt-to", "away"),
            "needs a method: coral, dann, batchnorm, statistics or prior. Options: --set, --adapt",
        ),
        (("--set", "method=prior"), "Adaptation 'prior' needs a dataset to adapt to, with clips."),
        (("--also-train", "away", "--also-limit", "50"), "has 6 clips of 'boredom' by speakers who don't test, not 50"),
    ],
)
def test_what_does_not_fit_together_is_said(study, arguments, message):
    assert message in study.run("train", "--preset", "linear", "--train", "home", *arguments, code=2).stderr

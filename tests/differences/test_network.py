"""Two sets in the space of a network: its own embeddings, a probe on them, and the A-distance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tones import write_folders

from affexion_core.__main__ import cli
from affexion_core.differences.network import compare_embedded, embed_sets, may_embed, sets_of
from affexion_core.differences.origin import a_distance
from affexion_core.differences.probes import GROUPED
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, LabelError, ModelError, NotFoundError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.predictor import Predictor
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.forward import softmax
from affexion_core.training.prepare import HeldOut, RunRequest
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.workspace import open_workspace

SMALL = {"epochs": 1, "hidden": 4, "channels": 4, "dense": 8}


def recipe(preset: str):
    return from_preset(load_plugin("presets", preset).PRESET)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Give a store, a small network trained on voices and measured on people, and one of two folds."""
    root = tmp_path_factory.mktemp("network")
    store = open_store(open_workspace(root / "workspace"))
    for name, first, origin in (("voices", 0, "synthetic"), ("people", 4, "real")):
        made = write_folders(root / name, speakers=4, first_speaker=first)
        import_corpus(store, "folder", made, ImportOptions(dataset=name, origin=origin))
    voices, people = load_dataset(store, "voices"), load_dataset(store, "people")
    config = with_settings(recipe("affexion-poster"), SMALL)
    run = run_here(store, RunRequest("train", config, voices, HeldOut(people)))
    return store, run, run_here(store, RunRequest("cv", config, voices, n_folds=2))


def test_the_embedding_is_what_the_last_layers_of_the_very_network_answer_from(trained):
    store, run, _ = trained
    embedded = embed_sets(store, run, "voices", "people")
    assert embedded.learned == (32, 0) and embedded.fold is None and len(embedded.values) == 64
    clips = [item.clip for side in (embedded.a, embedded.b) for item in side.items]
    predictor = Predictor.load(Path(run.folder))
    with torch.inference_mode():
        logits = predictor.models[0].model.head(torch.from_numpy(embedded.values)).numpy()
    assert np.allclose(softmax(logits), predictor.of_clips(store.workspace, clips).probs, atol=1e-5)


def test_a_probe_finds_what_is_planted_in_the_space_and_nothing_in_noise(trained):
    store, run, _ = trained
    embedded = embed_sets(store, run, "voices", "people")
    report = compare_embedded(embedded)
    assert report.probe.n == report.a_distance.n == 64 and report.probe.split == GROUPED
    assert report.a_distance.value == pytest.approx(max(0.0, 4 * report.probe.uar.value - 2))
    noise = np.random.default_rng(0).normal(size=embedded.values.shape)
    alike = compare_embedded(replace(embedded, values=noise))
    assert not alike.probe.tells and alike.a_distance.low == 0.0
    noise[:32] += 3.0
    apart = compare_embedded(replace(embedded, values=noise))
    assert apart.probe.tells and apart.a_distance.value > 1.8 and apart.a_distance.high <= 2.0
    assert a_distance(None) is None


def test_a_fold_model_is_asked_in_its_own_space_and_says_what_it_learned(trained):
    store, _, crossvalidated = trained
    first = embed_sets(store, crossvalidated, "voices", "people")
    second = embed_sets(store, crossvalidated, "voices", "people", fold=2)
    assert (first.fold, second.fold) == (1, 2)
    assert first.learned == second.learned == (16, 0) and not np.allclose(first.values, second.values)
    with pytest.raises(NotFoundError, match="no fold 9"):
        embed_sets(store, crossvalidated, "voices", "people", fold=9)


def test_what_has_no_space_or_no_second_set_says_so(trained):
    store, run, crossvalidated = trained
    with pytest.raises(LabelError, match="can't be compared with itself"):
        embed_sets(store, run, "voices", "voices")
    with pytest.raises(ConfigError, match="has no test set of its own"):
        sets_of(crossvalidated, None, None)
    assert sets_of(run, None, None) == ("voices", "people") == sets_of(crossvalidated, None, "people")
    linear = run_here(store, RunRequest("train", with_settings(recipe("linear"), {"epochs": 1}),
                                        load_dataset(store, "voices")))  # fmt: skip
    with pytest.raises(ModelError, match="'linear' makes no space of its own"):
        embed_sets(store, linear, "voices", "people")
    assert may_embed(run) and not may_embed(replace(run, finished=None)) and not may_embed(replace(run, kind="sweep"))


def test_the_verb_takes_the_sets_of_the_run_and_prints_both_spaces(trained):
    store, run, _ = trained
    asked = ["differences", "--run", run.id, "--workspace", str(store.workspace.root)]
    told = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).stdout)
    assert (told["synthetic"], told["real"]) == ("voices", "people")
    assert told["network"]["learned_synthetic"] == 32 and told["network"]["a_distance"]["n"] == 64
    assert 0 <= told["a_distance"]["low"] <= told["a_distance"]["value"] <= told["a_distance"]["high"] <= 2
    text = CliRunner().invoke(cli, asked).stdout
    assert f"In the network of run {run.id}" in text and "trained on 32 of 32 clips of voices" in text
    bad = CliRunner().invoke(cli, ["differences", "--real", "people", "--workspace", str(store.workspace.root)])
    assert bad.exit_code != 0

"""Changed copies of clips train, and never anything else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from small_study import short_recipe
from tones import write_folders

from affexion_core.augment import gain, noise
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError
from affexion_core.extraction import features_of, utterance_of
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.run_folder import read_config, read_history, read_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.copies import Augmenter, Copy, copy_of, features_of_copy
from affexion_core.training.estimate import frames_seen
from affexion_core.training.execute import _examples, run_here
from affexion_core.training.prepare import HeldOut, RunRequest
from affexion_core.training.run_config import (
    config_from_json,
    config_to_json,
    from_preset,
    sections,
    with_settings,
)

QUICK = {"copies": 2, "kinds": ["noise", "gain"]}


@pytest.fixture
def study(workspace, tmp_path):
    store = open_store(workspace)
    folder = write_folders(tmp_path / "people", ("panic", "boredom"), speakers=4, takes=2)
    import_corpus(store, "folder", folder, ImportOptions(dataset="plain"))
    return store, load_dataset(store, "plain")


def cached(store) -> dict[str, set[str]]:
    """Clip ids in the cache by folder."""
    folders = [path for path in store.workspace.features.iterdir() if path.is_dir()]
    return {folder.name: {path.stem for path in folder.rglob("*.npy")} for folder in folders}


def test_settings_of_augmenters_are_there_once_there_are_copies():
    config = short_recipe()
    assert "noise" not in sections(config) and config.augmenters == ()
    changed = with_settings(config, {"noise.snr_db": [3, 4], "copies": 1, "kinds": "noise, gain"})
    assert [each.name for each in changed.augmenters] == ["noise", "gain"]
    assert changed.augmenters[0].config == noise.Config(snr_db=(3, 4))
    again = with_settings(changed, {"copies": 2, "gain_db": [-1, 1]})
    assert again.augmenters[0] == changed.augmenters[0]
    assert again.augmenters[1].config == gain.Config(gain_db=(-1, 1))
    assert config_from_json(config_to_json(again)) == again
    with pytest.raises(ConfigError, match="There is no augment 'echo'. Choose codec, "):
        with_settings(config, {"copies": 1, "kinds": ["echo"]})
    with pytest.raises(ConfigError, match="copies = 9"):
        with_settings(config, {"copies": 9})


def test_recipes_of_earlier_versions_make_no_copies():
    values = config_to_json(short_recipe())
    del values["augmentation"], values["augmenters"]
    assert config_from_json(values) == short_recipe()


def test_a_preset_says_what_copies_it_makes():
    preset = dataclasses.replace(
        load_plugin("presets", "linear").PRESET,
        augmentation={"copies": 1, "kinds": ("gain",)},
        augmenters={"gain": {"gain_db": (-3, 3)}},
    )
    assert from_preset(preset).augmenters == (Augmenter("gain", gain.Config(gain_db=(-3, 3))),)


def test_copies_repeat_and_differ_from_each_other_and_by_clip(study):
    store, dataset = study
    clips = [item.clip for item in dataset.items]
    augmenters = (Augmenter("noise", noise.Config()), Augmenter("gain", gain.Config()))
    heard = utterance_of(store.workspace, clips[0])
    one, again = (copy_of(clips[0], heard, Copy(1, augmenters, "all")).signal for _ in range(2))
    np.testing.assert_array_equal(one, again)
    for copy, clip in ((Copy(2, augmenters, "all"), clips[0]), (Copy(1, augmenters, "all"), clips[1])):
        assert not np.array_equal(copy_of(clip, heard, copy).signal, one)
    front_end = short_recipe().front_ends[0]
    features = features_of_copy(store.workspace, clips, front_end, Copy(1, augmenters))
    utterance = copy_of(clips[3], utterance_of(store.workspace, clips[3]), Copy(1, augmenters))
    alone = load_plugin("features", "mfcc").extract(utterance, front_end.config)
    np.testing.assert_allclose(features[3][:], alone, rtol=1e-4, atol=1e-3)  # of the same sums in another order
    kinds = {len(ids) for ids in cached(store).values()}
    assert len(cached(store)) == 2 and sum(len(ids) for ids in cached(store).values()) == len(clips) and 0 not in kinds


def test_only_training_clips_get_copies(study):
    store, dataset = study
    config = with_settings(short_recipe(2), {**QUICK, "dev_fraction": 0.3})
    half, rest = (dataclasses.replace(dataset, items=dataset.items[i::2]) for i in (0, 1))
    run = run_here(store, RunRequest("train", config, half, HeldOut(rest, allow_leaks=True)))
    folder = Path(run.folder)
    rows = read_json(folder / "split.json")["clips"]
    train, dev = ([row["clip_id"] for row in rows if row["part"] == part] for part in ("train", "dev"))
    assert train and dev
    changed = [ids for name, ids in cached(store).items() if name.count("-") > 1]
    assert set().union(*changed) == set(train) and sum(map(len, changed)) == 2 * len(train)

    examples = _examples(store, folder, config_from_json(read_config(folder)), run.labels, (), lambda *_: None)
    assert len(examples["train"].features) == 3 * len(train)
    assert examples["train"].targets == examples["train"].targets[: len(train)] * 3
    clips = {item.clip.id: item.clip for item in dataset.items}
    plain = features_of(store.workspace, [clips[id_] for id_ in dev], config.front_ends[0])
    for found, expected in zip(examples["dev"].features, plain, strict=True):
        np.testing.assert_array_equal(found[0], expected)


def test_without_copies_nothing_changes_and_with_them_the_numbers_do(study):
    store, dataset = study

    def losses(settings):
        run = run_here(store, RunRequest("train", with_settings(short_recipe(2), settings), dataset))
        return [row["train_loss"] for row in read_history(Path(run.folder))]

    assert losses({}) == losses({"copies": 0, "kinds": ["noise"]})
    assert losses(QUICK) == losses(QUICK) != losses({})


def test_copies_take_their_time(study):
    _, dataset = study
    clips = [item.clip for item in dataset.items]
    assert frames_seen(clips, with_settings(short_recipe(), QUICK)) == 3 * frames_seen(clips, short_recipe())

"""What the verbs that train share: their options, and the recipe and datasets these name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import key_values
from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.ingest.label_maps import LabelMap
    from affexion_core.store.session import Store
    from affexion_core.training.added import AlsoTrain
    from affexion_core.training.prepare import HeldOut
    from affexion_core.types import Dataset

preset_option = click.option(
    "--preset", required=True, metavar="NAME", help="The recipe, e.g. affexion-paper or linear."
)
train_option = click.option("--train", "train_name", required=True, metavar="DATASET", help="Dataset to learn from.")
test_option = click.option("--test", "test_name", metavar="DATASET", help="Dataset to measure on afterwards.")
label_map_option = click.option(
    "--label-map", metavar="FILE", help="Label map for the test set: a shipped name or a CSV file."
)
leaks_option = click.option(
    "--allow-leaks", is_flag=True, help="Go on though the test set leaks; the figures are stamped."
)
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the preset."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same numbers."
)
name_option = click.option("--name", metavar="TEXT", help="A name for the run.")
device_option = click.option(
    "--device",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Where to train: auto (a GPU if there is one), cpu, cuda.",
)
also_option = click.option(
    "--also-train", "also_train_name", metavar="DATASET", help="A second dataset to learn from, e.g. a few real clips."
)
also_limit_option = click.option(
    "--also-limit", type=click.IntRange(min=1), metavar="N", help="Only N clips of each label of that, drawn by --seed."
)
adapt_option = click.option(
    "--adapt-to",
    "adapt_to_name",
    metavar="DATASET",
    help="Clips to adapt to, without their labels; see the setting method.",
)
background_option = click.option("--background", is_flag=True, help="Queue it and return; see `jobs`.")


def chosen_recipe(preset: str, settings: tuple[str, ...], seed: int, crossval: bool) -> Any:
    """Build the recipe asked for. `ConfigError` if there is no such preset, setting or value."""
    from affexion_core.discovery import load_plugin
    from affexion_core.training.run_config import from_preset, with_settings

    loaded = load_plugin("presets", preset).PRESET
    return with_settings(from_preset(loaded, seed, crossval), key_values(settings))


def chosen_datasets(
    opened: Store, train_name: str, test_name: str | None, label_map: str | None, allow_leaks: bool
) -> tuple[Any, HeldOut | None]:
    """Load the dataset to learn from and the one to measure on, if any."""
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.prepare import HeldOut

    dataset = load_dataset(opened, train_name)
    if not test_name:
        return dataset, None
    return dataset, HeldOut(load_dataset(opened, test_name), chosen_map(label_map), allow_leaks)


def chosen_beside(
    opened: Store, also_train: str | None, also_limit: int | None, label_map: str | None, adapt_to: str | None
) -> tuple[AlsoTrain | None, Dataset | None]:
    """Load what is learned from besides the dataset: a second one, and clips without labels; None where not asked.

    The label map of the test set goes for the second dataset as well, where that has labels of its own kind.
    """
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.added import AlsoTrain

    if also_limit is not None and not also_train:
        raise ConfigError("A number of clips of each label needs a second dataset.", change=("also_train",))
    also = AlsoTrain(load_dataset(opened, also_train), also_limit, chosen_map(label_map)) if also_train else None
    return also, load_dataset(opened, adapt_to) if adapt_to else None


def chosen_map(label_map: str | None) -> LabelMap | None:
    """Load the label map asked for, if any."""
    from affexion_core.ingest.label_maps import load_label_map

    return load_label_map(label_map) if label_map else None

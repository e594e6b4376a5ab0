"""What a person chooses on the page Train, kept in the session and in the address.

Each choice stands in the session under ``train:<name>`` and outlasts a change of page; the address carries it too, so
that a reload, a shared link or a link from another run fills the page in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.discovery import plugin_names
from affexion_ui.theme import escape_markdown
from affexion_ui.words import GLOSSARY, ORIGIN_WORDS, counted, preset_title

if TYPE_CHECKING:
    from affexion_core.store.datasets import DatasetSummary
    from affexion_core.store.session import Store
    from affexion_core.training.prepare import HeldOut, RunRequest
    from affexion_core.training.run_config import RunConfig
    from affexion_core.types import Run

KINDS = {"train": "One model", "cv": "Cross-validation"}
# A choice of nothing; None would show as no choice made.
_NONE = ""
GROUPS = {
    _NONE: "speakers if they can be",
    "speaker": "speakers",
    "text": "texts",
    "generator": "generators",
    "none": "nothing",
}
# Choices and the parameters of the address that carry them; `dataset` is the library's.
_PARAMETERS = {
    "preset": "preset",
    "dataset": "train",
    "kind": "kind",
    "test": "test",
    "label_map": "map",
    "folds": "folds",
    "group": "group",
    "name": "name",
    "seed": "seed",
    "leaks": "leaks",
}
_PREFIX, _WRITTEN = "train:", "train-address"
_PLAIN: dict[str, Any] = {"kind": "train", "folds": 7, "seed": 0, "name": "", "leaks": False}


@dataclass(frozen=True)
class Choices:
    """What is chosen, by the names of `RunRequest`; ``test`` and ``label_map`` are None for none."""

    preset: str
    dataset: str
    kind: str
    test: str | None
    label_map: str | None
    folds: int | None
    group: str | None
    seed: int | None
    name: str
    leaks: bool


def read_address() -> Mapping[str, Any] | None:
    """Take over what the address asks for, once; returns the settings it asks for, by field key, else None."""
    asked = _own_address()
    if not asked or asked == st.session_state.get(_WRITTEN):
        return None
    state = st.session_state
    for name, parameter in _PARAMETERS.items():
        state.pop(_PREFIX + name, None)
        if parameter in asked:
            state[_PREFIX + name] = _read(name, asked[parameter])
    try:
        settings = json.loads(asked.get("set", "{}"))
    except ValueError:
        settings = {}
    return settings if isinstance(settings, dict) else {}


def _own_address() -> dict[str, str]:
    own = (*_PARAMETERS.values(), "set")
    return {parameter: st.query_params[parameter] for parameter in own if parameter in st.query_params}


def _read(name: str, text: str) -> Any:
    if name in ("folds", "seed"):
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _PLAIN[name]
    return text == "yes" if name == "leaks" else text


def write_address(choices: Choices, settings: Mapping[str, Any]) -> None:
    """Put what is chosen, and the settings that differ from the recipe's, into the address."""
    address = address_of(choices, settings)
    before = _own_address()
    if before != address:
        for parameter in before.keys() - address.keys():
            del st.query_params[parameter]
        st.query_params.update(address)
    st.session_state[_WRITTEN] = address


def address_of(choices: Choices, settings: Mapping[str, Any]) -> dict[str, str]:
    """Write choices as an address's parameters; what is plain is left out."""
    values = {name: value for name, value in vars(choices).items() if value is not None and value != _PLAIN.get(name)}
    address = {_PARAMETERS[name]: "yes" if value is True else str(value) for name, value in values.items()}
    return address | ({"set": json.dumps(settings, separators=(",", ":"))} if settings else {})


def address_like(run: Run, config: RunConfig, group: str | None, n_folds: int, held_out: Any) -> dict[str, str]:
    """Write an address that fills the page in as a run was started, to change something and start it again.

    Parameters
    ----------
    run, config
        The run and its recipe.
    group, n_folds
        How its folds were kept apart, and how many they are.
    held_out
        Its test set as `prepare.pinned_held_out` gives it, or None.
    """
    from affexion_core.discovery import load_plugin
    from affexion_core.training.run_config import from_preset
    from affexion_ui.settings_form import differences

    preset = load_plugin("presets", run.preset).PRESET
    choices = Choices(
        preset=run.preset,
        dataset=run.train_dataset,
        kind=run.kind,
        test=run.test_dataset,
        label_map=held_out["label_map"] if held_out else None,
        folds=n_folds if run.kind == "cv" else None,
        group=group if run.kind == "cv" else None,
        seed=config.seed,
        name="",
        leaks=bool(held_out and held_out["allow_leaks"]),
    )
    return address_of(choices, differences(from_preset(preset, config.seed, run.kind == "cv"), config))


def ask_choices(datasets: Sequence[DatasetSummary]) -> Choices:
    """Show the choices of recipe, data and kind of run."""
    names = {summary.name: _dataset_words(summary) for summary in datasets}
    with st.container(horizontal=True, gap="small"):
        preset = _select("Recipe", plugin_names("presets"), "preset", preset_title, 205)
        dataset = _select("Train on", list(names), "dataset", names.__getitem__, 205)
        test = _select("Measure on", [_NONE, *names], "test", lambda name: names.get(name, "no test set"), 205)
    with st.container(horizontal=True, gap="small"):
        label_map = _ask_label_map() if test else _NONE
        kind = st.segmented_control(
            "What to make",
            list(KINDS),
            format_func=KINDS.__getitem__,
            required=True,
            help=GLOSSARY["cv"],
            **_options("kind", list(KINDS)),
        )
        folds, group = _ask_folds() if kind == "cv" else (None, _NONE)
        name = st.text_input("Name", placeholder="if you like", width=130, **_options("name"))
        what = "Same seed, same numbers."
        seed = st.number_input("Seed", step=1, width=90, help=what, **_options("seed"))
    leaks = bool(test) and bool(st.session_state.get(_PREFIX + "leaks"))
    return Choices(
        preset, dataset, kind, test or None, label_map or None, folds, group or None, seed, name.strip(), leaks
    )


def ask_leaks() -> None:
    """Let a test set that leaks be used all the same; drawn where the leak is told."""
    st.checkbox("Measure on it all the same, stamped leaky", **_options("leaks"))


def _ask_label_map() -> str:
    from affexion_core.ingest.label_maps import shipped_label_maps

    maps = [_NONE, *shipped_label_maps()]
    what = "Says what each label of the test set means for the model, where they are not the same."
    return _select("Label map", maps, "label_map", lambda name: name or "labels as they are", 170, what)


def _ask_folds() -> tuple[int | None, str]:
    folds = st.number_input("Folds", step=1, width=110, **_options("folds"))
    what = "What may not stand on both sides of a fold, so that the figures are those for new people."
    group = _select("Keep on one side", list(GROUPS), "group", GROUPS.__getitem__, 205, what)
    return folds, group


def _select(
    label: str, options: Sequence[Any], name: str, words: Callable[[Any], str], width: int, help_text: str | None = None
) -> Any:
    chosen = _options(name, options)
    return st.selectbox(label, options, format_func=words, width=width, help=help_text, **chosen)


def _options(name: str, options: Sequence[Any] = ()) -> dict[str, Any]:
    """Give a control its key, and its first value where it has none that still exists."""
    key = _PREFIX + name
    if key not in st.session_state or (options and st.session_state[key] not in options):
        st.session_state[key] = _PLAIN.get(name, options[0] if options else None)
    return {"key": key, "persist_state": "session"}


def _dataset_words(summary: DatasetSummary) -> str:
    return f"{summary.name} ({counted(summary.n, 'clip')})"


def data_words(summary: DatasetSummary) -> str:
    """Say what a dataset holds: labels with counts, speakers, and who speaks."""
    labels = ", ".join(f"{label} {n}" for label, n in summary.labels.items())
    speakers = f"{counted(summary.speakers, 'known speaker')}, {ORIGIN_WORDS[summary.origin]}"
    return f"**{escape_markdown(summary.name)}**: {escape_markdown(labels)}; {speakers}"


def request_of(store: Store, choices: Choices, config: RunConfig) -> RunRequest:
    """Load the chosen data and make the request.

    Raises
    ------
    ConfigError
        If folds or seed are not numbers that can be.
    """
    from affexion_core.errors import ConfigError
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.prepare import RunRequest

    if choices.kind == "cv" and (choices.folds is None or choices.folds < 2):
        raise ConfigError(f"folds = {choices.folds}: choose 2 or more.")
    if choices.seed is None or choices.seed < 0:
        raise ConfigError(f"seed = {choices.seed}: choose 0 or more.")
    return RunRequest(
        kind="cv" if choices.kind == "cv" else "train",
        config=config,
        dataset=load_dataset(store, choices.dataset),
        test=_held_out(store, choices),
        n_folds=choices.folds or 2,
        group=choices.group,
        name=choices.name or None,
    )


def _held_out(store: Store, choices: Choices) -> HeldOut | None:
    from affexion_core.ingest.label_maps import load_label_map
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.prepare import HeldOut

    if choices.test is None:
        return None
    label_map = load_label_map(choices.label_map) if choices.label_map else None
    return HeldOut(load_dataset(store, choices.test), label_map, choices.leaks)

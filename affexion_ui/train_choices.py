"""What a person chooses on the page Train, kept in the session and in the address.

Each choice stands in the session under ``train:<name>`` and outlasts a change of page; the address carries it too, so
that a reload, a shared link or a link from another run fills the page in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.discovery import plugin_names
from affexion_ui.setting_fields import said
from affexion_ui.settings_form import want_settings
from affexion_ui.theme import escape_markdown
from affexion_ui.words import GLOSSARY, ORIGIN_WORDS, counted, preset_title

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from affexion_core.store.datasets import DatasetSummary
    from affexion_core.store.session import Store
    from affexion_core.training.prepare import HeldOut, RunRequest
    from affexion_core.training.run_config import RunConfig
    from affexion_core.training.space import Space
    from affexion_core.training.sweep import SweepRequest
    from affexion_core.types import Run

    Request = RunRequest | SweepRequest

KINDS = {"train": "One model", "cv": "Cross-validation", "sweep": "Sweep"}
# Stands among the shipped spaces for values typed on the page.
OWN_VALUES = "own"
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
    "each": "each",
    "space": "space",
    "vary": "vary",
    "values": "values",
    "vary_2": "vary2",
    "values_2": "values2",
    "sampler": "draw",
    "trials": "trials",
    "on_test": "select",
}
_NUMBERS, _SWITCHES = ("folds", "each", "seed", "trials"), {"leaks": "yes", "on_test": "test"}
_PREFIX = "train:"
# The address taken over or written last, and those before it with the time they were replaced.
_WRITTEN, _REPLACED = "train-address", "train-addresses-replaced"
# The browser asks with the address it knows: for a moment that is one that was already replaced.
_ECHO = 10.0
_PLAIN: dict[str, Any] = {"kind": "train", "folds": 7, "seed": 0, "name": "", "leaks": False, "each": 3, "trials": 20}
_PLAIN |= {"sampler": "grid", "on_test": False}


@dataclass(frozen=True)
class SweepChoices:
    """What a sweep is to try: a shipped space by name, or own values of one or two settings (``varied``, by key)."""

    space: str
    varied: tuple[tuple[str, Any], ...]
    sampler: str
    trials: int | None
    on_test: bool

    def by_name(self) -> dict[str, Any]:
        """Give the choices by the names under which they stand in session and address."""
        named: dict[str, Any] = {"space": self.space, "sampler": self.sampler, "on_test": self.on_test}
        named["trials"] = self.trials
        for place, (key, held) in zip(("", "_2"), self.varied, strict=False):
            values = held if isinstance(held, str) else ", ".join(said(value) for value in held)
            named |= {f"vary{place}": key, f"values{place}": values}
        return named


@dataclass(frozen=True)
class Choices:
    """What is chosen, by the names of `RunRequest`; ``test`` and ``label_map`` are None for none.

    ``folds`` are those of a cross-validation, ``each`` those of a sweep's trials; None where they don't matter.
    """

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
    each: int | None = None
    sweep: SweepChoices | None = None


def read_address() -> None:
    """Take over what the address asks for, once.

    A drawing can be cut short at any line by the next thing typed, and the browser may not know yet what was written
    into the address before: neither may undo what was typed since.
    """
    asked, state = _own_address(), st.session_state
    if not asked or _is_own(asked):
        return
    for name, parameter in _PARAMETERS.items():
        state.pop(_PREFIX + name, None)
        if parameter in asked:
            state[_PREFIX + name] = _read(name, asked[parameter])
    try:
        settings = json.loads(asked.get("set", "{}"))
    except ValueError:
        settings = {}
    want_settings(settings if isinstance(settings, dict) else {})
    _note_address(asked)


def _is_own(address: Mapping[str, str]) -> bool:
    """Tell an address of this session's own, of now or a moment ago, from one that asks for something."""
    state = st.session_state
    recent = [before for replaced, before in state.get(_REPLACED, ()) if time.monotonic() - replaced < _ECHO]
    return address in (state.get(_WRITTEN), *recent)


def _note_address(address: Mapping[str, str]) -> None:
    state = st.session_state
    before = state.get(_WRITTEN)
    if before not in (None, address):
        state[_REPLACED] = (*state.get(_REPLACED, ())[-20:], (time.monotonic(), before))
    state[_WRITTEN] = dict(address)


def _own_address() -> dict[str, str]:
    own = (*_PARAMETERS.values(), "set")
    return {parameter: st.query_params[parameter] for parameter in own if parameter in st.query_params}


def _read(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _PLAIN[name]
    return text == _SWITCHES[name] if name in _SWITCHES else text


def write_address(choices: Choices, settings: Mapping[str, Any]) -> None:
    """Put what is chosen, and the settings that differ from the recipe's, into the address."""
    address = address_of(choices, settings)
    # noted first: cut short between the two, the address is written at the next drawing
    _note_address(address)
    before = _own_address()
    if before != address:
        for parameter in before.keys() - address.keys():
            del st.query_params[parameter]
        st.query_params.update(address)


def address_of(choices: Choices, settings: Mapping[str, Any]) -> dict[str, str]:
    """Write choices as an address's parameters; what is plain is left out."""
    named = {**vars(choices), **(choices.sweep.by_name() if choices.sweep else {})}
    del named["sweep"]
    values = {name: value for name, value in named.items() if value is not None and value != _PLAIN.get(name)}
    address = {_PARAMETERS[name]: _SWITCHES[name] if value is True else str(value) for name, value in values.items()}
    return address | ({"set": json.dumps(settings, separators=(",", ":"))} if settings else {})


def address_like(
    run: Run,
    config: RunConfig,
    group: str | None,
    n_folds: int,
    held_out: Any,
    kind: str | None = None,
    sweep: SweepChoices | None = None,
) -> dict[str, str]:
    """Write an address that fills the page in as a run was started, to change something and start it again.

    Parameters
    ----------
    run, config
        The run and its recipe.
    group, n_folds
        How its folds were kept apart, and how many they are.
    held_out
        Its test set as `prepare.pinned_held_out` gives it, or None.
    kind, sweep
        What to make, None for what the run is; and what a sweep tries.
    """
    from affexion_core.discovery import load_plugin
    from affexion_core.training.run_config import from_preset
    from affexion_ui.settings_form import differences

    preset = load_plugin("presets", run.preset).PRESET
    kind = kind or run.kind
    choices = Choices(
        preset=run.preset,
        dataset=run.train_dataset,
        kind=kind,
        test=run.test_dataset,
        label_map=held_out["label_map"] if held_out else None,
        folds=n_folds if kind == "cv" else None,
        group=group if kind in ("cv", "sweep") else None,
        seed=config.seed,
        name="",
        leaks=bool(held_out and held_out["allow_leaks"]),
        each=n_folds if kind == "sweep" else None,
        sweep=sweep,
    )
    return address_of(choices, differences(from_preset(preset, config.seed, kind == "cv"), config))


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
            **options_of("kind", list(KINDS)),
        )
        number = {"cv": "folds", "sweep": "each"}.get(kind)
        folds, group = _ask_folds(number) if number else (None, _NONE)
        name = st.text_input("Name", placeholder="if you like", width=130, **options_of("name"))
        what = "Same seed, same numbers."
        seed = st.number_input("Seed", step=1, width=90, help=what, **options_of("seed"))
    leaks = bool(test) and bool(st.session_state.get(_PREFIX + "leaks"))
    own = {number: folds} if number else {}
    return Choices(
        preset, dataset, kind, test or None, label_map or None, own.get("folds"), group or None, seed, name.strip(),
        leaks, own.get("each"),
    )  # fmt: skip


def ask_leaks() -> None:
    """Let a test set that leaks be used all the same; drawn where the leak is told."""
    st.checkbox("Measure on it all the same, stamped leaky", **options_of("leaks"))


def _ask_label_map() -> str:
    from affexion_core.ingest.label_maps import shipped_label_maps

    maps = [_NONE, *shipped_label_maps()]
    what = "Says what each label of the test set means for the model, where they are not the same."
    return _select("Label map", maps, "label_map", lambda name: name or "labels as they are", 170, what)


def _ask_folds(name: str) -> tuple[int | None, str]:
    folds = st.number_input("Folds" if name == "folds" else "Folds a trial", step=1, width=110, **options_of(name))
    what = "What may not stand on both sides of a fold, so that the figures are those for new people."
    group = _select("Keep on one side", list(GROUPS), "group", GROUPS.__getitem__, 205, what)
    return folds, group


def _select(
    label: str, options: Sequence[Any], name: str, words: Callable[[Any], str], width: int, help_text: str | None = None
) -> Any:
    chosen = options_of(name, options)
    return st.selectbox(label, options, format_func=words, width=width, help=help_text, **chosen)


def options_of(name: str, options: Sequence[Any] = ()) -> dict[str, Any]:
    """Give a control of this page its key, and its first value where it has none that still exists."""
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


def request_of(store: Store, choices: Choices, config: RunConfig, space: Space | None = None) -> Request:
    """Load the chosen data and make the request; ``space`` is what a sweep tries.

    Raises
    ------
    ConfigError
        If folds, trials or seed are not numbers that can be.
    """
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.prepare import RunRequest

    _check_numbers(choices)
    if choices.sweep is not None and space is not None:
        return _sweep_of(store, choices, choices.sweep, config, space)
    return RunRequest(
        kind="cv" if choices.kind == "cv" else "train",
        config=config,
        dataset=load_dataset(store, choices.dataset),
        test=_held_out(store, choices),
        n_folds=choices.folds or 2,
        group=choices.group,
        name=choices.name or None,
    )


def is_sweep(request: Request) -> TypeIs[SweepRequest]:
    """Tell a sweep from a run of its own."""
    return hasattr(request, "space")


def _check_numbers(choices: Choices) -> None:
    from affexion_core.errors import ConfigError

    folds = {"cv": choices.folds, "sweep": choices.each}.get(choices.kind, 2)
    if folds is None or folds < 2:
        raise ConfigError(f"folds = {folds}: choose 2 or more.")
    if choices.seed is None or choices.seed < 0:
        raise ConfigError(f"seed = {choices.seed}: choose 0 or more.")
    sweep = choices.sweep
    if sweep is not None and sweep.sampler == "tpe" and (sweep.trials is None or sweep.trials < 1):
        raise ConfigError(f"trials = {sweep.trials}: choose 1 or more.")


def _sweep_of(store: Store, choices: Choices, sweep: SweepChoices, config: RunConfig, space: Space) -> SweepRequest:
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.sweep import SweepRequest

    return SweepRequest(
        config=config,
        dataset=load_dataset(store, choices.dataset),
        space=space,
        test=_held_out(store, choices),
        sampler="tpe" if sweep.sampler == "tpe" else "grid",
        n_trials=sweep.trials,
        n_folds=choices.each or 2,
        group=choices.group,
        select_on_test=sweep.on_test,
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

"""What a sweep is to try: a shipped set of values, or own values of one or two settings of the recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.config import plain
from affexion_core.errors import AffexionError, ConfigError
from affexion_ui.layout import show_error
from affexion_ui.setting_fields import FREQUENT, SettingField, said, same, setting_fields
from affexion_ui.theme import escape_markdown
from affexion_ui.train_choices import OWN_VALUES, SweepChoices, options_of

if TYPE_CHECKING:
    from affexion_core.training.run_config import RunConfig
    from affexion_core.training.space import Parameter, Space

SAMPLERS = {"grid": "All combinations", "tpe": "What looks best so far"}
_NOTHING = ""
_RANGE = re.compile(
    r"(?P<low>-?[\d.eE+-]+?)\s*(?:to|–|…)\s*(?P<high>-?[\d.eE+-]+)"
    r"(?:\s*,?\s*step\s+(?P<step>[\d.eE+-]+))?(?P<log>\s*,?\s*log)?"
)  # fmt: skip
_HOW = {
    "whole": "e.g. 7, 15, 20 or 5 to 30 step 5",
    "number": "e.g. 0.1, 0.2, 0.3 or 0.0001 to 0.01 log",
    "list": "lists apart by semicolons, e.g. 3; 3, 5; 3, 5, 7",
}
_KINDS = ("whole", "number", "list", "choice", "switch")


def ask_sweep(config: RunConfig, has_test: bool) -> tuple[SweepChoices, Space | None]:
    """Show the choices of a sweep of a recipe; the space is None while what is typed is wrong."""
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, gap="small"):
            name = _ask_space(config)
            sampler = st.selectbox(
                "Trials", list(SAMPLERS), format_func=SAMPLERS.__getitem__, width=185,
                help="All combinations make a complete table. Otherwise values are drawn where earlier ones did well "
                "(TPE), and a trial that falls behind the others is given up between folds.",
                **options_of("sampler", list(SAMPLERS)),
            )  # fmt: skip
            trials = None
            if sampler == "tpe":
                trials = st.number_input("How many", step=1, width=95, **options_of("trials"))
        varied, space, error = _ask_own(config) if name == OWN_VALUES else ((), *_shipped(name))
        if error is not None:
            show_error(error)
        elif space is not None:
            _describe(space)
        on_test = _ask_selection() if has_test else False
    return SweepChoices(name, tuple(varied), sampler, trials, on_test), space


def _ask_space(config: RunConfig) -> str:
    """Choose a shipped space; those that the recipe has the settings of come first."""
    from affexion_core.training.space import check_fits, load_space, shipped_spaces

    spaces = {name: load_space(name) for name in shipped_spaces()}
    misfits = set()
    for name, space in spaces.items():
        try:
            check_fits(space, config)
        except ConfigError:
            misfits.add(name)
    order = sorted(spaces, key=lambda name: (name in misfits, _rank(name), name))
    words = {name: _space_words(spaces[name], name in misfits) for name in order} | {OWN_VALUES: "own values …"}
    return st.selectbox(
        "What to try", list(words), format_func=words.__getitem__, width=285,
        help="The ready ones are the rows of the paper’s tuning table.", **options_of("space", list(words)),
    )  # fmt: skip


def _rank(name: str) -> int:
    return FREQUENT.index(name) if name in FREQUENT else len(FREQUENT)


def _space_words(space: Space, misfit: bool) -> str:
    parts = [f"{name}: {values_text(parameter)}" for name, parameter in space.parameters.items()]
    return f"{'; '.join(parts)}{' (not in this recipe)' if misfit else ''}"


def _shipped(name: str) -> tuple[Space | None, AffexionError | None]:
    from affexion_core.training.space import load_space

    try:
        return load_space(name), None
    except ConfigError as error:
        return None, error


def _describe(space: Space) -> None:
    """Say what is varied, by whom, and what they found."""
    parts = [space.title, f"After {space.source}" if space.source else "", space.note]
    told = [f"{_said(row.values)}: {row.remark}" for row in space.reported if row.remark]
    words = ". ".join(part.rstrip(".") for part in parts if part)
    if words:
        st.caption(escape_markdown(f"{words}." + (f" Reported: {'; '.join(told)}." if told else "")))
    st.caption("What is varied takes its values from here, whatever the settings below say.")


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(said(value) for value in values.values())


def _ask_selection() -> bool:
    what = "Choose the best by the test set: **every figure of this sweep is then stamped “selected on test”**"
    chosen = st.toggle(what, **options_of("on_test"))
    st.caption(
        "As some papers do. The best value then does well on these clips partly by luck; expect less on others."
        if chosen
        else "The best is chosen by the folds of the training set; the test set has no say, so its figures stay honest."
    )
    return bool(chosen)


def _ask_own(config: RunConfig) -> tuple[Sequence[tuple[str, Any]], Space | None, AffexionError | None]:
    fields = sweepable(config)
    varied: list[tuple[str, Any]] = []
    chosen: list[tuple[SettingField, Any]] = []
    for place, label in (("", "Setting"), ("_2", "And another")):
        rest = [key for key in fields if key not in {key for key, _ in varied}]
        keys = rest if not place else [_NOTHING, *rest]
        with st.container(horizontal=True, gap="small"):
            key = st.selectbox(
                label, keys, format_func=lambda key: _field_words(fields[key]) if key else "none", width=250,
                on_change=_forget, args=(f"values{place}",), **options_of(f"vary{place}", keys),
            )  # fmt: skip
            if not key:
                continue
            held = _ask_values(fields[key], f"values{place}", config)
        varied.append((key, held))
        chosen.append((fields[key], held))
    try:
        return varied, own_space(config, chosen), None
    except AffexionError as error:
        return varied, None, error


def _forget(name: str) -> None:
    """Have the values of another setting begin with its own."""
    st.session_state.pop(f"train:{name}", None)


def _ask_values(field: SettingField, name: str, config: RunConfig) -> Any:
    key = f"train:{name}"
    held = st.session_state.get(key)
    if field.kind in ("choice", "switch"):
        offered = choices_of(field)
        known = [value for value in offered if any(same(value, one) for one in _as_values(field, held))]
        if held is None or list(held) != known:
            st.session_state[key] = known or offered
        return st.multiselect("Values", offered, format_func=said, width=330, key=key, persist_state="session")
    if not isinstance(held, str):
        st.session_state[key] = suggested(field, config)
    return st.text_input("Values", width=330, help=f"Write {_HOW[field.kind]}.", key=key, persist_state="session")


def _as_values(field: SettingField, held: Any) -> list[Any]:
    """Take the values of a choice from a control, or as words from an address."""
    if isinstance(held, str):
        words = {part.strip() for part in held.split(",")}
        return [value for value in choices_of(field) if said(value) in words]
    return list(held or ())


def choices_of(field: SettingField) -> list[Any]:
    """List all values of a setting that has few; none, which a sweep can't try, is left out."""
    return [True, False] if field.kind == "switch" else [value for value in field.choices if value is not None]


def _field_words(field: SettingField) -> str:
    return f"{field.words} ({field.name}, {said(field.default)})"


def sweepable(config: RunConfig) -> dict[str, SettingField]:
    """Give the settings of a recipe that a sweep can vary, by key, those changed most first."""
    fields = [
        field
        for section in setting_fields(config).values()
        for field in section
        # which dimensions are learnt is another question, whose figures can't be compared
        if field.kind in _KINDS and field.name != "dimensions"
    ]
    return {field.key: field for field in sorted(fields, key=lambda field: _rank(field.name))}


def suggested(field: SettingField, config: RunConfig) -> str:
    """Suggest values around the recipe's own: half, itself and double, as far as the setting takes them."""
    if field.kind == "list" or not field.default:
        return "" if field.default is None else said(field.default)
    value = field.default
    around = [value // 2, value, value * 2] if field.kind == "whole" else [value / 2, value, value * 2]
    return ", ".join(said(one) for one in around if same(one, value) or _takes(config, field, one))


def _takes(config: RunConfig, field: SettingField, value: Any) -> bool:
    from affexion_core.training.run_config import with_settings

    try:
        with_settings(config, {f"{field.section}.{field.name}": value})
    except AffexionError:
        return False
    return True


def own_space(config: RunConfig, chosen: Sequence[tuple[SettingField, Any]]) -> Space:
    """Make a space of settings and what their controls hold.

    Raises
    ------
    ConfigError
        Naming the setting and what can't be tried.
    """
    from affexion_core.training.space import space_from_json

    names = [field.name for section in setting_fields(config).values() for field in section]
    parameters = {
        field.name if names.count(field.name) == 1 else f"{field.section}.{field.name}": parameter_of(field, held)
        for field, held in chosen
    }
    return space_from_json({"name": "own values", "parameters": parameters})


def parameter_of(field: SettingField, held: Any) -> dict[str, Any]:
    """Read what a control holds as the choices or the range of a parameter, unchecked but for its form.

    Raises
    ------
    ConfigError
        If it can't be read, or holds no value.
    """
    if field.kind in ("choice", "switch"):
        if not held:
            raise ConfigError(f"{field.name} has no values to try; choose some.")
        return {"choices": list(held)}
    text = str(held or "").strip()
    found = _RANGE.fullmatch(text) if field.kind in ("whole", "number") else None
    if found:
        parts = {name: _number(field, part) for name, part in found.groupdict().items() if part and name != "log"}
        return {**parts, **({"log": True} if found["log"] else {})}
    if field.kind == "list":
        lists = [[_number(field, part.strip()) for part in one.split(",")] for one in text.split(";") if one.strip()]
        values: list[Any] = list(lists)
    else:
        values = [_number(field, part.strip()) for part in text.split(",") if part.strip()]
    if not values:
        raise ConfigError(f"{field.name} has no values to try; write {_HOW[field.kind]}.")
    return {"choices": values}


def _number(field: SettingField, text: str) -> int | float | str:
    for read in (int,) if field.kind == "whole" else (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    if field.kind == "list" and text:
        return text
    raise ConfigError(f"{field.name} can't be {text!r}; write {_HOW[field.kind]}.")


def values_text(parameter: Parameter) -> str:
    """Write the values of a parameter as a control takes them; the other way of `parameter_of`."""
    if parameter.choices:
        nested = any(isinstance(value, list | tuple) for value in parameter.choices)
        return ("; " if nested else ", ").join(said(value) for value in parameter.choices)
    step = f" step {said(parameter.step)}" if parameter.step is not None else ""
    return f"{said(parameter.low)} to {said(parameter.high)}{step}{' log' if parameter.log else ''}"


def choices_like(config: RunConfig, space: Space) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Give the choices that make a space again: a shipped name, or own values; None where the form can't say it."""
    from affexion_core.training.space import load_space, shipped_spaces

    if space.name in shipped_spaces() and plain(load_space(space.name)) == plain(space):
        return space.name, ()
    by_name = {name: field for field in sweepable(config).values() for name in _names(field)}
    if len(space.parameters) > 2 or not set(space.parameters) <= set(by_name):
        return None
    return OWN_VALUES, tuple((by_name[name].key, values_text(part)) for name, part in space.parameters.items())


def _names(field: SettingField) -> tuple[str, str]:
    return field.name, f"{field.section}.{field.name}"

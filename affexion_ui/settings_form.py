"""A form for every setting of a recipe, made from the recipe's own types.

What is typed stands in the session under ``set:<key>``. Another recipe resets the settings that nobody touched, which
are those that still hold the value of the recipe before, and leaves the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from affexion_core.config import build, plain
from affexion_core.errors import ConfigError
from affexion_ui.layout import show_error
from affexion_ui.setting_fields import (
    FREQUENT,
    SettingField,
    apply_typed,
    fields_of,
    said,
    same,
    setting_fields,
    shown,
    typed,
)

if TYPE_CHECKING:
    from affexion_core.training.run_config import RunConfig

T = TypeVar("T")

PREFIX = "set:"
# What the controls held untouched at the last drawing, by field key.
_BASE = "settings-base"
# Settings that an address asks for, until the form has taken them.
_ASKED = "settings-asked"
_WIDTH = {"switch": 200, "choice": 128, "list": 128, "json": 260, "text": 200}
_TITLES = {
    "training": "How the weights are learned",
    "inputs": "What of a clip the model gets",
    "preprocessing": "What is done to the sound first",
    "augmentation": "Changed copies of the training clips",
    "adaptation": "Adapting to unlabelled clips",
    "ssl": "Features: speech encoder",
    "text": "Features: words",
    "text-embedding": "Features: text encoder",
}


def want_settings(asked: Mapping[str, Any]) -> None:
    """Have the next form filled in with these settings, by field key, in place of all that was typed."""
    st.session_state[_ASKED] = dict(asked)


def ask_settings(config: RunConfig) -> RunConfig | None:
    """Show all settings of a recipe; returns the recipe with what is typed, None while something typed is wrong."""
    by_section = setting_fields(config)
    fields = [field for section in by_section.values() for field in section]
    _settle(fields)
    frequent = sorted((f for f in fields if f.name in FREQUENT), key=lambda f: FREQUENT.index(f.name))
    _show_row(frequent)
    place = st.container()
    for section, own in by_section.items():
        with st.expander(_title(section, config), icon=":material/tune:", key=f"settings-{section}"):
            _show_row([field for field in own if field not in frequent])
    with place:
        return _checked(config, by_section)


def ask_config(config: T, owner: str, leave_out: Collection[str] = ()) -> T | None:
    """Show the settings of a config that is no part of a recipe.

    Parameters
    ----------
    config
        Made by `config.config_class`.
    owner
        Begins the keys under which the session holds what is typed.
    leave_out
        Settings that are asked for elsewhere.

    Returns
    -------
    The config with what is typed; None, and the error on the page, while something typed is wrong.
    """
    fields = [field for field in fields_of(owner, config, owner) if field.name not in leave_out]
    for field in fields:
        st.session_state.setdefault(PREFIX + field.key, shown(field, field.default))
    with st.container(horizontal=True, gap="small"):
        for field in fields:
            with st.container(width=_WIDTH.get(field.kind, 148), gap="xxsmall"):
                _show_control(field, commands=False)
    try:
        held = {field.name: typed(field, st.session_state[PREFIX + field.key]) for field in fields}
        return build(type(config), {**plain(config), **held})
    except ConfigError as error:
        show_error(error)
        return None


def _title(section: str, config: RunConfig) -> str:
    if section == "model":
        return f"Model: {config.model}"
    return _TITLES.get(section) or f"Features: {section}"


def _settle(fields: Sequence[SettingField]) -> None:
    """Give each control its value before it is drawn: as asked for, else as typed, else the recipe's."""
    state = st.session_state
    before: Mapping[str, Any] = state.get(_BASE, {})
    asked: Mapping[str, Any] | None = state.get(_ASKED)
    if asked is not None:
        before = {}
        for key in [key for key in state if str(key).startswith(PREFIX)]:
            del state[key]
    for field in fields:
        key, value = PREFIX + field.key, shown(field, field.default)
        if asked is not None and field.key in asked:
            state[key] = _fitting(field, asked[field.key])
        elif key not in state or (field.key in before and same(state[key], before[field.key])):
            state[key] = value
    state[_BASE] = {**before, **{field.key: shown(field, field.default) for field in fields}}
    # last: where this is cut short, the next drawing does it all
    state.pop(_ASKED, None)


def _fitting(field: SettingField, value: Any) -> Any:
    """Take a value from an address only if the control can hold it; the recipe's own otherwise."""
    kinds: dict[str, tuple[type, ...]] = {"whole": (int,), "number": (int, float), "switch": (bool,)}
    fits = value in field.choices if field.kind == "choice" else isinstance(value, kinds.get(field.kind, (str,)))
    if isinstance(value, bool) and field.kind in ("whole", "number"):
        fits = False
    if value is None and field.kind in ("whole", "number"):
        return None
    fallback = shown(field, field.default)
    return (float(value) if field.kind == "number" else value) if fits else fallback


def _show_row(fields: Sequence[SettingField]) -> None:
    with st.container(horizontal=True, gap="small"):
        for field in fields:
            with st.container(width=_WIDTH.get(field.kind, 116), gap="xxsmall"):
                _show_control(field)
                st.caption(_beside(field))


def _show_control(field: SettingField, commands: bool = True) -> None:
    limits = f" {field.limits[:1].upper()}{field.limits[1:]}." if field.limits else ""
    why = field.why if not field.why or field.why.endswith(".") else f"{field.why}."
    in_commands = f" In commands: `{field.name}`." if commands else ""
    options: dict[str, Any] = {
        "key": PREFIX + field.key,
        "help": f"{why}{limits}{in_commands}".strip(),
        "persist_state": "session",
    }
    if field.kind == "switch":
        st.toggle(field.words, **options)
    elif field.kind == "choice":
        st.selectbox(field.words, field.choices, format_func=said, **options)
    elif field.kind == "whole":
        st.number_input(field.words, step=1, **_empty(field), **options)
    elif field.kind == "number":
        st.number_input(field.words, step=_step(field.default), format="%g", **_empty(field), **options)
    else:
        st.text_input(field.words, **options)


def _empty(field: SettingField) -> dict[str, Any]:
    """Let a number be empty where it may be; elsewhere there is nothing to clear it with."""
    return {"value": None} if field.optional else {}


def _step(value: float | None) -> float:
    """Step by the value's first digit: 0.001 for 0.001, 0.1 for 0.3."""
    return 10.0 ** math.floor(math.log10(abs(value))) if value else 0.01


def _beside(field: SettingField) -> str:
    """Say the source's value, and what the recipe says where something else is typed or the source differs."""
    held = st.session_state[PREFIX + field.key]
    changed = not same(held, shown(field, field.default))
    differs = field.has_paper and not same(shown(field, field.paper), shown(field, field.default))
    parts = [f"paper {said(field.paper)}"] if field.has_paper else []
    if changed or differs:
        parts.append(f"recipe {said(field.default)}")
    words = "  \n".join(parts) or "\u00a0"
    if changed:
        return f":orange[:material/edit:] {words}"
    return f":material/difference: {words}" if differs else words


def _checked(config: RunConfig, by_section: Mapping[str, Sequence[SettingField]]) -> RunConfig | None:
    """Put what is typed into the recipe, and show each section's error."""
    held = typed_settings()
    good = True
    for fields in by_section.values():
        try:
            config = apply_typed(config, fields, held)
        except ConfigError as error:
            show_error(error)
            good = False
    return config if good else None


def typed_settings() -> dict[str, Any]:
    """Give what all controls hold, by field key."""
    state = st.session_state
    return {str(key).removeprefix(PREFIX): state[key] for key in state if str(key).startswith(PREFIX)}


def changed_settings(config: RunConfig) -> dict[str, Any]:
    """Give the settings that hold another value than the recipe's, by field key."""
    held = typed_settings()
    fields = [field for section in setting_fields(config).values() for field in section]
    return {
        field.key: held[field.key]
        for field in fields
        if field.key in held and not same(held[field.key], shown(field, field.default))
    }


def differences(config: RunConfig, other: RunConfig) -> dict[str, Any]:
    """Give, as `changed_settings` does, the settings in which ``other`` differs from the recipe ``config``.

    Raises
    ------
    ConfigError
        If ``other`` has other parts than the recipe.
    """
    mine = {field.key: field for section in setting_fields(config).values() for field in section}
    theirs = {field.key: field for section in setting_fields(other).values() for field in section}
    if mine.keys() != theirs.keys():
        raise ConfigError(
            f"This run has other parts than the recipe {config.preset!r} has today, so it can't be filled in here."
        )
    return {
        key: shown(field, field.default) for key, field in theirs.items() if not same(field.default, mine[key].default)
    }

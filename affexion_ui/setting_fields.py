"""What a form must know of the settings of a recipe, read from their types; no Streamlit here.

A plug-in that brings a ``Config`` of its own needs nothing more: its settings show with their reasons and limits.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.training.run_config import RunConfig

Kind = Literal["whole", "number", "choice", "switch", "text", "list", "json"]
# The few that are changed most, in this order; they stand above the rest.
FREQUENT = ("epochs", "learning_rate", "dropout", "max_len", "n_mfcc")
_NO_PAPER: Any = object()
_LIMITS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


@dataclass(frozen=True)
class SettingField:
    """One setting of a recipe.

    ``section`` and ``name`` are those of `run_config.sections`; ``key`` also tells plug-ins apart, so that what is
    typed for one model is not taken for another's. ``default`` is the recipe's value; an ``optional`` one may be empty.
    ``why`` says what it is for, ``limits`` what it may be, in words. ``paper`` is the source's value where it gives
    one (see `has_paper`).
    """

    section: str
    name: str
    key: str
    kind: Kind
    default: Any
    choices: tuple[Any, ...] = ()
    optional: bool = False
    why: str = ""
    limits: str = ""
    paper: Any = _NO_PAPER

    @property
    def has_paper(self) -> bool:
        """Say whether the source gives a value."""
        return self.paper is not _NO_PAPER

    @property
    def words(self) -> str:
        """Name the setting in words."""
        return _NAMES.get(self.name) or self.name.replace("_", " ").capitalize()


_NAMES = {
    "max_len": "Frames at most",
    "n_mfcc": "MFCCs",
    "n_mels": "Mel bands",
    "n_fft": "FFT samples",
    "fmin": "Lowest Hz",
    "fmax": "Highest Hz",
    "dct_type": "DCT type",
    "lstm_layers": "LSTM layers",
    "conv_relu": "ReLU after convolutions",
    "conv_dropout": "Convolution dropout",
    "overlap": "Raters a clip",
    "extra_raters": "Extra raters",
    "gold_share": "Hidden checks",
    "repeat_share": "Hidden repeats",
    "lease_minutes": "Minutes held",
    "must_listen": "Must listen",
}


def setting_fields(config: RunConfig) -> dict[str, tuple[SettingField, ...]]:
    """List the settings of a recipe by section, in the order in which their dataclasses name them."""
    from affexion_core.training.run_config import sections

    return {
        section: fields_of(section, part, config.model if section == "model" else section)
        for section, part in sections(config).items()
    }


def fields_of(section: str, part: Any, owner: str) -> tuple[SettingField, ...]:
    """List the settings of one config dataclass; ``owner`` begins their keys."""
    infos: Mapping[str, Any] = getattr(type(part), "__pydantic_fields__", {})
    found = []
    for field in dataclasses.fields(part):
        info = infos.get(field.name)
        kind, choices = _kind(info.annotation if info is not None else Any)
        extra = info.json_schema_extra if info is not None else None
        found.append(
            SettingField(
                section=section,
                name=field.name,
                key=f"{owner}.{field.name}",
                kind=kind,
                default=getattr(part, field.name),
                choices=choices,
                optional=type(None) in get_args(info.annotation if info is not None else Any),
                why=(info.description or "") if info is not None else "",
                limits=_limits(info.metadata if info is not None else ()),
                paper=extra["paper"] if isinstance(extra, dict) and "paper" in extra else _NO_PAPER,
            )
        )
    return tuple(found)


def _kind(annotation: Any) -> tuple[Kind, tuple[Any, ...]]:
    """Choose the control for a type, and the choices where it has some."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    empty = (None,) if type(None) in parts else ()
    kinds = [part for part in parts if part is not type(None)]
    if len(kinds) != 1:
        return "json", ()
    only = kinds[0]
    if get_origin(only) is Literal:
        return "choice", (*get_args(only), *empty)
    simple: dict[Any, Kind] = {bool: "choice" if empty else "switch", int: "whole", float: "number", str: "text"}
    if only in simple:
        return simple[only], (True, False, None) if only is bool and empty else ()
    if (get_origin(only) or only) in (tuple, list) and _is_flat(only) and not empty:
        return "list", ()
    return "json", ()


def _is_flat(sequence: Any) -> bool:
    return all((get_origin(item) or item) not in (tuple, list, dict) for item in get_args(sequence))


def _limits(metadata: Sequence[Any]) -> str:
    words = [
        text.format(f"{value:g}")
        for rule in metadata
        for name, text in _LIMITS.items()
        if isinstance(value := getattr(rule, name, None), int | float)
    ]
    return ", ".join(words)


def shown(field: SettingField, value: Any) -> Any:
    """Turn a setting's value into what its control holds."""
    if field.kind == "list":
        return ", ".join(str(item) for item in value)
    if field.kind == "json":
        return json.dumps(value)
    if field.kind == "number" and value is not None:
        return float(value)
    return value


def typed(field: SettingField, held: Any) -> Any:
    """Turn what a control holds into a setting's value, unchecked but for its form.

    Raises
    ------
    ConfigError
        If text that must be JSON isn't.
    """
    if field.kind == "list":
        return [part.strip() for part in str(held or "").split(",") if part.strip()]
    if field.kind == "json":
        try:
            return json.loads(held or "null")
        except ValueError:
            raise ConfigError(f"{field.name} = {held!r} is no JSON; write e.g. [1, 2] or {{}}.") from None
    if field.kind == "text":
        # settings by name come from a command line too, where text is read as JSON first
        return json.dumps(held or "")
    return held


def said(value: Any) -> str:
    """Write a setting's value for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(said(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values of a setting are the same; a list is as good as a tuple, 15 as good as 15.0."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def apply_typed(config: RunConfig, fields: Sequence[SettingField], held: Mapping[str, Any]) -> RunConfig:
    """Put what the controls of one section hold into a recipe.

    Parameters
    ----------
    config
        The recipe.
    fields
        Settings of one section.
    held
        What each control holds, by the field's ``key``; a setting without one keeps its value.

    Raises
    ------
    ConfigError
        Naming the setting, the bad value and what is allowed.
    """
    from affexion_core.training.run_config import with_settings

    changes = {
        f"{field.section}.{field.name}": typed(field, held[field.key])
        for field in fields
        if field.key in held and not same(held[field.key], shown(field, field.default))
    }
    return with_settings(config, changes)

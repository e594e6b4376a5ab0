"""Settings as frozen dataclasses that check themselves: ranges and choices stand in the type, with a reason.

A plug-in writes ``n_mfcc: Annotated[int, Field(ge=1, le=128, description="…")] = 25`` under `config_class`; forms
in the app, ``--set`` on the command line and JSON files all go through the same checks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic.dataclasses import dataclass as _pydantic_dataclass

from affexion_core.errors import ConfigError, allowed

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def config_class(cls: type[T]) -> type[T]:
    """Make a frozen, keyword-only dataclass whose constructor checks types, ranges and unknown names."""
    checks = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    return _pydantic_dataclass(frozen=True, kw_only=True, config=checks)(cls)  # type: ignore[return-value]


def build(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build a config from plain values (JSON, form, command line).

    Raises
    ------
    ConfigError
        Naming the field, the bad value and what is allowed.
    """
    try:
        return cls(**values)
    except pydantic.ValidationError as error:
        raise ConfigError(_explain(cls, error)) from None


def _explain(cls: type, error: pydantic.ValidationError) -> str:
    names = [field.name for field in dataclasses.fields(cls)]
    parts = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        if item["type"] == "unexpected_keyword_argument":
            parts.append(f"there is no setting {name!r}; choose {allowed(names)}")
        else:
            parts.append(f"{name} = {item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}")
    return f"{_kind(cls)}: " + "; ".join(parts) + "."


def _kind(cls: type) -> str:
    module = cls.__module__.rsplit(".", 1)[-1].replace("_", "-")
    return f"Settings of {module}"


def plain(config: object) -> dict[str, Any]:
    """Turn a config into JSON-ready values, nested configs included."""
    return json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[call-overload]


def config_hash(*parts: object) -> str:
    """Hash of configs or plain values, the same on every machine (16 hex digits)."""
    values = [plain(part) if dataclasses.is_dataclass(part) else part for part in parts]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

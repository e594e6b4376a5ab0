"""What a sweep tries: settings by name with their choices or ranges, as JSON files.

Those that ship stand in ``data/spaces``, one for each row of the paper's tuning table; any other file is taken by path.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from affexion_core.config import build, config_class, plain
from affexion_core.errors import AffexionError, ConfigError, allowed
from affexion_core.training.run_config import RunConfig, with_settings
from affexion_core.workspace import SHIPPED

FOLDER = SHIPPED / "spaces"
Number = int | float
# A whole number, a number, a word, true or false, or a list of these.
Value = Any
# A grid of more is a slip of the pen: at one minute a fold it would take weeks.
MOST_COMBINATIONS = 10_000


@config_class
class Parameter:
    """Values of one setting: ``choices``, or a range from ``low`` to ``high`` (both tried).

    A range of two whole numbers holds whole numbers, ``step`` apart (1 if not given). Any other is continuous unless
    it has a ``step``. ``log`` draws small values as often as large ones.
    """

    choices: tuple[Value, ...] = ()
    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Annotated[Number, Field(gt=0)] | None = None


@config_class
class Reported:
    """What a source says of some values: ``figures`` in percent by set (``real``, ``train``) and metric."""

    values: dict[str, Value]
    figures: dict[str, dict[str, float]] = Field(default_factory=dict)
    remark: str = ""


@config_class
class Space:
    """A named set of parameters, with what their source reports of them.

    ``labels`` are those that the reported figures are about; on other labels they would mislead.
    """

    name: str
    parameters: Annotated[dict[str, Parameter], Field(min_length=1)]
    title: str = ""
    source: str = ""
    labels: tuple[str, ...] = ()
    reported: tuple[Reported, ...] = ()
    note: str = ""


def shipped_spaces() -> tuple[str, ...]:
    """List the spaces that ship, by name."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_space(name_or_path: str | Path) -> Space:
    """Read a shipped space by name, or any JSON file by path.

    Raises
    ------
    ConfigError
        If there is no such space or file, or it is no sound space.
    """
    shipped = str(name_or_path) in shipped_spaces()
    path = FOLDER / f"{name_or_path}.json" if shipped else Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"There is no space or file {str(name_or_path)!r}. Shipped are {allowed(shipped_spaces())}; "
            "a JSON file is taken as well."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"The space {path} can't be read: {error}.") from None
    if not isinstance(values, dict):
        raise ConfigError(f'The space {path} is no JSON object; write {{"parameters": {{"epochs": …}}}}.')
    try:
        return space_from_json({"name": path.stem, **values})
    except ConfigError as error:
        raise ConfigError(f"The space {path} can't be used. {error}") from None


def space_from_json(values: Mapping[str, Any]) -> Space:
    """Check a space given as plain values.

    Raises
    ------
    ConfigError
        If a part is missing, unknown or misshaped, or a parameter has neither sound choices nor a sound range.
    """
    found = values.get("parameters")
    if not isinstance(found, Mapping) or not found:
        raise ConfigError('It has no parameters; write "parameters": {"epochs": {"choices": [7, 15]}}.')
    parameters = {str(name): _parameter(str(name), part) for name, part in found.items()}
    rows = values.get("reported", ())
    if not isinstance(rows, (list, tuple)):
        raise ConfigError(f"What is reported must be a list, not {rows!r}.")
    reported = tuple(_reported(row, parameters) for row in rows)
    return build(Space, {**values, "parameters": parameters, "reported": reported})


def _parameter(name: str, values: Any) -> Parameter:
    if not isinstance(values, Mapping):
        raise ConfigError(f'{name} = {values!r} is neither choices nor a range; write {{"choices": […]}}.')
    try:
        parameter = build(Parameter, values)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    _check_parameter(name, parameter)
    return parameter


def _reported(row: Any, parameters: Mapping[str, Parameter]) -> Reported:
    if not isinstance(row, Mapping):
        raise ConfigError(f'What is reported must say of what: {{"values": …, "figures": …}}, not {row!r}.')
    reported = build(Reported, row)
    unknown = set(reported.values) - set(parameters)
    if unknown:
        raise ConfigError(f"It reports {allowed(unknown)}, which it doesn't try; it has {allowed(parameters)}.")
    return reported


def space_to_json(space: Space) -> dict[str, Any]:
    """Turn a space into JSON-ready values."""
    return plain(space)


def _check_parameter(name: str, parameter: Parameter) -> None:
    if parameter.choices:
        if parameter.low is not None or parameter.high is not None or parameter.log or parameter.step is not None:
            raise ConfigError(f"{name} has choices and a range; keep one of them.")
        wrong = [choice for choice in parameter.choices if not _is_value(choice)]
        if wrong:
            raise ConfigError(f"{name} can't be {wrong[0]!r}; a choice is a number, a word, true, false or a list.")
        if len({json.dumps(choice) for choice in parameter.choices}) < len(parameter.choices):
            raise ConfigError(f"{name} lists a choice twice: {', '.join(map(str, parameter.choices))}.")
        return
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        raise ConfigError(f"{name} has neither choices nor a range; give choices, or low and high.")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{name} ranges from {low} to {high}; low must be less than high.")
    if parameter.log and low <= 0:
        raise ConfigError(f"{name} is logarithmic and starts at {low}; low must be above 0.")
    if parameter.log and parameter.step is not None:
        raise ConfigError(f"{name} is logarithmic and has a step; keep one of them, or give choices.")


def _is_value(choice: Any) -> bool:
    if isinstance(choice, (list, tuple)):
        return bool(choice) and all(not isinstance(part, (list, tuple)) and _is_value(part) for part in choice)
    if isinstance(choice, float):
        return math.isfinite(choice)
    return isinstance(choice, (bool, int, str))


def is_whole(parameter: Parameter) -> bool:
    """Say whether a range holds whole numbers only."""
    return all(isinstance(value, int) for value in (parameter.low, parameter.high, parameter.step or 1))


def parameter_values(parameter: Parameter) -> tuple[Value, ...] | None:
    """List the values of a parameter in order; None where they are continuous."""
    if parameter.choices:
        return parameter.choices
    low, high, step = parameter.low or 0, parameter.high or 0, parameter.step
    if is_whole(parameter):
        return tuple(range(int(low), int(high) + 1, int(step or 1)))
    if step is None:
        return None
    # rounded, so that 0.1 + 2 · 0.1 is 0.3; the small excess keeps high itself
    n_steps = math.floor((high - low) / step + 1e-9)
    return tuple(round(low + i * step, 12) for i in range(n_steps + 1))


def n_combinations(space: Space) -> int | None:
    """Count the combinations of all values; None where a parameter is continuous."""
    counts = [parameter_values(parameter) for parameter in space.parameters.values()]
    return None if any(values is None for values in counts) else math.prod(len(values or ()) for values in counts)


def combinations(space: Space) -> tuple[dict[str, Value], ...]:
    """List all combinations of values in order, the last parameter changing fastest.

    Raises
    ------
    ConfigError
        If a parameter is continuous, or there are more than `MOST_COMBINATIONS`.
    """
    n = n_combinations(space)
    if n is None:
        endless = [name for name, parameter in space.parameters.items() if parameter_values(parameter) is None]
        raise ConfigError(
            f"A grid needs choices or a step, which {allowed(endless)} lacks; or let TPE draw.", change=("sampler",)
        )
    if n > MOST_COMBINATIONS:
        raise ConfigError(
            f"The space has {n} combinations, more than {MOST_COMBINATIONS}; let TPE draw.", change=("sampler",)
        )
    columns = [parameter_values(parameter) or () for parameter in space.parameters.values()]
    return tuple(dict(zip(space.parameters, row, strict=True)) for row in itertools.product(*columns))


def check_fits(space: Space, config: RunConfig) -> None:
    """Check that a recipe has the settings of a space and takes their values.

    Raises
    ------
    ConfigError
        Naming the space, the recipe and the setting or value.
    """
    for name, parameter in space.parameters.items():
        for value in parameter.choices or (parameter.low, parameter.high):
            try:
                with_settings(config, {name: value})
            except AffexionError as error:
                raise ConfigError(f"The space {space.name!r} doesn't fit preset {config.preset!r}. {error}") from None


def said(values: Mapping[str, Any]) -> str:
    """Write values for people: ``n_mfcc 13, dropout 0.3``."""
    return ", ".join(f"{name} {_said(value)}" for name, value in values.items())


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "+".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def reported_for(space: Space, values: Mapping[str, Any], labels: tuple[str, ...]) -> Reported | None:
    """Give what the source reports of these values; None where nothing, or it is about other labels."""
    if set(labels) != set(space.labels):
        return None
    asked = {name: plain_value(value) for name, value in values.items()}
    for row in space.reported:
        if all(asked.get(name) == plain_value(value) for name, value in row.values.items()):
            return row
    return None


def plain_value(value: Any) -> Any:
    """Give a value as JSON would give it back: tuples as lists."""
    return json.loads(json.dumps(value))

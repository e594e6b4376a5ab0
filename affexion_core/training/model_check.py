"""Look through a model's weights before anything of their size is made: a file somebody hands on may be hostile.

Only the header of the safetensors file is read, which says names, kinds and shapes. What it claims must fit the file,
and the network that the description asks for must be no larger than the weights that are there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from affexion_core.errors import ModelError

MAX_DESCRIPTION = 16_000_000  # bytes of model.json; that of an encoder takes some thousand
MAX_HEADER = 4_000_000  # bytes; a network of 1000 tensors takes 100 thousand
MAX_TENSORS = 20_000
_DTYPES: Mapping[str, tuple[torch.dtype, int]] = {
    "F64": (torch.float64, 8),
    "F32": (torch.float32, 4),
    "F16": (torch.float16, 2),
    "BF16": (torch.bfloat16, 2),
    "I64": (torch.int64, 8),
    "I32": (torch.int32, 4),
    "I16": (torch.int16, 2),
    "I8": (torch.int8, 1),
    "U8": (torch.uint8, 1),
    "BOOL": (torch.bool, 1),
}
# A network may hold buffers that no file keeps, such as positions.
_ROOM, _FACTOR = 10_000_000, 4


@dataclass(frozen=True)
class Stored:
    """What a header says of a tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]


def check_description(path: Path) -> None:
    """Refuse a description too long to be one.

    Raises
    ------
    ModelError
        If it is.
    """
    if path.is_file() and path.stat().st_size > MAX_DESCRIPTION:
        raise ModelError(f"{path} is too long to describe a model ({path.stat().st_size} bytes). Copy it anew.")


def read_header(path: Path) -> dict[str, Stored]:
    """Read what a safetensors file says it holds, checked against the file itself.

    Raises
    ------
    ValueError
        Saying what is wrong: no such file, cut off, absurd lengths, names twice, shapes that don't fit.
    OSError
        If it can't be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(f"{path.name} is cut off or no safetensors file")
        if length > MAX_HEADER:
            raise ValueError(f"{path.name} has a header of {length} bytes; {MAX_HEADER} are allowed")
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError(f"the header of {path.name} is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError(f"the header of {path.name} is no object")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"{path.name} holds {len(header)} tensors; {MAX_TENSORS} are allowed")
    return {name: _stored(name, entry, size - 8 - length) for name, entry in header.items()}


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the header of the weights has a name twice")
    return found


def _stored(name: str, entry: Any, room: int) -> Stored:
    shown = name[:80]
    if not isinstance(entry, dict) or entry.get("dtype") not in _DTYPES:
        raise ValueError(f"{shown!r} has a kind of number that is not read")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    whole = all(
        isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
        for values in (shape, offsets)
    )
    if not whole or not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise ValueError(f"{shown!r} has a shape or a place that can't be read")
    dtype, width = _DTYPES[entry["dtype"]]
    if not 0 <= offsets[0] <= offsets[1] <= room or math.prod(shape) * width != offsets[1] - offsets[0]:
        raise ValueError(f"{shown!r} of shape {tuple(shape[:8])} doesn't fit into the file")
    return Stored(dtype, tuple(shape))


def check_fit(
    stored: Mapping[str, Stored], n_features: Sequence[int], n_outputs: int, build: Callable[[], torch.nn.Module]
) -> None:
    """Check that a network to be built is no larger than its weights, and of their kinds, before it takes memory.

    Parameters
    ----------
    stored
        What the file holds.
    n_features, n_outputs
        As the description says.
    build
        Builds the network; called where tensors have shapes and no content.

    Raises
    ------
    ValueError
        Saying what doesn't fit.
    """
    held = sum(math.prod(each.shape) for each in stored.values())
    for i, n in enumerate(n_features):
        mean = stored.get(f"normalisation.{i}.mean")
        if mean is None or mean.shape != (n,):
            raise ValueError(f"the description names {n} features, which the weights don't have")
    if not 0 < n_outputs <= held:
        raise ValueError(f"the description names {n_outputs} labels, which the weights don't have")
    try:
        with torch.device("meta"):
            planned = build().state_dict()
    except (NotImplementedError, RuntimeError) as error:  # a plug-in that computes while it is built
        raise ValueError(f"the network can't be measured before it is built ({error}), so it isn't built") from error
    wanted = sum(value.numel() for value in planned.values())
    if wanted > _FACTOR * held + _ROOM:
        raise ValueError(f"the description asks for {wanted} numbers, and the weights hold {held}")
    for name, value in planned.items():
        there = stored.get(f"model.{name}")
        if there is not None and there.dtype != value.dtype:
            raise ValueError(f"{name} holds {there.dtype}, where the network has {value.dtype}")

"""Where tensors are computed: on a GPU where torch sees one, else the CPU; and the record of it in a run's folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affexion_core.errors import ConfigError, ModelError, TrainingError, allowed
from affexion_core.run_folder import fold_folders, read_json, write_json

if TYPE_CHECKING:
    from affexion_core.training.batches import Batch

AUTO = "auto"
# What a run's record says before its training has started.
NOT_STARTED = "not started yet"
# Sums done by another number of threads differ in their last digits. One everywhere gives the same numbers in the
# foreground as in the background, and trainings side by side are faster than one with many threads.
_THREADS = 1


@dataclass(frozen=True)
class Device:
    """A device of this machine.

    ``name`` is torch's (``cpu``, ``cuda``, ``cuda:1``), ``words`` what people read (``CPU, 1 thread``, ``NVIDIA H200``)
    and ``threads`` the CPU threads that work on it.
    """

    name: str
    words: str
    threads: int = _THREADS


CPU = Device("cpu", "CPU, 1 thread")


def choose_device(wanted: str = AUTO, threads: int | None = None) -> Device:
    """Choose the device to compute on.

    Parameters
    ----------
    wanted
        A device by name, or ``auto``: the one that ``AFFEXION_DEVICE`` names, else a GPU where torch sees one, else
        the CPU.
    threads
        CPU threads; None for `wanted_threads`.

    Raises
    ------
    ConfigError
        If the device asked for isn't there; the message lists those there are.
    """
    there = available_devices()
    asked = _asked(wanted)
    if asked == AUTO:
        asked = "cuda" if "cuda" in there else "cpu"
    if asked not in there:
        raise ConfigError(f"There is no device {asked!r} here. Choose {allowed((AUTO, *there))}.{_no_gpu_because()}")
    n_threads = threads or wanted_threads()
    return Device(asked, _words(asked, n_threads), n_threads)


def available_devices() -> tuple[str, ...]:
    """List the devices of this machine by name, the CPU first; several GPUs also by number."""
    import torch

    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbered = tuple(f"cuda:{i}" for i in range(n_gpus)) if n_gpus > 1 else ()
    return ("cpu", *(("cuda",) if n_gpus else ()), *numbered)


def wanted_threads() -> int:
    """Give the CPU threads of a training: ``AFFEXION_THREADS``, else 1.

    Raises
    ------
    ConfigError
        If the environment holds something else than a number from 1.
    """
    found = os.environ.get("AFFEXION_THREADS") or str(_THREADS)
    if not found.isdecimal() or int(found) < 1:
        raise ConfigError(f"AFFEXION_THREADS is {found!r}; set a number of threads from 1, or nothing.")
    return int(found)


def check_name(wanted: str) -> None:
    """Refuse what is no device anywhere; whether it is here shows where the training runs.

    Raises
    ------
    ConfigError
        If the name is neither ``auto`` nor one that torch could have.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", _asked(wanted)):
        raise ConfigError(f"There is no device {wanted!r}. Choose {allowed((AUTO, 'cpu', 'cuda'))}.")


def wants_gpu(wanted: str) -> bool:
    """Say whether a run asked to be on this device goes on a GPU where there is one."""
    return _asked(wanted) == AUTO or _asked(wanted).startswith("cuda")


def _asked(wanted: str) -> str:
    asked = (os.environ.get("AFFEXION_DEVICE") or AUTO) if wanted == AUTO else wanted
    return asked.strip().lower()


def _words(name: str, threads: int) -> str:
    import torch

    if name == "cpu":
        return f"CPU, {threads} thread{'' if threads == 1 else 's'}"
    return torch.cuda.get_device_name(torch.device(name))


def _no_gpu_because() -> str:
    import torch

    return "" if torch.version.cuda else f" This torch ({torch.__version__}) is built without CUDA."


@contextmanager
def at_work(device: Device) -> Iterator[None]:
    """Compute with a device's number of threads, and on a GPU by algorithms that give the same numbers every time.

    Raises
    ------
    TrainingError
        If the GPU's memory is full.
    """
    import torch

    before = torch.get_num_threads()
    if device.threads != before:
        torch.set_num_threads(device.threads)
    if device.name != "cpu":
        _settle_gpu()
    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"The memory of {device.words} is full; try a smaller batch_size, or another device."
        ) from None
    finally:
        if device.threads != before:
            torch.set_num_threads(before)


def _settle_gpu() -> None:
    """Prefer repeatable algorithms and full float32, so that a GPU's numbers repeat and stay close to the CPU's."""
    import torch

    # cuBLAS reads this when it is first used; without it, its sums may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False


def on_device(batch: Batch, name: str) -> Batch:
    """Give a batch with all its tensors on a device; the very same batch where they are already."""
    from affexion_core.training.batches import Batch

    if name == "cpu" and batch.targets.device.type == "cpu":
        return batch
    return Batch(
        tuple(frames.to(name) for frames in batch.inputs),
        tuple(lengths.to(name) for lengths in batch.lengths),
        batch.targets.to(name),
        batch.rows,
    )


def wishes(folder: Path) -> tuple[str, int | None]:
    """Give the device and threads a run was prepared for; ``auto`` and None where its folder doesn't say.

    The parts of a run (folds, trials) go where the whole was asked to go.
    """
    wanted, threads = AUTO, None
    # runs/<id>/trials/<n>/folds/<k> is as deep as it gets; the outermost description decides
    for place in (folder, *list(folder.parents)[:4]):
        if (place / "run.json").is_file():
            values = read_json(place / "run.json")
            wanted, threads = values.get("wanted_device") or wanted, values.get("threads") or threads
    return str(wanted), threads


def device_of(folder: Path) -> Device:
    """Choose the device that a prepared run asks for. `ConfigError` if it isn't here."""
    return choose_device(*wishes(folder))


def device_for_prediction(folder: Path) -> Device:
    """Choose the device a trained run predicts on: the one it was to be trained on if it's here, else as ``auto``."""
    try:
        wanted, threads = wishes(folder)
        return choose_device(wanted if wanted in available_devices() else AUTO, threads)
    except ModelError:
        # a folder that lacks its description may still hold a sound model
        return choose_device()


def note_device(folder: Path, device: Device, resumed: bool) -> None:
    """Write into a run's description which device trains it; where it goes on elsewhere, both."""
    values = read_json(folder / "run.json")
    before = list(values.get("devices", ())) if resumed else []
    devices = before if before[-1:] == [device.words] else [*before, device.words]
    write_json(folder / "run.json", {**values, "devices": devices, "device": _in_turn(devices)})


def device_words(folder: Path) -> str:
    """Say which device a run was really trained on: ``CPU, 1 thread``; ``NVIDIA H200, then CPU, 1 thread``.

    Of a cross-validation or a sweep, those of its parts: ``CPU, 1 thread; NVIDIA H200``.
    """
    parts = fold_folders(folder) or _trial_folders(folder)
    if parts:
        return _once([words for part in parts for words in _started(part)]) or NOT_STARTED
    values = _description(folder)
    if values.get("devices"):
        return _in_turn(values["devices"])
    # runs of earlier versions were on the CPU with an unknown number of threads
    return "CPU" if values.get("device") == "cpu" else str(values.get("device") or "unknown")


def _started(part: Path) -> list[str]:
    words = device_words(part)
    return [] if words == NOT_STARTED else words.split("; ")


def _trial_folders(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in (folder / "trials").glob("*") if path.name.isdigit()))


def _description(folder: Path) -> dict[str, Any]:
    return read_json(folder / "run.json") if (folder / "run.json").is_file() else {}


def _in_turn(devices: Iterable[str]) -> str:
    return ", then ".join(devices)


def _once(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(words))

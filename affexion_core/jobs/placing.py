"""Which worker of a cluster gets a job: one whose resources are not all taken.

Dask weighs workers by how long their tasks took before and doesn't look at resources in use: the folds of a run, whose
own task sits on one worker for as long, would all wait in line at the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_OVER = ("finished", "error", "cancelled", "lost")


@dataclass(frozen=True)
class Placement:
    """A job's task on a cluster. ``worker`` is the address it is bound to, or None where any may run it."""

    future: Any
    worker: str | None
    resources: Mapping[str, float]

    def holds(self, workers: Iterable[str]) -> bool:
        """Say whether the task is still on its way, given the workers there are."""
        return self.future.status not in _OVER and (self.worker is None or self.worker in workers)


def free_worker(
    needs: Mapping[str, float], workers: Mapping[str, Mapping[str, float]], placed: Iterable[Placement]
) -> str | None:
    """Find the worker with the most room for a job.

    Parameters
    ----------
    needs
        What the job takes, by the resource's name.
    workers
        Every worker's resources, by its address.
    placed
        The tasks that hold resources now.

    Returns
    -------
    str or None
        The worker's address; None where no worker has room.
    """
    taken = [(one.worker, one.resources) for one in placed]

    def room(address: str) -> float:
        """Count how many such jobs a worker could take now."""
        return min(
            (
                workers[address].get(name, 0.0)
                - sum(resources.get(name, 0.0) for at, resources in taken if at == address)
            )
            / amount
            for name, amount in needs.items()
        )

    best = max(workers, key=room, default=None)
    return best if best is not None and room(best) >= 1 else None

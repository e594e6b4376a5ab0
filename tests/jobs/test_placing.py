"""A job goes to a worker with room, or waits."""

from types import SimpleNamespace

import pytest

from affexion_core.jobs.placing import Placement, free_worker

TWO = {"tcp://a": {"slot": 1.0}, "tcp://b": {"slot": 1.0, "GPU": 2.0}}


def task(worker: str | None, status: str = "pending", **resources: float) -> Placement:
    return Placement(SimpleNamespace(status=status), worker, resources)


def test_jobs_side_by_side_go_to_different_workers():
    first = free_worker({"slot": 1}, TWO, [])
    second = free_worker({"slot": 1}, TWO, [task(first, slot=1)])
    assert {first, second} == set(TWO)
    assert free_worker({"slot": 1}, TWO, [task(first, slot=1), task(second, slot=1)]) is None


def test_a_task_that_takes_nothing_keeps_no_job_away():
    assert free_worker({"slot": 1}, {"tcp://a": {"slot": 1.0}}, [task(None)]) == "tcp://a"


def test_a_gpu_is_looked_for_where_there_is_one():
    assert free_worker({"GPU": 1}, TWO, [task("tcp://b", GPU=1)]) == "tcp://b"
    assert free_worker({"GPU": 1}, TWO, [task("tcp://b", GPU=2)]) is None


def test_without_workers_a_job_waits():
    assert free_worker({"slot": 1}, {}, []) is None


@pytest.mark.parametrize(
    ("placement", "holds"),
    [
        (task("tcp://a"), True),
        (task(None), True),
        (task("tcp://gone"), False),
        (task("tcp://a", status="lost"), False),
        (task("tcp://a", status="finished"), False),
    ],
)
def test_a_task_whose_worker_is_gone_is_placed_again(placement: Placement, holds: bool):
    assert placement.holds(TWO) is holds

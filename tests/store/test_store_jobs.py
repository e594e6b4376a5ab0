import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from affexion_core.errors import ConfigError, NotFoundError, StoreError, allowed
from affexion_core.store.job import JOB_KINDS
from affexion_core.store.jobs import (
    ENDED,
    JOB_STATES,
    STOPPED,
    Beat,
    Job,
    add_job,
    beat,
    cancel_job,
    claim_job,
    delete_job,
    end_job,
    get_job,
    list_jobs,
    lose_job,
    note_process,
    requeue_job,
)
from affexion_core.store.schema import job as job_table
from affexion_core.store.session import Store, writing

CLAIMER = Path(__file__).with_name("job_claimer.py")
PROJECT = Path(__file__).resolve().parents[2]


def train(store: Store, parent: str | None = None, **spec) -> Job:
    return add_job(store, "train", spec, parent=parent, needs={"slot": 1})


def running(store: Store, parent: str | None = None, at: float = 100.0) -> Job:
    claimed = claim_job(store, train(store, parent).id, "here", at)
    assert claimed is not None
    return claimed


def in_state(store: Store, state: str, parent: str | None = None) -> Job:
    """Bring a job into a state by the public functions alone."""
    if state == "queued":
        return train(store, parent)
    job = running(store, parent)
    if state != "running":
        assert end_job(store, job.id, job.token, state, "for the test")
    return get_job(store, job.id)


# What a function does to a job in each state: the state after it, or the error.
CLAIM = dict.fromkeys(JOB_STATES) | {"queued": "running"}
END = dict.fromkeys(JOB_STATES, False) | {"running": True}
CANCEL = {state: state for state in JOB_STATES} | {"queued": "cancelled"}
REQUEUE = dict.fromkeys(STOPPED, "queued") | {"queued": "queued", "running": "is running", "done": "is done"}


@pytest.mark.parametrize("state", JOB_STATES)
def test_each_state_and_what_can_be_done_in_it(store: Store, state: str) -> None:
    job = in_state(store, state)
    claimed = claim_job(store, job.id, "there", 200.0)
    assert (claimed and claimed.state) == CLAIM[state]

    job = in_state(store, state)
    assert note_process(store, job.id, job.token, 7, 1.5) is END[state]
    assert beat(store, job.id, job.token, 200.0) == Beat(END[state], False)
    for ended in ENDED:
        job = in_state(store, state)
        assert end_job(store, job.id, job.token, ended) is END[state]
        assert get_job(store, job.id).state == (ended if END[state] else state)

    job = in_state(store, state)
    cancelled = cancel_job(store, job.id)
    assert (cancelled.state, cancelled.cancel) == (CANCEL[state], state == "running")

    job = in_state(store, state)
    if state in ("running", "done"):
        with pytest.raises(StoreError, match=REQUEUE[state]):
            requeue_job(store, job.id)
        assert get_job(store, job.id) == job
    else:
        assert requeue_job(store, job.id).state == REQUEUE[state]

    job = in_state(store, state)
    lost = lose_job(store, job.id, job.token, "killed")
    assert lost.state == ("queued" if state == "running" else state)

    job = in_state(store, state)
    if state == "running":
        with pytest.raises(StoreError, match="is running; cancel it first, and delete it"):
            delete_job(store, job.id)
        assert get_job(store, job.id) == job
    else:
        delete_job(store, job.id)
        with pytest.raises(NotFoundError, match=f"There is no job '{job.id}'; choose 2"):
            get_job(store, job.id)


def test_a_job_comes_back_as_added(store: Store) -> None:
    made = add_job(store, "cv", {"preset": "paper", "seeds": [1, 2], "ü": None}, run_id="run-1")
    assert made == get_job(store, made.id)
    assert (made.kind, made.state, made.run_id, made.parent) == ("cv", "queued", "run-1", None)
    assert made.spec == {"preset": "paper", "seeds": [1, 2], "ü": None}
    assert (made.needs, made.done, made.total, made.words) == ({}, 0, 0, "")
    assert (made.attempt, made.token, made.cancel) == (0, 0, False)
    assert (made.host, made.pid, made.pid_started, made.heartbeat) == (None,) * 4
    assert (made.reason, made.started, made.finished) == (None,) * 3
    assert add_job(store, "fold", {}, parent=made.id, needs={"slot": 1}).needs == {"slot": 1}


def test_what_cannot_be_added(store: Store) -> None:
    kinds = allowed(sorted(JOB_KINDS))
    with pytest.raises(ConfigError, match=f"no kind of job 'bake'; choose {kinds}"):
        add_job(store, "bake", {})
    with pytest.raises(NotFoundError, match="no job 'nobody'; there are none yet"):
        add_job(store, "fold", {}, parent="nobody")
    with pytest.raises(StoreError, match="The spec of the train job can't be stored as JSON"):
        train(store, rate=float("nan"))
    assert list_jobs(store) == ()


def test_jobs_are_found_by_the_beginning_of_their_id(store: Store) -> None:
    first, second = train(store), train(store)
    assert get_job(store, first.id[:-1]) == first
    with pytest.raises(StoreError, match=f"2 jobs begin with '2': {second.id}, {first.id}; give one"):
        get_job(store, "2")
    for wrong in ("", "%", "_", first.id + "0"):
        with pytest.raises(NotFoundError, match=rf"no job '.*'; choose {second.id} \(queued\), {first.id} \(queued\)"):
            get_job(store, wrong)
    for _ in range(5):
        train(store)
    with pytest.raises(NotFoundError, match="or one of 2 older ones"):
        get_job(store, "x")


def test_jobs_are_listed_newest_first(store: Store) -> None:
    parent = add_job(store, "sweep", {})
    children = [train(store, parent.id) for _ in range(3)]
    claim_job(store, children[1].id, "here", 1.0)
    newest = [children[2].id, children[1].id, children[0].id, parent.id]
    assert [job.id for job in list_jobs(store)] == newest == sorted(newest, reverse=True)
    assert [job.id for job in list_jobs(store, states=["running", "done"])] == [children[1].id]
    assert [job.id for job in list_jobs(store, parent=parent.id, limit=2)] == newest[:2]
    assert [job.id for job in list_jobs(store, kind="sweep")] == [parent.id]
    assert list_jobs(store, states=[]) == ()
    with pytest.raises(ConfigError, match="'paused' is no state .*; choose cancelled, done, failed, interrupted, qu"):
        list_jobs(store, states=["paused"])
    with pytest.raises(ConfigError, match="no kind of job 'bake'"):
        list_jobs(store, kind="bake")
    with pytest.raises(ConfigError, match="limit = -1"):
        list_jobs(store, limit=-1)


def test_from_claim_to_end(store: Store) -> None:
    id = train(store).id
    job = claim_job(store, id, "lab-2", 1_700_000_000.25)
    assert (job.state, job.attempt, job.token, job.host) == ("running", 1, 1, "lab-2")
    assert (job.heartbeat, job.pid) == (1_700_000_000.25, None)
    assert job.started >= job.created
    assert note_process(store, id, 1, 4_000_000, 1_700_000_000.75)
    assert (get_job(store, id).pid, get_job(store, id).pid_started) == (4_000_000, 1_700_000_000.75)
    assert beat(store, id, 1, 1_700_000_001.5, done=2, total=20, words="epoch 2") == Beat(True, False)
    assert beat(store, id, 1, 1_700_000_002.5) == Beat(True, False)
    job = get_job(store, id)
    assert (job.heartbeat, job.done, job.total, job.words) == (1_700_000_002.5, 2, 20, "epoch 2")
    assert end_job(store, id, 1, "failed", "The disk is full.")
    job = get_job(store, id)
    assert (job.state, job.reason, job.pid) == ("failed", "The disk is full.", 4_000_000)
    assert job.finished >= job.started
    with pytest.raises(ConfigError, match="'running' is no state .*; choose cancelled, done, failed or interrupted"):
        end_job(store, id, 1, "running")


def test_a_stale_token_changes_nothing(store: Store) -> None:
    """A worker that stalled and was given up wakes beside its successor."""
    stalled = running(store)
    assert lose_job(store, stalled.id, stalled.token, "silent for 60 s").state == "queued"
    for _ in range(2):  # before the job is taken again, and after
        before = get_job(store, stalled.id)
        assert beat(store, stalled.id, stalled.token, 999.0, done=99, words="late") == Beat(False, False)
        assert note_process(store, stalled.id, stalled.token, 1, 1.0) is False
        for state in ENDED:
            assert end_job(store, stalled.id, stalled.token, state, "late") is False
        assert lose_job(store, stalled.id, stalled.token, "late") == before == get_job(store, stalled.id)
        claim_job(store, stalled.id, "there", 200.0)
    successor = get_job(store, stalled.id)
    assert (successor.state, successor.host, successor.token) == ("running", "there", stalled.token + 1)
    cancel_job(store, stalled.id)
    assert beat(store, stalled.id, stalled.token, 999.0).mine is False
    assert beat(store, stalled.id, successor.token, 201.0) == Beat(True, True)
    assert end_job(store, stalled.id, successor.token, "cancelled")


def test_tokens_grow_even_when_attempts_are_reset(store: Store) -> None:
    job = running(store)
    end_job(store, job.id, job.token, "interrupted", "the machine was shut down")
    again = requeue_job(store, job.id, reset_attempts=True)
    assert (again.attempt, again.token, again.reason) == (0, 1, "the machine was shut down")
    assert claim_job(store, job.id, "here", 1.0).token == 2


def test_three_losses_end_a_job(store: Store) -> None:
    id = train(store).id
    for attempt in (1, 2):
        job = claim_job(store, id, "here", 100.0)
        assert job.attempt == attempt
        note_process(store, id, job.token, 5, 1.0)
        lost = lose_job(store, id, job.token, "killed by signal 9")
        assert (lost.state, lost.reason, lost.attempt) == ("queued", "killed by signal 9", attempt)
        assert (lost.host, lost.pid, lost.pid_started, lost.heartbeat, lost.finished) == (None,) * 5
    job = claim_job(store, id, "here", 100.0)
    assert job.reason == "killed by signal 9"  # why it is being tried again
    lost = lose_job(store, id, job.token, "out of memory")
    assert (lost.state, lost.reason) == ("failed", "stopped after 3 attempts: out of memory")
    assert (lost.host, lost.heartbeat) == ("here", 100.0)
    assert lost.finished is not None
    assert claim_job(store, id, "here", 1.0) is None
    requeue_job(store, id, reset_attempts=True)
    job = claim_job(store, id, "here", 1.0)
    assert lose_job(store, id, job.token, "killed", max_attempts=1).reason == "stopped after 1 attempt: killed"


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(store: Store) -> None:
    job = running(store)
    cancel_job(store, job.id)
    lost = lose_job(store, job.id, job.token, "killed on request")
    assert (lost.state, lost.reason) == ("cancelled", "killed on request")
    assert lost.finished is not None
    assert requeue_job(store, job.id, "resumed by hand").cancel is False
    assert get_job(store, job.id).reason == "resumed by hand"


def test_a_queued_job_with_the_cancel_flag_is_cancelled_instead_of_claimed(store: Store) -> None:
    id = train(store).id
    with writing(store) as connection:  # as another version may leave it
        connection.execute(job_table.update().values(cancel=True))
    assert claim_job(store, id, "here", 1.0) is None
    assert get_job(store, id).state == "cancelled"
    assert claim_job(store, "nobody", "here", 1.0) is None


def family(store: Store) -> dict[str, Job]:
    """A sweep with a cross-validation below it, and a job beside them; one child in each state."""
    top = claim_job(store, add_job(store, "sweep", {}).id, "here", 1.0)
    middle = claim_job(store, add_job(store, "cv", {}, parent=top.id).id, "here", 1.0)
    made = {"top": top, "middle": middle, "beside": train(store)}
    return made | {state: in_state(store, state, middle.id) for state in JOB_STATES}


def states(store: Store, jobs: dict[str, Job]) -> dict[str, str]:
    found = {name: get_job(store, job.id) for name, job in jobs.items()}
    return {name: job.state + ("!" if job.cancel else "") for name, job in found.items()}


def test_cancelling_reaches_everything_below(store: Store) -> None:
    jobs = family(store)
    cancel_job(store, jobs["top"].id)
    kept = {"done": "done", "failed": "failed", "interrupted": "interrupted"}
    assert states(store, jobs) == kept | {
        "top": "running!", "middle": "running!", "running": "running!",
        "queued": "cancelled", "cancelled": "cancelled", "beside": "queued",
    }  # fmt: skip
    late = train(store, jobs["middle"].id)
    assert (late.state, late.reason) == ("cancelled", f"its parent {jobs['middle'].id} was cancelled")
    with pytest.raises(NotFoundError, match="no job 'nobody'"):
        cancel_job(store, "nobody")


def test_requeueing_reaches_all_below_that_is_not_done(store: Store) -> None:
    jobs = family(store)
    for name in ("top", "middle"):
        end_job(store, jobs[name].id, jobs[name].token, "interrupted")
    requeue_job(store, jobs["top"].id, "resumed by hand")
    waiting = dict.fromkeys(("top", "middle", "queued", "failed", "cancelled", "interrupted", "beside"), "queued")
    assert states(store, jobs) == waiting | {"done": "done", "running": "running"}
    assert get_job(store, jobs["failed"].id).reason == "resumed by hand"
    assert get_job(store, jobs["beside"].id).reason is None


def test_a_family_still_stopping_is_not_queued_again(store: Store) -> None:
    jobs = family(store)
    cancel_job(store, jobs["top"].id)
    for name in ("top", "middle"):
        end_job(store, jobs[name].id, jobs[name].token, "cancelled")
    before = states(store, jobs)
    with pytest.raises(StoreError, match=f"Job {jobs['running'].id} below {jobs['top'].id} is still stopping"):
        requeue_job(store, jobs["top"].id)
    assert states(store, jobs) == before
    end_job(store, jobs["running"].id, jobs["running"].token, "cancelled")
    assert requeue_job(store, jobs["top"].id).state == "queued"


def test_deleting_takes_everything_below(store: Store) -> None:
    jobs = family(store)
    end_job(store, jobs["top"].id, jobs["top"].token, "done")
    with pytest.raises(StoreError, match=f"Job {jobs['middle'].id} is running"):
        delete_job(store, jobs["top"].id)
    assert len(list_jobs(store)) == len(jobs)
    for name in ("middle", "running"):
        end_job(store, jobs[name].id, jobs[name].token, "done")
    delete_job(store, jobs["top"].id)
    assert [job.id for job in list_jobs(store)] == [jobs["beside"].id]


def in_threads(works: list) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_hundred_threads_claim_one_job(store: Store) -> None:
    id = train(store).id
    won: list[Job | None] = []
    in_threads([lambda: won.append(claim_job(store, id, "here", 1.0))] * 100)
    assert len(won) == 100
    assert [job.token for job in won if job] == [1]
    assert get_job(store, id).attempt == 1


def test_processes_race_for_a_hundred_jobs(store: Store) -> None:
    ids = [train(store).id for _ in range(100)]
    started = [
        subprocess.Popen(
            [sys.executable, str(CLAIMER), str(store.workspace.root), f"host-{k}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        for k in range(4)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write(" ".join(ids) + "\n")
        process.stdin.flush()
    won: Counter[str] = Counter()
    for k, process in enumerate(started):
        printed, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        for id in printed.split():
            won[id] += 1
            assert get_job(store, id).host == f"host-{k}"
    assert won == Counter(ids)
    assert all((job.state, job.attempt, job.token) == ("running", 1, 1) for job in list_jobs(store))


def test_a_cancellation_misses_no_child_added_meanwhile(store: Store) -> None:
    """Children are added while the parent is cancelled: each is cancelled, whichever came first."""
    for _ in range(5):
        parent = running(store)
        works = [lambda: train(store, parent.id)] * 8  # noqa: B023 (used in this round alone)
        in_threads([*works[:4], lambda: cancel_job(store, parent.id), *works[4:]])  # noqa: B023
        assert [job.state for job in list_jobs(store, parent=parent.id)] == ["cancelled"] * 8


def test_an_end_and_a_loss_at_once_are_one(store: Store) -> None:
    for _ in range(10):
        job = running(store)
        ended: list[bool] = []
        in_threads(
            [
                lambda: ended.append(end_job(store, job.id, job.token, "done")),  # noqa: B023
                lambda: lose_job(store, job.id, job.token, "silent"),  # noqa: B023
            ]
        )
        assert get_job(store, job.id).state == ("done" if ended[0] else "queued")


class Worker(RuleBasedStateMachine):
    """One job, any calls in any order, against a model of it in a few lines; old tokens are tried all the time."""

    store: Store

    @initialize()
    def start(self) -> None:
        with writing(self.store) as connection:
            connection.execute(delete(job_table))
        self.id = train(self.store).id
        self.state, self.token, self.attempt, self.cancel, self.clock = "queued", 0, 0, False, 0.0

    @rule()
    def claim(self) -> None:
        self.clock += 1.0
        claimed = claim_job(self.store, self.id, "here", self.clock)
        assert (claimed is not None) == (self.state == "queued")
        if claimed is not None:
            self.state, self.token, self.attempt = "running", self.token + 1, self.attempt + 1
            assert (claimed.token, claimed.heartbeat) == (self.token, self.clock)

    @rule(behind=st.integers(0, 2))
    def beat(self, behind: int) -> None:
        mine = self.state == "running" and behind == 0
        answer = beat(self.store, self.id, self.token - behind, self.clock)
        assert answer == Beat(mine, mine and self.cancel)

    @rule(behind=st.integers(0, 1), state=st.sampled_from(ENDED))
    def end(self, behind: int, state: str) -> None:
        mine = self.state == "running" and behind == 0
        assert end_job(self.store, self.id, self.token - behind, state) is mine
        self.state = state if mine else self.state

    @rule(behind=st.integers(0, 1))
    def lose(self, behind: int) -> None:
        lost = lose_job(self.store, self.id, self.token - behind, "silent")
        if self.state == "running" and behind == 0:
            self.state = "cancelled" if self.cancel else "queued" if self.attempt < 3 else "failed"
        assert lost.state == self.state

    @rule()
    def cancel_it(self) -> None:
        cancel_job(self.store, self.id)
        self.cancel = self.cancel or self.state == "running"
        self.state = "cancelled" if self.state == "queued" else self.state

    @rule(reset=st.booleans())
    def requeue(self, reset: bool) -> None:
        if self.state in ("running", "done"):
            with pytest.raises(StoreError):
                requeue_job(self.store, self.id, reset_attempts=reset)
            return
        requeue_job(self.store, self.id, reset_attempts=reset)
        if self.state != "queued":
            self.state, self.cancel, self.attempt = "queued", False, 0 if reset else self.attempt

    @invariant()
    def agrees(self) -> None:
        job = get_job(self.store, self.id)
        assert (job.state, job.token, job.attempt, job.cancel) == (self.state, self.token, self.attempt, self.cancel)
        assert (job.finished is not None) == (job.state in ENDED)
        assert job.state != "queued" or (job.host, job.pid, job.heartbeat) == (None, None, None)


def test_any_order_of_calls_keeps_to_the_states(store: Store) -> None:
    machine = type("WorkerHere", (Worker,), {"store": store})
    few = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=few)

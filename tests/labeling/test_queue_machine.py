"""Any sequence of steps of three raters leaves the books right: Hypothesis looks for one that doesn't."""

import shutil
import tempfile
from pathlib import Path

import pytest
from annotating import PROJECT, T0, answer, check_books, column, make_project, raters_of, votes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from affexion_core.labeling.queue import Answer, draw, past_answers, progress, release, submit, withdraw
from affexion_core.store.labels import find_annotations
from affexion_core.store.people import Person
from affexion_core.store.session import open_store
from affexion_core.workspace import Workspace, open_workspace

RATERS = st.integers(0, 2)
SAID = st.sampled_from(["calm", "panic", None])
GOLD = {"c00000": "calm"}


class Annotators(RuleBasedStateMachine):
    """Three raters of five clips, one of them a hidden check, in front of a model that knows what each said last."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="affexion-queue-"))
        shutil.copytree(self.template, self.folder / "workspace")
        self.store = open_store(Workspace(self.folder / "workspace"))
        self.now = T0
        self.n = 0
        # rater → clip → what they say of it now, by take; None is unclear
        self.says: list[dict[tuple[str, int], str | None]] = [{}, {}, {}]
        self.chains: dict[str, tuple[int, str, int]] = {}  # answer id → rater, clip, take
        self.sent: list[tuple[int, Answer]] = []
        self.on_screen: list[dict[str, int]] = [{}, {}, {}]  # clip → take, as the rater's tab shows it
        self.skipped: list[set[str]] = [set(), set(), set()]

    def rater(self, who: int) -> Person:
        return Person(f"rater-{who:02d}", "rater")

    @rule(who=RATERS, n=st.integers(1, 5))
    def draws(self, who: int, n: int) -> None:
        tasks = draw(self.store, PROJECT, self.rater(who), n, now=self.now)
        assert len({(task.clip_id, task.take) for task in tasks}) == len(tasks)
        for task in tasks:
            assert (task.clip_id, task.take) not in self.says[who], "a clip judged already is given again"
            assert task.clip_id not in self.skipped[who] or task.take == 1, "a skipped clip comes back"
        self.on_screen[who] = {task.clip_id: task.take for task in reversed(tasks)}

    @precondition(lambda self: any(self.on_screen))
    @rule(who=RATERS, which=st.integers(0, 4), label=SAID, data=st.data())
    def answers(self, who: int, which: int, label: str | None, data: st.DataObject) -> None:
        if not self.on_screen[who]:
            return
        clip = sorted(self.on_screen[who])[which % len(self.on_screen[who])]
        made = answer(clip, label, id=self.new_id(), **({} if label else {"unclear": "noise"}))
        (receipt,) = submit(self.store, PROJECT, self.rater(who), [made], now=self.now)
        assert receipt.status == "saved"
        take = self.take_of(made.id)
        self.remember(who, made, take)
        if data.draw(st.booleans()):
            self.on_screen[who].pop(clip)  # else the tab still shows it: the next is a correction

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1000), label=SAID)
    def corrects(self, which: int, label: str | None) -> None:
        who, earlier = self.sent[which % len(self.sent)]
        more = {} if label else {"unclear": "music"}
        made = answer(earlier.clip_id, label, id=self.new_id(), replaces=earlier.id, **more)
        (receipt,) = submit(self.store, PROJECT, self.rater(who), [made], now=self.now)
        assert receipt.status == "saved"
        self.remember(who, made, self.chains[earlier.id][2])

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1000))
    def sends_again(self, which: int) -> None:
        who, earlier = self.sent[which % len(self.sent)]
        (receipt,) = submit(self.store, PROJECT, self.rater(who), [earlier], now=self.now)
        assert receipt.status == "present"

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1000))
    def takes_back(self, which: int) -> None:
        who, earlier = self.sent[which % len(self.sent)]
        key = self.chains[earlier.id][1:]
        receipt = withdraw(self.store, PROJECT, self.rater(who), earlier.id, self.new_id(), now=self.now)
        assert receipt.status == ("saved" if key in self.says[who] else "present")
        self.says[who].pop(key, None)

    @rule(who=RATERS, which=st.integers(0, 4))
    def skips(self, who: int, which: int) -> None:
        if not self.on_screen[who]:
            return
        clip = sorted(self.on_screen[who])[which % len(self.on_screen[who])]
        take = self.on_screen[who].pop(clip)
        (receipt,) = submit(self.store, PROJECT, self.rater(who), [answer(clip, skip=True)], now=self.now)
        if receipt.status == "skipped" and take == 0:
            self.skipped[who].add(clip)
        assert receipt.status in ("skipped", "refused")

    @rule(who=RATERS)
    def leaves(self, who: int) -> None:
        release(self.store, PROJECT, self.rater(who), list(column(self.store, "taken")), now=self.now)

    @rule(minutes=st.sampled_from([1.0, 6.0, 20.0]))
    def time_passes(self, minutes: float) -> None:
        self.now += 60 * minutes

    @invariant()
    def books_are_right(self) -> None:
        check_books(self.store)

    @invariant()
    def what_was_said_is_what_counts(self) -> None:
        said: dict[str, list[str | None]] = {}
        for mine in self.says:
            for (clip, take), label in mine.items():
                if take == 0:
                    said.setdefault(clip, []).append(label)
        clips = sorted(column(self.store, "taken"))
        assert votes(self.store, *clips) == [sorted(said.get(clip, []), key=str) for clip in clips]
        assert all(len(raters) == len(set(raters)) for raters in raters_of(self.store).values())

    @invariant()
    def each_sees_their_own_alone(self) -> None:
        for who, mine in enumerate(self.says):
            past = past_answers(self.store, PROJECT, self.rater(who), 100)
            shown = sorted((each.answer.clip_id, str(each.answer.label)) for each in past)
            assert shown == sorted((clip, str(label)) for (clip, _), label in mine.items())
            assert progress(self.store, PROJECT, self.rater(who), now=self.now).done == len(mine)

    def new_id(self) -> str:
        self.n += 1
        return f"a{self.n}"

    def take_of(self, id: str) -> int:
        return next(made.take for made in find_annotations(self.store) if made.id == id)

    def remember(self, who: int, made: Answer, take: int) -> None:
        self.says[who][made.clip_id, take] = made.label
        if take == 0:
            self.skipped[who].discard(made.clip_id)
        self.chains[made.id] = (who, made.clip_id, take)
        self.sent.append((who, made))

    def teardown(self) -> None:
        self.store.engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: int, steps: int) -> None:
    # with five clips nobody gets ten answers on
    monkeypatch.setattr("affexion_core.labeling.queue.REPEAT_AFTER", 1)
    store = open_store(open_workspace(tmp_path / "template"))
    options = {"overlap": 2, "extra_raters": 1, "gold_share": 0.2, "repeat_share": 0.3}
    make_project(store, 5, 3, gold=GOLD, **options)
    store.engine.dispose()
    machine = type("Annotators", (Annotators,), {"template": tmp_path / "template"})
    quiet = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quiet)


def test_no_sequence_of_steps_upsets_the_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_machine(tmp_path, monkeypatch, examples=6, steps=15)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_no_long_sequence_of_steps_upsets_the_books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_machine(tmp_path, monkeypatch, examples=60, steps=40)

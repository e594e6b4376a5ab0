"""Speak what of a batch is not spoken yet: several at once, no faster than allowed, each asked for until it works.

A sound is on disk before anything else is done with it, so that a stop at any moment costs at most the requests that
were under way. Each request sent is noted before it is, so that these can be counted.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from affexion_core.errors import AffexionError, StoreError, SynthesisError
from affexion_core.speaking.batch import Batch
from affexion_core.speaking.sounds import keep_sound
from affexion_core.speaking.state import CHARACTERS_A_SECOND, Spoken, spend, spoken
from affexion_core.synthesis._request import BusyError, DamagedError, RefusedError, Speech
from affexion_core.synthesis._wav import read_wav
from affexion_core.types import Progress, no_progress
from affexion_core.workspace import Workspace

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # s between tries, doubled each time
# So many failures alike without one success: the rest would fail as well.
MOST_ALIKE = 5


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: sentences spoken now, there before, and failed."""

    spoken: int
    there: int
    failed: int


@dataclass
class _Pace:
    """Spaces requests out, and holds all of them back where the other side asks for it."""

    per_minute: int
    free: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_turn(self, stop: threading.Event) -> bool:
        """Wait for a turn; False if everything is to stop."""
        with self.lock:
            turn = max(self.free, time.monotonic())
            self.free = turn + 60 / self.per_minute
        return not stop.wait(max(0.0, turn - time.monotonic()))

    def hold(self, seconds: float) -> None:
        """Let nobody begin for some seconds."""
        with self.lock:
            self.free = max(self.free, time.monotonic() + seconds)


@dataclass
class _Speaker:
    """Speaks single sentences of a batch; shared by its threads."""

    workspace: Workspace
    batch: Batch
    pace: _Pace
    stop: threading.Event
    left: float | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def speak(self, item: Spoken) -> None:
        """Have one sentence spoken and keep it, or note why not."""
        journal, tries = self.batch.journal, self.batch.request.tries
        for number in range(1, tries + 1):
            if not self.pace.take_turn(self.stop):
                return
            self._pay(item)
            journal.note(what="sent", n=item.number, key=item.key, characters=len(item.request.sentence.text))
            try:
                self._keep(item, self._answer(item))
                return
            except BusyError as error:
                last = number == tries
                what = "failed" if last else "busy"
                journal.note(what=what, n=item.number, key=item.key, words=str(error), unsure=error.unsure)
                if last:
                    raise
                self._rest(number, error.after)
            except AffexionError as error:
                unsure = isinstance(error, DamagedError)
                journal.note(what="failed", n=item.number, key=item.key, words=str(error), unsure=unsure)
                raise

    def _pay(self, item: Spoken) -> None:
        """Take the likely price of a sentence off what is left of the budget."""
        if self.left is None:
            return
        n = len(item.request.sentence.text)
        with self.lock:
            self.left -= self.batch.request.price.of(n, n / CHARACTERS_A_SECOND)
            if self.left < 0:
                raise RefusedError("The budget is used up; raise it in a new batch, which goes on with what is there.")

    def _answer(self, item: Spoken) -> Speech:
        provider = self.batch.provider
        if hasattr(provider, "answer"):
            return provider.answer(item.request, item.key)
        return Speech(next(iter(provider.speak([item.request]))))

    def _keep(self, item: Spoken, speech: Speech) -> None:
        wav = read_wav(speech.wav)
        keep_sound(self.workspace, item.key, wav.data)
        self.batch.journal.note(
            what="spoken", n=item.number, key=item.key, seconds=round(wav.duration, 3), said=speech.said,
            usage=dict(speech.usage), generator=self.batch.provider.generator(item.request),
        )  # fmt: skip

    def _rest(self, number: int, after: float | None) -> None:
        """Wait before another try: as long as asked, else twice as long each time; by chance, so that not all wake."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (number - 1))
        if after is not None:
            self.pace.hold(after)
        self.stop.wait((after or 0.0) + random.uniform(0, longest))


def speak_batch(workspace: Workspace, batch: Batch, progress: Progress = no_progress) -> Outcome:
    """Speak what of a batch is not spoken yet; what failed before is tried again, the others go on.

    Raises
    ------
    SynthesisError
        If the provider refuses all, or the budget is used up. What was spoken before is kept.
    StoreError
        If the batch is being spoken already, or the workspace can't be written.
    """
    with _alone(batch):
        items = spoken(workspace, batch)
        waiting = [item for item in items if item.state != "spoken"]
        n_there = len(items) - len(waiting)
        progress(n_there, len(items), "Starting the voice")
        budget = batch.request.budget
        left = None if budget is None else budget - spend(workspace, batch).dollars
        stop = threading.Event()
        speaker = _Speaker(workspace, batch, _Pace(batch.request.per_minute), stop, left)
        failures = _all_spoken(speaker, waiting, lambda done, words: progress(n_there + done, len(items), words))
        return Outcome(len(waiting) - failures, n_there, failures)


def _all_spoken(speaker: _Speaker, waiting: list[Spoken], tell: Callable[[int, str], None]) -> int:
    """Speak sentences side by side; gives how many failed."""
    done, reasons = 0, Counter[str]()
    todo = iter(waiting)
    futures: dict[Future[None], Spoken] = {}
    with ThreadPoolExecutor(speaker.batch.request.concurrency) as threads:
        try:
            while True:
                # never more than there are threads, so that a stop leaves nothing behind that would still begin
                while len(futures) < speaker.batch.request.concurrency and (item := next(todo, None)) is not None:
                    futures[threads.submit(speaker.speak, item)] = item
                if not futures:
                    return sum(reasons.values())
                finished, _ = wait(futures, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in finished:
                    item = futures.pop(future)
                    done += 1
                    _note_failure(future, reasons, done)
                    tell(done, _words(item, sum(reasons.values())))
        except BaseException:
            speaker.stop.set()
            raise


def _note_failure(future: Future[None], reasons: Counter[str], done: int) -> None:
    """Count a failure; what would befall all others ends the batch."""
    error = future.exception()
    if error is None:
        return
    if isinstance(error, RefusedError) or not isinstance(error, SynthesisError):
        raise error
    reasons[str(error)] += 1
    if len(reasons) == 1 and done == sum(reasons.values()) == MOST_ALIKE:
        raise SynthesisError(f"The first {MOST_ALIKE} sentences failed alike, so the rest was left: {error}")


def _words(item: Spoken, n_failed: int) -> str:
    failed = f", {n_failed} failed" if n_failed else ""
    return f"{item.request.label}, {item.request.voice.name}{failed}"


@contextmanager
def _alone(batch: Batch) -> Iterator[None]:
    """Let nobody else speak this batch meanwhile: two at once would pay for everything twice."""
    with (batch.folder / "speaking.lock").open("a+") as file:
        if os.name == "posix":  # elsewhere one person is at one machine
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError("This batch is being spoken already; wait for that, or cancel it.") from None
        yield

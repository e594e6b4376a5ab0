"""Follow a recording on a thread of its own, so that whoever asked for it can look at how far it is, or stop it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from affexion_core.errors import AffexionError
from affexion_core.predictor import Predictor
from affexion_core.timeline.recognising import Timeline, recognise
from affexion_core.timeline.segments import TimelineSettings

# Nobody who looks leaves so long a time between two looks: the page is gone.
ABANDONED_SECONDS = 120.0


@dataclass(frozen=True)
class Progress:
    """How far a recording is: ``done`` of ``total`` seconds of the pass that ``what`` names, ``share`` of both.

    ``total`` is 0 where the length isn't known yet.
    """

    what: str
    done: float
    total: float
    share: float


class Following:
    """Makes one timeline in the background; nothing here waits for it but `wait`.

    After the end exactly one of ``timeline``, ``error`` (in words) and ``stopped`` says what came of it.
    """

    def __init__(
        self,
        predictor: Predictor,
        path: Path,
        name: str | None = None,
        settings: TimelineSettings = TimelineSettings(),  # noqa: B008 (frozen)
    ) -> None:
        self.timeline: Timeline | None = None
        self.error: str | None = None
        self.stopped = False
        self._progress = Progress("finding speech", 0.0, 0.0, 0.0)
        self._looked = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(predictor, path, name, settings), name="timeline", daemon=True
        )
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.timeline is not None or self.error is not None or self.stopped

    def look(self) -> Progress:
        """Say how far it is. One that nobody looks at for `ABANDONED_SECONDS` stops."""
        self._looked = time.monotonic()
        return self._progress

    def wait(self, seconds: float) -> bool:
        """Wait for the end, but no longer; gives whether it has come."""
        self._thread.join(timeout=seconds)
        return self.done

    def stop(self) -> None:
        """Ask it to end; it does so within the piece of sound it is at."""
        self._stop.set()

    def _run(self, predictor: Predictor, path: Path, name: str | None, settings: TimelineSettings) -> None:
        from affexion_core.live.session import use_one_thread

        use_one_thread()
        try:
            self.timeline = recognise(predictor, path, settings, self._note, name)
        except _StoppedError:
            self.stopped = True
        except AffexionError as error:
            self.error = str(error)
        except Exception as error:  # a thread's own errors reach nobody else
            self.error = f"{name or path.name} could not be followed ({type(error).__name__}: {error})."

    def _note(self, done: int, total: int, what: str) -> None:
        if self._stop.is_set() or time.monotonic() - self._looked > ABANDONED_SECONDS:
            raise _StoppedError
        half = total / 2
        of_pass = done if done <= half else done - half
        self._progress = Progress(what, float(of_pass), half, done / total if total else 0.0)


class _StoppedError(Exception):
    """Ends the work from within."""

"""A live session: packets come in on one thread, readings are made on another, and pages look at the newest.

Nothing of the sound is written anywhere. A session holds the last minutes in memory, for whoever asks to keep them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.errors import AffexionError
from affexion_core.live.recogniser import Reading, Recogniser
from affexion_core.live.resampling import Packet, StreamResampler
from affexion_core.live.ring_buffer import RingBuffer

# What a page can show, and what can be kept as clips.
HISTORY_SECONDS = 30.0
KEPT_SECONDS = 120.0
# A thread without packets for so long ends; the next packet starts another.
IDLE_SECONDS = 20.0
# Packets of 20 ms that may wait for the thread: 20 s. More means that the machine stands still.
_MOST_WAITING = 1000
# So long after the last skipped step a session counts as behind.
_BEHIND_SECONDS = 3.0


@dataclass(frozen=True)
class Snapshot:
    """A session at a moment.

    ``readings``: the newest, oldest first, at most `HISTORY_SECONDS`. ``seconds`` of sound read; ``skipped`` steps and
    ``lost`` and ``late`` seconds in all. ``behind``: steps were skipped in the last seconds. ``silent_for``: seconds
    since the last packet, None before the first. ``error``: why recognition ended, in words.
    """

    readings: tuple[Reading, ...]
    labels: tuple[str, ...]
    seconds: float
    skipped: int
    lost: float
    late: float
    behind: bool
    silent_for: float | None
    error: str | None = None


class LiveSession:
    """Recognises one stream on a thread of its own.

    Where the machine is too slow, steps are skipped: the newest window is answered for, nothing queues up. `feed` and
    `snapshot` take no time and may be called from any thread.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._waiting: deque[Packet] = deque(maxlen=_MOST_WAITING)
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        n_readings = round(HISTORY_SECONDS / recogniser.settings.step_seconds)
        self._readings: deque[Reading] = deque(maxlen=n_readings)
        self._resampler = StreamResampler()
        self._pending = np.empty(0, np.float32)
        self._kept = RingBuffer(round(KEPT_SECONDS * SAMPLING_RATE))
        self._rate = SAMPLING_RATE
        self._skipped = 0
        self._behind_until = 0.0
        self._last_packet: float | None = None
        self._error: str | None = None
        self._newest_arrival = 0.0

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def feed(self, packet: Packet) -> None:
        """Hand over a packet; after `stop` it is dropped."""
        with self._lock:
            if self._stopped or self._error is not None:
                return
            self._waiting.append(packet)
            self._last_packet = time.monotonic()
            if not self.alive:
                self._thread = threading.Thread(target=self._run, name="live-recogniser", daemon=True)
                self._thread.start()
        self._ready.set()

    def stop(self, wait: bool = True) -> None:
        """End the thread, after the step it is at; what was read stays. The stream can't go on afterwards."""
        with self._lock:
            self._stopped = True
            thread = self._thread
        self._ready.set()
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def snapshot(self) -> Snapshot:
        """Look at what was read so far."""
        with self._lock:
            rate = max(self._rate, 1)
            return Snapshot(
                readings=tuple(self._readings),
                labels=self._recogniser.labels,
                seconds=self._readings[-1].time if self._readings else 0.0,
                skipped=self._skipped,
                lost=self._resampler.n_lost / rate,
                late=self._resampler.n_late / rate,
                behind=time.monotonic() < self._behind_until,
                silent_for=None if self._last_packet is None else time.monotonic() - self._last_packet,
                error=self._error,
            )

    def recording(self) -> np.ndarray:
        """Copy the sound held in memory: float32 ``(n_samples,)`` mono at 16 kHz, at most `KEPT_SECONDS`."""
        with self._lock:
            return self._kept.last(self._kept.capacity)

    def forget(self) -> None:
        """Drop the sound held in memory."""
        with self._lock:
            self._kept = RingBuffer(self._kept.capacity)

    def _run(self) -> None:
        use_one_thread()
        try:
            while not self._is_over():
                self._take_in()
                self._read()
        except AffexionError as error:
            with self._lock:
                self._error = str(error)

    def _is_over(self) -> bool:
        """Wait for packets; say whether the thread is to end. One that ends for want of packets is gone for `feed`."""
        came = self._ready.wait(IDLE_SECONDS)
        self._ready.clear()
        with self._lock:
            if not came and not self._waiting:
                self._thread = None
                return True
            return self._stopped

    def _take_in(self) -> None:
        parts = [self._pending]
        while self._waiting:
            packet = self._waiting.popleft()
            self._rate = packet.sampling_rate
            parts.append(self._resampler.push(packet))
            self._newest_arrival = packet.arrived
        new = np.concatenate(parts[1:]) if len(parts) > 1 else np.empty(0, np.float32)
        with self._lock:
            self._kept.push(new)
        self._pending = np.concatenate([self._pending, new])

    def _read(self) -> None:
        """Answer for the newest whole step; those before it are heard, but skipped."""
        n_steps = len(self._pending) // self._recogniser.n_step
        if not n_steps:
            return
        n = n_steps * self._recogniser.n_step
        samples, self._pending = self._pending[:n], self._pending[n:].copy()
        reading = self._recogniser.step(samples)
        delay = max(0.0, time.monotonic() - self._newest_arrival) if self._newest_arrival else 0.0
        with self._lock:
            self._skipped += n_steps - 1
            if n_steps > 1:
                self._behind_until = time.monotonic() + _BEHIND_SECONDS
            self._readings.append(replace(reading, skipped=n_steps - 1, delay=delay))


def use_one_thread() -> None:
    """Let torch compute with one thread: pools of several sessions would fight over the cores.

    Trainings run in processes of their own and notice nothing. NumPy's BLAS is left alone: its pool can only be set for
    the whole process, by looking through the loaded libraries, which can lock up with an import on another thread.
    """
    import torch

    torch.set_num_threads(1)

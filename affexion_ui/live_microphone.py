"""The browser's microphone as a live session: what streamlit-webrtc hands its frames to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

    from affexion_core.live.resampling import Packet
    from affexion_core.live.session import LiveSession

# Browsers clean speech up for calls; that changes its level up to nine times, and a model never heard it so.
CONSTRAINTS: dict[str, Any] = {
    "video": False,
    "audio": {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False},
}
# Of Opus. Browsers send speech with 32 kbit/s unless asked otherwise, which takes 3 to 6 % off its level, and with them
# detail that models heard when they learnt; 128 kbit/s take less than 0.5 %.
BITRATE = 128_000
_SINK, _RECORDED, _PAGE = "live-microphone-sink", "live-recorded", "live"


class Microphone:
    """A sink for one audio track after another; each track is a new session.

    It has the four methods of streamlit-webrtc's ``MediaSink``, named as there. Frames are handed over on the event
    loop of all connections, so that nothing here may take time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._make: Callable[[], LiveSession] | None = None
        self._made_for: Any = None
        self._track: MediaStreamTrack | None = None
        self._task: asyncio.Task | None = None
        self.session: LiveSession | None = None

    def use(self, make: Callable[[], LiveSession], made_for: Any) -> None:
        """Say how sessions are made; where ``made_for`` changes while sound comes in, a new one takes over."""
        with self._lock:
            changed, self._make, self._made_for = made_for != self._made_for, make, made_for
            if changed and self.hasTrack():
                self._begin()

    def addTrack(self, track: MediaStreamTrack) -> None:  # noqa: N802
        """Take a track, and begin a session for it."""
        with self._lock:
            self._track = track
            self._begin()

    def hasTrack(self) -> bool:  # noqa: N802
        """Say whether there is a track."""
        return self._track is not None

    def start(self) -> None:
        """Read the track until it ends."""
        assert self._track is not None
        loop = asyncio.get_event_loop_policy().get_event_loop()
        self._task = loop.create_task(self._read(self._track))

    def stop(self) -> None:
        """Let go of the track and end its session; what it read stays."""
        with self._lock:
            if self._task is not None and not self._task.get_loop().is_closed():
                # stopping comes from several threads, and a task belongs to its loop
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
            self._task = self._track = None
            if self.session is not None:
                self.session.stop(wait=False)

    def _begin(self) -> None:
        if self.session is not None:
            self.session.stop(wait=False)
        self.session = self._make() if self._make is not None else None

    async def _read(self, track: MediaStreamTrack) -> None:
        from aiortc.mediastreams import MediaStreamError

        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                break
            if self.session is not None:
                self.session.feed(packet_of(frame))
        if self.session is not None and self._track in (track, None):
            self.session.stop(wait=False)


@cache
def ask_for_fine_sound() -> None:
    """Let answers to browsers ask for `BITRATE`.

    aiortc has no setting for it, but a table of codecs that it answers
    with; RFC 7587, section 7.1, has the parameter.
    """
    from aiortc.codecs import CODECS

    for codec in CODECS["audio"]:
        if codec.mimeType == "audio/opus":
            codec.parameters["maxaveragebitrate"] = BITRATE


def microphone() -> Microphone:
    """Give this session's microphone."""
    if _SINK not in st.session_state:
        st.session_state[_SINK] = Microphone()
    return st.session_state[_SINK]


def let_go_elsewhere(page: str) -> None:
    """Drop the microphone with all the sound it holds once another page than Live is open, named by its address."""
    if page == _PAGE or (_SINK not in st.session_state and _RECORDED not in st.session_state):
        return
    held: Microphone | None = st.session_state.pop(_SINK, None)
    st.session_state.pop(_RECORDED, None)
    if held is not None:
        held.stop()
        held.session = None


def packet_of(frame: Any) -> Packet:
    """Turn an audio frame of PyAV (packed or planar, 16-bit) into a packet."""
    import numpy as np

    from affexion_core.live.resampling import Packet

    n_channels = len(frame.layout.channels)
    values = frame.to_ndarray()
    samples = values.T if frame.format.is_planar else values.reshape(-1, n_channels)
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    in_samples = frame.pts is not None and frame.time_base is not None and frame.time_base * frame.sample_rate == 1
    return Packet(samples, frame.sample_rate, frame.pts if in_samples else None, time.monotonic())

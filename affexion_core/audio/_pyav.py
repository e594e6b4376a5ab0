"""Read m4a, webm, aac, amr and wma with FFmpeg's libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

import av
import numpy as np

from affexion_core.audio._stream import DecodingError, Stream

# Codecs such as Opus and AAC need what came before to settle; decoding starts this much earlier (seconds).
_PREROLL = 0.25
# Without an index FFmpeg guesses positions from the bitrate, so spans of these are found by decoding from the start.
_UNINDEXED = ("aac", "amr")
_FULL_SCALE = {"u1": 2.0**7, "i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**63}
_ERRORS = (av.FFmpegError, OSError, ValueError, EOFError, IndexError, OverflowError, MemoryError)


@contextmanager
def open_stream(file: BinaryIO, demuxer: str) -> Iterator[Stream]:
    """Open the first sound track of a file that is already open; nothing else can be opened through it.

    Raises
    ------
    DecodingError
        If the file has no sound track, or FFmpeg can't make sense of it.
    """
    file.seek(0)
    try:
        container = av.open(
            file,
            mode="r",
            format=demuxer,
            metadata_errors="ignore",
            container_options={"protocol_whitelist": "none"},
            io_open=_refuse,
        )
    except _ERRORS as error:
        raise DecodingError(_reason(error)) from error
    with container:
        if not container.streams.audio:
            raise DecodingError("it has no sound track")
        track = container.streams.audio[0]
        if track.codec_context is None:
            raise DecodingError("its sound is coded in an unknown way")
        length = container.duration if demuxer not in _UNINDEXED else None
        yield Stream(
            sampling_rate=track.codec_context.sample_rate or 0,
            channels=track.codec_context.channels or 0,
            duration=length / av.time_base if length and length > 0 else None,
            blocks=lambda start, end: _blocks(container, track, start, end, indexed=demuxer not in _UNINDEXED),
        )


def _refuse(url: str, flags: int, options: dict[str, Any]) -> NoReturn:
    raise PermissionError(f"the file refers to another one ({url!r})")


def _blocks(container: Any, track: Any, start: float, end: float | None, indexed: bool) -> Iterator[np.ndarray]:
    """Yield the frames of a span, cut to the sample; times count from the first sound of the track."""
    rate = track.codec_context.sample_rate
    first, last = round(start * rate), None if end is None else round(end * rate)
    position = None
    try:
        if first and indexed and start > _PREROLL:
            origin = track.start_time or 0
            container.seek(origin + int((start - _PREROLL) / track.time_base), stream=track)
        else:
            position = 0
        for frame in container.decode(track):
            if frame.sample_rate != rate:
                raise DecodingError(f"the sampling rate changes from {rate} to {frame.sample_rate} Hz on the way")
            block = _as_float(frame)
            if position is None:  # a stamp is rounded to milliseconds in webm: read one, then count samples
                position = round((frame.time or 0.0) * rate - float((track.start_time or 0) * track.time_base) * rate)
            kept = block[max(0, first - position) : None if last is None else max(0, last - position)]
            position += len(block)
            if len(kept):
                yield kept
            if last is not None and position >= last:
                return
    except _ERRORS as error:
        raise DecodingError(_reason(error)) from error


def _as_float(frame: av.AudioFrame) -> np.ndarray:
    """Turn a decoded frame of any sample format into float32 ``(n_frames, channels)``."""
    values = frame.to_ndarray()
    block = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    kind = values.dtype.str[1:]
    if kind not in _FULL_SCALE:
        return block.astype(np.float32)
    offset = 128.0 if kind == "u1" else 0.0
    return ((block - offset) / _FULL_SCALE[kind]).astype(np.float32)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

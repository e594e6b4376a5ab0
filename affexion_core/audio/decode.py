"""Turn any sound file into one mono signal at 16 kHz, or into one sentence that says why not."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Annotated

import numpy as np
import soxr
from pydantic import Field

from affexion_core.audio import _sndfile
from affexion_core.audio._integrity import length_warning
from affexion_core.audio._stream import DecodingError, Stream
from affexion_core.audio.levels import CLIPPED_AT
from affexion_core.audio.sniff import Container, sniff
from affexion_core.config import config_class
from affexion_core.errors import AudioError

SAMPLING_RATE = 16_000
# Counts up when the same file would give other samples; caches of what is made from them include it.
VERSION = 1

_SILENT_BELOW = 10 ** (-60 / 20)  # peak around the mean, -60 dBFS
_OFFSET_ABOVE = 0.01
_CLIPPED_ABOVE = 0.001
_ABSURD_PEAK = 16.0  # float samples of this size were saved as whole numbers and never divided
_SHORTFALL = 0.1  # s; encoders pad, so a stated length is only that exact


@config_class
class Limits:
    """How much sound one file may hold.

    What is limited is the product seconds × channels × rate, so that a short clip may have a high rate and a
    long one a low rate; rates under 16 kHz count as 16 kHz, which they become.
    """

    max_seconds: Annotated[float, Field(gt=0, description="A longer file takes minutes to label and to learn")] = 600.0
    max_channels: Annotated[int, Field(ge=1, description="Recordings are mono or stereo; all is mixed to mono")] = 2
    max_rate: Annotated[int, Field(ge=1000, description="The usual rate of video; speech needs a third")] = 48_000
    most_channels: Annotated[int, Field(ge=1, description="More channels than any recorder has mean damage")] = 32
    lowest_rate: Annotated[int, Field(ge=1, description="Below, speech can't be understood")] = 2_000
    highest_rate: Annotated[int, Field(ge=1, description="More than any recorder has means damage")] = 768_000

    @property
    def allowance(self) -> float:
        """Most samples over all channels."""
        return self.max_seconds * self.max_channels * self.max_rate


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a file states.

    ``format`` is the container by content (wav, flac, mp3, ogg, m4a, webm, …); ``duration`` in seconds is None
    where the header leaves it open, as browsers' recordings do; ``sampling_rate`` in Hz.
    """

    format: str
    duration: float | None
    sampling_rate: int
    channels: int


@dataclass(frozen=True)
class Decoded:
    """A decoded file or span.

    ``signal``: float32 ``(n_samples,)`` mono in [-1, 1] at ``sampling_rate`` Hz. ``duration`` (s) is that of the
    signal. ``warnings`` are whole sentences without the file's name; the signal can be used in spite of them.
    """

    signal: np.ndarray
    sampling_rate: int
    original_rate: int
    original_channels: int
    duration: float
    warnings: tuple[str, ...] = ()


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """Read the header of a sound file; no sound is decoded and no limit applied.

    Raises
    ------
    AudioError
        If it can't be opened, is no sound file, or its header makes no sense.
    """
    with _opened(Path(path)) as (_, container, stream):
        return AudioInfo(container.name, stream.duration, stream.sampling_rate, stream.channels)


def load_audio(
    path: str | os.PathLike[str],
    start: float | None = None,
    end: float | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Decoded:
    """Decode a file, or a span of it, to mono at 16 kHz.

    Parameters
    ----------
    path
        Any known sound file; its kind is told by content.
    start, end
        Span in seconds; None for the start and end of the file.
    limits
        Checked against the header before anything is decoded, and while decoding, since headers lie. For a
        span, its length counts, not that of the file.

    Returns
    -------
    Decoded
        With warnings for silence, constant offset, clipping, and files that are cut off or partly damaged.

    Raises
    ------
    AudioError
        If the file can't be read, holds no sound, too much of it, or samples that are no numbers.

    Notes
    -----
    Channels are averaged. Resampling is soxr's HQ, block by block, so that memory stays near that of the result.
    """
    path = Path(path)
    _check_span(path.name, start, end)
    with _opened(path) as (file, container, stream):
        _check_header(path.name, stream, start, end, limits)
        tally = _Tally(path.name, stream, limits)
        parts = list(_mixed(tally, stream, start or 0.0, end))
        warning = length_warning(file, container.name)
    if not tally.n_frames:
        raise AudioError(f"{path.name} holds no sound{_why_none(start)}.")
    signal = np.concatenate(parts)
    np.clip(signal, -1.0, 1.0, out=signal)
    if not len(signal):
        raise AudioError(f"{path.name} holds too little sound to use ({tally.n_frames} samples). Record it again.")
    warnings = (warning and _sentence(warning), _shortfall(tally, stream, start, end), *_level_warnings(tally))
    return Decoded(
        signal=signal,
        sampling_rate=SAMPLING_RATE,
        original_rate=stream.sampling_rate,
        original_channels=stream.channels,
        duration=len(signal) / SAMPLING_RATE,
        warnings=tuple(text for text in warnings if text),
    )


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash a file's bytes (64 hex digits).

    Raises
    ------
    AudioError
        If it can't be read.
    """
    with _file(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _file(path: Path) -> Iterator[FileIO]:
    """Open a regular file; a pipe or device would never end."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise AudioError(f"{path.name or path} is not a file. Choose a sound file.")
        file = path.open("rb", buffering=0)  # the decoders share its position
    except FileNotFoundError:
        raise AudioError(f"{path.name} does not exist in {path.parent}. Check the name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{path.name!r} can't be opened ({reason}). Check its name and permissions.") from None
    with file:
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[tuple[FileIO, Container, Stream]]:
    """Open a sound file up to its header, with every failure turned into an `AudioError`."""
    with _file(path) as file:
        try:
            container = sniff(file, path.name)
            with _stream_of(file, container) as stream:
                if stream.sampling_rate < 1 or stream.channels < 1:
                    raise DecodingError(f"{stream.channels} channels at {stream.sampling_rate} Hz")
                yield file, container, stream
        except DecodingError as error:
            raise AudioError(
                f"{path.name} starts like a {container.name} file but can't be decoded ({error}). "
                "Export or download it again."
            ) from error
        except OSError as error:
            raise AudioError(f"{path.name} can't be read ({error.strerror}). Copy it again.") from error


def _stream_of(file: FileIO, container: Container) -> AbstractContextManager[Stream]:
    if container.library == "soundfile":
        return _sndfile.open_stream(file)
    from affexion_core.audio import _pyav  # here, as it takes long to import and most files are wav or flac

    return _pyav.open_stream(file, container.demuxer)


def _check_span(name: str, start: float | None, end: float | None) -> None:
    if not (0 <= (start or 0.0) < (float("inf") if end is None else end)):
        raise AudioError(f"{name}: a span from {start} to {end} s is impossible. Give 0 <= start < end in seconds.")


def _check_header(name: str, stream: Stream, start: float | None, end: float | None, limits: Limits) -> None:
    """Refuse by what the header says, before a single sample is decoded."""
    if stream.channels > limits.most_channels:
        raise AudioError(
            f"{name} states {stream.channels} channels; at most {limits.most_channels} can be right. Export it again."
        )
    if not limits.lowest_rate <= stream.sampling_rate <= limits.highest_rate:
        raise AudioError(
            f"{name} states a sampling rate of {stream.sampling_rate} Hz; {limits.lowest_rate} to "
            f"{limits.highest_rate} Hz can be right. Export it again."
        )
    if stream.duration is None:
        return
    if start and start >= stream.duration > 0:
        raise AudioError(
            f"{name} is {stream.duration:.2f} s long, so there is nothing at {start:.2f} s. Check the span."
        )
    seconds = stream.duration - (start or 0.0)
    _check_amount(name, seconds if end is None else min(seconds, end - (start or 0.0)), stream, limits)


def _check_amount(name: str, seconds: float, stream: Stream, limits: Limits) -> None:
    amount = seconds * stream.channels * max(stream.sampling_rate, SAMPLING_RATE)
    if amount > limits.allowance:
        most = limits.allowance / (stream.channels * max(stream.sampling_rate, SAMPLING_RATE))
        raise AudioError(
            f"{name} holds {_clock(seconds)} or more of sound ({stream.channels} × {stream.sampling_rate} Hz); "
            f"at most {_clock(most)} of that kind are allowed. Cut it into parts, or raise the limit."
        )


@dataclass
class _Tally:
    """What is counted while the blocks pass, on all channels of the original."""

    name: str
    stream: Stream
    limits: Limits
    n_frames: int = 0
    n_clipped: int = 0
    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    damage: str | None = None
    over: bool = False

    def add(self, block: np.ndarray) -> None:
        """Count one block ``(n_frames, channels)``; raises `AudioError` where it can't be used."""
        low, high = float(block.min()), float(block.max())
        if not np.isfinite(low) or not np.isfinite(high):
            at = self.n_frames / self.stream.sampling_rate
            raise AudioError(
                f"{self.name} has samples that are no numbers (NaN or infinite) from about {at:.1f} s on. "
                "Export it again, as 16-bit wav for instance."
            )
        if max(-low, high) > _ABSURD_PEAK:
            raise AudioError(
                f"{self.name} has samples as large as {max(-low, high):.0f}, where 1 is the loudest. "
                "It was saved as float without scaling; export it again, as 16-bit wav for instance."
            )
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.over |= max(-low, high) > 1.0
        if max(-low, high) >= CLIPPED_AT:
            self.n_clipped += int(np.count_nonzero(np.abs(block) >= CLIPPED_AT))
        self.n_frames += len(block)
        self.total += float(block.sum())  # pairwise in float32: far closer than the mean is asked for
        _check_amount(self.name, self.n_frames / self.stream.sampling_rate, self.stream, self.limits)


def _mixed(tally: _Tally, stream: Stream, start: float, end: float | None) -> Iterator[np.ndarray]:
    """Yield mono 16 kHz blocks; damage after the first sample ends them and is noted in the tally."""
    rate, share = stream.sampling_rate, np.full(stream.channels, 1 / stream.channels, np.float32)
    resampler = None if rate == SAMPLING_RATE else soxr.ResampleStream(rate, SAMPLING_RATE, 1, dtype="float32")
    try:
        for block in stream.blocks(start, end):
            tally.add(block)
            mono = block[:, 0] if block.shape[1] == 1 else block @ share
            yield mono if resampler is None else resampler.resample_chunk(np.ascontiguousarray(mono))
    except DecodingError as error:
        if not tally.n_frames:
            raise
        tally.damage = str(error)
    if resampler is not None and tally.n_frames:
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _why_none(start: float | None) -> str:
    if start:
        return f" from {start:.2f} s on. Check the span"
    return " (0 samples). It was cut off, or its recording failed; record or copy it again"


def _shortfall(tally: _Tally, stream: Stream, start: float | None, end: float | None) -> str | None:
    """Say where less could be decoded than was asked for or stated."""
    got = (start or 0.0) + tally.n_frames / stream.sampling_rate
    stated = stream.duration
    if tally.damage is not None:
        return f"The file is damaged at {got:.2f} s ({tally.damage}); what comes after was left out."
    if stated is not None and min(stated, stated if end is None else end) - got > _SHORTFALL:
        return f"The header states {stated:.2f} s, but the sound ends at {got:.2f} s: the file was cut off."
    if end is not None and end - got > _SHORTFALL:
        return f"The span was to end at {end:.2f} s, but the sound ends at {got:.2f} s."
    return None


def _level_warnings(tally: _Tally) -> Iterator[str]:
    n_samples = tally.n_frames * tally.stream.channels
    mean = tally.total / n_samples
    swing = max(tally.high - mean, mean - tally.low)
    if swing < _SILENT_BELOW:
        peak = f"its loudest sample is at {20 * np.log10(swing):.0f} dBFS" if swing > 0 else "all samples are equal"
        yield f"The sound is silent: {peak}."
    if abs(mean) > _OFFSET_ABOVE:
        yield f"The sound has a constant offset (DC) of {mean:+.3f}."
    share = tally.n_clipped / n_samples
    if share > _CLIPPED_ABOVE:
        yield f"The sound is clipped: {share:.1%} of the samples are at full scale."
    elif tally.over:
        yield f"The sound goes beyond full scale (peak {max(-tally.low, tally.high):.2f}); it was cut at 1."


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."

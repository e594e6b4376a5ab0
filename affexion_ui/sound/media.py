"""What a browser gets of a clip: sound at one loudness, the outline of its waveform, and a spectrogram.

Sound and picture are served under names made from their content, so that an address tells a listener nothing: no file
name, speaker or label. They are for ears and eyes only; models read the clip itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit import runtime

from affexion_core.types import Clip
from affexion_core.workspace import Workspace

N_COLUMNS = 700
"""Columns of a waveform: one for two points of a wide screen."""

_KEPT, _KEPT_LONG = 96, 3  # renderings in memory; the second for clips above _LONG, of up to 19 MB each
_LONG = 60.0  # s
# A session's sounds that stay in reach without being named again: the ones on screen and those fetched ahead.
_HELD = 32
_HELD_KEY = "_sounds_held"


@dataclass(frozen=True)
class Sound:
    """A clip ready to be played by a browser.

    ``url`` and ``spectrogram_url`` answer while the session shows them. ``peaks`` are lowest and
    highest sample of each of `N_COLUMNS` columns in turn, whole numbers in [-127, 127], at the played level.
    ``duration`` in seconds. ``silent`` says that there is nothing to hear.
    """

    url: str
    peaks: tuple[int, ...]
    duration: float
    spectrogram_url: str | None = None
    silent: bool = False


@dataclass(frozen=True)
class _Rendering:
    """What is made of a clip once: WAV and PNG as bytes."""

    wav: bytes
    png: bytes
    peaks: tuple[int, ...]
    duration: float
    silent: bool


def sound_of(workspace: Workspace, clip: Clip, spectrogram: bool = True) -> Sound:
    """Make a clip ready to be played; quick where it was made before.

    Call it in every run of a page for each clip on screen or fetched ahead: Streamlit forgets what a full run doesn't
    name. In fragments the last `_HELD` of a session stay.

    Returns
    -------
    Sound
        Mono at 16 kHz, 16 bits. That is all models hear of a clip, a fifth of what studio files take, and it gives
        every clip the same bandwidth: in a blind comparison a wider one would tell which corpus, or which synthetic
        voice, a clip is from.

    Raises
    ------
    AudioError
        If the file can't be decoded.
    """
    path = workspace.clip_path(clip)
    render = _rendered_long if clip.duration > _LONG else _rendered
    # the file's time of change tells its versions apart, and that it is gone
    own = path.is_relative_to(workspace.audio.resolve())
    made = render(clip.id, str(path), clip.start, clip.end, _changed(path), own)
    return Sound(
        url=_serve(made.wav, "audio/wav", clip.id),
        peaks=made.peaks,
        duration=made.duration,
        spectrogram_url=_serve(made.png, "image/png", clip.id) if spectrogram else None,
        silent=made.silent,
    )


def _render(path: str, start: float | None, end: float | None, own: bool) -> _Rendering:
    from affexion_core.audio import decode, isolated
    from affexion_core.audio.peaks import peaks_as_bytes, waveform_peaks
    from affexion_core.audio.playback import playback_level, wav_bytes
    from affexion_core.plots.spectrogram import spectrogram
    from affexion_ui.sound.strip import spectrogram_png

    # what came into the library was decoded apart then; anything else is nobody's to vouch for
    decoded = (decode if own else isolated).load_audio(Path(path), start, end)
    level = playback_level(decoded.signal, decoded.sampling_rate)
    played = decoded.signal * level.gain
    return _Rendering(
        wav=wav_bytes(played, decoded.sampling_rate),
        png=spectrogram_png(spectrogram(decoded.signal, decoded.sampling_rate)),
        peaks=tuple(peaks_as_bytes(waveform_peaks(played, N_COLUMNS)).tolist()),
        duration=decoded.duration,
        silent=not np.isfinite(level.loudness),
    )


# Two functions and not one wrapped twice: Streamlit tells caches apart by the code of what they wrap.
@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _rendered(clip_id: str, path: str, start: float | None, end: float | None, changed: float, own: bool) -> _Rendering:
    return _render(path, start, end, own)


@st.cache_resource(max_entries=_KEPT_LONG, show_spinner=False)
def _rendered_long(
    clip_id: str, path: str, start: float | None, end: float | None, changed: float, own: bool
) -> _Rendering:
    return _render(path, start, end, own)


def _changed(path: Path) -> float:
    # a missing file is decoding's to report, in its own words
    return path.stat().st_mtime if path.is_file() else 0.0


def _serve(content: bytes, mimetype: str, clip_id: str) -> str:
    """Hand a file to Streamlit's media storage, the way ``st.audio`` does; returns its address."""
    if not runtime.exists():
        return ""
    place = f"affexion-sound-{_slot(clip_id)}-{mimetype}"
    return runtime.get_instance().media_file_mgr.add(content, mimetype, place)


def _slot(clip_id: str) -> int:
    """Give a clip one of the session's places, taking the one that was longest unused."""
    held: OrderedDict[str, int] = st.session_state.setdefault(_HELD_KEY, OrderedDict())
    if clip_id not in held:
        held[clip_id] = len(held) if len(held) < _HELD else held.popitem(last=False)[1]
    held.move_to_end(clip_id)
    return held[clip_id]


def forget_renderings() -> None:
    """Forget what was rendered of clips, so that nothing of one that was taken down stays in memory."""
    _rendered.clear()
    _rendered_long.clear()

"""One clip: player, waveform and spectrogram, and its origin card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip, Provenance
from affexion_core.workspace import Workspace
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown, label_badge, mode, origin_badge
from affexion_ui.words import clip_title, duration, speaker

if TYPE_CHECKING:
    import numpy as np

_WAVEFORM_COLUMNS = 700
_PROVENANCE_WORDS = {
    "source": "Source",
    "licence": "Licence",
    "citation": "Citation",
    "retrieved": "Retrieved",
    "generator": "Generator",
    "voice": "Voice",
    "prompt": "Prompt",
    "seed": "Seed",
    "intended_label": "Intended label",
}


def show_clip(workspace: Workspace, clip: Clip, labels: Mapping[str, str], key: str) -> None:
    """Show a clip: title and labels, player, waveform over spectrogram, origin card and attributes.

    ``labels`` maps dataset to label; ``key`` tells this place on the page from others that show clips.
    """
    st.markdown(f"##### {escape_markdown(clip_title(clip, 200))}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, datasets in _by_label(labels).items():
            label_badge(label, help=f"in {', '.join(datasets)}")
        origin_badge(clip.origin)
        words = f"speaker {speaker(clip)} · {clip.corpus} · {duration(clip.duration)}"
        st.caption(escape_markdown(words), width="content")
    try:
        show_sound(workspace, clip, key)
    except AffexionError as error:
        show_error(error)
    show_origin_card(clip, labels)


def show_sound(workspace: Workspace, clip: Clip, key: str) -> None:
    """Show player, waveform and spectrogram of a clip; `AudioError` where its file can't be decoded."""
    from affexion_core.audio.peaks import waveform_peaks
    from affexion_core.plots.clip_view import plot_clip
    from affexion_core.plots.spectrogram import spectrogram

    path = workspace.clip_path(clip)
    signal, sampling_rate = _decoded(str(path), clip.start, clip.end, _changed(path))
    if clip.start is None and clip.end is None:
        st.audio(str(path), alt=f"Play {clip_title(clip)}")
    else:
        # the browser's player can't start within a second, so a span is played from its samples
        st.audio(signal, sample_rate=sampling_rate, alt=f"Play {clip_title(clip)}")
    peaks = waveform_peaks(signal, _WAVEFORM_COLUMNS)
    figure = plot_clip(peaks, spectrogram(signal, sampling_rate), mode())
    rows = [{"column": i, "lowest": float(low), "highest": float(high)} for i, (low, high) in enumerate(peaks)]
    show_figure(figure, f"{key}-sound", "Mono at 16 kHz, as the models hear it. Yellow is loud.", rows)


@st.cache_data(max_entries=50, show_spinner="Decoding the clip …")
def _decoded(path: str, start: float | None, end: float | None, changed: float) -> tuple[np.ndarray, int]:
    """Decode once a file version; ``changed`` (its modification time) is there to tell versions apart."""
    from affexion_core.audio.decode import load_audio

    decoded = load_audio(Path(path), start, end)
    return decoded.signal, decoded.sampling_rate


def _changed(path: Path) -> float:
    # a missing file is decoding's to report, in its own words
    return path.stat().st_mtime if path.is_file() else 0.0


def show_origin_card(clip: Clip, labels: Mapping[str, str]) -> None:
    """Show where a clip comes from, what is known of it, and in which datasets it is."""
    with st.expander("Origin card", icon=":material/badge:"):
        rows = [*_provenance_rows(clip.provenance), *_file_rows(clip)]
        rows += [(name.replace("_", " ").capitalize(), str(value)) for name, value in clip.attributes.items()]
        rows += [("In dataset", f"{dataset}: {label}") for dataset, label in labels.items()]
        cells = [{"What": escape_markdown(what), "Known": escape_markdown(known)} for what, known in rows]
        st.table(cells, hide_index=True, hide_header=True)


def _provenance_rows(provenance: Provenance) -> list[tuple[str, str]]:
    known = [(words, getattr(provenance, field)) for field, words in _PROVENANCE_WORDS.items()]
    rows = [(words, str(value)) for words, value in known if value is not None]
    rows += [(name.replace("_", " ").capitalize(), str(value)) for name, value in provenance.parameters.items()]
    return rows or [("Source", "not recorded")]


def _file_rows(clip: Clip) -> list[tuple[str, str]]:
    rows = [
        ("As delivered", f"{clip.sampling_rate} Hz, {clip.channels} channel{'' if clip.channels == 1 else 's'}"),
        ("Language", clip.language or "not recorded"),
        ("File", clip.file),
        ("Clip id", clip.id),
    ]
    if clip.start is not None or clip.end is not None:
        rows.insert(0, ("Span", f"{clip.start or 0:.2f} s to {'the end' if clip.end is None else f'{clip.end:.2f} s'}"))
    return rows


def _by_label(labels: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dataset, label in labels.items():
        found.setdefault(label, []).append(dataset)
    return found

"""One clip: what it is called, its player, and its origin card."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip, Provenance
from affexion_core.workspace import Workspace
from affexion_ui.figures import csv_bytes
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.sound.media import N_COLUMNS
from affexion_ui.theme import escape_markdown, label_badge, origin_badge
from affexion_ui.words import clip_title, duration, speaker

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
    """Show a clip: title and labels, player, origin card and attributes.

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
        show_player(workspace, clip, key)
        _show_save(workspace, clip, key)
    except AffexionError as error:
        show_error(error)
    show_origin_card(clip, labels)


def _show_save(workspace: Workspace, clip: Clip, key: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top", wrap=False):
        st.caption("All clips are played equally loud; models hear each as it was recorded.", width="stretch")
        with st.popover("Save", icon=":material/download:", type="tertiary"):
            st.download_button(
                "Waveform as CSV",
                data=lambda: csv_bytes(_waveform_rows(workspace, clip)),
                file_name=f"affexion-{clip.id}.csv",
                mime="text/csv",
                key=f"{key}-waveform",
                on_click="ignore",
                icon=":material/table:",
            )


def _waveform_rows(workspace: Workspace, clip: Clip) -> list[dict[str, float]]:
    """Give the clip's own waveform, as models hear it: lowest and highest sample of each column, in [-1, 1]."""
    from affexion_core.audio.decode import load_audio
    from affexion_core.audio.peaks import waveform_peaks

    decoded = load_audio(workspace.clip_path(clip), clip.start, clip.end)
    peaks = waveform_peaks(decoded.signal, N_COLUMNS)
    return [
        {"seconds": round(i * decoded.duration / N_COLUMNS, 4), "lowest": float(low), "highest": float(high)}
        for i, (low, high) in enumerate(peaks)
    ]


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

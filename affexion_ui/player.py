"""One clip: what it is called, its player, and its origin card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip
from affexion_core.workspace import Workspace
from affexion_ui.figures import csv_bytes
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.sound.media import N_COLUMNS
from affexion_ui.theme import escape_markdown, label_badge, origin_badge
from affexion_ui.words import clip_title, date, duration, speaker

if TYPE_CHECKING:
    from affexion_core.store.session import Store

_NOT_RECORDED = "not recorded"
# What is asked of every clip, and of synthetic ones besides: where it isn't known, that is said.
_ALWAYS = ("source", "licence", "citation", "retrieved")
_OF_VOICES = ("generator", "voice", "prompt", "seed")
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


def show_clip(
    workspace: Workspace, clip: Clip, labels: Mapping[str, str], key: str, store: Store | None = None
) -> None:
    """Show a clip: title and labels, player, origin card and attributes.

    ``labels`` maps dataset to label; ``key`` tells this place on the page from others that show clips. With a ``store``
    the origin card says which import brought the clip.
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
    show_origin_card(clip, labels, store)


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


def show_origin_card(clip: Clip, labels: Mapping[str, str], store: Store | None = None) -> None:
    """Show where a clip comes from, what is known of it and what isn't, and in which datasets it is.

    With a ``store`` it says as well which import brought it.
    """
    with st.expander("Origin card", icon=":material/badge:"):
        rows = [("Corpus", clip.corpus), *_import_rows(clip, store), *_provenance_rows(clip), *_file_rows(clip)]
        rows += [(name.replace("_", " ").capitalize(), str(value)) for name, value in clip.attributes.items()]
        rows += [("In dataset", f"{dataset}: {label}") for dataset, label in labels.items()]
        cells = [{"What": escape_markdown(what), "Known": escape_markdown(known)} for what, known in rows]
        st.table(cells, hide_index=True, hide_header=True)


def _import_rows(clip: Clip, store: Store | None) -> list[tuple[str, str]]:
    if store is None:
        return []
    from affexion_core.store.imports import import_of

    batch = import_of(store, clip.id)
    if batch is None:
        return [("Came by", "no import: synthesized, recorded or kept here, or before imports were noted")]
    by = batch.person or "no name said"
    return [("Came by", f"import of {batch.source}, {date(batch.created)}, {by}")]


def _provenance_rows(clip: Clip) -> list[tuple[str, str]]:
    from affexion_core.licences import licence_of

    known = {field: getattr(clip.provenance, field) for field in _PROVENANCE_WORDS}
    asked = _ALWAYS if clip.origin == "real" else (*_ALWAYS, *_OF_VOICES)
    rows = []
    for field, words in _PROVENANCE_WORDS.items():
        if known[field] is not None or field in asked:
            rows.append((words, _NOT_RECORDED if known[field] is None else str(known[field])))
        if field == "licence":
            rows.append(("It allows", licence_of(known[field]).allows))
    return rows + [
        (name.replace("_", " ").capitalize(), str(value)) for name, value in clip.provenance.parameters.items()
    ]


def _file_rows(clip: Clip) -> list[tuple[str, str]]:
    rows = [
        ("As delivered", f"{clip.sampling_rate} Hz, {clip.channels} channel{'' if clip.channels == 1 else 's'}"),
        ("Speaker", clip.speaker or _NOT_RECORDED),
        ("Language", clip.language or _NOT_RECORDED),
        ("Words", "known" if clip.transcript else _NOT_RECORDED),
        ("File", clip.file),
        # in groups, so that a narrow panel can break it
        ("SHA-256 of the file", " ".join(clip.sha256[first : first + 16] for first in range(0, 64, 16))),
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

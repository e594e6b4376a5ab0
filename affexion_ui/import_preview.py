"""What would come in, shown before anything is written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import ORIGINS
from affexion_ui.figures import csv_bytes
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted, duration

if TYPE_CHECKING:
    from affexion_core.ingest.preview import Preview, RowState
    from affexion_core.jobs.importing import ImportRequest
    from affexion_core.store.session import Store
    from affexion_ui.import_sources import Source

_OPENED, _SEEN = "import-opened", "import-seen"
_SHOWN = 500
# What a person has to look at comes first.
_ORDER: tuple[RowState, ...] = ("rejected", "twice", "in library", "new", "not opened")
_SIGNS = {"rejected": "✕ rejected", "twice": "= twice", "in library": "= in library", "new": "+ new",
          "not opened": "… not opened"}  # fmt: skip


def ask_options(source: Source, person: str | None) -> ImportRequest:
    """Ask where the clips go and what their labels become."""
    from affexion_core.ingest.label_maps import shipped_label_maps
    from affexion_core.jobs.importing import ImportRequest

    first, second, third = st.columns(3)
    usual = source.dataset or "named after the folder"
    dataset = first.text_input("Dataset", placeholder=usual, key="import-dataset").strip()
    origin = second.selectbox("Origin", ORIGINS, index=None, placeholder="as stated, else real", key="import-origin")
    label_map = third.selectbox("Label map", shipped_label_maps(), index=None, placeholder="labels as they are",
                                key="import-map")  # fmt: skip
    in_place = source.staged is None and st.checkbox(
        "Leave the recordings where they are",
        help="The library then points at them; move or delete them and their clips fall silent.",
        key="import-in-place",
    )
    return ImportRequest(
        corpus=source.corpus,
        path=str(source.path),
        dataset=dataset or source.dataset,
        origin=origin,
        label_map=label_map,
        columns=dict(source.columns),
        in_place=bool(in_place),
        corpus_name=source.corpus_name,
        person=person,
    )


def previewed(store: Store, source: Source, request: ImportRequest) -> Preview | None:
    """Look at what would come in, with progress; None where the whole is refused, which is said."""
    from affexion_core.ingest.preview import preview_import
    from affexion_core.store.imports import list_imports
    from affexion_core.store.takedowns import refusals

    newest = [(batch.id, batch.state) for batch in list_imports(store, limit=3)]
    taken_down = sorted(refusals(store))
    key = hashlib.sha256(f"{source.state}{request}{newest}{taken_down}".encode()).hexdigest()
    seen: dict[str, Preview] = st.session_state.setdefault(_SEEN, {})
    if key in seen:
        return seen[key]
    place = st.empty()
    bar = place.progress(0.0, text="Reading names …")

    def progress(done: int, total: int, what: str) -> None:
        bar.progress(done / total if total else 0.0, text=f"Opening recordings: {done} of {total}")

    opened = st.session_state.setdefault(_OPENED, {})
    try:
        found = preview_import(store, request.corpus, Path(request.path), request.options(), progress, opened)
    except AffexionError as error:
        show_error(error)
        return None
    finally:
        place.empty()
    seen.clear()
    seen[key] = found
    return found


def show_summary(found: Preview) -> None:
    """Show counts, labels and licences of what would come in."""
    counts = {state: found.count(state) for state in _ORDER}
    words = f"**{counted(counts['new'], 'new recording')}**, {duration(found.seconds)}"
    for state, said in (("in library", "in the library already"), ("twice", "twice in it"), ("rejected", "rejected"),
                        ("not opened", "not opened yet")):  # fmt: skip
        words += f" · {counts[state]} {said}" if counts[state] else ""
    st.markdown(words)
    labels = ", ".join(f"{label} {n}" for label, n in found.labels.items()) or "none"
    into = f" Dataset {found.dataset} ({found.origin})." if found.dataset else " Without a label they join no dataset."
    line = f"Labels: {labels}.{into} {counted(found.speakers, 'known speaker')}."
    if found.left_out:
        line += f" Left out by the label map: {', '.join(f'{label} {n}' for label, n in found.left_out.items())}."
    if found.licences:
        line += f" Licence: {', '.join(found.licences)}."
    st.caption(escape_markdown(line))


def show_recordings(found: Preview) -> None:
    """Show every recording with what becomes of it, those that need a look first."""
    rows = sorted(found.rows, key=lambda row: _ORDER.index(row.state))
    cells = [
        {
            "Becomes": _SIGNS[row.state],
            "File": row.file,
            "Label": row.label or "",
            "Seconds": row.seconds,
            "Note": row.reason,
        }
        for row in rows[:_SHOWN]
    ]
    if cells:
        st.dataframe(cells, hide_index=True, height=min(300, 38 + 35 * len(cells)), column_config={
            "Becomes": st.column_config.TextColumn(width=110), "File": st.column_config.TextColumn(width=240),
            "Label": st.column_config.TextColumn(width=100),
            "Seconds": st.column_config.NumberColumn(format="%.1f", width=70),
            "Note": st.column_config.TextColumn(width=420)}, alt="recordings and what becomes of them")  # fmt: skip
    if len(rows) > _SHOWN:
        st.caption(f"The first {_SHOWN} of {len(rows)}.")
    rejected = [{"file": row.file, "reason": row.reason} for row in rows if row.state == "rejected"]
    if rejected:
        st.download_button("Rejected files as CSV", csv_bytes(rejected), "affexion-rejected.csv", "text/csv",
                           icon=":material/download:", on_click="ignore", key="import-rejected")  # fmt: skip

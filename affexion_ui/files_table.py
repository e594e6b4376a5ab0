"""Try your files: a table that fills as a run answers, and a player beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.evaluation.inputs import InputShare
from affexion_ui.clip_table import label_column
from affexion_ui.figures import csv_bytes
from affexion_ui.files_keeping import show_keep
from affexion_ui.files_sources import Source, as_clip, ask_uploads, may_name_paths, on_disk
from affexion_ui.input_words import decided_by
from affexion_ui.layout import empty_state, show_error
from affexion_ui.live_panel import load_predictor
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.predictor import Predictor
    from affexion_core.store.session import Store
    from affexion_core.types import Run

Row = dict[str, Any]
_DONE = "files-answers"
_BLOCK = 8
SURE = "P(its label)"
"""Column: how probable the label is that a row shows."""


def show_files(store: Store, run: Run) -> None:
    """Ask for files, answer each, and show table, player and downloads; the model is loaded once there is a file."""
    sources = _ask()
    if not sources:
        hint = "Drop mp3, wav, m4a, webm, ogg or flac files above. Nothing is kept unless you add it to the library."
        empty_state("audio_file", "No file yet", hint)
        return
    predictor = load_predictor(run.folder, run.finished or "")
    place, bar = st.container(), st.empty()
    rows = _answered(run, predictor, sources, bar)
    with place:
        _show_answers(store, run, predictor, sources, rows)


def _ask() -> list[Source]:
    sources = list(ask_uploads("Recordings", "files-uploaded", many=True))
    if may_name_paths():
        st.session_state.setdefault("files-path", st.session_state.get("files-path-kept", ""))
        text = st.text_input("Or a folder on this machine", placeholder="/home/me/clips", key="files-path").strip()
        st.session_state["files-path-kept"] = text
        if text:
            try:
                sources += on_disk(text)
            except AffexionError as error:
                show_error(error)
    return sources


def _answered(run: Run, predictor: Predictor, sources: Sequence[Source], bar: Any) -> list[Row]:
    """Answer the files that were not answered before, a few at once, so that a stop loses few."""
    from affexion_core.predict_files import predict_with

    known: dict[tuple[str, ...], Row] = st.session_state.setdefault(_DONE, {})
    keys = [(run.id, run.finished or "", str(source.path), str(source.changed)) for source in sources]
    missing = [place for place, key in enumerate(keys) if key not in known]
    n_known = len(sources) - len(missing)
    if missing:
        bar.progress(n_known / len(sources), text=f"Listening to {counted(len(missing), 'file')} …")
    for first in range(0, len(missing), _BLOCK):
        block = missing[first : first + _BLOCK]
        answers = predict_with(predictor, [sources[place].path for place in block])
        known.update({keys[place]: row for place, row in zip(block, answers, strict=True)})
        done = n_known + first + len(block)
        with bar.container():
            st.progress(done / len(sources), text=f"{done} of {counted(len(sources), 'file')} done")
            so_far = [_cells(s, known[k], predictor.labels) for s, k in zip(sources, keys, strict=True) if k in known]
            st.dataframe(so_far, hide_index=True, height=300, column_config=_columns(predictor.labels))
    bar.empty()
    return [{**known[key], "file": source.name} for key, source in zip(keys, sources, strict=True)]


def _cells(source: Source, row: Row, labels: Sequence[str]) -> Row:
    if "error" in row:
        return {"File": source.name, "Label": [], SURE: None, "Unsure": None, "Problem": row["error"]}
    probs = {f"P({label})": 100 * row["probs"][label] for label in labels}
    probs |= {name.capitalize(): round(value, 2) for name, value in row.get("values", {}).items()}
    if "inputs" in row:
        probs["Decided by"] = _decided_by(row["inputs"])
    warnings = " ".join(row["warnings"])
    if row["label"] is None:
        return {"File": source.name, "Problem": warnings, **probs}
    sure = 100 * row["probs"][row["label"]]
    return {"File": source.name, "Label": [row["label"]], SURE: sure, "Unsure": row["unsure"], "Problem": warnings,
            **probs}  # fmt: skip


def _decided_by(inputs: Sequence[Row]) -> str:
    return decided_by([InputShare(one["front_end"], one["share"], one["label"]) for one in inputs])


def _columns(labels: Sequence[str]) -> dict[str, Any]:
    bars = {
        name: st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=100)
        for name in (SURE, *(f"P({label})" for label in labels))
    }
    return {
        "File": st.column_config.TextColumn(width=180),
        "Label": label_column(labels),
        "Unsure": st.column_config.CheckboxColumn(width=60, help="The model's best answer is too weak to rely on."),
        "Problem": st.column_config.TextColumn(width=330),
        "Decided by": st.column_config.TextColumn(
            width=280, help="How much each input counted, and in brackets what it would have said alone."
        ),
        **bars,
    }


def _show_answers(store: Store, run: Run, predictor: Predictor, sources: Sequence[Source], rows: Sequence[Row]) -> None:
    bad = sum("error" in row for row in rows)
    unsure = sum(bool(row.get("unsure")) for row in rows)
    words = f"{counted(len(rows) - bad, 'file')} answered" + (f", {unsure} of them unsure" if predictor.labels else "")
    st.caption(f"{words}; {bad} can't be used, the reason stands in the table." if bad else f"{words}.")
    cells = [_cells(source, row, predictor.labels) for source, row in zip(sources, rows, strict=True)]
    if not any(cell["Problem"] for cell in cells):
        cells = [{name: value for name, value in cell.items() if name != "Problem"} for cell in cells]
    key = str(abs(hash((run.id, *(str(source.path) for source in sources)))))
    event = st.dataframe(
        cells,
        key=f"files-{key}",
        hide_index=True,
        height=min(420, 38 + 35 * len(cells)),
        on_select="rerun",
        selection_mode="multi-row",
        column_config=_columns(predictor.labels),
        alt=words,
    )
    chosen = [place for place in event["selection"]["rows"] if place < len(rows)]
    with st.container(horizontal=True, vertical_alignment="center"):
        _show_keep(store, sources, rows, chosen)
        _show_downloads(predictor, rows)
    how_sure = _unsure_words(predictor) if predictor.labels else ""
    st.caption(f"Tick rows to hear the last one and to add them. {how_sure}".strip())
    good = [place for place in chosen if "error" not in rows[place]]
    if good:
        _show_one(store, sources[good[-1]], rows[good[-1]])


def _unsure_words(predictor: Predictor) -> str:
    from affexion_core.predict_files import UNSURE_BELOW

    if predictor.calibration is None:
        return f"Unsure: no label reaches {UNSURE_BELOW:.0%}; this run was not calibrated.".replace("%", " %")
    threshold = f"{predictor.calibration.unsure_below:.0%}".replace("%", " %")
    return f"Unsure: below {threshold} once calibrated, the run's own threshold."


def _show_keep(store: Store, sources: Sequence[Source], rows: Sequence[Row], chosen: Sequence[int]) -> None:
    from affexion_core.timeline.keeping import Part

    parts = [Part(sources[place].path, sources[place].name) for place in chosen if "error" not in rows[place]]
    show_keep(store, parts, "file", "files")


def _show_downloads(predictor: Predictor, rows: Sequence[Row]) -> None:
    flat = [
        {
            "file": row["file"],
            "label": row.get("label", ""),
            "unsure": row.get("unsure", ""),
            **{f"p_{label}": row["probs"][label] if "probs" in row else "" for label in predictor.labels},
            **{scheme.name: row.get("values", {}).get(scheme.name, "") for scheme in predictor.dimensions},
            "error": row.get("error", ""),
        }
        for row in rows
    ]
    st.download_button("CSV", lambda: csv_bytes(flat), "affexion-files.csv", "text/csv",
                       icon=":material/download:", on_click="ignore", key="files-csv")  # fmt: skip
    st.download_button("JSON", lambda: json.dumps(rows, ensure_ascii=False, indent=1), "affexion-files.json",
                       "application/json", icon=":material/download:", on_click="ignore", key="files-json")  # fmt: skip


def _show_one(store: Store, source: Source, row: Row) -> None:
    from affexion_core.audio.isolated import probe
    from affexion_ui.sound.component import show_player

    with st.container(border=True):
        sure = ", unsure" if row["unsure"] else ""
        said = [] if row["label"] is None else [f"{escape_markdown(row['label'])}{sure}"]
        said += [f"{escape_markdown(name)} {value:.2f}" for name, value in row.get("values", {}).items()]
        st.markdown(f"**{escape_markdown(source.name)}**: {', '.join(said)}")
        if "inputs" in row:
            st.caption(f"Decided by {escape_markdown(_decided_by(row['inputs']))}")
        try:
            show_player(store.workspace, as_clip(source, probe(source.path).duration or 0.0), "files")
        except AffexionError as error:
            show_error(error)

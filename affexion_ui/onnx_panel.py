"""Make a run's export, by which the command line answers single files at once."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.run_folder import fold_folders
from affexion_core.types import Run
from affexion_ui.layout import shown_errors
from affexion_ui.rights import refusal, say_refusal

if TYPE_CHECKING:
    from affexion_core.store.session import Store

_DONE = "onnx-done"


def show_onnx(store: Store, run: Run) -> None:
    """Offer to export a finished run to ONNX, and say whether it is."""
    if run.finished is None or run.kind in ("sweep", "gap"):
        return
    folder = Path(run.folder)
    there = all((each / "model.onnx").is_file() for each in fold_folders(folder) or (folder,))
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    refused = refusal(store, "train")[1]
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Export to ONNX again" if there else "Export to ONNX",
            icon=":material/output:",
            disabled=bool(missing or refused),
            help="Writes the model as a graph, checked against it. The verb `predict` then needs no torch and answers "
            "a file in a fraction of the time.",
            key=f"onnx-{run.id}",
        )
        if refused:
            say_refusal(refused)
        elif missing:
            st.caption("Needs `pip install -r requirements-onnx.txt`.")
        elif there:
            difference = st.session_state.get(_DONE, {}).get(run.id)
            st.caption("Exported." if difference is None else f"Exported; outputs differ by at most {difference:.0e}.")
    if pressed:
        with shown_errors():
            with st.spinner("Exporting, and comparing with the model…"):
                from affexion_core.live.export import export_onnx

                done = export_onnx(folder)
            st.session_state.setdefault(_DONE, {})[run.id] = done.greatest_difference
            st.rerun()

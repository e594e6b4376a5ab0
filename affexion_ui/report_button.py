"""A button that makes the report of a run and gives it as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from affexion_core.store.session import Store
    from affexion_core.types import Run


def show_report_button(store: Store, run: Run) -> None:
    """Offer the report of a run; it is made when somebody asks for it."""

    def made() -> bytes:
        from affexion_core.report.choose import report_of
        from affexion_core.report.document import render_html

        return render_html(report_of(store, run)).encode()

    st.download_button(
        "Report",
        data=made,
        file_name=f"{run.id}-report.html",
        mime="text/html",
        icon=":material/description:",
        on_click="ignore",
        help="Figures, model card with measured limits, settings and datasheets in one file that opens offline.",
        key=f"report-{run.id}",
    )

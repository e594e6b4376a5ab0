"""What every page is built of: header, sidebar, empty states, errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from affexion_core.errors import AffexionError
from affexion_ui.session import current_workspace
from affexion_ui.theme import Mode, escape_markdown, mode

_FOLDER = Path(__file__).parent
ICON = str(_FOLDER / "icon.svg")
_WORDMARK: dict[Mode, str] = {name: str(_FOLDER / f"wordmark-{name}.png") for name in ("light", "dark")}
# Streamlit leaves six lines free above a page and stretches it over any screen; neither has a setting. Beside a long
# name, other things go below it on a phone.
_STYLE = """
.stMainBlockContainer { padding: 2.5rem clamp(1rem, 3vw, 3rem) 3rem; max-width: 1440px; }
[data-testid="stMetric"] { padding-bottom: 0; }
.st-key-page-head > :first-child { min-width: 13rem; }
.st-key-clip-choice > :nth-last-child(-n+2) { min-width: 16rem; }
"""
# The dark theme's accent is light, but Streamlit writes on it in white whatever it is: 1.9 of the 4.5 that text needs.
_ON_ACCENT = ('[data-testid="stBaseButton-primary"]', ".stMultiSelect [data-tag]", ".stMultiSelect [data-tag] *")
_DARK_STYLE = ", ".join(_ON_ACCENT) + " { color: #10151B; }"


def page_header(title: str, line: str) -> DeltaGenerator:
    """Draw title and purpose of a page; returns the place of the primary action, top right."""
    # on a phone a long button goes below the words instead of squeezing them
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute", key="page-head"):
        with st.container(width="stretch", gap="xxsmall"):
            st.title(title, anchor=False)
            st.caption(line)
        return st.container(width="content")


def show_frame() -> None:
    """Draw what stands around every page: the mark, and the workspace in the sidebar, small."""
    st.html(f"<style>{_STYLE}{_DARK_STYLE if mode() == 'dark' else ''}</style>")
    st.logo(_WORDMARK[mode()], size="large", icon_image=ICON)
    root = current_workspace().root
    with st.sidebar:
        st.caption(f":material/folder_open: Workspace **{escape_markdown(root.name)}**", help=f"`{root}`")


def empty_state(icon: str, what: str, hint: str) -> DeltaGenerator:
    """Say what will stand here and how to fill it; returns the place of the button that does."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f"## :gray[:material/{icon}:]", width="content", text_alignment="center")
        st.markdown(f"**{what}**", width="content", text_alignment="center")
        with st.container(width=640, horizontal_alignment="center"):
            st.caption(hint, text_alignment="center")
        place = st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center")
        st.space("small")
    return place


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show what went wrong in the words of the error; nothing that was saved is lost by it."""
    try:
        yield
    except AffexionError as error:
        show_error(error)


def show_error(error: AffexionError) -> None:
    """Show one error in its own words."""
    st.error(escape_markdown(str(error)), icon=":material/error:")

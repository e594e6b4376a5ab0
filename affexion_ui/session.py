"""The workspace and its store, opened once a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from affexion_core.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from affexion_core.store.session import Store


def current_workspace() -> Workspace:
    """Open the workspace that the app was started on; `StoreError` where it can't be used."""
    return open_workspace()


def current_store() -> Store:
    """Open the store of the current workspace, the same one for every session. The first thing a page does."""
    _require_frame()
    workspace = current_workspace()
    return _opened(str(workspace.root), workspace.database_url)


def _require_frame() -> None:
    """Start over through app.py where Streamlit ran a page without it.

    Until ``st.navigation`` has run once in a server, Streamlit takes ``pages/`` for its older kind of multipage app,
    and answers a link to a page with the bare page: no navigation, no frame. There is no setting against it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


@st.cache_resource(show_spinner="Opening the workspace …")
def _opened(root: str, url: str) -> Store:
    from affexion_core.store.session import open_store

    return open_store(Workspace(Path(root)))

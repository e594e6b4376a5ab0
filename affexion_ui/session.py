"""The workspace and its store, opened once a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from affexion_core.store.session import Store


def current_workspace() -> Workspace:
    """Open the workspace that the app was started on; `StoreError` where it can't be used."""
    return open_workspace()


def current_store() -> Store:
    """Open the store of the current workspace; the same one for every session."""
    workspace = current_workspace()
    return _opened(str(workspace.root), workspace.database_url)


@st.cache_resource(show_spinner="Opening the workspace …")
def _opened(root: str, url: str) -> Store:
    from affexion_core.store.session import open_store

    return open_store(Workspace(Path(root)))

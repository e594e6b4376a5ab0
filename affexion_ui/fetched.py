"""Components whose script and style a browser fetches once.

Streamlit sends what a component was registered with anew in every run of a page in which its data is another, which for
a player is whenever a clip is chosen. So a small script is registered, which fetches the large one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime

_LOADER = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def fetched_component(name: str, source: str, style: str) -> Callable[..., Any]:
    """Register a component, and give what shows it.

    Parameters
    ----------
    name
        Of the component.
    source
        JavaScript of a module whose default export is the component, as Streamlit calls it.
    style
        CSS for its place on the page.

    Returns
    -------
    callable
        Takes ``key``, ``data`` (a mapping) and the callbacks, as Streamlit's own does.
    """
    module = f"{source}\nexport const style = {json.dumps(style)};\n".encode()
    render = st.components.v2.component(name, js=_LOADER)

    def show(key: str, data: Mapping[str, Any], **callbacks: Callable[[], None]) -> Any:
        return render(key=key, data={**data, "script": _address(name, module)}, **callbacks)

    return show


def _address(name: str, module: bytes) -> str:
    """Hand a script to Streamlit's media storage, under a name made from its content, in every run that shows it."""
    if not runtime.exists():
        return ""
    return runtime.get_instance().media_file_mgr.add(module, "text/javascript", f"affexion-script-{name}")

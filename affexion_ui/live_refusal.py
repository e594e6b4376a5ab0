"""Why there is no microphone, and what to do: the browser's errors in the page's words."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

REFUSED = (
    "The browser refused the microphone. Allow it at the lock beside the address, then press Start listening again."
)
NONE_THERE = (
    "There is no microphone on this device. Connect one, then press Start listening again; or drop a recording on "
    "Files and timelines."
)
IN_USE = "The microphone can't be used; another program or tab may hold it. Close it, then press Start listening again."
NOT_HERE = (
    "The browser gives no microphone to this address. Open the page over https, or on the machine that runs it, as "
    "localhost."
)
NEVER_CAME = "No connection came about. Try again; else set ICE servers under Connection, or record instead."

# What the button's frame writes, as a regular expression, and what is said of it. Names of errors: W3C, Media Capture
# and Streams, "getUserMedia".
REFUSALS = (
    (r"mediaDevices is undefined|not implemented in this browser|SecurityError", NOT_HERE),
    ("NotAllowedError", REFUSED),
    ("NotFoundError|OverconstrainedError", NONE_THERE),
    ("NotReadableError|AbortError", IN_USE),
    (r"^\s*[A-Za-z]*Error: ", NEVER_CAME),
)

_FILE = Path(__file__).parent / "live_refusal.js"
_component = st.components.v2.component(
    "affexion_live_refusal",
    js=_FILE.read_text(encoding="utf-8"),
    css=".live-refusal { margin: 0; font: inherit; line-height: 1.45; }\n",
)


def show_refusal() -> None:
    """Watch the microphone's button, and say below it why it got none."""
    _component(key="live-refusal", data={"refusals": [list(pair) for pair in REFUSALS]})

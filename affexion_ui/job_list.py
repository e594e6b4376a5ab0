"""The list of the page Runs: everything queued, running and done, kept up to date while it is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_ui.layout import empty_state, shown_errors
from affexion_ui.run_entries import (
    GOING_ON,
    STOPPED,
    Entry,
    State,
    data_words,
    headline,
    headline_accuracy,
    how_far,
    list_entries,
    now_words,
    title,
)
from affexion_ui.setting_fields import said
from affexion_ui.theme import BadgeColour
from affexion_ui.train_panel import about
from affexion_ui.words import counted, date, estimate_words, stamp_parts

if TYPE_CHECKING:
    from affexion_core.store.session import Store

EVERY = 1.5
_SELECTED, _ASKED = "runs-selected", "runs-address"
_SHOWN = 300
# Icon for pages, sign for table cells (which hold text alone), colour of both.
STATES: dict[State, tuple[str, str, BadgeColour]] = {
    "queued": ("schedule", "…", "gray"),
    "running": ("play_arrow", "▶", "primary"),
    "done": ("check_circle", "✓", "green"),
    "failed": ("error", "✕", "red"),
    "cancelled": ("block", "–", "gray"),
    "interrupted": ("pause_circle", "=", "orange"),
    "unfinished": ("help", "?", "orange"),
}
STATE_WORDS: dict[State, str] = {**{state: state for state in STATES}, "unfinished": "not finished"}
# White text stands on these at a contrast of 4.5 or more.
_PILLS = {"primary": "#005C91", "green": "#006B4E", "red": "#9A4300", "orange": "#7D5600", "gray": "#505B68"}
_FILTERS: dict[str, tuple[State, ...] | None] = {
    "all": None,
    "going on": GOING_ON,
    "done": ("done",),
    "stopped": STOPPED,
    "starred": None,
}


def state_badge(state: State) -> None:
    """Show a state in words, with icon and colour."""
    icon, _, colour = STATES[state]
    st.badge(STATE_WORDS[state], icon=f":material/{icon}:", color=colour)


def choose_entries(store: Store) -> tuple[str, ...]:
    """Show the list and return the ids chosen, none, one or several; the choice stands in the address.

    The list draws itself anew every `EVERY` seconds. When what is chosen changes, or the state of something chosen,
    the whole page is drawn again.
    """
    _read_address()
    drawn: dict[str, Any] = {}

    @st.fragment(run_every=EVERY)
    def fragment() -> None:
        with shown_errors():
            entries = _current(store)
            chosen = _show(entries)
            states = {entry.id: entry.state for entry in entries if entry.id in chosen}
            st.session_state[_SELECTED] = list(states)
            if drawn.setdefault("states", states) != states:
                st.rerun()

    fragment()
    chosen = tuple(st.session_state.get(_SELECTED) or ())
    _write_address(chosen)
    return chosen


def _read_address() -> None:
    asked = st.query_params.get("run", "")
    if asked and asked != st.session_state.get(_ASKED):
        st.session_state[_SELECTED] = asked.split(",")
        st.session_state.pop("runs-show", None)


def _write_address(chosen: Sequence[str]) -> None:
    address = ",".join(chosen)
    st.session_state[_ASKED] = address
    if address:
        st.query_params["run"] = address
    else:
        st.query_params.pop("run", None)


def _current(store: Store) -> tuple[Entry, ...]:
    """List everything, and set right first what an engine that is gone left as running."""
    from affexion_core.jobs.engine import engine_status
    from affexion_core.jobs.supervise import reap_lost

    if not engine_status(store.workspace).running:
        reap_lost(store)
    return list_entries(store)


def _show(entries: Sequence[Entry]) -> list[str]:
    if not entries:
        with empty_state("list_alt", "Nothing queued, running or done yet", "Every training stands here, live."):
            st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        return []
    shown = _filtered(entries)
    if not shown:
        st.caption("None of them. Choose another filter above.")
        return []
    ids = [entry.id for entry in shown]
    wanted = st.session_state.get(_SELECTED)
    chosen = [ids.index(id) for id in wanted if id in ids] if wanted is not None else [0]
    # the choice is kept by row, so rows that move need another key, and the choice anew
    key = f"runs-{hashlib.sha256(repr(ids).encode()).hexdigest()[:12]}"
    event = st.dataframe(
        [_row(entry) for entry in shown],
        key=key,
        hide_index=True,
        height=min(300, 36 + 33 * len(shown)),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": chosen}},
        column_config=_columns(),
        alt=f"{counted(len(shown), 'run')} with state, progress and accuracy",
    )
    more = f"The newest {_SHOWN}. " if len(entries) > _SHOWN else ""
    st.caption(f"{more}Tick one to see it, several to compare them. The list keeps itself up to date.")
    return [ids[row] for row in event["selection"]["rows"] if row < len(ids)]


def _filtered(entries: Sequence[Entry]) -> list[Entry]:
    counts = {name: sum(_fits(entry, name) for entry in entries) for name in _FILTERS}
    name = st.segmented_control(
        "Show",
        list(_FILTERS),
        default="all",
        required=True,
        format_func=lambda name: f"{name} {counts[name]}",
        key="runs-show",
        label_visibility="collapsed",
    )
    return [entry for entry in entries if _fits(entry, name or "all")][:_SHOWN]


def _fits(entry: Entry, name: str) -> bool:
    states = _FILTERS[name]
    return entry.notes.star if name == "starred" else states is None or entry.state in states


def _row(entry: Entry) -> dict[str, Any]:
    far = how_far(entry)
    left = about(far.seconds_left) if far.seconds_left is not None else ""
    return {
        "State": [_cell(entry.state)],
        "Run": f"{'★ ' if entry.notes.star else ''}{title(entry)}",
        "Data": data_words(entry),
        "Progress": 100 * far.share,
        "Left": left,
        "Accuracy, or what happens": _result_words(entry) or now_words(entry),
        "Started": date(entry.run.created if entry.run else entry.job.created if entry.job else None),
    }


def _result_words(entry: Entry) -> str:
    accuracy = headline_accuracy(entry)
    if accuracy is None or entry.state != "done":
        return ""
    found = headline(entry)
    if accuracy.value is None and "ccc" in found:
        values = ", ".join(f"{name} {_rounded(each)}" for name, each in found["ccc"].items())
        return f"CCC {values}, {stamp_parts(str(found['stamp']))[0]}"
    best = f"best {said_values(found['best']['values'])}: " if "best" in found else ""
    return f"{best}{estimate_words(accuracy)}, {stamp_parts(str(found['stamp']))[0]}"


def _rounded(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "undefined"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f}, n = {figure['n']})"


def said_values(values: Mapping[str, Any]) -> str:
    """Write the values of a trial: ``epochs 15, dropout 0.3``."""
    return ", ".join(f"{name} {said(value)}" for name, value in values.items())


def _cell(state: State) -> str:
    return f"{STATES[state][1]} {STATE_WORDS[state]}"


def _columns() -> dict[str, Any]:
    return {
        "State": st.column_config.MultiselectColumn(
            options=[_cell(state) for state in STATES], color=[_PILLS[STATES[s][2]] for s in STATES], width=112
        ),
        "Run": st.column_config.TextColumn(width=140),
        "Data": st.column_config.TextColumn(width=205),
        "Progress": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=95),
        "Left": st.column_config.TextColumn(width=58, help="Estimated by the newest epochs."),
        "Accuracy, or what happens": st.column_config.TextColumn(
            width=270,
            help="Accuracy with 95 % interval, number of clips, and whether training and test share anything.",
        ),
        "Started": st.column_config.TextColumn(width=125),
    }

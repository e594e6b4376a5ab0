"""The clips of the page Adjudicate: which wait, what raters said of the one on screen, and the decision about it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.agreement_view import vote_words
from affexion_ui.clip_table import choose_row, clip_columns, label_column
from affexion_ui.doubts_view import show_model
from affexion_ui.layout import empty_state, show_error
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, origin_badge
from affexion_ui.votes_choice import current_worklist
from affexion_ui.words import clip_title, counted, date, duration, speaker

if TYPE_CHECKING:
    from affexion_core.labeling.votes import Votes
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Annotation, Clip, Decision

_LISTS = {
    "differ": "raters differ",
    "unclear": "found unclear",
    "commented": "with a comment",
    "doubted": "the model doubts",
    "decided": "decided",
    "all": "all judged",
}
# What is often the reason, to be chosen by one click.
REASONS = ("heard clearly", "words and voice differ", "two signals at once", "too noisy to tell", "a slip of a rater")
_TURN, _LAST, _ERROR = "adjudicate-turn", "adjudicate-last", "adjudicate-error"
_WHY, _WHY_TEXT, _ID = "adjudicate-why", "adjudicate-why-text", "adjudicate-id"
_KEYS = "123456789"
_SHOWN_CLIPS = 300


def show_work(store: Store, votes: Votes, person: Person, doubted: Mapping[str, str]) -> None:
    """Show the list of clips, and the one to decide about.

    ``doubted`` says of the clips whose label a model doubts why, the most doubtful first.
    """
    lists = _lists(store, votes, doubted)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        kind = _choose_list(lists)
        _show_progress(votes, lists[kind])
        show_model(store, votes, person)
        _show_undo(store, votes, person)
    _show_last_error()
    ids = _with_asked(lists[kind], votes)
    if not ids:
        _show_nothing(kind, votes)
        return
    # the clip first, so that it stands above the list on a phone
    left, right = st.columns([1.25, 1], gap="medium")
    with right:
        clip_id = _choose_clip(votes, ids, kind)
    with left, st.container(border=True):
        _show_clip(store, votes, person, votes.clips[clip_id], ids, doubted.get(clip_id))


def _lists(store: Store, votes: Votes, doubted: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found = {**current_worklist(store, votes), "doubted": tuple(id for id in doubted if id in votes.clips)}
    return {kind: found[kind] for kind in _LISTS if found[kind] or kind in ("differ", "all")}


def _choose_list(lists: Mapping[str, Sequence[str]]) -> str:
    kinds = list(lists)
    asked = st.query_params.get("list")
    chosen = st.selectbox(
        "Clips",
        kinds,
        index=kinds.index(asked) if asked in kinds else 0,
        format_func=lambda kind: f"{_LISTS[kind]} ({len(lists[kind])})",
        key=f"adjudicate-list-{'|'.join(kinds)}",
        width=220,
        on_change=_turn,
    )
    st.query_params["list"] = chosen
    return chosen


def _show_progress(votes: Votes, ids: Sequence[str]) -> None:
    done = sum(id in votes.decisions for id in ids)
    if ids:
        st.progress(done / len(ids), text=f"{done} of {counted(len(ids), 'clip')} decided", width=260)


def _show_undo(store: Store, votes: Votes, person: Person) -> None:
    name, clip_id, decision_id = st.session_state.get(_LAST) or ("", "", "")
    held = name == votes.name and clip_id in votes.clips
    st.button(
        "Undo",
        icon=":material/undo:",
        shortcut="Z",
        key="adjudicate-undo",
        disabled=not held,
        help=f"Take back the decision about {escape_markdown(clip_title(votes.clips[clip_id], 40))}." if held else None,
        on_click=_undo,
        args=(store, person, name, clip_id, decision_id),
    )


def _undo(store: Store, person: Person, name: str, clip_id: str, decision_id: str) -> None:
    from affexion_core.labeling.decisions import undo_decision

    try:
        undo_decision(store, person, name, clip_id, decision_id)
        st.session_state.pop(_LAST, None)
        _go_to(clip_id)
    except AffexionError as error:
        st.session_state[_ERROR] = error


def _show_last_error() -> None:
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)


def _with_asked(ids: Sequence[str], votes: Votes) -> list[str]:
    """Put what waits before what is decided, and a clip that the address asks for among them."""
    asked = st.query_params.get("clip")
    waiting = [id for id in ids if id not in votes.decisions or id == asked]
    found = [*waiting, *(id for id in ids if id in votes.decisions and id != asked)][:_SHOWN_CLIPS]
    if asked is not None and asked in votes.clips and asked not in found:
        found.insert(0, asked)
    return found


def _show_nothing(kind: str, votes: Votes) -> None:
    if not votes.judgements:
        what, hint = "Nobody has judged a clip of it yet", "Clips that raters differ on will wait here for a decision."
    else:
        what, hint = f"No clip: {_LISTS[kind]}", "Choose another list above, or make a dataset of the votes."
    with empty_state("gavel", what, hint):
        st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")


def _choose_clip(votes: Votes, ids: Sequence[str], kind: str) -> str:
    asked = st.query_params.get("clip")
    place = ids.index(asked) if asked in ids else 0
    rows = [_row(votes, id) for id in ids]
    content = hashlib.sha256(repr((ids, st.session_state.get(_TURN, 0))).encode()).hexdigest()[:12]
    chosen = choose_row(rows, f"adjudicate-{kind}-{content}", f"Clips: {_LISTS[kind]}", place, height=560)
    st.query_params["clip"] = ids[chosen]
    if len(ids) >= _SHOWN_CLIPS:
        st.caption(f"The first {_SHOWN_CLIPS} are shown; more come as these are decided.")
    return ids[chosen]


def _row(votes: Votes, id: str) -> dict[str, Any]:
    decision = votes.decisions.get(id)
    settled = "" if decision is None else (decision.label or "dropped")
    names = clip_columns(votes.clips[id])
    return {"Says": names["Says"], "Decided": settled, "Votes": vote_words(votes.by_clip.get(id, ()))}


def _show_clip(store: Store, votes: Votes, person: Person, clip: Clip, ids: Sequence[str], doubt: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{escape_markdown(clip_title(clip, 120))}**", width="content")
        origin_badge(clip.origin)
        st.caption(
            escape_markdown(f"speaker {speaker(clip)} · {clip.corpus} · {duration(clip.duration)}"), width="content"
        )
    following = [votes.clips[id] for id in ids[ids.index(clip.id) + 1 :][:1]]
    try:
        show_player(store.workspace, clip, "adjudicate", height=72, spectrogram=False, upcoming=following)
    except AffexionError as error:
        show_error(error)
    if doubt:
        st.caption(f":material/smart_toy: {escape_markdown(doubt)}")
    _show_votes(votes, clip)
    _ask_decision(store, votes, person, clip, ids)
    _show_history(store, votes, person, clip)


def _show_votes(votes: Votes, clip: Clip) -> None:
    judged = votes.by_clip.get(clip.id, ())
    if not judged:
        st.caption("Nobody has judged this clip.")
        return
    rows = [_vote_row(made) for made in judged]
    shown = [name for name in rows[0] if any(row[name] not in (None, "", []) for row in rows)]
    labels = sorted({label for row in rows for label in (*row["Label"], *row["Also"])})
    st.dataframe(
        [{name: row[name] for name in shown} for row in rows],
        hide_index=True,
        height=min(220, 38 + 35 * len(rows)),
        column_config={
            "Label": label_column([*labels, "unclear"]),
            "Also": label_column(labels),
            "Sure": st.column_config.NumberColumn(format="%d of 5", help="How sure the rater was.", width=70),
            "Seconds": st.column_config.NumberColumn(format="%.1f", width=70),
        },
        key=f"votes-of-{clip.id}",
        alt=f"Votes: {vote_words(judged)}",
    )
    if votes.gold.get(clip.id):
        st.caption(f"A hidden check; its known answer is **{escape_markdown(votes.gold[clip.id])}**.")


def _vote_row(made: Annotation) -> dict[str, Any]:
    return {
        "Rater": made.rater,
        "Label": ["unclear"] if made.unclear is not None else [str(made.value)],
        "Also": [made.second] if made.second else [],
        "Why": made.unclear or "",
        "Sure": made.confidence,
        "Comment": made.comment or "",
        "Flags": ", ".join(made.flags),
        "Seconds": made.seconds,
    }


def _ask_decision(store: Store, votes: Votes, person: Person, clip: Clip, ids: Sequence[str]) -> None:
    decision = votes.decisions.get(clip.id)
    if decision is not None:
        words = f"decided **{escape_markdown(decision.label)}**" if decision.label else "dropped this clip as unclear"
        st.markdown(
            f":material/gavel: {escape_markdown(decision.decided_by)} {words}: {escape_markdown(decision.reason)}"
        )
    st.session_state.setdefault(_ID, str(uuid.uuid4()))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Reason", REASONS, key=_WHY, persist_state="session", width=190, index=None, placeholder="choose, or write"
        )
        st.text_input(
            "In your words", key=_WHY_TEXT, persist_state="session", width="stretch", placeholder="may stay empty"
        )
    given = {made.value for made in votes.by_clip.get(clip.id, ())}
    with st.container(horizontal=True, gap="small"):
        for place, label in enumerate(votes.scheme.labels):
            st.button(
                escape_markdown(label),
                key=f"decide-{place}",
                shortcut=_KEYS[place] if place < len(_KEYS) else None,
                help=None if label in given else "No rater chose it.",
                on_click=_decide,
                args=(store, person, votes.name, clip.id, label, tuple(ids)),
            )
        st.button(
            "Drop as unclear",
            key="decide-unclear",
            icon=":material/block:",
            shortcut="U",
            on_click=_decide,
            args=(store, person, votes.name, clip.id, None, tuple(ids)),
        )
        st.button(
            "Skip",
            key="decide-skip",
            icon=":material/skip_next:",
            shortcut="S",
            on_click=_go_on,
            args=(clip.id, tuple(ids)),
        )


def _decide(store: Store, person: Person, name: str, clip_id: str, label: str | None, ids: Sequence[str]) -> None:
    """Save the decision about the clip that was on screen, and go on; a callback."""
    from affexion_core.labeling.decisions import decide

    state = st.session_state
    reason = "; ".join(part.strip() for part in (state.get(_WHY), state.get(_WHY_TEXT)) if part and part.strip())
    try:
        made = decide(store, person, name, clip_id, label, reason, id=state.get(_ID))
    except AffexionError as error:
        state[_ERROR] = error
        return
    state[_LAST] = (name, clip_id, made.id)
    state[_WHY_TEXT] = ""
    _go_on(clip_id, ids)


def _go_on(clip_id: str, ids: Sequence[str]) -> None:
    """Go to the clip after this one in the list, or to the first again; a callback."""
    place = ids.index(clip_id)
    _go_to(ids[(place + 1) % len(ids)])


def _go_to(clip_id: str) -> None:
    st.query_params["clip"] = clip_id
    st.session_state[_ID] = str(uuid.uuid4())
    _turn()


def _turn() -> None:
    """Let the table follow the address instead of what was last chosen in it."""
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1


def _show_history(store: Store, votes: Votes, person: Person, clip: Clip) -> None:
    from affexion_core.labeling.decisions import find_decisions

    history = find_decisions(store, votes.name, clip.id)
    if not history:
        return
    with st.expander(f"History: {counted(len(history), 'decision')}", icon=":material/history:"):
        cells = [
            {"When": date(made.created), "Who": escape_markdown(made.decided_by), "What": escape_markdown(_what(made)),
             "Why": escape_markdown(made.reason)}
            for made in reversed(history)
        ]  # fmt: skip
        st.table(cells, hide_index=True)
        if not history[-1].withdrawn:
            st.button(
                "Take the decision back",
                icon=":material/undo:",
                key=f"withdraw-{clip.id}",
                on_click=_withdraw,
                args=(store, person, votes.name, clip.id),
            )


def _what(made: Decision) -> str:
    if made.withdrawn:
        return "taken back"
    return made.label or "dropped as unclear"


def _withdraw(store: Store, person: Person, name: str, clip_id: str) -> None:
    from affexion_core.labeling.decisions import withdraw_decision

    try:
        withdraw_decision(store, person, name, clip_id, "Taken back on the page.")
        _go_to(clip_id)
    except AffexionError as error:
        st.session_state[_ERROR] = error

"""The results page's section on inputs: which of voice and words decided, and the clips on which they disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.evaluation.inputs import disagree, input_words
from affexion_core.run_folder import ScoredClip
from affexion_ui.clip_table import choose_row, clip_columns
from affexion_ui.figures import show_figure
from affexion_ui.input_words import alone_words, decided_by
from affexion_ui.player import show_clip
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.store.session import Store
    from affexion_ui.results_data import Measured

_SHOWN = 200
_ANY = "Any"


def show_inputs(store: Store, measured: Measured) -> None:
    """Show how much each input counted by label, and list the clips on which the inputs disagree."""
    left, right = st.columns(2, gap="large")
    with left:
        _show_shares(measured)
    with right:
        _show_apart(store, measured)


def _show_shares(measured: Measured) -> None:
    from affexion_core.plots.inputs import input_rows, plot_input_shares

    scores = measured.evaluation.inputs
    words = input_words([*dict.fromkeys(each.front_end for each in scores)])
    whole = scores[0].share
    missing = len(measured.rows) - whole.n
    caption = f"How much each input counted, by the clips' label: mean over {counted(whole.n, 'clip')}, 95 % interval."
    if len(words) == 2:
        caption += f" Figures are the share of the {list(words.values())[1]}."
    if missing:
        caption += f" {counted(missing, 'clip')} without all inputs left out."
    if whole.value is not None:
        caption += f" {whole.method.capitalize()}."
    figure = plot_input_shares(scores, words, mode())
    show_figure(figure, f"inputs-{measured.key}", caption, input_rows(scores))
    st.caption("It shows what the model weighed, not what a listener would.")


def _show_apart(store: Store, measured: Measured) -> None:
    """List the clips whose inputs would have given different labels, and play the chosen one."""
    apart = [row for row in measured.rows if disagree(row.inputs) and row.clip_id in measured.clips]
    st.subheader("Where the inputs disagree", anchor=False)
    if not apart:
        st.caption("On no clip would the inputs alone give different labels.")
        return
    right = sum(row.reference == row.predicted for row in apart)
    st.caption(
        f"On {len(apart)} of {counted(len(measured.rows), 'clip')} the inputs alone would give different labels; the "
        f"model is right on {right} of them."
    )
    pairs = Counter(alone_words(row.inputs or ()) for row in apart)
    options = [_ANY, *(pair for pair, _ in pairs.most_common())]
    words = {pair: f"{pair} ({pairs.get(pair, len(apart))})" for pair in options}
    chosen = st.selectbox("Alone they say", options, format_func=words.__getitem__, key=f"apart-{measured.key}")
    shown = [row for row in apart if chosen in (_ANY, alone_words(row.inputs or ()))]
    _show_list(store, measured, shown, f"{measured.key}-{chosen}")


def _show_list(store: Store, measured: Measured, found: Sequence[ScoredClip], key: str) -> None:
    rows = []
    for row in found[:_SHOWN]:
        names = clip_columns(measured.clips[row.clip_id])
        rows.append(
            {
                "Decided by": decided_by(row.inputs or ()),
                "Label": [row.reference],
                "Model": row.predicted,
                "Says": names["Says"],
            }
        )
    chosen = choose_row(rows, f"apart-clips-{key}", "Clips on which the inputs disagree", height=248)
    if len(found) > _SHOWN:
        st.caption(f"The first {_SHOWN} of {len(found)} are shown.")
    row = found[chosen]
    with st.container(border=True):
        show_clip(store.workspace, measured.clips[row.clip_id], {measured.evaluation.dataset: row.reference}, "inputs")
    st.caption(escape_markdown(f"The model says {row.predicted}. Decided by {decided_by(row.inputs or ())}."))

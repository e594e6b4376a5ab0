"""What the sound itself says about leaks: near-duplicates between what a run learned from and a test set, to hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip, Dataset, Run
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, stamp_badge
from affexion_ui.words import clip_title, counted, speaker

if TYPE_CHECKING:
    from affexion_core.differences.leaks import LeakReport
    from affexion_core.store.session import Store

_MOST_SHOWN = 20


def show_leaks(store: Store, train: Dataset | Run, test: Dataset, key: str) -> None:
    """Offer to compare the recordings of two sides, and show what was found; ``key`` tells this place from others."""
    from affexion_core.differences.leaks import audit, audit_run

    named = train.train_snapshot + train.id if isinstance(train, Run) else train.snapshot()
    asked = f"leaks-{key}-{named[:24]}-{test.snapshot()[:16]}"
    with st.expander("Compare the recordings themselves", icon=":material/hearing:"):
        st.caption(
            "Finds copies under other names: coded anew, resampled, louder or softer, trimmed. Some milliseconds a "
            "clip, once."
        )
        if st.button("Look for near-duplicates", key=f"{asked}-start"):
            st.session_state[asked] = True
        if not st.session_state.get(asked):
            return
        try:
            with st.spinner("Comparing recordings …", show_time=True):
                if isinstance(train, Run):
                    report = audit_run(store, train, test.items, test.name)
                else:
                    report = audit(store, train.items, test.items, (train.name, test.name))
            _show_report(store, report, asked)
        except AffexionError as error:
            show_error(error)


def _show_report(store: Store, report: LeakReport, key: str) -> None:
    from affexion_core.store.clips import get_clips

    stamp_badge(report.stamp)
    n = counted(report.n_train, "training clip")
    st.caption(
        f"{n} against {counted(report.n_test, 'test clip')}; {counted(report.not_compared, 'clip')} with too little "
        f"sound to compare; speaker of {report.unknown_speakers} unknown, text of {report.unknown_texts}."
    )
    if not report.duplicates:
        st.markdown(":material/check_circle: No near-duplicate recordings were found.")
        return
    shown = report.duplicates[:_MOST_SHOWN]
    firsts, seconds = (
        get_clips(store, ids) for ids in zip(*((pair.first, pair.second) for pair in shown), strict=True)
    )
    place = st.selectbox(
        counted(len(report.duplicates), "near-duplicate"),
        range(len(shown)),
        format_func=lambda at: (
            f"{_named(firsts[at])} and {_named(seconds[at])}, {100 * shown[at].similarity:.0f} % alike"
        ),
        key=f"{key}-pair",
    )
    for side, clip in (("training", firsts[place]), ("test", seconds[place])):
        st.caption(f"{side}: {escape_markdown(_named(clip))}")
        show_player(store.workspace, clip, f"{key}-{side}", spectrogram=False, height=56)


def _named(clip: Clip) -> str:
    """Name a clip by its words and its speaker: near-duplicates often say the same."""
    return f"{clip_title(clip, 40)} by {speaker(clip)}" if clip.speaker else clip_title(clip, 40)

"""What the sound itself says about leaks: near-duplicates between what a run learned from and a test set, to hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip, Dataset, Run
from affexion_ui.background_work import MEASURED, Work, show_work
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, stamp_badge
from affexion_ui.words import clip_title, counted, speaker

if TYPE_CHECKING:
    from affexion_core.differences.leaks import LeakReport
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

_MOST_SHOWN = 20
_WORDS = (
    "Finds copies under other names: coded anew, resampled, louder or softer, trimmed. Some milliseconds a clip, once, "
    "in the background."
)


def show_leaks(store: Store, train: Dataset | Run, test: Dataset, key: str) -> None:
    """Show what comparing the recordings of two sides has found, or offer it; ``key`` tells this place from others."""
    from affexion_core.differences.leaks import is_audited

    with st.expander("Compare the recordings themselves", icon=":material/hearing:"):
        try:
            if is_audited(store, train, test):
                _show_report(store, _audited(_content(train), test.snapshot(), store, train, test), f"leaks-{key}")
            else:
                _offer(store, train, test, f"leaks-{key}")
        except AffexionError as error:
            show_error(error)


def _offer(store: Store, train: Dataset | Run, test: Dataset, key: str) -> None:
    from affexion_core.jobs.comparing import Question, newest_answer, submit_question

    if isinstance(train, Run):
        question = Question("leaks", train.train_dataset, test.name, train.id)
    else:
        question = Question("leaks", train.name, test.name)

    def submit(person: Person | None) -> Job:
        return submit_question(store, question, person)

    work = Work(key, "search", "Look for near-duplicates", "search", _WORDS, submit, MEASURED)
    show_work(store, work, newest_answer(store, question))


def _content(train: Dataset | Run) -> str:
    return train.train_snapshot + train.id if isinstance(train, Run) else train.snapshot()


@st.cache_data(max_entries=16, show_spinner=False)
def _audited(content: str, tested: str, _store: Store, _train: Dataset | Run, _test: Dataset) -> LeakReport:
    from affexion_core.differences.leaks import audit, audit_run

    if isinstance(_train, Run):
        return audit_run(_store, _train, _test.items, _test.name)
    return audit(_store, _train.items, _test.items, (_train.name, _test.name))


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

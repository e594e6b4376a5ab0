"""Which sentences are spoken: shipped ones, or one's own, typed or drafted by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.ingest.synthesizing import chosen_sentences
from affexion_core.scheme_files import shipped_schemes
from affexion_core.synthesis._request import Sentence
from affexion_ui.files_sources import may_name_paths
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.synthesis._request import Wording

_SOURCES = {"shipped": "Shipped sentences", "own": "My own"}
_WORDINGS = ("both", "telling", "neutral")
_TOLD = (
    "Telling: the words alone give the label away. Neutral: any label could be said with them, so that only the voice "
    "shows it."
)
_TEXT = "synthesize-text-"
_ERROR = "synthesize-draft-error"


def ask_sentences(may_spend: bool) -> tuple[Sentence, ...]:
    """Ask for sentences and their labels; none while there are none yet. ``may_spend`` allows asking a service."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control("Sentences", list(_SOURCES), format_func=_SOURCES.__getitem__, default="shipped",
                                      required=True, key="synthesize-source", persist_state="session")  # fmt: skip
        if source == "own":
            return _ask_own(may_spend)
        labels = list(dict.fromkeys(sentence.label for sentence in chosen_sentences()))
        wanted = st.multiselect("Labels", labels, default=labels, key="synthesize-labels", width=420,
                                persist_state="session")  # fmt: skip
        wording = st.selectbox("Wording", _WORDINGS, width=130, help=_TOLD,
                               key="synthesize-wording", persist_state="session")  # fmt: skip
    return chosen_sentences(wanted, None if wording == "both" else wording) if wanted else ()


def _ask_own(may_spend: bool) -> tuple[Sentence, ...]:
    from affexion_core.speaking.texts import written

    known = sorted({label for scheme in shipped_schemes().values() for label in scheme.labels})
    labels = st.multiselect("Labels", known, default=["boredom", "panic"], accept_new_options=True, width=420,
                            key="synthesize-own-labels", persist_state="session")  # fmt: skip
    wording: Wording = st.selectbox("Wording", ["neutral", "telling"], key="synthesize-own-wording", help=_TOLD,
                                    width=130, persist_state="session")  # fmt: skip
    with st.container():
        _offer_drafts(labels, wording, may_spend)
        columns = st.columns(2)
        for place, label in enumerate(labels):
            columns[place % 2].text_area(
                f"{escape_markdown(label)}, a sentence a line", key=_TEXT + label, height=130,
                placeholder="The keys are on the table.", persist_state="session",
            )  # fmt: skip
    lines = [(label, line) for label in labels for line in str(st.session_state.get(_TEXT + label) or "").splitlines()]
    return written(lines, wording)


def _offer_drafts(labels: Sequence[str], wording: Wording, may_spend: bool) -> None:
    """Offer to have a model write the sentences; they land in the fields, to be read and changed."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    with st.popover("Draft by a language model", icon=":material/edit_note:", key="synthesize-drafts"):
        st.caption("They land in the fields below, to be read and changed before anything is spoken. It costs what "
                   "the service charges for a short answer a label.")  # fmt: skip
        n = st.number_input("Sentences a label", 1, 200, 10, key="synthesize-draft-n")
        length = st.selectbox("Length", ["short", "long"], key="synthesize-draft-length")
        model = st.text_input("Model", "gpt-5-mini", key="synthesize-draft-model")
        language = st.text_input("Language", "English", key="synthesize-draft-language")
        base = st.text_input("Address of the service", "https://api.openai.com/v1", key="synthesize-draft-url",
                             disabled=not may_name_paths())  # fmt: skip
        asked = (labels, n, length, wording, model, language, base)
        st.button("Draft", type="primary", icon=":material/edit_note:", disabled=not (labels and may_spend),
                  key="synthesize-draft", on_click=_draft, args=asked)  # fmt: skip


def _draft(labels: Sequence[str], n: int, length: str, wording: Wording, model: str, language: str, base: str) -> None:
    from affexion_core.config import build
    from affexion_core.speaking.texts import WriterConfig, draft_sentences, written

    try:
        values = {"model": model, "language": language, **({"base_url": base} if may_name_paths() else {})}
        config = build(WriterConfig, values)
        for label in labels:
            held = str(st.session_state.get(_TEXT + label) or "")
            known = written([(label, line) for line in held.splitlines()], wording)
            found = draft_sentences(label, n, config, wording, length, known)  # type: ignore[arg-type]
            st.session_state[_TEXT + label] = "\n".join(one.text for one in (*known, *found))
    except AffexionError as error:
        st.session_state[_ERROR] = error


def sentence_words(sentences: Sequence[Sentence]) -> str:
    """Say how many sentences there are of each label."""
    counts: dict[str, int] = {}
    for sentence in sentences:
        counts[sentence.label] = counts.get(sentence.label, 0) + 1
    each = ", ".join(f"{escape_markdown(label)} {n}" for label, n in counts.items())
    return f"{counted(len(sentences), 'sentence')}: {each}" if counts else "No sentences yet."

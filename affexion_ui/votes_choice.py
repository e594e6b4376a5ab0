"""Which project or dataset's votes a page shows, loaded once for every state they are in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from affexion_core.labeling.agreement import AgreementReport
    from affexion_core.labeling.raters import RatersReport
    from affexion_core.labeling.votes import Votes
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store

# In the address: which project or dataset. Both pages about votes use it, so that going from one to the other keeps it.
PARAMETER = "of"
_MOST_HELD = 6


def choose_votes(projects: Sequence[str], datasets: Sequence[str]) -> str | None:
    """Let a project or dataset be chosen, kept in the address; None where there is none."""
    names = [*projects, *(name for name in datasets if name not in projects)]
    if not names:
        return None
    # written out even where it is the first of the list, so that a link stays right when the list grows
    asked = st.query_params.get(PARAMETER)
    place = names.index(asked) if asked in names else 0
    chosen = st.selectbox("Project or dataset", names, index=place, key=f"of-{'|'.join(names)}", width=240)
    st.query_params[PARAMETER] = chosen
    return chosen


@dataclass(frozen=True)
class _Held:
    """Votes in memory: the state they are of, when they were loaded and how long that took, in seconds."""

    stamp: str
    votes: Votes
    at: float
    took: float


# Votes may be older than the newest judgement by so many times the time that loading them takes: a project of
# 50,000 clips takes six seconds, and raters add a judgement every few.
_OLDER = 10


def current_votes(store: Store, name: str) -> Votes:
    """Give the votes, at most moments old where there are many. Decisions are always those of now."""
    from affexion_core.labeling.decisions import find_decisions
    from affexion_core.store.decisions import current_decisions

    votes = _held(store, name).votes
    return replace(votes, decisions=current_decisions(find_decisions(store, name)))


def current_report(store: Store, name: str) -> AgreementReport:
    """Give the figures of agreement of the votes that `current_votes` gives."""
    held = _held(store, name)
    return _report(held.votes, _place(store), name, held.stamp)


def current_raters(store: Store, name: str) -> RatersReport:
    """Give the figures of each rater of the votes that `current_votes` gives."""
    held = _held(store, name)
    return _raters(held.votes, _place(store), name, held.stamp)


def current_worklist(store: Store, votes: Votes) -> dict[str, tuple[str, ...]]:
    """List the clips that wait for an adjudicator, of votes that `current_votes` gave."""
    held = _held(store, votes.name)
    newest = sorted(votes.decisions.values(), key=lambda made: (made.created, made.id), reverse=True)
    decided = tuple(made.clip_id for made in newest if made.clip_id in votes.clips)
    return {**_worklist(held.votes, _place(store), votes.name, held.stamp), "decided": decided}


def _held(store: Store, name: str) -> _Held:
    from affexion_core.labeling.votes import load_votes, votes_stamp

    memory, key = _memory(), (_place(store), name)
    held, stamp, began = memory.get(key), votes_stamp(store, name), time.monotonic()
    if held is not None and (held.stamp == stamp or began - held.at < _OLDER * held.took):
        return held
    with st.spinner("Loading judgements …"):
        votes = load_votes(store, name)
    ended = time.monotonic()
    memory.pop(key, None)
    held = memory[key] = _Held(stamp, votes, ended, ended - began)
    for oldest in list(memory)[:-_MOST_HELD]:
        memory.pop(oldest, None)  # another session may have been faster
    return held


@st.cache_resource
def _memory() -> dict[tuple[str, str], _Held]:
    """Hold the votes of a few projects and datasets for all sessions."""
    return {}


def _place(store: Store) -> str:
    return f"{store.workspace.root} {store.workspace.database_url}"


@st.cache_resource(max_entries=16, show_spinner="Comparing the raters …")
def _report(_votes: Votes, place: str, name: str, stamp: str) -> AgreementReport:
    """Compute once for each stamp; ``place`` tells workspaces apart."""
    from affexion_core.labeling.agreement import agreement_report
    from affexion_core.labeling.votes import agreement_tables

    return agreement_report(*agreement_tables(_votes))


@st.cache_resource(max_entries=16, show_spinner="Comparing the raters …")
def _raters(_votes: Votes, place: str, name: str, stamp: str) -> RatersReport:
    from affexion_core.labeling.raters import raters_report

    return raters_report(_votes)


@st.cache_resource(max_entries=16, show_spinner="Sorting the clips …")
def _worklist(_votes: Votes, place: str, name: str, stamp: str) -> dict[str, tuple[str, ...]]:
    from affexion_core.labeling.worklist import worklist

    return worklist(_votes)


def shown_names(raters: Sequence[str], person: Person | None) -> dict[str, str]:
    """Say under which names somebody sees raters: their own and, for adjudicators, all; else as *rater 1*, *rater 2*.

    Where nobody is at work, the raters came with imported judgements.
    """
    from affexion_core.labeling.people import may

    if person is None or may(person, "adjudicate"):
        return {rater: rater for rater in raters}
    others = [rater for rater in sorted(raters) if rater != person.name]
    return {rater: f"rater {place}" for place, rater in enumerate(others, start=1)} | {person.name: person.name}

"""The library's row of filters, kept in the address so that a reload or a shared link shows the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.store.clips import ClipQuery, facets
from affexion_core.store.datasets import list_datasets
from affexion_core.types import ORIGINS

if TYPE_CHECKING:
    from affexion_core.store.session import Store

PAGE_SIZE = 50
_ORDERS = {
    "newest first": ("added", True),
    "oldest first": ("added", False),
    "longest first": ("duration", True),
    "shortest first": ("duration", False),
    "by speaker": ("speaker", False),
    "by words": ("transcript", False),
    "by label": ("label", False),
}
_KEYS = ("q", "dataset", "origin", "label", "from", "sort", "page")


def ask_filters(store: Store) -> ClipQuery:
    """Show the filters in one row and return what they ask for, without its page."""
    with st.container(horizontal=True, gap="small"):
        text = st.text_input(
            "Search", placeholder="words, speaker, file", key="q", bind="query-params", type="search", width=150
        )
        dataset = _choice("Dataset", [summary.name for summary in list_datasets(store)], "dataset", 175)
        found = facets(store, dataset)
        origin = _choice("Origin", ORIGINS, "origin", 110)
        label = _choice("Label", list(found["label"]), "label", 125)
        who = _choice("Corpus or speaker", [*found["corpus"], *found["speaker"]], "from", 145)
        orders = [name for name in _ORDERS if dataset is not None or name != "by label"]
        sort = st.selectbox("Sort", orders, key="sort", bind="query-params", width=132)
    order, descending = _ORDERS[sort or "newest first"]
    return ClipQuery(
        dataset=dataset,
        origin=next((known for known in ORIGINS if known == origin), None),
        label=label,
        corpus=who if who in found["corpus"] else None,
        speaker=who if who in found["speaker"] else None,
        text=text or None,
        order=order,
        descending=descending,
        limit=PAGE_SIZE,
    )


def _choice(name: str, options: Sequence[str], key: str, width: int) -> str | None:
    return st.selectbox(name, options, index=None, placeholder="any", key=key, bind="query-params", width=width)


def clear_filters() -> None:
    """Forget all filters; a callback of the button that says so."""
    for key in _KEYS:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)


def ask_page(total: int) -> int:
    """Show the pages where there are several; returns the chosen one from 1."""
    n_pages = -(-total // PAGE_SIZE)
    if n_pages < 2:
        return 1
    return st.pagination(n_pages, key="page", bind="query-params")

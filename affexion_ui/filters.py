"""The library's row of filters, kept in the address so that a reload or a shared link shows the same clips."""

from __future__ import annotations

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
    row = st.columns([2, 1.5, 1.2, 1.3, 1.6, 1.3])
    text = row[0].text_input("Search", placeholder="words, speaker, file", key="q", bind="query-params", type="search")
    dataset = _choice(row[1], "Dataset", [summary.name for summary in list_datasets(store)], "dataset")
    found = facets(store, dataset)
    origin = _choice(row[2], "Origin", ORIGINS, "origin")
    label = _choice(row[3], "Label", list(found["label"]), "label")
    who = _choice(row[4], "Corpus or speaker", [*found["corpus"], *found["speaker"]], "from")
    orders = [name for name in _ORDERS if dataset is not None or name != "by label"]
    sort = row[5].selectbox("Sort", orders, key="sort", bind="query-params")
    order, descending = _ORDERS[sort or "newest first"]
    return ClipQuery(
        dataset=dataset,
        origin=origin,
        label=label,
        corpus=who if who in found["corpus"] else None,
        speaker=who if who in found["speaker"] else None,
        text=text or None,
        order=order,
        descending=descending,
        limit=PAGE_SIZE,
    )


def _choice(place, name, options, key):
    return place.selectbox(name, options, index=None, placeholder="any", key=key, bind="query-params")


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

"""A map of two sets of clips: choose one to hear it and its nearest neighbour of the other set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip, Dataset
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, mode, origin_badge
from affexion_ui.words import clip_title, counted

if TYPE_CHECKING:
    from affexion_core.differences.clip_map import Method
    from affexion_core.differences.kept import Kept
    from affexion_core.store.session import Store

_METHODS: dict[str, Method] = {"PCA": "pca", "t-SNE": "tsne"}
_SIDE, _LABEL = "Side", "Label"


def show_clip_map(
    store: Store, kept: Kept[Any], sides: tuple[Dataset, Dataset], placed_by: str, key: str
) -> None:  # fmt: skip
    """Show where clips lie, and play the chosen one and its nearest neighbour of the other set.

    Parameters
    ----------
    kept
        What was found about the two ``sides``: its maps, and its clips, those of the first set first.
    placed_by
        By what clips are placed, for people.
    """
    from affexion_core.plots.differences import map_rows, plot_map

    n_first, ids = len(sides[0].items), list(kept.clip_ids)
    known = [{item.clip.id: item for item in side.items} for side in sides]
    items = [known[place >= n_first][id] for place, id in enumerate(ids)]
    clips, labels = [item.clip for item in items], [item.label for item in items]
    with st.container(horizontal=True, gap="medium"):
        chosen_method = st.segmented_control(
            "Map by", list(_METHODS), default="PCA", required=True, key=f"map-method-{key}"
        )
        coloured = st.segmented_control(
            "Colour by", [_SIDE, _LABEL], default=_SIDE, required=True, key=f"map-colour-{key}",
            help="Synthetic clips are hollow, real ones filled.",
        )  # fmt: skip
    made = kept.maps[_METHODS[chosen_method or "PCA"]]
    figure_key = f"map-{chosen_method}-{key}"

    def choose() -> None:
        points = st.session_state[figure_key]["selection"]["points"]
        picked = next((point["customdata"] for point in points if point.get("customdata")), None)
        picked = picked[0] if isinstance(picked, list) else picked
        if picked in ids:
            st.session_state[f"mapped-{key}"] = picked

    wanted = st.session_state.get(f"mapped-{key}")
    place = ids.index(wanted) if wanted in ids else 0
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        words = [clip_title(clip, 40) for clip in clips]
        caption = (
            f"{counted(len(ids), 'clip')}, placed by {placed_by}. Choose one to hear it and its nearest of the other "
            "set; distances in the picture leave out what two directions don't show."
        )
        figure = plot_map(made, ids, words, n_first, place, mode(), labels if coloured == _LABEL else None)
        show_figure(figure, figure_key, caption, map_rows(made, ids, n_first), choose)
    with right:
        _show_pair(store, clips[place], clips[int(made.neighbour[place])], key)


def _show_pair(store: Store, first: Clip, second: Clip, key: str) -> None:
    for letter, clip, words in (("A", first, "the clip chosen"), ("B", second, "nearest of the other set")):
        with st.container(border=True, gap="small"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{letter}**", width="content")
                origin_badge(clip.origin)
                st.caption(words, width="content")
            st.caption(escape_markdown(clip_title(clip)))
            try:
                show_player(store.workspace, clip, f"pair-{letter}-{key}", spectrogram=False, height=56)
            except AffexionError as error:
                show_error(error)

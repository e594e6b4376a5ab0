"""The parts of the attention page: which clips, where the model looks in them, and whether that explains anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.run_folder import Evaluation, ScoredClip, read_predictions
from affexion_core.types import Clip, Run
from affexion_core.workspace import Workspace
from affexion_ui.figures import csv_bytes, show_figure
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown, label_badge, mode, origin_badge
from affexion_ui.words import clip_title, counted, percent, speaker

if TYPE_CHECKING:
    from affexion_core.explain.attention import ClipAttention
    from affexion_core.explain.gradients import Attribution
    from affexion_core.store.session import Store
    from affexion_ui.attention_stack.component import Slopes
    from affexion_ui.attention_stack.pictures import Picture

ANSWERS = ("all", "right", "wrong")
LOG_MEL, INPUT = "Log-mel", "What the model gets"
NOT_AN_EXPLANATION = (
    "Attention says which moments were weighed most when the answer was formed, not why it was given. Each moment "
    "already carries what came before and after it, so that a high weight may be about sound elsewhere. A label can "
    "rest on what attention hardly touches."
)
_EVEN = 0.985


@dataclass(frozen=True)
class Looked:
    """One clip with what was predicted, where the model looks, its picture, and the second opinion if asked for.

    ``quiet`` marks the frames in pauses, bool ``(n_frames,)``.
    """

    clip: Clip
    scored: ScoredClip
    seen: ClipAttention
    picture: Picture
    attribution: Attribution | None
    quiet: np.ndarray


def choose_clips(store: Store, run: Run, evaluation: Evaluation) -> tuple[list[Clip], dict[str, ScoredClip]]:
    """Let one clip be chosen, and one to stand beside it, out of those predicted; both stay in the address."""
    from affexion_core.store.clips import get_clips

    scored = read_predictions(Path(run.folder), evaluation.name)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="clip-choice"):
        answers = st.segmented_control(
            "Answers", ANSWERS, default="all", required=True, key="answers", bind="query-params"
        )
        label = st.selectbox(
            "Label",
            evaluation.scores.labels,
            index=None,
            placeholder="any",
            key="label",
            bind="query-params",
            width=150,
        )
        rows = {row.clip_id: row for row in scored if _wanted(row, answers, label)}
        clips = {clip.id: clip for clip in get_clips(store, list(rows))}
        if not rows:
            return [], {}

        def words(id: str) -> str:
            return _option(clips[id], rows[id])

        first = _chosen("Clip", list(rows), "clip", words, st.query_params.get("clip") or next(iter(rows)))
        others = [id for id in rows if id != first]
        second = _chosen("Beside it", others, "beside", words, st.query_params.get("beside"))
    return [clips[id] for id in (first, second) if id in clips], rows


def _wanted(row: ScoredClip, answers: str | None, label: str | None) -> bool:
    right = row.reference == row.predicted
    return (answers in (None, "all") or right == (answers == "right")) and label in (None, row.reference)


def _option(clip: Clip, row: ScoredClip) -> str:
    answer = "right" if row.reference == row.predicted else f"taken for {row.predicted}"
    return f"{row.reference}, {answer} {percent(max(row.probs))} · {speaker(clip)} · {clip_title(clip, 40)}"


def _chosen(name: str, options: list[str], key: str, words: Any, wanted: str | None) -> str | None:
    """Choose a clip and keep its id in the address; other filters keep the clip where they can."""
    index = options.index(wanted) if wanted in options else (0 if key == "clip" else None)
    chosen = st.selectbox(
        name, options, index=index, format_func=words, placeholder="nothing", key=f"{key}-of-{hash(tuple(options))}"
    )
    if chosen:
        st.query_params[key] = chosen
    else:
        st.query_params.pop(key, None)
    return chosen


def show_clips(store: Store, run: Run, clips: Sequence[Clip], rows: dict[str, ScoredClip]) -> None:
    """Show one clip, or two side by side on the same axes, with the ways of looking at them."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        picture = st.segmented_control(
            "Picture", [LOG_MEL, INPUT], default=LOG_MEL, required=True, key="picture", bind="query-params"
        )
        slopes = st.toggle(
            "Second opinion", key="slopes", bind="query-params",
            help="Integrated gradients: how much each moment moved the answer, from the mean sound to this clip.",
        )  # fmt: skip
        matrix = st.toggle(
            "Matrix", key="matrix", bind="query-params", help="Which moment looks to which: one row for each frame."
        )
    try:
        with st.spinner("Asking the model …", show_time=True):
            looked = [_look(store, run, clip, rows[clip.id], picture == LOG_MEL, bool(slopes)) for clip in clips]
    except AffexionError as error:
        show_error(error)
        return
    looked = _same_range(looked)
    top = max(float((one.seen.weights * one.seen.weights.shape[1]).mean(axis=0).max()) for one in looked) * 1.08
    steepest = max([float(np.abs(one.attribution.frames).max()) for one in looked if one.attribution] or [1.0])
    longest = max(one.clip.duration for one in looked)
    for place, (column, one) in enumerate(zip(st.columns(len(looked), gap="large"), looked, strict=True)):
        with column:
            _show_title(one, 120 if len(looked) == 1 else 45)
            _show_one(store, one, f"attention-{place}", max(top, 2.0), steepest, one.clip.duration / longest)
            if matrix:
                _show_matrix(store, run, one, f"matrix-{place}")


def _same_range(looked: list[Looked]) -> list[Looked]:
    low, high = min(one.picture.low for one in looked), max(one.picture.high for one in looked)
    return [replace(one, picture=replace(one.picture, low=low, high=high)) for one in looked]


def _look(store: Store, run: Run, clip: Clip, row: ScoredClip, mel: bool, slopes: bool) -> Looked:
    from affexion_core.explain.attention import fingerprint, only_fold, quiet_frames
    from affexion_core.extraction import utterance_of
    from affexion_ui.attention_stack.pictures import log_mel, model_input

    folder = Path(run.folder)
    version = fingerprint(folder)
    seen = _seen(store.workspace, run.folder, version, clip.id, row.fold, clip)
    predictor = only_fold(_predictor(run.folder, version), folder, row.fold)
    front_end, statistics = predictor.front_ends[0], predictor.models[0].normalisation
    utterance = utterance_of(store.workspace, clip)
    quiet = quiet_frames(utterance.signal, utterance.sampling_rate, len(seen.times), seen.hop, seen.window)
    if mel:
        picture = log_mel(utterance.signal, utterance.sampling_rate, front_end)
    else:
        picture = model_input(seen.features[0], statistics.means[0], statistics.deviations[0], front_end)
        picture = replace(picture, values=np.pad(picture.values, ((seen.lead, 0), (0, 0))))
    attribution = _slopes(run.folder, version, clip.id, row.fold, row.predicted, seen) if slopes else None
    return Looked(clip, row, seen, picture, attribution, quiet)


@st.cache_resource(max_entries=4, show_spinner=False)
def _predictor(folder: str, version: str) -> Any:
    from affexion_core.predictor import Predictor

    return Predictor.load(Path(folder))


@st.cache_resource(max_entries=128, show_spinner=False)
def _seen(_workspace: Workspace, folder: str, version: str, clip_id: str, fold: int | None, _clip: Clip) -> Any:
    from affexion_core.explain.attention import look_at, only_fold

    return look_at(only_fold(_predictor(folder, version), Path(folder), fold), _workspace, _clip)


@st.cache_resource(max_entries=64, show_spinner=False)
def _slopes(folder: str, version: str, clip_id: str, fold: int | None, label: str, _seen: Any) -> Any:
    from affexion_core.explain.attention import only_fold
    from affexion_core.explain.gradients import integrated_gradients

    predictor = only_fold(_predictor(folder, version), Path(folder), fold)
    found = integrated_gradients(predictor, _seen.features, label)
    return replace(found, frames=np.pad(found.frames, (_seen.lead, 0)))


def _show_one(store: Store, one: Looked, key: str, top: float, steepest: float, wide: float) -> None:
    from affexion_core.explain.attention import evenness, most_attended
    from affexion_ui.attention_stack.component import Stack, show_stack

    seen, n = one.seen, one.seen.weights.shape[1]
    curves = seen.weights * n
    spread = curves.std(axis=0, ddof=1) if len(curves) > 1 else None
    curve = curves.mean(axis=0)
    best = most_attended(seen.mean, seen.hop, min(n * seen.hop, one.clip.duration))
    even = evenness(seen.mean)
    stack = Stack(
        picture=one.picture,
        curve=curve,
        low=np.maximum(curve - spread, 0) if spread is not None else np.empty(0),
        high=curve + spread if spread is not None else np.empty(0),
        hop=seen.hop,
        best=(best.start, best.end),
        best_words=f"{best.start:.1f}–{best.end:.1f} s: {percent(best.share)} of attention",
        seen=min(n * seen.hop, one.clip.duration),
        top=top,
        alt=f"{one.picture.name}. Most attended: {best.start:.1f} to {best.end:.1f} s, {percent(best.share)} of it.",
        wide=wide,
        slopes=_slope_lines(one, steepest),
    )
    try:
        show_stack(store.workspace, one.clip, stack, key)
    except AffexionError as error:
        show_error(error)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top", wrap=False):
        st.caption(_caption(one, best.share, (best.end - best.start) / (n * seen.hop), even), width="stretch")
        _show_save(one, key)


def _show_title(one: Looked, longest: int) -> None:
    row, seen = one.scored, one.seen
    st.markdown(f"##### {escape_markdown(clip_title(one.clip, longest))}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label_badge(row.reference, help="the label that the clip has")
        right = row.reference == row.predicted
        icon = ":material/check_circle:" if right else ":material/cancel:"
        probability = float(seen.probs.mean(axis=0)[seen.labels.index(row.predicted)])
        st.markdown(f"{icon} model says **{escape_markdown(row.predicted)}**, {percent(probability)}", width="content")
        origin_badge(one.clip.origin)
        fold = "" if row.fold is None else f" · model of fold {row.fold}, which had not seen it"
        st.caption(escape_markdown(f"speaker {speaker(one.clip)}{fold}"), width="content")


def _caption(one: Looked, share: float, even_share: float, even: float) -> str:
    words = [f"White: attention, {counted(one.seen.weights.shape[1], 'frame')}"]
    if len(one.seen.weights) > 1:
        words[0] += f", mean of {len(one.seen.weights)} fold models, band ± one SD"
    words.append(f"The marked part holds {percent(share)} of it; spread evenly it would hold {percent(even_share)}")
    if one.quiet.any():
        pauses, frames = float(one.seen.mean[one.quiet].sum()), float(one.quiet.mean())
        words.append(f"{percent(pauses)} of it lies in pauses, which are {percent(frames)} of what the model saw")
    if even > _EVEN:
        words.append("Attention is spread almost evenly here: it singles out nothing")
    if one.attribution is not None:
        words.append(_opinions(one))
    return ". ".join(words) + "."


def _opinions(one: Looked) -> str:
    from affexion_core.explain.attention import rank_correlation

    assert one.attribution is not None
    found = rank_correlation(one.seen.mean, np.abs(one.attribution.frames))
    if found is None:
        return "Too few frames to compare with integrated gradients"
    signed = f"{found:.2f}".replace("-", "−")
    verdict = "largely agree" if found > 0.5 else "agree in part" if found > 0.2 else "do not agree"
    return f"Attention and integrated gradients {verdict} on which frames count (rank correlation {signed})"


def _slope_lines(one: Looked, steepest: float) -> Slopes | None:
    if one.attribution is None:
        return None
    from affexion_core.plots.theme import label_colour
    from affexion_ui.attention_stack.component import Slopes

    label = one.attribution.label
    words = f"integrated gradients: up speaks for {label}, down against"
    return Slopes(one.attribution.frames, steepest, label_colour(label), words)


def _show_save(one: Looked, key: str) -> None:
    seen = one.seen

    def rows() -> bytes:
        found = []
        for i, time in enumerate(seen.times):
            row = {"seconds": round(float(time), 4), "attention": float(seen.mean[i])}
            if len(seen.weights) > 1:
                row["sd"] = float(seen.weights[:, i].std(ddof=1))
            if one.attribution is not None:
                row["integrated_gradients"] = float(one.attribution.frames[i])
            found.append(row)
        return csv_bytes(found)

    with st.popover("Save", icon=":material/download:", type="tertiary"):
        st.download_button(
            "Curves as CSV", data=rows, file_name=f"affexion-attention-{one.clip.id}.csv", mime="text/csv",
            key=f"{key}-csv", on_click="ignore", icon=":material/table:",
        )  # fmt: skip


def _show_matrix(store: Store, run: Run, one: Looked, key: str) -> None:
    from affexion_core.explain.attention import attention_rows, fingerprint, only_fold
    from affexion_core.plots.attention import block_means, plot_attention_rows

    folder = Path(run.folder)
    predictor = only_fold(_predictor(run.folder, fingerprint(folder)), folder, one.scored.fold)
    try:
        with st.spinner("Computing the matrix …"):
            rows = attention_rows(predictor, one.seen.features)
    except AffexionError as error:
        show_error(error)
        return
    cells = block_means(rows)
    n = len(rows)
    blocks = f", drawn as {len(cells)} × {len(cells)} blocks" if len(cells) < n else ""
    caption = f"{n} × {n} frames{blocks}. A row: where the model looks from there; the rows' mean is the curve above."
    seconds = n * one.seen.hop
    data = [
        {"from_s": round((i + 0.5) * seconds / len(cells), 3), "to_s": round((j + 0.5) * seconds / len(cells), 3),
         "times_even": float(value)}
        for i, row in enumerate(cells * n) for j, value in enumerate(row)
    ]  # fmt: skip
    show_figure(plot_attention_rows(rows, seconds, mode()), key, caption, data)

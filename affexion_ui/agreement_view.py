"""The parts of the page Agreement: the figures, labels, the clips raters differ on, and each rater."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.labeling.votes import is_anonymous, ratings_of_votes
from affexion_ui.clip_table import choose_row, clip_columns, label_column
from affexion_ui.figures import show_figure
from affexion_ui.player import show_clip
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import GLOSSARY, count, counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.labeling.agreement import AgreementReport
    from affexion_core.labeling.raters import RaterFigures, RatersReport
    from affexion_core.labeling.votes import Votes
    from affexion_core.store.session import Store
    from affexion_core.types import Annotation

_WIDTH = 145  # pixels; two side by side on a phone
_SHOWN_CLIPS = 200
_EVERY = "all, the most disagreement first"


def beyond_chance(figure: Estimate) -> tuple[str, str]:
    """Write α or κ and what stands below it: ``0.26`` and ``0.24 to 0.28, n = 795``; or why there is none."""
    if figure.value is None or figure.low is None or figure.high is None:
        reason = (figure.reason or "").removeprefix("undefined, because ")
        return "–", f"undefined: {reason}"
    signed = [f"{number:.2f}".replace("-", "−") for number in (figure.value, figure.low, figure.high)]
    return signed[0], f"{signed[1]} to {signed[2]}, n = {count(figure.n)}"


def show_figures(votes: Votes, report: AgreementReport) -> None:
    """Show how far raters agree, with intervals, and what that rests on."""
    figures: list[tuple[str, Estimate, str]] = []
    if votes.scheme.labels:
        figures += [
            ("Krippendorff's α", report.alpha_nominal, GLOSSARY["alpha"]),
            ("Fleiss' κ", report.fleiss_kappa, GLOSSARY["fleiss_kappa"]),
            ("Cohen's κ, mean", report.pairwise_kappa.mean, GLOSSARY["cohen_kappa"]),
        ]
    figures += [(f"α of {name}", figure, GLOSSARY["alpha"]) for name, figure in report.dimensions.items()]
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            for name, figure, why in figures:
                if figure.value is not None:
                    _show_figure(name, *beyond_chance(figure), f"{why} {GLOSSARY['interval']}")
            n_judged = count(len(votes.judgements))
            _show_figure("Judgements", n_judged, _rests_on(votes), "The first of each rater and clip that stands now.")
        for name, figure, _ in figures:
            if figure.value is None:
                st.caption(f"{name.removesuffix(', mean')} is {escape_markdown(beyond_chance(figure)[1])}.")


def _show_figure(name: str, value: str, below: str, why: str) -> None:
    with st.container(gap="xxsmall", width=_WIDTH):
        st.metric(name, value, help=why)
        st.caption(below)


def _rests_on(votes: Votes) -> str:
    unclear = sum(made.unclear is not None for made in votes.judgements)
    known = len({made.rater for made in votes.judgements if not is_anonymous(made.rater)})
    who = [counted(known, "rater")] if known else []
    who += ["listeners without names"] if votes.anonymous else []
    beside = f"; {count(unclear)} unclear" if unclear else ""
    return f"of {counted(len(votes.by_clip), 'clip')}, by {' and '.join(who)}{beside}"


def show_labels(report: AgreementReport, key: str) -> None:
    """Show agreement by label beside the labels mixed up most."""
    from affexion_core.plots.agreement import label_agreement_rows, plot_label_agreement

    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Each label against the rest")
        caption = "Krippendorff's α and its 95 % interval. 1: heard alike by all; 0: no more than chance."
        figure = plot_label_agreement(report.per_label, mode())
        show_figure(figure, f"labels-{key}", caption, label_agreement_rows(report.per_label))
    with right:
        st.markdown("##### Mixed up most")
        _show_mix_ups(report, key)


def _show_mix_ups(report: AgreementReport, key: str) -> None:
    if not report.mix_ups:
        st.caption("No clip got two different labels.")
        return
    labels = sorted({label for pair in report.mix_ups for label in pair.labels})
    rows = [
        {
            "Labels": list(pair.labels),
            "Clips": pair.n_clips,
            "Mixed up": 100 * pair.share,
            "Of chance": pair.times_chance,
        }
        for pair in report.mix_ups
    ]
    percent = st.column_config.ProgressColumn(
        format="%.0f %%",
        min_value=0,
        max_value=100,
        width=90,
        help="Of a vote for one of the two, how often another vote on the clip says the other.",
    )
    chance = st.column_config.NumberColumn(
        format="%.2f ×",
        width=76,
        help="1: as often as if the votes were dealt to clips at random, so nobody tells them apart.",
    )
    st.dataframe(
        rows,
        hide_index=True,
        height=min(330, 38 + 35 * len(rows)),
        column_config={
            "Labels": label_column(labels, 185),
            "Clips": st.column_config.NumberColumn(help="Clips that got both.", width=60),
            "Mixed up": percent,
            "Of chance": chance,
        },
        key=f"mix-ups-{key}",
        alt="Pairs of labels that raters mix up, most first",
    )
    st.caption("Hear them under *Clips*.")


def vote_words(judged: Sequence[Annotation]) -> str:
    """Write the votes on a clip, most first: ``6 ANG · 2 DIS · 1 unclear``."""
    counts = Counter("unclear" if made.unclear is not None else _value(made) for made in judged)
    ordered = sorted(counts.items(), key=lambda item: (item[0] == "unclear", -item[1], item[0]))
    return " · ".join(f"{n} {label}" for label, n in ordered)


def _value(made: Annotation) -> str:
    return f"{made.value:g}" if isinstance(made.value, float) else str(made.value)


def show_clips(store: Store, votes: Votes, report: AgreementReport, key: str) -> None:
    """List the clips raters differ on, or those with two labels mixed up; play the chosen one with its votes."""
    from affexion_core.labeling.mixups import disagreement, mixed_clips

    ratings = ratings_of_votes(votes)
    differ = disagreement(ratings)
    pairs = {" and ".join(pair.labels): pair for pair in report.mix_ups}
    asked = st.selectbox("Which clips", [_EVERY, *pairs], key=f"pair-{key}", width=320, format_func=lambda name: (
        name if name == _EVERY else f"{name} ({counted(pairs[name].n_clips, 'clip')})"
    ))  # fmt: skip
    ids = list(mixed_clips(ratings, *pairs[asked].labels)) if asked in pairs else _most_first(differ)
    if not ids:
        st.caption("No clip has two judgements yet, so there is nothing to differ on.")
        return
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        rows = [_clip_row(votes, id, differ) for id in ids[:_SHOWN_CLIPS]]
        chosen = choose_row(rows, f"clips-{key}-{asked}", "Clips by disagreement", height=420)
        more = f"; the first {_SHOWN_CLIPS} are shown" if len(ids) > _SHOWN_CLIPS else ""
        st.caption(f"{counted(len(ids), 'clip')}{more}. Differ: the share of pairs of votes on a clip that differ.")
    clip = votes.clips[ids[chosen]]
    with right, st.container(border=True):
        show_clip(store.workspace, clip, {}, f"agreement-{key}")
        show_vote_bars(votes.by_clip[clip.id], votes.scheme.labels, f"votes-{key}-{clip.id}")
        asked_there = {"of": votes.name, "clip": clip.id}
        st.page_link("pages/adjudicate.py", label="Adjudicate", icon=":material/gavel:", query_params=asked_there)


def _most_first(differ: Mapping[str, float]) -> list[str]:
    return sorted(differ, key=lambda id: (-differ[id], id))


def _clip_row(votes: Votes, id: str, differ: Mapping[str, float]) -> dict[str, Any]:
    names = clip_columns(votes.clips[id])
    amount = {"Differ": 100 * differ[id]} if votes.scheme.labels else {"Differ by": round(differ[id], 1)}
    return {"Says": names["Says"], **amount, "Votes": vote_words(votes.by_clip[id])}


def show_vote_bars(judged: Sequence[Annotation], labels: Sequence[str], key: str) -> None:
    """Show the share of the votes for each label that got some, as bars."""
    counts = Counter("unclear" if made.unclear is not None else _value(made) for made in judged)
    ordered = [label for label in (*labels, "unclear") if counts[label]] or sorted(counts)
    ordered.sort(key=lambda name: -counts[name])
    st.dataframe(
        [{"Label": [name], "Votes": counts[name], "Share": 100 * counts[name] / len(judged)} for name in ordered],
        hide_index=True,
        column_config={
            "Label": label_column([name for name in ordered if name != "unclear"]),
            "Votes": st.column_config.NumberColumn(width=60),
            "Share": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100),
        },
        key=key,
        alt=f"Votes: {vote_words(judged)}",
    )


def show_raters(report: AgreementReport, found: RatersReport, names: Mapping[str, str], key: str) -> None:
    """Show each rater's figures, who agrees with whom, and what the chosen rater makes of each label."""
    if not found.raters:
        st.info(
            "These votes came with the corpus, without saying whose they are. So nothing can be said of single raters: "
            "not who agrees with whom, who is how good, nor who was fast.",
            icon=":material/info:",
        )
        return
    raters = sorted(found.raters, key=lambda one: names[one.rater].casefold())
    place = _choose_rater(raters, names, key)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### Who agrees with whom")
        _show_pairs(report, names, key)
    with right:
        st.markdown("##### What one rater makes of each label")
        _show_confusion(raters[place], found, names, key)


def _choose_rater(raters: Sequence[RaterFigures], names: Mapping[str, str], key: str) -> int:
    rows = [
        {
            "Rater": names[one.rater],
            "Judged": one.judgements,
            "Unclear": one.unclear,
            "Right, by all raters": "–" if one.accuracy is None else f"{100 * one.accuracy:.0f} %",
            "Right on known clips": _share(one.on_gold),
            "Alike on repeats": _share(one.consistency),
            "Seconds": one.seconds,
            "Flagged": one.flagged,
        }
        for one in raters
    ]
    event = st.dataframe(
        rows,
        hide_index=True,
        height=min(260, 38 + 35 * len(rows)),
        column_config={
            "Right, by all raters": st.column_config.TextColumn(help=GLOSSARY["dawid_skene"]),
            "Right on known clips": st.column_config.TextColumn(help="Hidden checks whose answer is known."),
            "Alike on repeats": st.column_config.TextColumn(help=GLOSSARY["self_consistency"]),
            "Seconds": st.column_config.NumberColumn(
                format="%.1f", help="Median time from a clip's appearance to the answer."
            ),
            "Flagged": st.column_config.NumberColumn(help="Judgements made too fast, or on a clip not heard out."),
        },
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"raters-{key}",
        alt="Figures of each rater",
    )
    picked = event["selection"]["rows"]
    return picked[0] if picked and picked[0] < len(rows) else 0


def _share(figure: Estimate) -> str:
    return "–" if figure.value is None else estimate_words(figure)


def _show_pairs(report: AgreementReport, names: Mapping[str, str], key: str) -> None:
    from dataclasses import replace

    from affexion_core.plots.agreement import plot_rater_pairs, rater_pair_rows

    pairs = [
        replace(pair, raters=(names[pair.raters[0]], names[pair.raters[1]])) for pair in report.pairwise_kappa.pairs
    ]
    if not pairs:
        st.caption(escape_markdown(beyond_chance(report.pairwise_kappa.mean)[1].capitalize() + "."))
        return
    shown = sorted({name for pair in pairs for name in pair.raters}, key=str.casefold)
    caption = "Cohen's κ, and below it the clips that both judged. Pairs on few clips say little."
    show_figure(plot_rater_pairs(shown, pairs, mode()), f"pairs-{key}", caption, rater_pair_rows(pairs))


def _show_confusion(rater: RaterFigures, found: RatersReport, names: Mapping[str, str], key: str) -> None:
    from affexion_core.plots.agreement import plot_rater_confusion, rater_confusion_rows

    if rater.confusion is None or rater.clips_of is None:
        reason = (found.no_model or "undefined").removeprefix("undefined, because ")
        st.caption(f"Dawid and Skene's estimate is undefined: {escape_markdown(reason)}.")
        return
    figure = plot_rater_confusion(names[rater.rater], found.labels, rater.confusion, rater.clips_of, mode())
    caption = "Rows: what the clip is, estimated from all raters. Columns: what this rater says. Choose a rater above."
    show_figure(figure, f"confusion-{key}", caption, rater_confusion_rows(found.labels, rater.confusion))

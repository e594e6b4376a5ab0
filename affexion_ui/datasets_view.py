"""The page Datasets: the list, and one with its labels, datasheet, licences, export, comparison and deletion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.clip_table import label_column
from affexion_ui.layout import show_error
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown
from affexion_ui.words import clip_title, count, counted, date, duration, speaker

if TYPE_CHECKING:
    from affexion_core.labeling.versions import DatasetComparison
    from affexion_core.store.datasets import DatasetSummary
    from affexion_core.store.session import Store

PARTS = ("Datasheet", "Licences", "Export", "Compare", "Delete")
_TAKEN, _ERROR = "dataset-taken", "dataset-error"
_MOST_CHANGES = 200


def choose_dataset(store: Store, datasets: Sequence[DatasetSummary]) -> DatasetSummary:
    """Show all datasets as a table, one of which is open; it stands in the address."""
    asked = st.query_params.get("dataset")
    names = [summary.name for summary in datasets]
    chosen = names.index(asked) if asked in names else 0
    event = st.dataframe(
        _rows(store, datasets),
        key=f"datasets-{hash(tuple(names))}",
        hide_index=True,
        height=min(320, 38 + 35 * len(datasets)),
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [chosen]}},
        column_config={
            "Clips": st.column_config.NumberColumn(width=70),
            "Speakers": st.column_config.NumberColumn(width=80, help="Known speakers, or voices."),
            "Labels": label_column(sorted({label for summary in datasets for label in summary.labels}), 210),
            "Version": st.column_config.TextColumn(width=76, help="Hash of which clips carry which labels and votes."),
        },
        alt="Datasets",
    )
    picked = event["selection"]["rows"]
    found = datasets[picked[0] if picked and picked[0] < len(datasets) else chosen]
    st.query_params["dataset"] = found.name
    return found


# Beyond so many clips the table leaves out what takes a look at each: hash and licences. The open dataset has both.
_MOST_LOOKED_AT = 20_000


def _rows(store: Store, datasets: Sequence[DatasetSummary]) -> list[dict[str, Any]]:
    few = sum(summary.n for summary in datasets) <= _MOST_LOOKED_AT
    licences = _licences(store) if few else {}
    return [
        {
            "Name": summary.name,
            "Origin": summary.origin,
            "Clips": summary.n,
            "Speakers": summary.speakers,
            "Length": duration(summary.duration),
            "Labels": [label for label, n in summary.labels.items() if n],
            "Licences": licences.get(summary.name, "open it"),
            "Version": _version(store, summary)[:8] if few else "open it",
            "Made": date(summary.created),
        }
        for summary in datasets
    ]


def _licences(store: Store) -> dict[str, str]:
    from affexion_core.licences import licence_of
    from affexion_core.store.licences import dataset_licences

    counts = dataset_licences(store)
    return {name: ", ".join(sorted({licence_of(text).name for text in texts})) for name, texts in counts.items()}


def _version(store: Store, summary: DatasetSummary) -> str:
    state = (summary.created, summary.n, tuple(summary.labels.items()), summary.duration)
    return _hash_of(str(store.workspace.root), summary.name, state, store)


@st.cache_data(max_entries=512, ttl=60, show_spinner="Hashing the versions …")
def _hash_of(root: str, name: str, state: object, _store: Store) -> str:
    from affexion_core.store.dataset_rows import dataset_hash

    return dataset_hash(_store, name)


def show_dataset(store: Store, summary: DatasetSummary, datasets: Sequence[DatasetSummary]) -> None:
    """Show an open dataset: what it holds, and the part that is asked for."""
    name = summary.name
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.markdown(f"#### {escape_markdown(name)}", width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            st.page_link("pages/library.py", label="Its clips", icon=":material/library_music:",
                         query_params={"dataset": name})  # fmt: skip
            st.page_link("pages/library.py", label="How its labels sound", icon=":material/graphic_eq:",
                         query_params={"dataset": name, "label-sounds": "true"})  # fmt: skip
            st.page_link("pages/train.py", label="Train on it", icon=":material/model_training:",
                         query_params={"train": name})  # fmt: skip
    _show_facts(store, summary)
    part = st.segmented_control(
        "Part", PARTS, default=PARTS[0], required=True, key="part", bind="query-params", label_visibility="collapsed"
    )
    show = {
        "Datasheet": lambda: _show_datasheet(store, name),
        "Licences": lambda: show_licences(store, name),
        "Export": lambda: _show_export(store, name),
        "Compare": lambda: _show_comparison(store, summary, datasets),
        "Delete": lambda: _show_delete(store, summary),
    }
    show[part or PARTS[0]]()


def _show_facts(store: Store, summary: DatasetSummary) -> None:
    who = "voice" if summary.origin == "synthetic" else "known speaker"
    words = [
        f"{counted(summary.n, f'{summary.origin} clip')}, {duration(summary.duration)}",
        counted(summary.speakers, who),
        f"scheme {summary.scheme}",
        f"made {date(summary.created)}",
    ]
    words += [f"labels through the map {summary.label_map}"] if summary.label_map else []
    words += [summary.description] if summary.description else []
    st.caption(escape_markdown(" · ".join([*words, f"version {_version(store, summary)[:16]}"])))
    most = max(summary.labels.values(), default=1) or 1
    with st.expander("Clips of each label", icon=":material/label:"):
        st.dataframe(
            [{"Label": [label], "Clips": n} for label, n in summary.labels.items()],
            hide_index=True,
            height=min(320, 38 + 35 * max(1, len(summary.labels))),
            column_config={
                "Label": label_column(summary.labels),
                "Clips": st.column_config.ProgressColumn(format="%d", min_value=0, max_value=most),
            },
            key=f"dataset-labels-{summary.name}",
            alt=f"Clips of each label of {summary.name}",
        )


def _show_datasheet(store: Store, name: str) -> None:
    from affexion_ui.version_view import show_datasheet

    show_datasheet(store, name)


def show_licences(store: Store, name: str | None = None) -> None:
    """Show under which licences clips are, of a dataset or of the whole library, and what to mind."""
    from affexion_core.licences import licence_warnings, licences_in

    counts = licences_in(store, name)
    for words in licence_warnings(counts):
        st.warning(words, icon=":material/gavel:")
    cells = [
        {
            "Clips": count(held.n),
            "As written": escape_markdown(held.text or "not recorded"),
            "Allows": escape_markdown(held.licence.allows),
        }
        for held in counts
    ]
    if cells:
        st.table(cells, hide_index=True)
        st.caption("As recorded with the clips, read by a small table. No legal advice: the licences' own texts count.")
    else:
        st.caption("There are no clips.")


def _show_export(store: Store, name: str) -> None:
    from affexion_ui.export_panel import show_export

    show_export(store, name)


def _show_comparison(store: Store, summary: DatasetSummary, datasets: Sequence[DatasetSummary]) -> None:
    from affexion_core.labeling.versions import compare_datasets

    others = [other.name for other in datasets if other.name != summary.name]
    if not others:
        st.caption("There is no other dataset yet to compare with.")
        return
    other = st.selectbox("With", others, key="with", bind="query-params", width=320)
    found = compare_datasets(store, summary.name, other or others[0])
    if found.hash_a == found.hash_b:
        st.success("The same clips, labels and votes.", icon=":material/check_circle:")
        return
    _show_differences(found)
    if found.changed:
        _show_changes(store, found)


def _show_differences(found: DatasetComparison) -> None:
    a, b = escape_markdown(found.a), escape_markdown(found.b)
    lines = [
        f"- Only in **{a}**: {counted(len(found.only_a), 'clip')}, "
        f"{counted(len(found.speakers_only_a), 'speaker')} not in the other",
        f"- Only in **{b}**: {counted(len(found.only_b), 'clip')}, "
        f"{counted(len(found.speakers_only_b), 'speaker')} not in the other",
        f"- In both: {counted(found.same, 'clip')} with the same label"
        f"{f' ({count(found.other_votes)} with other votes)' if found.other_votes else ''}, "
        f"{count(len(found.changed))} with another",
    ]
    st.markdown("\n".join(lines))
    st.dataframe(
        [{"Label": [label], found.a: n_a, found.b: n_b} for label, (n_a, n_b) in found.labels.items()],
        hide_index=True,
        height=min(320, 38 + 35 * max(1, len(found.labels))),
        column_config={"Label": label_column(found.labels)},
        key="dataset-compared",
        alt="Clips of each label in both",
    )


def _show_changes(store: Store, found: DatasetComparison) -> None:
    from affexion_core.store.clips import get_clips
    from affexion_ui.figures import csv_bytes

    st.markdown("##### Labels changed")
    rows = [{"clip": change.clip_id, found.a: change.a, found.b: change.b} for change in found.changed]
    clips = get_clips(store, [change.clip_id for change in found.changed[:_MOST_CHANGES]])
    cells = [
        {"Clip": clip_title(clip), "Speaker": speaker(clip), found.a: change.a, found.b: change.b}
        for clip, change in zip(clips, found.changed, strict=False)
    ]
    st.dataframe(cells, hide_index=True, height=min(320, 38 + 35 * len(cells)), key="dataset-changes",
                 alt="Clips whose label differs")  # fmt: skip
    if len(rows) > _MOST_CHANGES:
        st.caption(f"The first {_MOST_CHANGES} of {count(len(rows))}; the file has all.")
    st.download_button("Save as CSV", data=lambda: csv_bytes(rows), file_name="labels-changed.csv", mime="text/csv",
                       icon=":material/download:", on_click="ignore", key="dataset-changes-save")  # fmt: skip


def _show_delete(store: Store, summary: DatasetSummary) -> None:
    person, refused = refusal(store, "delete datasets", named=True)
    if refused:
        say_refusal(refused)
        return
    st.markdown(
        f"Delete **{escape_markdown(summary.name)}**: its name, its {counted(summary.n, 'label')}, its datasheet. "
        "Clips, judgements and runs stay; runs keep what they were trained on."
    )

    def delete() -> None:
        from affexion_core.labeling.versions import delete_version

        try:
            st.session_state[_TAKEN] = delete_version(store, summary.name, person)
            st.query_params.pop("dataset", None)
        except AffexionError as error:
            st.session_state[_ERROR] = error

    st.button("Delete the dataset", type="primary", icon=":material/delete:", on_click=delete, key="dataset-delete")
    st.caption("You can put it back as it was until you close this page.")


def show_deleted(store: Store) -> None:
    """Say what was deleted in this session, with a way to put it back, and what went wrong with that."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    taken = st.session_state.get(_TAKEN)
    if taken is None:
        return

    def put_back() -> None:
        from affexion_core.labeling.versions import put_version_back

        try:
            put_version_back(store, taken, refusal(store, "delete datasets", named=True)[0])
            st.session_state.pop(_TAKEN, None)
            st.query_params["dataset"] = str(taken.row["name"])
        except AffexionError as problem:
            st.session_state[_ERROR] = problem

    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f":material/delete: **{escape_markdown(str(taken.row['name']))}** is deleted.", width="content")
        st.button("Undo", icon=":material/undo:", on_click=put_back, key="dataset-undo")

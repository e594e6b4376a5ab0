"""The way in from YouTube: paste links, have the videos fetched, pick spans of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError, LinkError
from affexion_ui.import_sources import Source
from affexion_ui.import_staging import TABLE, session_folder
from affexion_ui.layout import show_error
from affexion_ui.session import current_workspace
from affexion_ui.theme import escape_markdown
from affexion_ui.youtube_spans import add_span, ask_spans, clock, pick_spans

if TYPE_CHECKING:
    from affexion_core.ingest.youtube.spans import Span
    from affexion_core.ingest.youtube.videos import Video

_REFUSED = "import-youtube-refused"
_TABLE_HELP = "Columns link, start, end, label, speaker; times as 75.5 or 1:15.5."
_FAIR = (
    "YouTube's terms forbid fetching videos unless YouTube or the owner allows it; short excerpts for research may be "
    "fair use where you are. Use no more than you need, and pass no recordings on."
)


def ask_youtube() -> Source | None:
    """Ask for links, fetch what they lead to, and ask which spans become clips."""
    _ask_links()
    for error in st.session_state.get(_REFUSED, ()):
        show_error(LinkError(_unlinked(str(error))))
    videos = _known()
    if not videos:
        return None
    video = _choose(videos)
    pick_spans(current_workspace(), video)
    spans = ask_spans(videos)
    return _source(spans, videos) if spans else None


def _unlinked(text: str) -> str:
    """Keep a refused address from becoming a link to click on: Markdown makes one of bare addresses."""
    return text.replace("://", ":\u2060//").replace("www.", "www\u2060.")


def _ask_links() -> None:
    turn = st.session_state.get("import-turn", 0)
    with st.container(border=True, gap="small"):
        first, second = st.columns([2, 1])
        pasted = first.text_area("Links to videos, one a line", height=96, key=f"import-youtube-links-{turn}",
                                 placeholder="https://www.youtube.com/watch?v=…")  # fmt: skip
        table = second.file_uploader("Or a table of spans", type=["csv", "tsv"], key=f"import-youtube-table-{turn}",
                                     help=_TABLE_HELP)  # fmt: skip
        st.caption(_FAIR)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            accepted = st.checkbox("I have the right to use these videos", key="import-youtube-accept")
            nothing = not accepted or not (pasted.strip() or table is not None)
            if st.button("Fetch", icon=":material/download:", key="import-youtube-fetch", disabled=nothing):
                st.session_state[_REFUSED] = []
                wanted = _of_links(pasted) if pasted.strip() else []
                if table is not None:
                    wanted += _of_table(table.name, table.getvalue())
                _fetch(wanted)


def _of_links(pasted: str) -> list[tuple[Span, bool]]:
    """Read links; each is refused alone. Of a video as a whole nothing is picked yet: False."""
    from affexion_core.ingest.youtube.spans import span_of

    found = []
    for line in dict.fromkeys(line.strip() for line in pasted.splitlines()):
        try:
            found += [(span_of(line), False)] if line else []
        except LinkError as error:
            st.session_state[_REFUSED].append(error)
    return found


def _of_table(name: str, content: bytes) -> list[tuple[Span, bool]]:
    from affexion_core.ingest.youtube.spans import read_spans

    folder = session_folder("youtube table")
    folder.mkdir(exist_ok=True)
    path = folder / ("spans.tsv" if name.endswith(".tsv") else "spans.csv")
    path.write_bytes(content)
    try:
        return [(span, True) for span in read_spans(path)]
    except AffexionError as error:
        st.session_state[_REFUSED].append(error)
        return []


def _fetch(wanted: list[tuple[Span, bool]]) -> None:
    from affexion_core.ingest.youtube.spans import fitted
    from affexion_core.ingest.youtube.videos import get_video

    there: dict[str, Video] = {}
    refused: set[str] = set()
    with st.status("Fetching …") as status:
        for number, (span, picked) in enumerate(wanted, start=1):
            id = span.link.video

            def progress(done: int, total: int, what: str, number: int = number) -> None:
                status.update(label=escape_markdown(f"{what} ({number} of {len(wanted)})"))

            try:
                if id not in there and id not in refused:
                    there[id] = get_video(current_workspace(), span.link, progress)
                if picked and id in there:
                    add_span(there[id], *fitted(span, there[id]), span.label, span.speaker)
            except AffexionError as error:
                refused |= set() if id in there else {id}
                st.session_state[_REFUSED].append(error)
    if there:
        before = st.query_params.get("videos", "").split(".")
        st.query_params["videos"] = ".".join(dict.fromkeys([*filter(None, before), *there]))
        st.session_state["import-youtube-video"] = next(iter(there))
    st.rerun()


def _known() -> dict[str, Video]:
    """Give the videos at work, which stand in the page's address, as far as the workspace has them."""
    from affexion_core.ingest.youtube.link import parse_link
    from affexion_core.ingest.youtube.videos import known_video

    found: dict[str, Video] = {}
    for id in st.query_params.get("videos", "").split("."):
        try:
            video = known_video(current_workspace(), parse_link(f"https://youtu.be/{id}").video)
        except LinkError:
            continue
        if video is not None:
            found[id] = video
    return found


def _choose(videos: dict[str, Video]) -> Video:
    key = "import-youtube-video"
    if st.session_state.get(key) not in videos:
        st.session_state[key] = next(iter(videos))
    chosen = next(iter(videos))
    if len(videos) > 1:
        chosen = st.selectbox("Video", list(videos), format_func=lambda id: videos[id].title, key=key)
    video = videos[chosen]
    if len(videos) == 1:
        st.markdown(f"**{escape_markdown(video.title)}**")
    licence = video.licence or "none stated, so YouTube's standard one"
    st.caption(escape_markdown(f"{video.channel} · {clock(video.seconds)} · licence: {licence}"))
    return video


def _source(spans: list[Span], videos: dict[str, Video]) -> Source:
    """Cut the spans into a folder of the session; later imports find in a table what each is."""
    from affexion_core.ingest.youtube.spans import check_spans, lay_out

    check_spans(spans)
    folder = session_folder("youtube")
    folder.mkdir(exist_ok=True)
    path = lay_out(folder, [(span, videos[span.link.video]) for span in spans], TABLE)
    for cut in set(folder.glob("*.wav")) - {folder / line.split(",")[0] for line in path.read_text().splitlines()}:
        cut.unlink()  # of spans that were changed since
    return Source("csv", path, folder, corpus_name="youtube", dataset="youtube")

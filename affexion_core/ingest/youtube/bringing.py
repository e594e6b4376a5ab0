"""From links to clips in the library, as one import that can be undone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affexion_core.errors import AudioError, LinkError
from affexion_core.ingest.importing import import_corpus
from affexion_core.ingest.reports import ImportOptions, ImportReport
from affexion_core.ingest.youtube.download import Fetch
from affexion_core.ingest.youtube.spans import Span, check_spans, fitted, lay_out
from affexion_core.ingest.youtube.videos import Video, get_video
from affexion_core.store.session import Store
from affexion_core.types import Progress, no_progress
from affexion_core.workspace import Workspace

CORPUS = "youtube"


@dataclass(frozen=True)
class Refused:
    """A video that couldn't be had, or a span that doesn't fit it: why, and the name of the state where it has one."""

    what: str
    reason: str
    state: str | None = None


def bring_in(
    store: Store,
    spans: Sequence[Span],
    options: ImportOptions = ImportOptions(),  # noqa: B008 (frozen)
    progress: Progress = no_progress,
    fetch: Fetch | None = None,
    person: str | None = None,
) -> tuple[ImportReport, tuple[Refused, ...]]:
    """Fetch videos, cut the spans, and import them; what can't be had is told, the others come in.

    Videos that the workspace has are not fetched again. All clips come in as one import.

    Raises
    ------
    LinkError
        If the spans don't go together, or none of them can be had.
    LabelError, StoreError
        As `importing.import_corpus`.
    """
    check_spans(spans)
    videos, refused = _videos(store.workspace, spans, progress, fetch)
    good: list[tuple[Span, Video]] = []
    for span in spans:
        if span.link.video not in videos:
            continue
        try:
            fitted(span, videos[span.link.video])
            good.append((span, videos[span.link.video]))
        except LinkError as error:
            refused.append(Refused(str(span), str(error)))
    if not good:
        raise LinkError(" ".join(one.reason for one in refused[:3]))
    with tempfile.TemporaryDirectory(prefix="affexion-youtube-") as folder:
        table = lay_out(Path(folder), good)
        chosen = replace(options, dataset=options.dataset or CORPUS, corpus_name=options.corpus_name or CORPUS)
        report = import_corpus(store, "csv", table, chosen, progress, person)
    return report, tuple(refused)


def _videos(
    workspace: Workspace, spans: Sequence[Span], progress: Progress, fetch: Fetch | None
) -> tuple[dict[str, Video], list[Refused]]:
    found: dict[str, Video] = {}
    refused: list[Refused] = []
    links = {span.link.video: span.link for span in spans}
    for link in links.values():
        try:
            found[link.video] = get_video(workspace, link, progress, fetch)
        except (LinkError, AudioError) as error:
            state = getattr(error, "state", None)
            refused.append(Refused(link.video, str(error), state.name if state is not None else None))
    return found, refused

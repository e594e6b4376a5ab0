"""What a corpus reader says of itself, is told, and yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from affexion_core.types import Origin, Provenance


@dataclass(frozen=True)
class CorpusInfo:
    """What is known of a corpus before any file is seen.

    ``labels`` are those `scan` can yield, in the order of the shipped scheme; empty where the files decide.
    ``speakers`` counts the people in the whole corpus; None where it varies. ``how_to_get`` says how to reach
    the original; ``layout`` what folder `scan` expects.
    """

    name: str
    title: str
    licence: str
    citation: str
    homepage: str
    how_to_get: str
    layout: str
    languages: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    speakers: int | None = None
    origin: Origin = "real"

    def provenance(self) -> Provenance:
        """Origin card of a clip of which no more is known than its corpus."""
        return Provenance(source=self.homepage, licence=self.licence, citation=self.citation)


@dataclass(frozen=True)
class ScanOptions:
    """What a person may tell a reader.

    ``name`` is the corpus name that readers of free layouts give to speakers and items; None for the folder's.
    ``columns`` says which column of a table holds a field, such as ``{"label": "emotion"}``. ``language``
    (BCP 47, such as ``de``) is used where the corpus itself states none.
    """

    name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True)
class CorpusItem:
    """One recording, or a span of one, as its corpus describes it.

    Attributes
    ----------
    file
        Path of the recording.
    corpus
        Name of the corpus.
    label
        The corpus's own label; None where it has none. Such items become clips, but join no dataset.
    speaker
        Person or synthetic voice, written ``corpus:name``.
    start, end
        Span in seconds; None for the whole file.
    origin
        ``real`` or ``synthetic``; None where the corpus doesn't say.
    attributes
        What only some corpora know: intensity, gender, …
    votes
        Label to number of listeners who chose it.
    values
        Dimension (arousal, valence, dominance) to value.
    split
        The corpus's own part, such as ``train``, ``dev``, ``test``.
    problem
        Why this file can't be used: its name doesn't parse, its emotion code is unknown, it isn't there.
        Readers yield such an item instead of failing, so that the others go on; ingest reports it as rejected.
    """

    file: Path
    corpus: str
    label: str | None = None
    speaker: str | None = None
    language: str | None = None
    transcript: str | None = None
    start: float | None = None
    end: float | None = None
    origin: Origin | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    votes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    split: str | None = None
    provenance: Provenance = field(default_factory=Provenance)
    problem: str | None = None

"""What every format writes and reads: the labels of a dataset or project, with all that is known of its clips."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar

import pydantic

from affexion_core.errors import LabelError
from affexion_core.types import Decision, Origin, Provenance, Scheme

Kind = Literal["dataset", "project"]
T = TypeVar("T")


@dataclass(frozen=True)
class FormatInfo:
    """What a format is.

    ``writes`` and ``reads`` say in a line each what an export holds, and which files are understood; ``table`` is the
    file that holds the judgements within an exported folder.
    """

    name: str
    title: str
    writes: str
    reads: str
    table: str
    homepage: str = ""


@dataclass(frozen=True)
class BundleClip:
    """A clip as a file describes it; what it doesn't say is None.

    ``file`` is the clip's name: a path with ``/`` below the bundle's folder, where the sound lies if it came along.
    The rest is as in `types.Clip`.
    """

    file: str
    id: str | None = None
    sha256: str | None = None
    origin: Origin | None = None
    corpus: str | None = None
    duration: float | None = None
    sampling_rate: int | None = None
    channels: int | None = None
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    language: str | None = None
    transcript: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def key(self) -> str:
        """How judgements name the clip: by its id, else by its file."""
        return self.id or self.file


@dataclass(frozen=True)
class Judgement:
    """One judgement as a file has it; what it doesn't say is None.

    ``clip`` is a clip's id or file name. ``value`` is a label, or a number under a numeric scheme. ``dimensions`` holds
    what the same answer says under numeric schemes, by the scheme's name. ``place`` says where it stands, such as
    ``line 12``. The rest is as in `types.Annotation`.
    """

    clip: str
    rater: str | None = None
    value: str | float | None = None
    scheme: str | None = None
    second: str | None = None
    unclear: str | None = None
    confidence: int | None = None
    intensity: int | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)
    comment: str | None = None
    created: str | None = None
    seconds: float | None = None
    heard: float | None = None
    project: str | None = None
    take: int = 0
    flags: tuple[str, ...] = ()
    withdrawn: bool = False
    replaces: str | None = None
    id: str | None = None
    place: str = field(default="", compare=False)


@dataclass(frozen=True)
class Settled:
    """What counts for a clip: its label (None: dropped) and the share of votes for each label, as far as known.

    The rest is as in `labeling.consensus.ConsensusLabel`; a dataset keeps label and shares alone.
    """

    clip: str
    label: str | None
    votes: Mapping[str, float] | None = None
    n_votes: int | None = None
    n_unclear: int | None = None
    agreement: float | None = None
    source: str | None = None
    dropped: str | None = None


@dataclass(frozen=True)
class ProjectCard:
    """A project that judgements were made in. ``gold`` holds its clips by id, with the known answer where one is."""

    name: str
    scheme: str
    settings: Mapping[str, Any]
    created: str
    created_by: str
    gold: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A row that can't be used: where it stands, and why in a sentence."""

    place: str
    reason: str


@dataclass(frozen=True)
class Bundle:
    """Labels on their way between workspaces and tools.

    Attributes
    ----------
    name, kind, origin, description, label_map, recipe, datasheet
        Of the dataset or project the labels belong to; a file made elsewhere knows none of them.
    scheme
        Of the dataset's or project's labels.
    schemes
        All that judgements and decisions refer to, sorted by name.
    clips
        In the order of their ids.
    judgements
        Every one, corrected and withdrawn ones included, by clip and time.
    settled, decisions, projects
        What counts for each clip, what adjudicators decided (by clip and time), and where judgements were made.
    problems
        Rows that could not be read.
    """

    name: str | None = None
    kind: Kind | None = None
    origin: Origin | None = None
    description: str = ""
    label_map: str | None = None
    recipe: Mapping[str, Any] | None = None
    datasheet: str | None = None
    scheme: Scheme | None = None
    schemes: tuple[Scheme, ...] = ()
    clips: tuple[BundleClip, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    settled: tuple[Settled, ...] = ()
    decisions: tuple[Decision, ...] = ()
    projects: tuple[ProjectCard, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def files(self) -> dict[str, str]:
        """Give each clip's file by the name that judgements use for the clip."""
        return {clip.key: clip.file for clip in self.clips}

    def dimensions(self) -> tuple[str, ...]:
        """Name the numeric schemes that answers speak of besides their label, sorted."""
        return tuple(sorted({name for made in self.judgements for name in made.dimensions}))

    def labels(self) -> tuple[str, ...]:
        """Give the labels of the main scheme in order, then others that clips or votes have, sorted."""
        known = self.scheme.labels if self.scheme is not None else ()
        used = {row.label for row in self.settled} | {label for row in self.settled for label in row.votes or {}}
        return known + tuple(sorted(label for label in used if label is not None and label not in known))


def typed(kind: type[T], values: Mapping[str, Any]) -> T:
    """Make one of these dataclasses of values read from JSON, with every type checked.

    Raises
    ------
    LabelError
        Naming the field that is wrong or missing.
    """
    try:
        return _adapter(kind).validate_json(json.dumps(values), strict=True)  # type: ignore[arg-type]
    except pydantic.ValidationError as error:
        found = error.errors()[0]
        name = ".".join(str(part) for part in found["loc"])
        raise LabelError(f"{name} = {found['input']!r}: {found['msg'][0].lower()}{found['msg'][1:]}.") from error


@cache
def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def bad_text(text: str) -> str | None:
    """Say why a text can't travel: it holds a NUL, or half a character; None where it can."""
    if "\0" in text:
        return "holds a NUL character, which neither a database nor a table can keep"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half a character (a lone surrogate), which can't be written as UTF-8"
    return None


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a dataclass, mapping or sequence, names included."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from texts_in(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield from texts_in(key)
            yield from texts_in(held)
    elif isinstance(value, tuple | list):
        for held in value:
            yield from texts_in(held)


def check_texts(value: Any, what: str) -> None:
    """Refuse texts that can't travel.

    Raises
    ------
    LabelError
        Naming the text; ``what`` begins the message.
    """
    for text in texts_in(value):
        reason = bad_text(text)
        if reason:
            raise LabelError(f"{what}: the text {text!r} {reason}; take that character out first.")

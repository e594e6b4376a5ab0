"""The data that flows through Affexion: frozen dataclasses, passed explicitly, with no behaviour but checks."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from affexion_core.errors import LabelError, SplitError

Origin = Literal["real", "synthetic"]
ORIGINS: tuple[Origin, ...] = ("real", "synthetic")

# Called as progress(done, total, what) by long work, from the thread that does it.
Progress = Callable[[int, int, str], None]


def no_progress(done: int, total: int, what: str) -> None:
    """Report to nobody."""


LeakKind = Literal["clip", "speaker", "voice", "text"]
LEAK_KINDS: tuple[LeakKind, ...] = ("clip", "speaker", "voice", "text")


@dataclass(frozen=True)
class Provenance:
    """Where a clip came from, as far as known: its origin card.

    ``source`` is an address or path; ``retrieved`` an ISO date; ``parameters`` the settings of the generator.
    """

    source: str | None = None
    licence: str | None = None
    citation: str | None = None
    retrieved: str | None = None
    generator: str | None = None
    voice: str | None = None
    prompt: str | None = None
    seed: int | None = None
    intended_label: str | None = None
    parameters: Mapping[str, str | float | int] = field(default_factory=dict)


def clip_id(sha256: str, start: float | None = None, end: float | None = None) -> str:
    """Make the stable id of a clip from its content: 16 hex digits.

    Parameters
    ----------
    sha256
        Hex digest of the file's bytes.
    start, end
        Span within the file in seconds; None for the whole file. Rounded to milliseconds.
    """
    if start is None and end is None:
        return sha256[:16]
    span = f"{sha256}:{round((start or 0.0) * 1000)}:{'' if end is None else round(end * 1000)}"
    return hashlib.sha256(span.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Clip:
    """One stretch of speech by one speaker.

    ``file`` is relative to the workspace, or absolute where a corpus is used in place. ``duration`` (of the
    span) in seconds; ``sampling_rate`` (Hz) and ``channels`` are those of the file as delivered. ``speaker`` is
    a person or a synthetic voice, written ``corpus:name``; None where unknown. ``attributes`` holds what only
    some corpora know (intensity, gender, statement, …).
    """

    id: str
    file: str
    sha256: str
    origin: Origin
    corpus: str
    duration: float
    sampling_rate: int
    channels: int = 1
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    language: str | None = None
    transcript: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True)
class Scheme:
    """What a judgement may say: a set of labels, or a numeric range such as valence 1 to 7.

    ``labels`` keeps its order everywhere (model outputs, confusion matrices, plots).
    """

    name: str
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise LabelError(f"Scheme {self.name!r} lists a label twice: {', '.join(self.labels)}.")
        if not self.labels and (self.low is None or self.high is None or not self.low < self.high):
            raise LabelError(f"Scheme {self.name!r} needs labels, or a numeric range with low < high.")


@dataclass(frozen=True)
class Annotation:
    """One judgement of one clip by one rater under one scheme; never overwritten, corrections are new rows.

    ``id`` is made by whoever submits it, so that a repeated submission adds nothing. ``created`` is ISO 8601 UTC. A
    judgement says exactly one of: a ``value``; that the clip is ``unclear`` (the reason); that an earlier one is
    ``withdrawn``. ``replaces`` names the earlier judgement that this one corrects or withdraws, which must be the
    newest of its chain.

    The rest is what the labelling station adds: the ``project``; ``take``, 0 for the first judgement and 1 for a hidden
    repeat; a ``second`` label heard as well; ``confidence`` and ``intensity``, 1 to 5; ``seconds`` from the clip's
    appearance to the answer; ``heard``, the share of the clip that was played, 0 to 1; ``flags`` such as ``too fast``.
    """

    id: str
    clip_id: str
    scheme: str
    rater: str
    value: str | float | None
    created: str
    comment: str | None = None
    unclear: str | None = None
    withdrawn: bool = False
    replaces: str | None = None
    project: str | None = None
    take: int = 0
    second: str | None = None
    confidence: int | None = None
    intensity: int | None = None
    seconds: float | None = None
    heard: float | None = None
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is not None) + (self.unclear is not None) + self.withdrawn != 1:
            raise LabelError(
                f"Annotation {self.id} of clip {self.clip_id} must say one thing: a value, or why the clip is unclear, "
                "or that an earlier judgement is withdrawn."
            )
        if self.withdrawn and self.replaces is None:
            raise LabelError(f"Annotation {self.id} of clip {self.clip_id} must name the judgement that it withdraws.")


@dataclass(frozen=True)
class Decision:
    """What an adjudicator settled for a clip, with the reason; the votes stay, and a later decision counts instead.

    ``label`` None drops the clip as unclear. ``project`` None settles it for every dataset under the scheme.
    ``withdrawn`` takes the decisions before it back.
    """

    id: str
    clip_id: str
    scheme: str
    label: str | None
    decided_by: str
    reason: str
    created: str
    project: str | None = None
    withdrawn: bool = False


@dataclass(frozen=True)
class LabelledClip:
    """A clip with the one label a dataset gives it, and the share of votes for each label where raters were asked.

    ``values`` holds a number for each dimension (arousal, …) that was judged; None where none was.
    """

    clip: Clip
    label: str
    votes: Mapping[str, float] | None = None
    values: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Dataset:
    """Labelled clips under one scheme. ``label_map`` names the map its labels came through, if any.

    ``dimensions`` are the numeric schemes that its clips have values under; empty where they have labels alone.
    """

    name: str
    origin: Origin
    scheme: Scheme
    items: tuple[LabelledClip, ...]
    label_map: str | None = None
    description: str = ""
    dimensions: tuple[Scheme, ...] = ()

    def snapshot(self) -> str:
        """Hash of which clips carry which labels, votes and values (64 hex digits); a run pins it."""
        return snapshot_of((item.clip.id, item.label, said_words(item.votes, item.values)) for item in self.items)


def snapshot_of(members: Iterable[tuple[str, str, str]]) -> str:
    """Hash clips as ``(id, label, said_words(votes, values))``, in any order, as `Dataset.snapshot` does."""
    lines = sorted([f"{id}\t{label}{said}" for id, label, said in members])
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def said_words(votes: Mapping[str, float] | None, values: Mapping[str, float] | None) -> str:
    """Write what is said of a clip beside its label, as hashes of datasets go by it.

    Nothing where nobody voted, so that the hash of a dataset of plain labels is that of its labels.
    """
    shares = "" if not votes else "".join(f"\t{label}={share:.6f}" for label, share in sorted(votes.items()) if share)
    return shares + ("" if not values else "".join(f"\t{name}:{v:.6f}" for name, v in sorted(values.items())))


def normalised_text(transcript: str | None) -> str | None:
    """Reduce a transcript to what counts as the same text: case, punctuation and spacing don't."""
    if transcript is None:
        return None
    folded = unicodedata.normalize("NFKC", transcript).casefold()
    words = "".join(c if c.isalnum() else " " for c in folded).split()
    return " ".join(words) or None


@dataclass(frozen=True)
class Split:
    """Which clips train, tune (dev) and test. Refuses what would leak from one side to the other.

    Training and dev clips stand on one side, test clips on the other. A shared clip, speaker (real), voice
    (synthetic) or text between the sides raises `SplitError` unless its kind is in ``allow``; then `leaks` lists it,
    and `stamp` says so wherever its figures show.
    """

    train: tuple[LabelledClip, ...]
    test: tuple[LabelledClip, ...] = ()
    dev: tuple[LabelledClip, ...] = ()
    allow: frozenset[LeakKind] = frozenset()

    def __post_init__(self) -> None:
        if not self.train:
            raise SplitError("The training part is empty; choose a dataset with clips, or fewer folds.")
        refused = {kind: shared for kind, shared in self.leaks().items() if kind not in self.allow}
        if refused:
            raise SplitError(
                f"Training and test share {describe_leaks(refused)}. "
                "Choose clips that share none, or allow the leak: the figures are then stamped leaky."
            )

    def leaks(self) -> dict[LeakKind, tuple[str, ...]]:
        """Shared values between train+dev and test, by kind; kinds that share nothing are left out."""
        return shared_traces(traces(self.train + self.dev), traces(self.test))

    def stamp(self) -> str:
        """Say in a line whether the split is clean. See `split_stamp`."""
        return split_stamp(traces(self.train + self.dev), traces(self.test))


@dataclass(frozen=True)
class Trace:
    """What of a clip must not stand on both sides of a split; ``text`` is normalised."""

    clip_id: str
    origin: Origin
    speaker: str | None
    text: str | None


def traces(items: Iterable[LabelledClip]) -> tuple[Trace, ...]:
    """Take the traces of clips, in their order."""
    clips = [item.clip for item in items]
    return tuple(Trace(clip.id, clip.origin, clip.speaker, normalised_text(clip.transcript)) for clip in clips)


def shared_traces(left: Iterable[Trace], right: Iterable[Trace]) -> dict[LeakKind, tuple[str, ...]]:
    """Find the clips, speakers, voices and texts on both sides; kinds that share nothing are left out."""
    one, other = _keys(left), _keys(right)
    found = {kind: tuple(sorted(one[kind] & other[kind])) for kind in LEAK_KINDS}
    return {kind: shared for kind, shared in found.items() if shared}


def _keys(found: Iterable[Trace]) -> dict[LeakKind, set[str]]:
    keys: dict[LeakKind, set[str]] = {kind: set() for kind in LEAK_KINDS}
    for trace in found:
        keys["clip"].add(trace.clip_id)
        if trace.speaker is not None:
            keys["voice" if trace.origin == "synthetic" else "speaker"].add(trace.speaker)
        if trace.text is not None:
            keys["text"].add(trace.text)
    return keys


def describe_leaks(leaks: Mapping[LeakKind, tuple[str, ...]]) -> str:
    """Say what is shared in words: ``2 speakers ('a', 'b'); 1 text ('hello')``."""
    return "; ".join(_counted(kind, shared) for kind, shared in leaks.items())


def split_stamp(train: Iterable[Trace], test: Iterable[Trace]) -> str:
    """Say in a line whether test clips are clean of training clips.

    ``clean`` (with a note where texts are unknown), ``leaky: shares …``, or ``not verifiable: …`` where a speaker
    is unknown, so that a shared one can't be ruled out.
    """
    left, right = tuple(train), tuple(test)
    leaks = shared_traces(left, right)
    if leaks:
        return f"leaky: shares {describe_leaks(leaks)}"
    no_speaker = sum(trace.speaker is None for trace in left + right)
    if no_speaker:
        return f"not verifiable: speaker of {no_speaker} clips unknown"
    no_text = sum(trace.text is None for trace in left + right)
    return f"clean: no shared clip or speaker (text of {no_text} clips unknown)" if no_text else "clean"


def _counted(kind: LeakKind, shared: tuple[str, ...]) -> str:
    shown = ", ".join(repr(value) for value in shared[:3]) + (", …" if len(shared) > 3 else "")
    return f"{len(shared)} {kind}{'' if len(shared) == 1 else 's'} ({shown})"


@dataclass(frozen=True)
class Utterance:
    """What a front-end sees, from file and microphone alike.

    ``signal``: mono float32 ``(n_samples,)`` in [-1, 1]; ``sampling_rate`` in Hz.
    """

    signal: np.ndarray
    sampling_rate: int
    transcript: str | None = None


@dataclass(frozen=True)
class Prediction:
    """Class probabilities for one clip or file, in the run's label order; they sum to 1."""

    key: str
    labels: tuple[str, ...]
    probs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probs) or not all(math.isfinite(p) for p in self.probs):
            raise LabelError(f"Prediction of {self.key!r} needs one finite probability per label.")

    @property
    def label(self) -> str:
        """The most probable label; the first of equals."""
        return self.labels[int(np.argmax(self.probs))]


RunKind = Literal["train", "cv", "fold", "sweep", "trial", "gap", "part"]
# Runs that are parts of another: the folds of a cross-validation, the trials of a sweep, the models of a gap study.
PART_KINDS: tuple[RunKind, ...] = ("fold", "trial", "part")


@dataclass(frozen=True)
class Run:
    """What is known of a run without opening its large files. Times are ISO 8601 UTC; ``folder`` is absolute.

    ``summary`` holds the headline figures as written by evaluation: {name: {value, low, high, n}}.
    """

    id: str
    kind: RunKind
    preset: str
    folder: str
    labels: tuple[str, ...]
    train_dataset: str
    train_snapshot: str
    created: str
    finished: str | None = None
    test_dataset: str | None = None
    name: str | None = None
    parent: str | None = None
    summary: Mapping[str, object] = field(default_factory=dict)

"""What gives labels away in a set without anybody listening to how something is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from affexion_core.differences.measures import Measures, measure_clips
from affexion_core.differences.origin import probe_to_json
from affexion_core.differences.probes import Probe, classifier, probe
from affexion_core.errors import LabelError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.paired import compare
from affexion_core.evaluation.scores import Estimate
from affexion_core.store.session import Store
from affexion_core.types import Dataset, LabelledClip, Progress, no_progress, normalised_text

N_PERMUTATIONS = 999
_MOST_WORDS = 500
_STRENGTH = 0.01


@dataclass(frozen=True)
class Shortcut:
    """One thing that labels were predicted from alone; ``probe`` is None where it can't be asked, for a ``reason``.

    ``p_holm`` is the probe's p corrected for all that was asked of the set: of twenty, one is small by luck.
    """

    name: str
    what: str
    probe: Probe | None
    reason: str | None = None
    p_holm: float | None = None

    @property
    def tells(self) -> bool:
        """Whether it gives labels away beyond luck."""
        return self.probe is not None and self.probe.tells and (self.p_holm or 0.0) < 0.05


@dataclass(frozen=True)
class HeldOutGenerator:
    """A probe on all functionals that learned from every other generator, measured on this one.

    ``inside`` is its UAR on the same ``n`` clips where it may learn from others of this generator as well (speakers
    kept apart where each generator has two), ``drop`` what holding the generator out takes away, in pairs over clips;
    both None where such folds can't be made.
    """

    generator: str
    n: int
    n_train: int
    accuracy: Estimate
    uar: Estimate
    inside: Estimate | None = None
    drop: Estimate | None = None

    @property
    def falls(self) -> bool:
        """Whether what tells its labels doesn't carry over from other generators: the drop's interval is above 0."""
        return self.drop is not None and self.drop.low is not None and self.drop.low > 0


@dataclass(frozen=True)
class ShortcutReport:
    """All shortcuts of a set of ``n`` clips, and its generators held out in turn (where there are several)."""

    dataset: str
    n: int
    labels: tuple[str, ...]
    shortcuts: tuple[Shortcut, ...]
    generators: tuple[HeldOutGenerator, ...]


def find_shortcuts(store: Store, dataset: Dataset, progress: Progress = no_progress, seed: int = 0) -> ShortcutReport:
    """Try to predict a dataset's labels from text, speaker, duration, loudness, edges and bandwidth, each alone.

    Raises
    ------
    LabelError
        If the dataset has fewer than two labels.
    """
    labels = tuple(dict.fromkeys(item.label for item in dataset.items))
    if len(labels) < 2:
        raise LabelError(f"Dataset {dataset.name!r} has {len(labels)} label(s); a shortcut needs two to tell apart.")
    measures = measure_clips(store.workspace, [item.clip for item in dataset.items], progress)
    names = tuple(label for label in dataset.scheme.labels if label in labels) or labels
    shortcuts = []
    for done, (name, what, make) in enumerate(_KINDS):
        progress(done, 1 + len(_KINDS), f"asking {name}")
        shortcuts.append(_shortcut(name, what, make, dataset.items, measures, seed))
    progress(len(_KINDS), 1 + len(_KINDS), "holding generators out")
    generators = _held_out(dataset.items, measures, names, seed)
    return ShortcutReport(dataset.name, len(dataset.items), names, _corrected(shortcuts), generators)


def _corrected(found: Sequence[Shortcut]) -> tuple[Shortcut, ...]:
    """Correct the p of all that could be asked by Holm's method."""
    tested = sorted(one.probe.p for one in found if one.probe is not None and one.probe.p is not None)
    holm: dict[float, float] = {}
    highest = 0.0
    for place, p in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - place)))
        holm.setdefault(p, highest)
    return tuple(replace(one, p_holm=holm.get(one.probe.p) if one.probe and one.probe.p else None) for one in found)


Maker = Callable[[Sequence[LabelledClip], Measures], np.ndarray | str]


def _text(items: Sequence[LabelledClip], measures: Measures) -> np.ndarray | str:
    texts = [(normalised_text(item.clip.transcript) or "").split() for item in items]
    known = Counter(word for words in texts for word in set(words))
    if not known:
        return "no clip has a transcript"
    places = {word: place for place, (word, _) in enumerate(known.most_common(_MOST_WORDS))}
    rows = np.zeros((len(items), len(places)))
    for row, words in zip(rows, texts, strict=True):
        row[[places[word] for word in words if word in places]] = 1.0
    return rows if rows.std(axis=0).any() else "all clips say the same words"


def _speaker(items: Sequence[LabelledClip], measures: Measures) -> np.ndarray | str:
    speakers = sorted({item.clip.speaker for item in items if item.clip.speaker is not None})
    if len(speakers) < 2:
        return "fewer than two speakers are known"
    return np.array([[float(item.clip.speaker == one) for one in speakers] for item in items])


def _figures(*names: str) -> Maker:
    def made(items: Sequence[LabelledClip], measures: Measures) -> np.ndarray | str:
        columns = np.stack([measures.column(name) for name in names], axis=1)
        return columns if np.nanstd(columns, axis=0).max() > 1e-9 else "it is the same for all clips"

    return made


def _recorded(items: Sequence[LabelledClip], measures: Measures) -> np.ndarray | str:
    rates = np.array([[item.clip.sampling_rate, item.clip.channels] for item in items], dtype=np.float64)
    columns = np.column_stack([measures.column("bandwidth"), rates])
    return columns if np.nanstd(columns, axis=0).max() > 1e-9 else "it is the same for all clips"


_KINDS: tuple[tuple[str, str, Maker], ...] = (
    ("text", "which words are said", _text),
    ("speaker", "who speaks", _speaker),
    ("duration", "how long the clip is", _figures("duration")),
    ("loudness", "how loud the recording is", _figures("loudness")),
    ("edges", "silence before and after", _figures("silence before", "silence after")),
    ("recording", "bandwidth, sampling rate, channels", _recorded),
    ("noise", "signal-to-noise ratio", _figures("signal to noise")),
)


def _shortcut(
    name: str, what: str, make: Maker, items: Sequence[LabelledClip], measures: Measures, seed: int
) -> Shortcut:
    figures = make(items, measures)
    if isinstance(figures, str):
        return Shortcut(name, what, None, figures)
    speakers = [item.clip.speaker for item in items]
    # who speaks can only be asked of speakers that were heard before
    groups: Sequence[str | None] = [None] * len(items) if name == "speaker" else speakers
    found = probe(figures, [item.label for item in items], groups, speakers, N_PERMUTATIONS, seed, strength=1.0)
    return Shortcut(name, what, found, None if found else "a label has fewer than two clips")


def _held_out(
    items: Sequence[LabelledClip], measures: Measures, labels: tuple[str, ...], seed: int
) -> tuple[HeldOutGenerator, ...]:
    generators = np.array([item.clip.provenance.generator or "" for item in items])
    truth = np.array([item.label for item in items])
    inside = _inside(items, measures, generators, seed)
    found = []
    for one in sorted(set(generators) - {""}):
        test, train = generators == one, (generators != one) & (generators != "")
        if not train.any() or len(set(truth[train])) < 2:
            continue
        heard = measures.functionals.astype(np.float64)
        predicted = classifier(_STRENGTH).fit(heard[train], truth[train]).predict(heard[test])
        speakers = [item.clip.speaker for item, chosen in zip(items, test, strict=True) if chosen]
        reference, outside = truth[test].tolist(), predicted.tolist()
        scores = score(reference, outside, labels, speakers, seed=seed)
        held_out = HeldOutGenerator(str(one), scores.n, int(train.sum()), scores.accuracy, scores.uar)
        if inside is not None:
            own = inside[test].tolist()
            drop = compare(reference, own, outside, labels, speakers, seed=seed).uar_difference
            held_out = replace(held_out, inside=score(reference, own, labels, speakers, seed=seed).uar, drop=drop)
        found.append(held_out)
    return tuple(found)


def _inside(items: Sequence[LabelledClip], measures: Measures, generators: np.ndarray, seed: int) -> np.ndarray | None:
    """Predict each clip by a probe that learned from others of its generator too; None where that can't be done."""
    voices: dict[str, set[str | None]] = {}
    for item, one in zip(items, generators, strict=True):
        voices.setdefault(str(one), set()).add(item.clip.speaker)
    speakers = [item.clip.speaker for item in items]
    # with one voice a generator, keeping speakers apart would hold the generator out as well
    groups: Sequence[str | None] = speakers if min(map(len, voices.values())) > 1 else [None] * len(items)
    heard = measures.functionals.astype(np.float64)
    found = probe(heard, [item.label for item in items], groups, speakers, 0, seed, _STRENGTH)
    return None if found is None else np.array(found.predicted)


def report_to_json(report: ShortcutReport) -> dict[str, Any]:
    """Give a report JSON-ready."""
    return {
        "dataset": report.dataset,
        "n": report.n,
        "labels": list(report.labels),
        "shortcuts": [
            {
                "name": one.name,
                "what": one.what,
                "reason": one.reason,
                "tells": one.tells,
                "p_holm": one.p_holm,
                "probe": probe_to_json(one.probe),
            }
            for one in report.shortcuts
        ],
        "generators": [{**asdict(one), "falls": one.falls} for one in report.generators],
    }

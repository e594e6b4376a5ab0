"""Find recordings that are one and the same under another name: coded anew, resampled, louder or softer, trimmed.

Every clip is first described by how strongly each band of its fingerprint moves at 0.4 to 16 Hz, which doesn't change
when the clip is cut or shifted; one matrix product gives each clip its nearest others. Only these are then laid over
each other at every shift. Both steps run in batches, so that the cost grows with the number of clips times
`N_NEAREST`, and the product alone with the number of pairs. The few pairs whose fingerprints agree well but not beyond
doubt (an actor's two takes of one sentence can) are settled by their waveforms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from affexion_core.differences.fingerprints import (
    HOP_SECONDS,
    LEAST_FRAMES,
    LONGEST_SECONDS,
    N_BANDS,
    SAMPLING_RATE,
    fingerprints_of,
)
from affexion_core.errors import AudioError, ModelError
from affexion_core.extraction import utterance_of
from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Clip, Progress, no_progress
from affexion_core.workspace import Workspace

_VERSION = 1
SAME = 0.85
"""From this similarity on two clips are one recording, whatever their waveforms say (some codecs keep no phase)."""
PERHAPS = 0.65
"""From here on they may be, and their waveforms decide; docs/leaks.md says how often that is right."""
_SAME_IF_SHORT = 0.95
_SHORT = 25  # frames with sound in common, 0.5 s: below, chance likenesses reach higher
_SAME_WAVE = 0.6
_WAVE_HZ = (150.0, 3000.0)
N_NEAREST = 10
_LEAST_SHARE = 0.5  # of the shorter clip's frames with sound that must lie over each other
# Edges in bins of 50 / 512 Hz, from 0.4 to 16 Hz, about a third of an octave each.
_EDGES = np.unique(np.round(np.geomspace(4, 160, 13)).astype(int))
_ROWS, _PAIRS = 1024, 64  # dealt with in one go


@dataclass(frozen=True)
class Duplicate:
    """Two clips, by id, that are one recording.

    ``similarity`` is the correlation of what they share, at most 1; ``offset`` says in seconds how much later in the
    first clip the second one begins (negative: earlier).
    """

    first: str
    second: str
    similarity: float
    offset: float


@dataclass(frozen=True)
class Duplicates:
    """What a search found among ``n_first`` and ``n_second`` clips; ``not_compared`` lists clips without sound."""

    pairs: tuple[Duplicate, ...]
    n_first: int
    n_second: int
    not_compared: tuple[str, ...]


def near_duplicates(
    workspace: Workspace, first: Sequence[Clip], second: Sequence[Clip], progress: Progress = no_progress
) -> Duplicates:
    """Find the clips of ``second`` that are a recording of ``first`` in another form.

    A clip that stands in both is no near-duplicate of itself. Where both are the same clips, each pair is named once.
    What was found is kept in the workspace's cache by which clips were compared.

    Raises
    ------
    StoreError
        If the cache can't be written.
    """
    left, right = _by_id(first), _by_id(second)
    path = _cache_path(workspace, left, right)
    kept = _read(path)
    if kept is not None:
        return kept
    distinct = {**{clip.id: clip for clip in left}, **{clip.id: clip for clip in right}}
    made = dict(zip(distinct, fingerprints_of(workspace, tuple(distinct.values()), progress), strict=True))
    prints = {id: found for id, found in made.items() if found is not None}
    alike = compared([c.id for c in left if c.id in prints], [c.id for c in right if c.id in prints], prints)
    pairs = tuple(pair for pair, sure in alike if sure or _one_waveform(workspace, distinct, pair))
    silent = tuple(sorted(set(made) - set(prints)))
    found = Duplicates(pairs, len(left), len(right), silent)
    write_json(path, asdict(found))
    return found


def searched(workspace: Workspace, first: Sequence[Clip], second: Sequence[Clip]) -> bool:
    """Say whether what `near_duplicates` finds between these clips is kept from an earlier search."""
    return _read(_cache_path(workspace, _by_id(first), _by_id(second))) is not None


def _by_id(clips: Sequence[Clip]) -> list[Clip]:
    return list({clip.id: clip for clip in sorted(clips, key=lambda clip: clip.id)}.values())


def _cache_path(workspace: Workspace, left: Sequence[Clip], right: Sequence[Clip]) -> Path:
    sides = "|".join(",".join(clip.id for clip in side) for side in (left, right))
    return (
        workspace.features / f"near-duplicates-{_VERSION}" / f"{hashlib.sha256(sides.encode()).hexdigest()[:32]}.json"
    )


def _read(path: Path) -> Duplicates | None:
    try:
        values = read_json(path)
        pairs = tuple(Duplicate(**pair) for pair in values.pop("pairs"))
        return Duplicates(pairs, values["n_first"], values["n_second"], tuple(values["not_compared"]))
    except (ModelError, KeyError, TypeError, AttributeError):
        return None


def compared(
    left: Sequence[str], right: Sequence[str], prints: Mapping[str, np.ndarray]
) -> tuple[tuple[Duplicate, bool], ...]:
    """Find the pairs whose fingerprints (by id) agree, best first; each with whether that is beyond doubt."""
    if not left or not right:
        return ()
    found = {}
    candidates = _candidates(left, right, prints)
    for first in range(0, len(candidates), _PAIRS):
        for pair, sure in _overlaid(candidates[first : first + _PAIRS], prints):
            found[tuple(sorted((pair.first, pair.second)))] = (pair, sure)
    return tuple(sorted(found.values(), key=lambda one: (-one[0].similarity, one[0].first, one[0].second)))


def _one_waveform(workspace: Workspace, clips: Mapping[str, Clip], pair: Duplicate) -> bool:
    """Say whether the waveforms of two clips agree where their fingerprints do."""
    try:
        signals = [utterance_of(workspace, clips[id]).signal for id in (pair.first, pair.second)]
    except AudioError:
        return False
    return waveform_likeness(signals[0], signals[1]) >= _SAME_WAVE


def waveform_likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlate two signals ``(n_samples,)`` at 16 kHz from 150 to 3000 Hz where they agree best, 0 to 1.

    What only one of them has, as after a trim, doesn't count, down to half of the shorter one.
    """
    import scipy.fft
    import scipy.signal

    longest = round(LONGEST_SECONDS * SAMPLING_RATE)
    filters = scipy.signal.butter(4, _WAVE_HZ, "bandpass", fs=SAMPLING_RATE, output="sos")
    a, b = (scipy.signal.sosfilt(filters, signal[:longest].astype(np.float64)) for signal in (one, other))
    size = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    product = scipy.fft.rfft(a, size) * scipy.fft.rfft(b, size).conj()
    agreement = np.abs(scipy.fft.irfft(product, size))
    shift = int(agreement.argmax())
    lag = shift if shift < len(a) else shift - size
    a, b = (a[lag:], b) if lag >= 0 else (a, b[-lag:])
    n = min(len(a), len(b))
    if n < _LEAST_SHARE * min(len(one), len(other), longest):
        return 0.0
    power = np.square(a[:n]).sum() * np.square(b[:n]).sum()
    return float(min(1.0, abs(a[:n] @ b[:n]) / np.sqrt(power))) if power else 0.0


def _candidates(left: Sequence[str], right: Sequence[str], prints: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """Name for each clip of the right its nearest ones of the left, as (left, right), sorted by length."""
    rows = {id: place for place, id in enumerate(prints)}
    movement = np.stack([_movement(one) for one in prints.values()])
    movement -= movement.mean(axis=0)
    movement /= np.linalg.norm(movement, axis=1, keepdims=True) + 1e-9
    known = movement[[rows[id] for id in left]]
    asked = movement[[rows[id] for id in right]]
    # one more than wanted, as a clip on both sides is nearest to itself
    n = min(len(left), N_NEAREST + 1)
    pairs: set[tuple[str, str]] = set()
    for start in range(0, len(right), _ROWS):
        likeness = asked[start : start + _ROWS] @ known.T
        nearest = np.argpartition(-likeness, n - 1, axis=1)[:, :n]
        for offset, places in enumerate(nearest):
            other = right[start + offset]
            pairs.update((left[place], other) for place in places.tolist() if left[place] != other)
    in_both = set(left) & set(right)
    # a pair of clips that stand on both sides would else be laid over each other twice
    once = {(a, b) for a, b in pairs if not (a > b and a in in_both and b in in_both and (b, a) in pairs)}
    return sorted(once, key=lambda pair: (max(len(prints[pair[0]]), len(prints[pair[1]])), pair))


def _movement(one: np.ndarray) -> np.ndarray:
    """Describe how strongly each band moves at each rate, whenever it does; float32 of unit length."""
    spectrum = np.abs(np.fft.rfft(one[:512].astype(np.float32), 512, axis=0))
    bands = [np.sqrt(np.square(spectrum[a:b]).mean(axis=0)) for a, b in zip(_EDGES[:-1], _EDGES[1:], strict=True)]
    row = np.concatenate(bands)
    return (row / (np.linalg.norm(row) + 1e-9)).astype(np.float32)


def _overlaid(pairs: Sequence[tuple[str, str]], prints: Mapping[str, np.ndarray]) -> list[tuple[Duplicate, bool]]:
    """Lay each pair over each other at every shift; give those that agree, and whether that is beyond doubt."""
    import scipy.fft

    longest = max(len(prints[id]) for pair in pairs for id in pair)
    size = 1 << (2 * longest - 1).bit_length()
    sides = []
    for side in (0, 1):
        padded = np.zeros((len(pairs), size, N_BANDS), np.float32)
        for row, pair in enumerate(pairs):
            padded[row, : len(prints[pair[side]])] = prints[pair[side]]
        sides.append(scipy.fft.rfft(padded, axis=1))
    agreement = scipy.fft.irfft((sides[0] * sides[1].conj()).sum(axis=2), size, axis=1)
    shifts = agreement.argmax(axis=1)
    found = []
    for (first, second), shift in zip(pairs, shifts.tolist(), strict=True):
        lag = shift if shift < size // 2 else shift - size
        likeness, common = _likeness(prints[first], prints[second], lag)
        if likeness >= PERHAPS:
            sure = likeness >= (_SAME_IF_SHORT if common < _SHORT else SAME)
            found.append((Duplicate(first, second, round(likeness, 4), round(lag * HOP_SECONDS, 3)), sure))
    return found


def _likeness(one: np.ndarray, other: np.ndarray, lag: int) -> tuple[float, int]:
    """Correlate what two fingerprints share at a shift, and count the frames; 0 where that is too little."""
    a, b = (one[lag:], other) if lag >= 0 else (one, other[-lag:])
    n = min(len(a), len(b))
    a, b = a[:n].astype(np.float32), b[:n].astype(np.float32)
    common = int((a.any(axis=1) & b.any(axis=1)).sum())
    shorter = min(int(one.any(axis=1).sum()), int(other.any(axis=1).sum()))
    if common < max(LEAST_FRAMES, _LEAST_SHARE * shorter):
        return 0.0, common
    return min(1.0, float((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum()))), common

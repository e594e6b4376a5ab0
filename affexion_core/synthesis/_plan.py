"""Which voice says which sentence: balanced, without repetition, the same for the same seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from affexion_core.errors import SynthesisError
from affexion_core.synthesis._request import Sentence, Voice


def stable_seed(*parts: object) -> int:
    """Make a seed (32 bits) out of plain values, the same on every machine and in every process."""
    return int.from_bytes(hashlib.sha256("\t".join(str(part) for part in parts).encode()).digest()[:4], "big")


def pair(
    sentences: Sequence[Sentence], voices: Sequence[Voice], per_label: int, seed: int
) -> tuple[tuple[Sentence, Voice], ...]:
    """Draw ``per_label`` sentences of every label and give each to a voice.

    Within a label, the four kinds of sentence (wording by length) take turns, and so do the voices, in blocks of
    freshly drawn order: counts differ by one at most, and no voice is tied to one kind of sentence. The first
    pairs don't depend on ``per_label``, so that a larger set contains the smaller one.

    Raises
    ------
    SynthesisError
        If there are no voices or sentences, or fewer sentences of a label than asked for.
    """
    if per_label < 1:
        raise SynthesisError(f"{per_label} clips per label can't be made; ask for 1 or more.")
    if not voices:
        raise SynthesisError("No voice is chosen; choose at least one.")
    by_label: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        by_label.setdefault(sentence.label, []).append(sentence)
    if not by_label:
        raise SynthesisError("There are no sentences to speak; choose other labels or another wording.")
    short = {label: len(found) for label, found in by_label.items() if len(found) < per_label}
    if short:
        counts = ", ".join(f"{count} for {label}" for label, count in short.items())
        raise SynthesisError(
            f"{per_label} clips per label need as many sentences, and there are only {counts}; "
            f"ask for {min(short.values())} or fewer, or add sentences."
        )
    return tuple(one for label, found in by_label.items() for one in _pair_label(label, found, voices, per_label, seed))


def _pair_label(
    label: str, sentences: Sequence[Sentence], voices: Sequence[Voice], per_label: int, seed: int
) -> list[tuple[Sentence, Voice]]:
    rng = np.random.default_rng(stable_seed(seed, label))
    turns = _in_turns(sentences, rng)
    speakers = _in_blocks(voices, rng, len(sentences))
    return list(zip(turns, speakers, strict=False))[:per_label]


def _in_turns(sentences: Sequence[Sentence], rng: np.random.Generator) -> list[Sentence]:
    """Shuffle each kind of sentence and deal from the kinds in turn, until all are dealt."""
    kinds: dict[tuple[str, str], list[Sentence]] = {}
    for sentence in sentences:
        kinds.setdefault((sentence.wording, sentence.length), []).append(sentence)
    shuffled = [[kind[i] for i in rng.permutation(len(kind))] for kind in kinds.values()]
    rounds = ([one for one in round_ if one is not None] for round_ in zip_longest(*shuffled))
    return [round_[i] for round_ in rounds for i in rng.permutation(len(round_))]


def _in_blocks(voices: Sequence[Voice], rng: np.random.Generator, n: int) -> Iterator[Voice]:
    blocks = [[voices[i] for i in rng.permutation(len(voices))] for _ in range(-(-n // len(voices)))]
    return (voice for block in blocks for voice in block)

"""Which of a model's inputs decided, in the words of the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from affexion_core.evaluation.inputs import InputShare, input_words


def decided_by(inputs: Sequence[InputShare]) -> str:
    """Say which input decided, and what each would have said alone: ``words 70 % (sadness), voice 30 % (joy)``."""
    words = input_words([one.front_end for one in inputs])
    return ", ".join(_said(words, one) for one in sorted(inputs, key=lambda one: -one.share))


def _said(words: Mapping[str, str], one: InputShare) -> str:
    if not one.share:
        return f"{words[one.front_end]} missing"
    label = f" ({one.label})" if one.label else ""
    return f"{words[one.front_end]} {100 * one.share:.0f} %{label}"


def alone_words(inputs: Sequence[InputShare]) -> str:
    """Say what each input that is there would have said alone: ``joy by voice, sadness by words``."""
    words = input_words([one.front_end for one in inputs])
    return ", ".join(f"{one.label} by {words[one.front_end]}" for one in inputs if one.label)

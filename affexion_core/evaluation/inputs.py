"""Which input decided, for models that weigh several (voice and words): averages by label, and where they disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import LabelError, ModelError
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import Estimate, estimate_from_json, undefined

if TYPE_CHECKING:
    from affexion_core.predictor import Outcome

_N_RESAMPLES = 1000


@dataclass(frozen=True)
class InputShare:
    """How much one input of a clip counted, 0 to 1, and the label that it alone would have given.

    The share is 0 where the clip lacks the input; ``label`` is None there, and where the run learned no labels.
    """

    front_end: str
    share: float
    label: str | None


@dataclass(frozen=True)
class InputScores:
    """Mean share of one input over the clips of a reference label that have all inputs; ``label`` None: of all."""

    front_end: str
    label: str | None
    share: Estimate


def input_shares(
    front_ends: Sequence[str], labels: Sequence[str], outcome: Outcome
) -> tuple[tuple[InputShare, ...], ...] | None:
    """Say of each clip how its inputs counted; None where the model has one input or doesn't tell."""
    if outcome.shares is None or outcome.alone is None or len(front_ends) < 2:
        return None
    return tuple(
        tuple(
            InputShare(name, float(share), labels[int(probs.argmax())] if labels and share > 0 else None)
            for name, share, probs in zip(front_ends, shares, alone, strict=True)
        )
        for shares, alone in zip(outcome.shares, outcome.alone, strict=True)
    )


def input_words(front_ends: Sequence[str]) -> dict[str, str]:
    """Name inputs by what they hear, ``voice`` or ``words``; by front-end where two hear the same."""
    known = plugin_names("features")
    heard = {
        name: "words" if getattr(load_plugin("features", name), "READS", "") == "transcript" else "voice"
        for name in front_ends
        if name in known
    }
    alone = {word for word in heard.values() if list(heard.values()).count(word) == 1}
    return {name: heard[name] if heard.get(name) in alone else name for name in front_ends}


def disagree(inputs: Sequence[InputShare] | None) -> bool:
    """Tell whether two inputs that the clip has would have given different labels."""
    return len({one.label for one in inputs or () if one.label is not None}) > 1


def score_inputs(
    inputs: Sequence[Sequence[InputShare] | None],
    reference: Sequence[str],
    labels: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    seed: int = 0,
) -> tuple[InputScores, ...]:
    """Average how much each input counted: over all clips, then over those of each label.

    Clips that lack an input take no part: there the others count wholly, whatever they say. Intervals are percentiles
    of a bootstrap over speakers where at least two are known, else over clips.

    Parameters
    ----------
    inputs, reference, speakers
        One of each per clip; inputs None where the model doesn't tell.
    labels
        Those to average by.

    Returns
    -------
    Empty where no clip says anything.
    """
    told = [place for place, found in enumerate(inputs) if found]
    if not told:
        return ()
    names = [one.front_end for one in inputs[told[0]] or ()]
    whole = [place for place in told if all(one.share > 0 for one in inputs[place] or ())]
    shares = np.array([[one.share for one in inputs[place] or ()] for place in whole]).reshape(len(whole), len(names))
    said = np.array([reference[place] for place in whole], dtype=object)
    who = [None if speakers is None else speakers[place] for place in whole]
    weights, method = clip_weights(len(whole), who, _N_RESAMPLES, seed) if whole else (np.zeros((1, 0)), "")
    found = []
    for label in (None, *labels):
        chosen = np.ones(len(whole), dtype=bool) if label is None else said == label
        for column, name in enumerate(names):
            found.append(InputScores(name, label, _mean(shares[chosen, column], weights[:, chosen], method)))
    return tuple(found)


def _mean(shares: np.ndarray, weights: np.ndarray, method: str) -> Estimate:
    if not len(shares):
        return undefined("no clip has all inputs")
    value, mass = float(shares.mean()), weights.sum(axis=1)
    drawn = weights[mass > 0] @ shares / mass[mass > 0]
    low, high = (float(limit) for limit in np.quantile(drawn, [0.025, 0.975])) if len(drawn) else (value, value)
    return Estimate(value, min(low, value), max(high, value), len(shares), method)


def input_scores_from_json(values: Mapping[str, Any]) -> InputScores:
    """Read the share of an input back; `ModelError` where it has another shape."""
    try:
        return InputScores(values["front_end"], values["label"], estimate_from_json(values["share"]))
    except (KeyError, TypeError, LabelError) as error:
        raise ModelError(f"The stored figures can't be read ({error}); evaluate the run again.") from error

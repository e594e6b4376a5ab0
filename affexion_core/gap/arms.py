"""Arms: single changes of a recipe that may bring synthetic speech closer to people, each measured against none.

Arms that adapt to unlabelled clips are adapted to real clips that are never measured, by speakers who are not, so that
what they come to holds for new clips; the other arms see no real clip at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from affexion_core.errors import ConfigError, allowed
from affexion_core.extraction import n_features
from affexion_core.training.direct import fits_directly
from affexion_core.training.estimate import frames_per_second
from affexion_core.training.run_config import RunConfig, with_settings
from affexion_core.types import LabelledClip

Kind = Literal["settings", "adapts", "voices"]
# Share of the training clips that are cut by equal length; the others are shorter still.
_SHORTEST = 0.1


@dataclass(frozen=True)
class Arm:
    """A switch: what it does in words, and the settings that it changes.

    ``kind`` says what it takes: ``settings`` alone, ``adapts`` unlabelled real clips, ``voices`` a choice of training
    clips. ``needs`` gives a reason why it can't be tried with a recipe and these clips, None where it can.
    """

    name: str
    title: str
    what: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = "settings"
    needs: Callable[[RunConfig, Sequence[LabelledClip]], str | None] = lambda config, items: None


def _gradient(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    return f"the model {config.model!r} is fitted in one step" if fits_directly(config.model) else None


def _embedding(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    if fits_directly(config.model):
        return _gradient(config, items)
    return None if _untrained(config)[1] else f"the model {config.model!r} has no embedding"


def _batchnorm(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    if fits_directly(config.model):
        return _gradient(config, items)
    return None if _untrained(config)[0] else f"the model {config.model!r} has no batch norm"


def _untrained(config: RunConfig) -> tuple[bool, bool]:
    """Say whether a recipe's network has batch norm, and an embedding, by building it and asking it once."""
    import torch

    from affexion_core.training.fit import build_model

    widths = tuple(n_features(front_end) for front_end in config.front_ends)
    model = build_model(config, widths, 2).eval()
    norms = any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in model.modules())
    n_frames = min(64, config.inputs.max_len)
    with torch.no_grad():
        result = model(
            tuple(torch.zeros(1, n_frames, w) for w in widths), tuple(torch.tensor([n_frames]) for _ in widths)
        )
    return norms, result.embedding is not None


def _normalised_otherwise(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    return "the recipe does so already" if config.inputs.normalisation == "clip" else None


def _normalised_by_training(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    found = config.inputs.normalisation
    return None if found == "train" else f"the recipe's normalisation is {found!r}, not by the training clips"


def _voices(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    voices = {item.clip.speaker for item in items}
    if None in voices or len(voices) < 2:
        return "it needs clips of two or more known voices"
    return None


def _votes(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    return None if any(item.votes for item in items) else "nobody has judged the training clips, so there are no votes"


def _longer(config: RunConfig, items: Sequence[LabelledClip]) -> str | None:
    if equal_length(config, items) < config.inputs.max_len:
        return None
    return f"the recipe cuts all clips to {config.inputs.max_len} frames already, and hardly one is shorter"


def equal_length(config: RunConfig, items: Sequence[LabelledClip]) -> int:
    """Give the frames that nine of ten training clips have, so that cut there their length tells next to nothing."""
    durations = np.array([item.clip.duration for item in items])
    return max(1, int(np.quantile(durations, _SHORTEST) * frames_per_second(config)))


def _copies(*kinds: str) -> dict[str, Any]:
    return {"copies": 1, "kinds": kinds}


ARMS: tuple[Arm, ...] = (
    Arm("noise", "Noise", "a copy of each clip with background noise", _copies("noise")),
    Arm("room", "Room", "a copy of each clip as heard in a room", _copies("room")),
    Arm("codec", "Codec", "a copy of each clip after a lossy codec", _copies("codec")),
    Arm("field", "Field recording", "a copy of each clip with room, noise, band and overdrive", _copies("field")),
    Arm("speed-pitch", "Speed and pitch", "a copy of each clip, faster, slower, higher or lower",
        _copies("speed", "pitch")),
    Arm("specaugment", "SpecAugment", "stretches of frames and bands of features blanked in training",
        {"time_masks": 2, "feature_masks": 2}, needs=_gradient),
    Arm("mixup", "Mixing", "pairs of clips mixed in training", {"mixup": 0.2}, needs=_gradient),
    Arm("clip-norm", "Normalised by clip", "features z-scored within each clip", {"inputs.normalisation": "clip"},
        needs=_normalised_otherwise),
    Arm("length", "Equal length", "all clips cut to the length of the shorter ones", needs=_longer),
    Arm("voices", "More voices", "all voices, against half of them with as many clips", kind="voices", needs=_voices),
    Arm("soft", "Soft labels", "learns the shares of votes", {"targets": "soft"}, needs=_votes),
    Arm("coral", "CORAL", "pulls the embeddings' covariances of synthetic and real clips together",
        {"method": "coral", "strength": 0.3}, "adapts", _embedding),
    Arm("dann", "DANN", "keeps a classifier from telling synthetic and real embeddings apart",
        {"method": "dann", "strength": 0.3}, "adapts", _embedding),
    Arm("batchnorm", "Batch norm", "measures batch norm anew on real clips", {"method": "batchnorm"}, "adapts",
        _batchnorm),
    Arm("statistics", "Feature statistics", "z-scores features by the real clips", {"method": "statistics"}, "adapts",
        _normalised_by_training),
    Arm("prior", "Prior", "corrects for how frequent labels seem among real clips", {"method": "prior"}, "adapts"),
)  # fmt: skip
NAMES = tuple(arm.name for arm in ARMS)
# Tried where nobody chooses: without the field recording, which joins what other arms try one by one.
USUAL = tuple(name for name in NAMES if name != "field")


def chosen_arms(names: Sequence[str] | None) -> tuple[Arm, ...]:
    """Give the arms asked for, in the order of `ARMS`; None for the usual ones.

    Raises
    ------
    ConfigError
        If there is no arm of a name.
    """
    if names is None:
        names = USUAL
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ConfigError(f"There is no arm {unknown[0]!r}; choose {allowed(NAMES)}.", change=("arms",))
    return tuple(arm for arm in ARMS if arm.name in names)


def with_arm(config: RunConfig, arm: Arm, items: Sequence[LabelledClip]) -> RunConfig:
    """Change a recipe by an arm; ``items`` are the training clips."""
    settings = dict(arm.settings)
    if arm.name == "length":
        settings["inputs.max_len"] = equal_length(config, items)
    return with_settings(config, settings)


def fewer_voices(items: Sequence[LabelledClip], seed: int) -> tuple[list[LabelledClip], list[LabelledClip]]:
    """Draw training clips of half of the voices, and as many of each label of all voices.

    Returns
    -------
    half, all
        Two lists of clips with the same numbers of each label, so that they differ by their voices alone.
    """
    rng = np.random.default_rng([seed, 17])
    voices = sorted({str(item.clip.speaker) for item in items})
    kept = {voices[i] for i in rng.permutation(len(voices))[: max(1, len(voices) // 2)]}
    half: list[LabelledClip] = []
    spread: list[LabelledClip] = []
    for label in sorted({item.label for item in items}):
        mine = [item for item in items if item.label == label]
        some = [item for item in mine if item.clip.speaker in kept]
        half += some
        spread += _in_turn(mine, rng)[: len(some)]
    return half, spread


def _in_turn(items: Sequence[LabelledClip], rng: np.random.Generator) -> list[LabelledClip]:
    """Order clips so that voices take turns, so that any beginning of the list is spread over them."""
    by_voice: dict[str, list[LabelledClip]] = {}
    for i in rng.permutation(len(items)):
        by_voice.setdefault(str(items[i].clip.speaker), []).append(items[i])
    turns = [(place, voice, item) for voice, own in sorted(by_voice.items()) for place, item in enumerate(own)]
    return [item for _, _, item in sorted(turns, key=lambda turn: turn[:2])]

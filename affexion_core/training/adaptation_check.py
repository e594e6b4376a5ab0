"""Whether and when a recipe's adaptation can be carried out; asking loads no torch, as `training.adaptation` would."""

from __future__ import annotations

from affexion_core.errors import ConfigError
from affexion_core.training.direct import fits_directly
from affexion_core.training.run_config import RunConfig

# Methods that leave the training itself as it is, so that they can be done to a model that is trained already.
AFTER = ("batchnorm", "statistics", "prior")


def check_adaptation(config: RunConfig, has_target: bool) -> None:
    """Refuse an adaptation that lacks its target clips, or that the model can't do.

    Raises
    ------
    ConfigError
        Saying what to change.
    """
    method = config.adaptation.method
    if (method != "none") != has_target:
        text = f"Adaptation {method!r} needs a dataset to adapt to, with clips."
        if has_target:
            text = "A dataset to adapt to needs a method: coral, dann, batchnorm, statistics or prior."
        raise ConfigError(text, change=("settings", "adapt_to"))
    if method in ("coral", "dann", "batchnorm") and fits_directly(config.model):
        raise ConfigError(
            f"Model {config.model!r} is fitted in one step, so it can't be adapted by {method!r}; "
            "choose statistics or prior.",
            change=("settings",),
        )
    if method == "statistics" and config.inputs.normalisation != "train":
        raise ConfigError(
            "Adaptation 'statistics' needs normalisation by the training clips; set normalisation to train.",
            change=("settings",),
        )

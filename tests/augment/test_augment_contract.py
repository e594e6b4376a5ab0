"""What every change to a signal must hold to."""

import numpy as np
import pytest

from affexion_core.config import build, plain
from affexion_core.discovery import load_plugin, plugin_names


@pytest.mark.parametrize("name", plugin_names("augment"))
def test_config_checks_itself(name: str):
    config_class = load_plugin("augment", name).Config
    assert build(config_class, plain(config_class())) == config_class()


@pytest.mark.parametrize("name", plugin_names("augment"))
@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050])
def test_changes_the_signal_repeatably_and_keeps_its_form(name: str, sampling_rate: int):
    plugin = load_plugin("augment", name)
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, sampling_rate).astype(np.float32)
    changed = plugin.apply(signal, sampling_rate, plugin.Config(), 3)
    assert changed.dtype == np.float32 and changed.ndim == 1 and np.isfinite(changed).all()
    assert np.abs(changed).max() <= 1 and not np.array_equal(changed, signal)
    assert np.array_equal(changed, plugin.apply(signal, sampling_rate, plugin.Config(), 3))

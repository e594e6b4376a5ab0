"""What is heard now, drawn by the browser: answer, level, waveform with attention, probabilities over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import numpy as np

    from affexion_core.live.recogniser import Reading
    from affexion_core.live.session import Snapshot

_FOLDER = Path(__file__).parent
WAVE_SECONDS = 10.0
_FLOOR_DB = -60.0
_ATTENTION_COLUMNS = 100

_display = st.components.v2.component(
    "affexion_live",
    js=(_FOLDER / "live_display.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "live_display.css").read_text(encoding="utf-8"),
)


def show_live(seen: Snapshot | None, threshold: float, key: str) -> None:
    """Draw a session at this moment; None for one that hasn't begun."""
    from affexion_core.plots.theme import SURFACES, label_colour
    from affexion_ui.theme import mode

    surface = SURFACES[mode()]
    labels = seen.labels if seen is not None else ()
    data: dict[str, Any] = {
        "labels": list(labels),
        "colours": [label_colour(label) for label in labels],
        "ink": {"text": surface.text, "muted": surface.muted, "grid": surface.grid, "mark": surface.mark},
        "threshold": threshold,
        "waveSeconds": WAVE_SECONDS,
        **drawn(seen),
    }
    _display(key=key, data=data)


def drawn(seen: Snapshot | None) -> dict[str, Any]:
    """Give what the browser draws, as plain values."""
    if seen is None or not seen.readings:
        return {"time": 0.0, "state": "waiting", "label": None, "prob": None, "level": None, "meter": 0.0, "peak": 0.0,
                "clipping": False, "peaks": [], "readings": [], "attention": None}  # fmt: skip
    last = seen.readings[-1]
    shown = [r for r in seen.readings if r.time > last.time - WAVE_SECONDS]
    return {
        "time": last.time,
        "state": last.state,
        "label": last.label,
        "prob": None if last.smoothed is None else round(float(last.smoothed.max()), 4),
        "level": _finite(last.level_dbfs),
        "meter": _on_meter(last.level_dbfs),
        "peak": _on_meter(last.peak_dbfs),
        "clipping": last.clipping,
        "peaks": [[round(r.time, 3), r.peaks.round(4).ravel().tolist()] for r in shown],
        "readings": [
            [round(r.time, 3), None if r.smoothed is None else [round(float(p), 3) for p in r.smoothed], r.state]
            for r in seen.readings
        ],
        "attention": _attention(last),
    }


def _attention(reading: Reading) -> dict[str, Any] | None:
    if reading.attention is None:
        return None
    columns = _pooled(reading.attention)
    top = float(columns.max())
    return {
        "start": round(reading.start, 3),
        "end": round(reading.time, 3),
        "weights": [round(float(value) / top, 3) if top > 0 else 0.0 for value in columns],
    }


def _pooled(weights: np.ndarray) -> np.ndarray:
    import numpy as np

    starts = np.unique(np.arange(_ATTENTION_COLUMNS) * len(weights) // _ATTENTION_COLUMNS)
    counts = np.diff([*starts, len(weights)])
    return np.add.reduceat(weights, starts) / counts


def _finite(level: float) -> float | None:
    return round(float(level), 2) if level > -200 else None


def _on_meter(level: float) -> float:
    """Place a level in dBFS on a meter from -60 dBFS (0) to full scale (1)."""
    return round(min(1.0, max(0.0, 1 - float(level) / _FLOOR_DB)), 4) if level > _FLOOR_DB else 0.0

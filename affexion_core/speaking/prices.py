"""What providers charge, as somebody last said it; prices change, so no program can know them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from affexion_core.discovery import load_plugin
from affexion_core.errors import AffexionError, SynthesisError
from affexion_core.run_folder import read_json, write_json
from affexion_core.speaking.sounds import FOLDER
from affexion_core.synthesis._request import Price
from affexion_core.workspace import Workspace


def _name(provider: str, config: Any) -> str:
    """Name what has a price of its own: provider, address, endpoint and model, as far as there are such."""
    parts = (provider, *(str(getattr(config, name, "")) for name in ("base_url", "endpoint", "model")))
    return " ".join(part for part in parts if part)


def price_of(workspace: Workspace, provider: str, config: Any) -> Price:
    """Give the price somebody said last for a provider with these settings, else the one its plug-in starts from."""
    try:
        return Price(**read_json(workspace.root / FOLDER / "prices.json")[_name(provider, config)])
    except (AffexionError, OSError, ValueError, KeyError, TypeError):
        module = load_plugin("synthesis", provider)
        return module.price(config) if hasattr(module, "price") else Price()


def save_price(workspace: Workspace, provider: str, config: Any, price: Price) -> None:
    """Remember a price; `SynthesisError` if it is none."""
    if not (price.per_minute >= 0 and price.per_1000_characters >= 0):
        raise SynthesisError("A price can't be below 0.")
    path = workspace.root / FOLDER / "prices.json"
    try:
        known = dict(read_json(path))
    except (AffexionError, OSError, ValueError, TypeError):
        known = {}
    write_json(path, {**known, _name(provider, config): asdict(price)})

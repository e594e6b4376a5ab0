"""How the tests start a browser. No conftest: there are several, and a name from one may be sought in another."""

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Milliseconds a page may take on two busy cores.
PATIENCE = 60_000

"""Compare the ratios that benchmarks print with those that were stored; fails where one fell by more than a fifth.

    python benchmarks/guard.py [NAME…]          (or: make bench)
    python benchmarks/guard.py --store [NAME…]  after a change that is meant to be slower or faster

Every benchmark that understands ``--ratios`` takes part by an entry in ``ratios.json``: its last line of output is a
JSON object of ratios by name, each of two things timed in the same run, so that they mean the same on any machine.
More is better.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
STORED = HERE / "ratios.json"
LEAST = 0.8


def fallen(stored: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Say of each stored ratio that fell by more than a fifth, or is missing, what became of it."""
    words = []
    for name, before in stored.items():
        now = found.get(name)
        if now is None:
            words.append(f"{name}: not measured any more (stored: {before:g})")
        elif not now >= LEAST * before:
            words.append(f"{name}: {now:g} instead of {before:g}")
    return words


def measure(script: str) -> dict[str, float]:
    """Run a benchmark's short form.

    Raises
    ------
    SystemExit
        If it fails, or prints no ratios.
    """
    done = subprocess.run([sys.executable, str(HERE / script), "--ratios"], stdout=subprocess.PIPE, text=True)
    lines = done.stdout.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if done.returncode == 0 and lines else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SystemExit(f"{script} --ratios failed (exit code {done.returncode}) or printed no JSON object.")
    return {str(name): float(value) for name, value in found.items()}


def main(arguments: list[str] | None = None) -> int:
    """Measure all that take part, or those named; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: all)")
    parser.add_argument("--store", action="store_true", help="keep what is measured as what later runs must reach")
    options = parser.parse_args(arguments)
    stored: dict[str, dict[str, float]] = json.loads(STORED.read_text(encoding="utf-8"))
    unknown = set(options.names) - set(stored)
    if unknown:
        raise SystemExit(f"{', '.join(sorted(unknown))}: not in {STORED.name}, which names {', '.join(stored)}.")
    bad = []
    for name in options.names or stored:
        found = measure(f"{name}.py")
        for what, value in found.items():
            before = stored[name].get(what)
            print(f"{name}: {what}: {value:g}" + ("" if before is None else f" (stored: {before:g})"), flush=True)
        bad += [f"{name}: {words}" for words in fallen(stored[name], found)]
        stored[name] = found if options.store else stored[name]
    if options.store:
        STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    for words in bad:
        print(f"FELL BY MORE THAN A FIFTH: {words}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

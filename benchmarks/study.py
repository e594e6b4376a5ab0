"""The paper's study on clips spoken offline: synthetic cross-validation, and real speech, beside the paper's figures.

    python benchmarks/study.py --real signals.csv --workspace DIR > table.md

``signals.csv`` is a manifest of real clips (columns file, label, speaker, …) labelled with the project's signals.
"""

from __future__ import annotations

import argparse
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _verbs import METRICS, Verbs, machine, percent

from affexion_core.discovery import load_plugin

# The longest first; two commands at a time, one thread each.
PARTS = ("cv", "voices", "all")
PRESETS = ("affexion-paper", "affexion-poster", "linear")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True, help="manifest of real clips labelled with the signals")
    parser.add_argument("--workspace", type=Path, required=True, help="an empty folder")
    options = parser.parse_args()
    verbs = Verbs(options.workspace)
    verbs.run("synthesize", "--per-label", 70, "--dataset", "spoken")
    verbs.run("import", "csv", options.real.resolve(), "--dataset", "real-signals")
    with ThreadPoolExecutor(2) as pool:
        parts = {(preset, part): pool.submit(_measure, verbs, preset, part) for part in PARTS for preset in PRESETS}
    results = {preset: _gathered(parts, preset) for preset in PRESETS}
    print(_report(verbs, results, options.real))


def _measure(verbs: Verbs, preset: str, part: str) -> dict[str, Any]:
    recipe = ["--preset", preset, "--train", "spoken"]
    if part == "cv":
        return verbs.run("cv", *recipe, "--folds", 7)
    if part == "voices":
        return verbs.run("cv", *recipe, "--folds", 5, "--group", "speaker")
    trained = verbs.run("train", *recipe)
    return {"train": trained, "real": verbs.run("evaluate", trained["run"], "--on", "real-signals")}


def _gathered(parts: dict[tuple[str, str], Future], preset: str) -> dict[str, Any]:
    return {
        "cv": parts[preset, "cv"].result(),
        "voices": parts[preset, "voices"].result(),
        **parts[preset, "all"].result(),
    }


def _report(verbs: Verbs, results: dict[str, Any], real: Path) -> str:
    shown = next(iter(results.values()))
    blocks = [
        f"Machine: {machine()}. Seeds 0; two commands at a time, one thread each.",
        "### Synthetic cross-validation",
        f"{shown['cv']['n']} clips spoken by espeak-ng, five voices. Mean over folds as the paper averages, "
        "(least–greatest fold). The paper's clips were spoken by GPT-4o, so the rows are not the same experiment. "
        "Voices stand on both sides of the seven folds, as in the paper; the five folds are voice-disjoint.",
        _cv_table(results),
        "### Real speech",
        f"Trained on all {shown['train']['n']} synthetic clips, measured on {shown['real']['n']} real ones with 95 % "
        "intervals (the paper: 52 clips cut from YouTube). These clips are acted and called-in stand-ins: "
        f"{_labels(shown['real'])}; none is labelled uncertainty, so predictions of it are errors, and averages run "
        f"over three labels (chance among the four outputs 25 %). Split: {shown['real']['split']}.",
        _real_table(results),
        "Recall by label:",
        _recall_table(results),
        "### Time",
        verbs.log_table({str(real.resolve()): real.name}),
    ]
    return "\n\n".join(blocks)


def _labels(values: dict[str, Any]) -> str:
    return ", ".join(f"{row['label']} {row['n']}" for row in values["per_class"] if row["n"])


def _reported(preset: str, part: str) -> list[str]:
    figures = load_plugin("presets", preset).PRESET.reported.get(part, {})
    return [f"{figures[name]} %" if name in figures else "–" for name in METRICS]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cv_table(results: dict[str, Any]) -> str:
    rows = []
    for preset, parts in results.items():
        if any(cell != "–" for cell in _reported(preset, "cv")):
            rows.append([f"{preset}, as reported", *_reported(preset, "cv")])
        for key, words in (("cv", "7 folds, voices shared"), ("voices", "5 folds, voice-disjoint")):
            spread = parts[key]["fold_spread"]
            cells = [_spread(spread[name]) for name in METRICS]
            rows.append([f"{preset}, {words}", *cells])
    return _table(["", *METRICS.values()], rows)


def _spread(figure: dict[str, Any]) -> str:
    return f"{100 * figure['mean']:.1f} % ({100 * figure['low']:.0f}–{100 * figure['high']:.0f})"


def _real_table(results: dict[str, Any]) -> str:
    rows = []
    for preset, parts in results.items():
        if any(cell != "–" for cell in _reported(preset, "real")):
            rows.append([f"{preset}, as reported", *_reported(preset, "real"), ""])
        own = parts["train"]["accuracy"]
        cells = [percent(parts["real"][name]) for name in METRICS]
        rows.append([f"{preset}, here", *cells, f"{100 * own['value']:.0f} %"])
    return _table(["", *METRICS.values(), "accuracy on its own training clips"], rows)


def _recall_table(results: dict[str, Any]) -> str:
    per_class = next(iter(results.values()))["real"]["per_class"]
    labels = [row["label"] for row in per_class if row["n"]]
    rows = []
    for preset, parts in results.items():
        recalls = {row["label"]: row["recall"] for row in parts["real"]["per_class"]}
        rows.append([preset, *(percent(recalls[label]) for label in labels)])
    return _table(["", *labels], rows)


if __name__ == "__main__":
    main()

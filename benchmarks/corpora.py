"""Real corpora, speaker-disjoint and across corpora: what the poster's recipe and the baseline reach.

    python benchmarks/corpora.py --audio DIR --workspace DIR > table.md

``--audio`` holds the folders ravdess, emodb, cremad, tess in their native layouts and emospeech with a manifest.csv.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _verbs import METRICS, Verbs, machine, percent

PRESETS = ("affexion-poster", "linear")
FOLDERS = {"ravdess": "ravdess", "emodb": "emodb", "cremad": "cremad", "tess": "tess", "emospeech": "csv"}
# Trained on the first, measured on the second through the map.
ACROSS = (("ravdess", "emodb", "emodb-to-ravdess"), ("ravdess", "emospeech", "emospeech-to-ravdess"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audio", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--workspace", type=Path, required=True, help="an empty folder")
    options = parser.parse_args()
    verbs = Verbs(options.workspace)
    for folder, reader in FOLDERS.items():
        verbs.run("import", reader, (options.audio / folder).resolve())
    with ThreadPoolExecutor(2) as pool:
        measured = list(pool.map(lambda preset: _measure(verbs, preset), PRESETS))
    results = dict(zip(PRESETS, measured, strict=True))
    print("\n\n".join([f"Machine: {machine()}. Seeds 0; two commands at a time, one thread each.", _table(results)]))
    print("\n### Time\n\n" + verbs.log_table({str(options.audio.resolve()): "AUDIO"}))


def _measure(verbs: Verbs, preset: str) -> dict[str, Any]:
    recipe = ["--preset", preset, "--train", "ravdess"]
    found = {"RAVDESS, 4 folds by speaker": verbs.run("cv", *recipe, "--folds", 4, "--group", "speaker")}
    trained = verbs.run("train", *recipe)
    for _, dataset, label_map in ACROSS:
        evaluated = verbs.run("evaluate", trained["run"], "--on", dataset, "--label-map", label_map)
        found[f"RAVDESS → {dataset}, via {label_map}"] = evaluated
    return found


def _table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| | n | " + " | ".join(METRICS.values()) + " | split |", "|---" * (len(METRICS) + 3) + "|"]
    for preset, found in results.items():
        for what, values in found.items():
            cells = [
                f"{preset}: {what}",
                str(values["n"]),
                *(percent(values[name]) for name in METRICS),
                values["split"],
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

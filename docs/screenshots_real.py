"""Make the screenshots of what small models do on real speech: every view of a run, its attention, and a gap study.

``python docs/screenshots_real.py --real signals.csv`` takes a manifest of real clips with the labels of the project. It
needs Debian's chromium and about ten minutes. ``--workspace DIR`` takes a workspace that this has filled already.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from make_screenshots import CHROMIUM, FLAGS, PROJECT, VIEWS, keep, serving
from playwright.sync_api import sync_playwright

SPOKEN, REAL = "Spoken, small", "Real, 3 folds"
_SMALL = ("--set", "hidden=24", "--set", "channels=16", "--set", "lstm_layers=1")
STEPS = (
    ("synthesize", "--per-label", "16", "--dataset", "spoken"),
    ("train", "--preset", "affexion-paper", "--train", "spoken", "--test", "real-signals", "--set", "epochs=3", *_SMALL,
     "--name", SPOKEN),
    ("cv", "--preset", "affexion-paper", "--train", "real-signals", "--folds", "3", "--set", "epochs=4", *_SMALL,
     "--name", REAL),
    ("groups", REAL, "--on", "cv", "--by", "snr"),
    ("calibrate", REAL),
    ("deletion", REAL, "--on", "cv"),
    ("attention", REAL, "--on", "cv"),
    ("gap", "--preset", "linear", "--set", "epochs=5", "--synthetic", "spoken", "--real", "real-signals", "--arms",
     "noise,prior", "--sizes", "0,2", "--draws", "2", "--folds", "2"),
    ("differences", "--run", SPOKEN),
    ("shortcuts", "spoken"),
)  # fmt: skip


def main() -> None:
    """Make the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="the manifest of real clips")
    parser.add_argument("--workspace", type=Path, help="a workspace that is filled already")
    parser.add_argument("--only", nargs="*", default=(), help="take these views alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        workspace = options.workspace or Path(folder) / "real"
        if options.workspace is None:
            for step in (("import", "csv", str(options.real), "--dataset", "real-signals"), *STEPS):
                print(" ".join(step), flush=True)
                command = [sys.executable, "-m", "affexion_core", *step, "--workspace", str(workspace)]
                subprocess.run(command, cwd=PROJECT, check=True)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving(workspace) as address:
            for name, (path, until) in views(workspace).items():
                if options.only and name not in options.only:
                    continue
                keep(browser, VIEWS[0], address + path, f"real-{name}", whole=True, until=until)
        browser.close()


def views(workspace: Path) -> dict[str, tuple[str, str]]:
    """Give the address of each view, and words that stand there once all is drawn."""
    from affexion_core.run_folder import read_predictions
    from affexion_core.store.clips import get_clips
    from affexion_core.store.runs import get_run
    from affexion_core.store.session import open_store
    from affexion_core.workspace import open_workspace

    store = open_store(open_workspace(str(workspace)))
    spoken, real = get_run(store, SPOKEN), get_run(store, REAL)
    rows = {row.clip_id: row for row in read_predictions(Path(real.folder), "cv")}
    clips = [clip for clip in get_clips(store, list(rows)) if clip.corpus == "emodb"]
    right = next(clip.id for clip in clips if rows[clip.id].reference == rows[clip.id].predicted)
    wrong = next(clip.id for clip in clips if rows[clip.id].reference != rows[clip.id].predicted)
    results = f"/results?run={real.id}&on=cv&section="
    return {
        "confusion": (f"{results}Confusion", ""),
        "labels": (f"{results}By+label", ""),
        "certainty": (f"{results}Certainty&calibrated=true", ""),
        "groups": (f"{results}Groups&by=snr", ""),
        "folds": (f"{results}Folds", ""),
        "attention": (
            f"/attention?run={real.id}&on=cv&clip={right}&beside={wrong}&slopes=true",
            "Fold models",
        ),
        "gap": (f"/gap?network={spoken.id}", "dimensions. Choose one"),
    }


if __name__ == "__main__":
    main()

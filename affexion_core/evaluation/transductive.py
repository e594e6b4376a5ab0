"""Models adapted to unlabelled clips: whatever is measured of them says so, above all on those very clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Dataset, LabelledClip, Trace, traces

_FILE = "adaptation.json"


def pin_target(folder: Path, target: Dataset) -> None:
    """Write the clips that a run is adapted to into its folder: which they are, never their labels."""
    clips = [{"clip_id": t.clip_id, "origin": t.origin, "speaker": t.speaker, "text": t.text} for t in _traces(target)]
    write_json(folder / _FILE, {"dataset": target.name, "clips": clips})


def _traces(target: Dataset) -> tuple[Trace, ...]:
    # by id: the order of a dataset may tell labels
    return tuple(sorted(traces(target.items), key=lambda trace: trace.clip_id))


def pinned_target(folder: Path) -> tuple[str, tuple[Trace, ...]] | None:
    """Give the name of the dataset that a run was adapted to, and the traces of its clips; None if to none."""
    if not (folder / _FILE).is_file():
        return None
    values = read_json(folder / _FILE)
    return values["dataset"], tuple(Trace(**clip) for clip in values["clips"])


def stamp_adapted(folder: Path, items: Sequence[LabelledClip], stamp: str) -> str:
    """Add to the stamp of figures on ``items`` what a run was adapted to, and what of it they share."""
    found = pinned_target(folder)
    if found is None:
        return stamp
    name, target = found
    seen, tested = {trace.clip_id for trace in target}, traces(items)
    said = f"{stamp}; adapted on {len(target)} unlabelled clips of {name}"
    among = sum(trace.clip_id in seen for trace in tested)
    if among:
        return f"{said}, transductive: {among} of the {len(tested)} clips measured are among them"
    speakers = {trace.speaker for trace in target} & {trace.speaker for trace in tested} - {None}
    return f"{said}, by {len(speakers)} of the speakers measured" if speakers else said

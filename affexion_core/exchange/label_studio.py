"""Label Studio: tasks as JSON, with a labelling interface for its settings; its own exports (JSON, JSON-MIN) are read.

Label Studio knows no corrections, takes or reasons: what it has no place for stands in ``meta`` of a judgement's first
result, which it keeps. Judgements that were replaced or withdrawn go as cancelled, so that it counts none twice.
Source of the format: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from affexion_core.errors import LabelError
from affexion_core.exchange._about import is_export, read_about, read_json, write_about, write_json
from affexion_core.exchange._bundle import Bundle, BundleClip, FormatInfo, Judgement, Settled
from affexion_core.exchange._label_config import label_config
from affexion_core.exchange._label_studio_tasks import KEPT, OURS, read_tasks
from affexion_core.types import Decision

INFO = FormatInfo(
    name="label-studio",
    title="Label Studio JSON",
    writes="tasks.json (a task for each clip), config.xml (the labelling interface), about.json",
    reads="such a folder, or a file that Label Studio exported as JSON or JSON-MIN",
    table="tasks.json",
    homepage="https://labelstud.io/guide/task_format",
)
_COUNTS = ("confidence", "intensity")


def write(bundle: Bundle, folder: Path) -> None:
    """Write tasks, labelling interface and about.json into a folder that is there."""
    judged: dict[str, list[Judgement]] = {}
    for made in bundle.judgements:
        judged.setdefault(made.clip, []).append(made)
    settled = {row.clip: row for row in bundle.settled}
    decided: dict[str, list[Decision]] = {}
    for decision in bundle.decisions:
        decided.setdefault(decision.clip_id, []).append(decision)
    replaced = {made.replaces for made in bundle.judgements}
    number = 0
    tasks = []
    for place, clip in enumerate(bundle.clips, start=1):
        annotations = []
        for made in judged.get(clip.key, ()):
            number += 1
            annotations.append(_annotation(made, number, place, gone=made.withdrawn or made.id in replaced))
        ours = _task_meta(settled.get(clip.key), decided.get(clip.key, ()))
        tasks.append({"id": place, "data": _data(clip), "annotations": annotations, "meta": {OURS: ours}})
    write_json(folder / INFO.table, tasks)
    (folder / "config.xml").write_bytes(label_config(bundle).encode())
    write_about(bundle, folder)


def _data(clip: BundleClip) -> dict[str, Any]:
    values = asdict(clip)
    provenance = {key: value for key, value in values["provenance"].items() if value not in (None, {})}
    kept = {
        key: value
        for key, value in values.items()
        if value not in (None, {}) and key not in ("file", "id", "provenance")
    }
    return {"audio": clip.file, "clip": clip.id, **kept, **({"provenance": provenance} if provenance else {})}


def _task_meta(settled: Settled | None, decisions: Sequence[Decision]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if settled is not None:
        meta["settled"] = {key: value for key, value in asdict(settled).items() if key != "clip" and value is not None}
    if decisions:
        meta["decisions"] = [asdict(decision) for decision in decisions]
    return meta


def _annotation(made: Judgement, number: int, task: int, gone: bool) -> dict[str, Any]:
    result = list(_results(made))
    kept = {key: getattr(made, key) for key in KEPT}
    result[0]["meta"] = {OURS: {key: value for key, value in kept.items() if value not in (None, ())}}
    return {
        "id": number,
        "task": task,
        "completed_by": None if made.rater is None else {"email": made.rater},
        "was_cancelled": gone,
        "ground_truth": False,
        "created_at": made.created,
        "lead_time": made.seconds,
        "result": result,
    }


def _results(made: Judgement) -> Iterator[dict[str, Any]]:
    """Say a judgement in the controls of `label_config`; at least one, since the first carries the rest."""
    if isinstance(made.value, str):
        yield _result("label", "choices", [made.value])
    elif made.value is not None:
        yield _result(made.scheme or "number", "number", made.value)
    elif made.unclear is not None:
        yield _result("unclear", "choices", [made.unclear])
    else:
        yield _result("withdrawn", "choices", ["withdrawn"])
    if made.second is not None:
        yield _result("second", "choices", [made.second])
    for name in _COUNTS:
        if getattr(made, name) is not None:
            yield _result(name, "rating", getattr(made, name))
    for name, value in made.dimensions.items():
        yield _result(name, "number", value)
    if made.comment is not None:
        yield _result("comment", "textarea", [made.comment])


def _result(name: str, kind: str, value: Any) -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"id": name, "from_name": name, "to_name": "audio", "type": kind, "value": {key: value}}


def read(path: Path) -> Bundle:
    """Read an exported folder, or a JSON or JSON-MIN file from Label Studio.

    Cancelled annotations (skipped tasks) of other makers and predictions are left out. What a judgement says in a
    control other than the one for labels is kept where its name is known: second, confidence, intensity, comment,
    unclear, and the dimensions.

    Raises
    ------
    LabelError
        If the file can't be read, isn't a list of tasks, or has several controls for labels.
    """
    folder = path if path.is_dir() else path.parent
    ours = is_export(folder) and (path.is_dir() or path.name == INFO.table)
    if path.is_dir():
        found = [folder / INFO.table] if ours else sorted(folder.glob("*.json"))
        if len(found) != 1:
            raise LabelError(f"{path.name} holds {len(found)} JSON files; name the one that Label Studio exported.")
        path = found[0]
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise LabelError(f"{path.name} is no list of tasks; in Label Studio, export as JSON or JSON-MIN.")
    return read_tasks(read_about(Bundle(), folder) if ours else Bundle(), tasks, path.name)

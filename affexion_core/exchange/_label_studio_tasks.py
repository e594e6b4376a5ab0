"""Read Label Studio's tasks: those exported by Affexion, and its own exports as JSON and JSON-MIN."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from affexion_core.errors import LabelError
from affexion_core.exchange._bundle import (
    Bundle,
    BundleClip,
    Judgement,
    Problem,
    Settled,
    check_texts,
    typed,
)
from affexion_core.exchange._rows import DIMENSIONS
from affexion_core.types import Decision

Task = Mapping[str, Any]

# What of a judgement Label Studio has no place for stands under this name.
OURS = "affexion"
KEPT = ("rater", "scheme", "created", "seconds", "heard", "project", "take", "flags", "withdrawn", "replaces", "id")

# Names of controls that say something else than the label.
_OTHER_CONTROLS = ("second", "unclear", "withdrawn", "comment", "confidence", "intensity", *DIMENSIONS)
_LABEL_CONTROLS = ("label", "emotion", "labels", "class", "signal", "sentiment")
# Label Studio puts eight hex digits and a dash before the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
_MIN_KEYS = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id")
_WRONG = (LabelError, TypeError, ValueError, KeyError, AttributeError, IndexError)


def read_tasks(bundle: Bundle, tasks: Sequence[Task], name: str) -> Bundle:
    """Add to a bundle what tasks say; those that can't be used become problems.

    Raises
    ------
    LabelError
        If there are several controls for labels; ``name`` is that of the file.
    """
    control = _label_control(
        [result for task in tasks for made in _annotations(task) for result in _results(made)], name
    )
    read = _Read(control)
    for number, task in enumerate(tasks, start=1):
        place = f"task {task.get('id', number)}"
        try:
            check_texts(task, "The task")
            read.task(task, place)
        except _WRONG as error:
            read.problems.append(Problem(place, _why(error)))
    return replace(
        bundle,
        clips=tuple(read.clips),
        judgements=tuple(read.judgements),
        settled=tuple(read.settled),
        decisions=tuple(read.decisions),
        problems=tuple(read.problems),
    )


class _Read:
    """What has been read so far."""

    def __init__(self, control: str | None) -> None:
        self.control = control
        self.clips: list[BundleClip] = []
        self.judgements: list[Judgement] = []
        self.settled: list[Settled] = []
        self.decisions: list[Decision] = []
        self.problems: list[Problem] = []

    def task(self, task: Task, place: str) -> None:
        clip = _clip(task)
        key = _file_name(task) if clip is None else clip.key
        self.clips += [] if clip is None else [clip]
        meta = _ours(task)
        if "settled" in meta:
            self.settled.append(typed(Settled, {"clip": key, "label": None, **meta["settled"]}))
        self.decisions += [typed(Decision, decision) for decision in meta.get("decisions", ())]
        for index, annotation in enumerate(_annotations(task), start=1):
            where = f"{place}, annotation {annotation.get('id') or index}"
            try:
                made = _judgement(key, annotation, self.control, where)
            except _WRONG as error:
                self.problems.append(Problem(where, _why(error)))
                continue
            self.judgements += [] if made is None else [made]


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, LabelError) else f"It isn't as Label Studio writes it ({error})."


def _ours(held: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = held.get("meta")
    ours = meta.get(OURS) if isinstance(meta, Mapping) else None
    return ours if isinstance(ours, Mapping) else {}


def _clip(task: Task) -> BundleClip | None:
    """Give the clip that a task exported by Affexion describes."""
    data = task.get("data")
    if not isinstance(data, Mapping) or "clip" not in data or OURS not in (task.get("meta") or {}):
        return None
    known = {name: value for name, value in data.items() if name in BundleClip.__dataclass_fields__}
    return typed(BundleClip, {**known, "file": data["audio"], "id": data["clip"]})


def _file_name(task: Task) -> str:
    """Find the file a task speaks of: `audio` or else the one value that looks like a path to a sound file."""
    data = task.get("data", task)
    values = [data["audio"]] if isinstance(data.get("audio"), str) else []
    values += [value for value in data.values() if isinstance(value, str) and _looks_like_sound(value)]
    if not values:
        raise LabelError("It names no sound file.")
    return _plain_name(values[0])


def _looks_like_sound(value: str) -> bool:
    return re.search(r"\.(wav|flac|mp3|ogg|oga|opus|m4a|mp4|aac|webm|aiff?)(\?|$)", value.lower()) is not None


def _plain_name(address: str) -> str:
    """Take the file's name from an upload's path, a local file's address or a link."""
    parts = urlsplit(address)
    within = parse_qs(parts.query).get("d")
    path = within[0] if within else unquote(parts.path) if parts.scheme or address.startswith("/data/") else address
    name = PurePosixPath(path.replace("\\", "/")).name
    return _UPLOADED.sub("", name) if "/data/upload/" in f"/{path}" or "/upload/" in path else path


def _annotations(task: Task) -> list[dict[str, Any]]:
    """List a task's annotations; a task of JSON-MIN is one annotation itself."""
    if "data" in task:
        made = task.get("annotations", task.get("completions", ()))
        return [annotation for annotation in made or () if isinstance(annotation, dict)]
    if "annotator" not in task and "annotation_id" not in task:
        return []
    return [
        {
            "id": task.get("annotation_id"),
            "completed_by": task.get("annotator"),
            "created_at": task.get("created_at"),
            "lead_time": task.get("lead_time"),
            "result": list(_unfolded(task)),
        }
    ]


def _unfolded(task: Task) -> Iterator[dict[str, Any]]:
    """Make the results of a task of JSON-MIN; which of its keys are controls is told by their names and values."""
    for name, value in task.items():
        if name in _MIN_KEYS or (isinstance(value, str) and _looks_like_sound(value)):
            continue
        for held in value if isinstance(value, list) else [value]:
            found = held if isinstance(held, dict) else {"text" if name == "comment" else "choices": [held]}
            kind = next((kind for kind in ("choices", "rating", "number", "text") if kind in found), None)
            if kind is not None:
                yield {"from_name": name, "type": "textarea" if kind == "text" else kind, "value": {kind: found[kind]}}


def _results(annotation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [result for result in annotation.get("result") or () if isinstance(result, dict)]


def _label_control(results: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """Find the control that labels are chosen with."""
    names = {str(r.get("from_name")) for r in results if r.get("type") == "choices"} - set(_OTHER_CONTROLS)
    usual = next((control for control in _LABEL_CONTROLS if control in names), None)
    if usual is None and len(names) > 1:
        raise LabelError(
            f"{name} has several controls with choices ({', '.join(sorted(names))}); in Label Studio's labelling "
            "interface, name the one for labels 'label', and export again."
        )
    return usual or next(iter(names), None)


def _judgement(clip: str, annotation: Mapping[str, Any], control: str | None, place: str) -> Judgement | None:
    """Make the judgement of an annotation; None for one that was cancelled or says nothing."""
    results = _results(annotation)
    ours = _ours(results[0]) if results else {}
    if not ours and (annotation.get("was_cancelled") or not results):
        return None
    values: dict[str, Any] = {
        "rater": _rater(annotation.get("completed_by")),
        "created": annotation.get("created_at"),
        "seconds": annotation.get("lead_time"),
        **{key: ours[key] for key in KEPT if key in ours},
    }
    said = _said(results, control, ours.get("scheme"))
    if not ours and not said.keys() - {"comment", "confidence", "intensity"}:
        return None
    return replace(typed(Judgement, {"clip": clip, **values, **said}), place=place)


def _rater(completed_by: Any) -> str | None:
    """Name who made an annotation: by email, else by name, else by Label Studio's number."""
    if isinstance(completed_by, Mapping):
        names = " ".join(str(completed_by.get(key) or "") for key in ("first_name", "last_name")).strip()
        return completed_by.get("email") or names or _rater(completed_by.get("id"))
    return None if completed_by is None else f"label-studio:{completed_by}"


def _said(results: Sequence[Mapping[str, Any]], control: str | None, scheme: str | None) -> dict[str, Any]:
    """Gather what the results of one annotation say."""
    said: dict[str, Any] = {}
    dimensions: dict[str, float] = {}
    for result in results:
        name, kind, value = result.get("from_name"), result.get("type"), result.get("value") or {}
        if kind == "choices" and name == control:
            chosen = value["choices"]
            if len(chosen) > 2:
                raise LabelError(f"It has {len(chosen)} labels; one and a second can be kept.")
            said |= {"value": chosen[0]} | ({"second": chosen[1]} if len(chosen) == 2 else {})
        elif kind == "choices" and name in ("second", "unclear"):
            said[name] = value["choices"][0]
        elif kind == "rating" and name in ("confidence", "intensity"):
            said[name] = value["rating"]
        elif kind in ("rating", "number") and name == scheme:
            said["value"] = value[kind]
        elif kind == "number" or (kind == "rating" and name in DIMENSIONS):
            dimensions[str(name)] = value[kind]
        elif kind == "textarea" and name == "comment":
            text = value["text"]
            said["comment"] = text if isinstance(text, str) else "\n".join(text)
    return said | ({"dimensions": dimensions} if dimensions else {})

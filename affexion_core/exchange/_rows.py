"""Between judgements, clips and decisions, and flat rows of cells as tables and frames hold them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from affexion_core.errors import LabelError
from affexion_core.exchange._bundle import Bundle, BundleClip, Judgement, Settled
from affexion_core.exchange._cells import Cell
from affexion_core.types import ORIGINS, Decision, Provenance

# The numeric schemes that a file may speak of without saying that they are numeric.
DIMENSIONS = ("arousal", "valence", "dominance")

JUDGEMENT_TEXTS = ("clip", "scheme", "rater", "label", "second", "unclear")
JUDGEMENT_NUMBERS = ("confidence", "intensity")
JUDGEMENT_COLUMNS = (
    *("clip", "file", "scheme", "rater", "label", "second", "unclear", "confidence", "intensity"),
    *("comment", "created", "seconds", "heard", "project", "take", "flags", "withdrawn", "replaces", "id"),
)
CLIP_COLUMNS = (
    *("clip", "file", "speaker", "language", "transcript", "duration", "start", "end", "origin", "corpus"),
    *("sampling_rate", "channels", "sha256", "licence", "source", "attributes", "provenance"),
)
SETTLED_COLUMNS = ("label", "n_votes", "n_unclear", "agreement", "decided_by", "dropped")
DECISION_COLUMNS = ("clip", "scheme", "label", "decided_by", "reason", "created", "project", "withdrawn", "id")
SHARE = "votes_"

Row = Mapping[str, str]


def dimension_columns(numeric: Iterable[str]) -> tuple[str, ...]:
    """Name the numeric schemes that can have a column of their own: those not called like another column."""
    return tuple(name for name in numeric if name not in JUDGEMENT_COLUMNS)


def judgement_columns(bundle: Bundle) -> tuple[str, ...]:
    """Name the columns of the bundle's judgements: the dimensions stand behind the intensity."""
    place = JUDGEMENT_COLUMNS.index("intensity") + 1
    return (*JUDGEMENT_COLUMNS[:place], *bundle.dimensions(), *JUDGEMENT_COLUMNS[place:])


def judgement_row(made: Judgement, files: Mapping[str, str]) -> dict[str, Cell]:
    """Make the cells of a judgement; ``files`` gives the file of a clip."""
    return {
        "clip": made.clip,
        "file": files.get(made.clip),
        "scheme": made.scheme,
        "rater": made.rater,
        "label": made.value,
        "second": made.second,
        "unclear": made.unclear,
        "confidence": made.confidence,
        "intensity": made.intensity,
        **made.dimensions,
        "comment": made.comment,
        "created": made.created,
        "seconds": made.seconds,
        "heard": made.heard,
        "project": made.project,
        "take": made.take,
        "flags": joined(made.flags),
        "withdrawn": True if made.withdrawn else None,
        "replaces": made.replaces,
        "id": made.id,
    }


def judgement_of(row: Row, place: str, numeric: Sequence[str] = DIMENSIONS) -> Judgement:
    """Make the judgement of a row; empty cells say nothing.

    Parameters
    ----------
    row, place
        Its cells, and where it stands.
    numeric
        The numeric schemes: a column of such a name holds numbers, and so does ``label`` under such a scheme.

    Raises
    ------
    LabelError
        If a cell that needs a number holds something else.
    """
    clip = text(row, "clip") or text(row, "file")
    if clip is None:
        raise LabelError("It names no clip.")
    return Judgement(
        clip=clip,
        rater=text(row, "rater"),
        value=number(row, "label") if text(row, "scheme") in numeric else text(row, "label"),
        scheme=text(row, "scheme"),
        second=text(row, "second"),
        unclear=text(row, "unclear"),
        confidence=whole(row, "confidence"),
        intensity=whole(row, "intensity"),
        dimensions={name: value for name in dimension_columns(numeric) if (value := number(row, name)) is not None},
        comment=text(row, "comment"),
        created=text(row, "created"),
        seconds=number(row, "seconds"),
        heard=number(row, "heard"),
        project=text(row, "project"),
        take=whole(row, "take") or 0,
        flags=parted(text(row, "flags")),
        withdrawn=truth(row, "withdrawn"),
        replaces=text(row, "replaces"),
        id=text(row, "id"),
        place=place,
    )


def clip_row(clip: BundleClip) -> dict[str, Cell]:
    """Make the cells of a clip; licence and source are shown, and stand in its provenance as a whole."""
    provenance = {name: value for name, value in vars(clip.provenance).items() if value not in (None, {})}
    return {
        "clip": clip.id,
        **{name: getattr(clip, name) for name in CLIP_COLUMNS[1:13]},
        "licence": clip.provenance.licence,
        "source": clip.provenance.source,
        "attributes": compact(clip.attributes) if clip.attributes else None,
        "provenance": compact(provenance) if provenance else None,
    }


def clip_of(row: Row) -> BundleClip:
    """Make the clip of a row.

    Raises
    ------
    LabelError
        If a cell doesn't hold what it should.
    """
    origin = text(row, "origin")
    known = next((one for one in ORIGINS if one == origin), None)
    if origin is not None and known is None:
        raise LabelError(f"origin = {origin!r} is neither real nor synthetic.")
    return BundleClip(
        file=text(row, "file") or text(row, "file_name") or text(row, "clip") or "",
        id=text(row, "clip"),
        sha256=text(row, "sha256"),
        origin=known,
        corpus=text(row, "corpus"),
        duration=number(row, "duration"),
        sampling_rate=whole(row, "sampling_rate"),
        channels=whole(row, "channels"),
        start=number(row, "start"),
        end=number(row, "end"),
        speaker=text(row, "speaker"),
        language=text(row, "language"),
        transcript=text(row, "transcript"),
        attributes={key: str(value) for key, value in mapping(row, "attributes").items()},
        provenance=provenance_of(mapping(row, "provenance"), text(row, "licence"), text(row, "source")),
    )


def provenance_of(values: Mapping[str, Any], licence: str | None = None, source: str | None = None) -> Provenance:
    """Make an origin card of plain values; keys that a later version may have are left out."""
    kept = {name: values[name] for name in Provenance.__dataclass_fields__ if values.get(name) is not None}
    if not isinstance(kept.get("parameters", {}), dict):
        raise LabelError("The parameters in its provenance are no object.")
    return Provenance(**{"licence": licence, "source": source, **kept})


def settled_row(row: Settled, labels: Sequence[str]) -> dict[str, Cell]:
    """Make the cells of what counts for a clip: a column for each label's share of votes."""
    return {
        "label": row.label,
        **{SHARE + label: share for label in labels if (share := (row.votes or {}).get(label)) is not None},
        "n_votes": row.n_votes,
        "n_unclear": row.n_unclear,
        "agreement": row.agreement,
        "decided_by": row.source,
        "dropped": row.dropped,
    }


def settled_of(clip: str, row: Row) -> Settled | None:
    """Make what counts for a clip of its row; None where the row says nothing of it."""
    shares = {name.removeprefix(SHARE): number(row, name) for name in row if name.startswith(SHARE)}
    votes = {label: share for label, share in shares.items() if share is not None}
    made = Settled(
        clip,
        text(row, "label"),
        votes or None,
        whole(row, "n_votes"),
        whole(row, "n_unclear"),
        number(row, "agreement"),
        text(row, "decided_by"),
        text(row, "dropped"),
    )
    return None if made == Settled(clip, None) else made


def decision_row(made: Decision) -> dict[str, Cell]:
    """Make the cells of a decision."""
    kept: dict[str, Cell] = {name: getattr(made, name) for name in DECISION_COLUMNS[1:] if name != "withdrawn"}
    return {"clip": made.clip_id, **kept, "withdrawn": True if made.withdrawn else None}


def decision_of(row: Row) -> Decision:
    """Make the decision of a row.

    Raises
    ------
    LabelError
        If it lacks what a decision needs.
    """
    needed = {name: text(row, name) for name in ("id", "clip", "scheme", "decided_by", "reason", "created")}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise LabelError(f"The decision lacks {missing[0]}.")
    kept = {"clip_id" if name == "clip" else name: str(value) for name, value in needed.items()}
    return Decision(**kept, label=text(row, "label"), project=text(row, "project"), withdrawn=truth(row, "withdrawn"))


def text(row: Row, column: str) -> str | None:
    """Give a cell; None where it is empty or not there."""
    return row.get(column) or None


def number(row: Row, column: str) -> float | None:
    """Give a cell as a finite number; `LabelError` where it holds something else."""
    cell = (row.get(column) or "").strip()
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LabelError(f"{column} = {cell!r} is not a number.")
    return value


def whole(row: Row, column: str) -> int | None:
    """Give a cell as a whole number; `LabelError` where it holds something else."""
    value = number(row, column)
    if value is not None and (not value.is_integer() or abs(value) > 2**31 - 1):
        raise LabelError(f"{column} = {value:g} is not a whole number in reach.")
    return None if value is None else int(value)


def truth(row: Row, column: str) -> bool:
    """Give a cell as yes or no; empty is no."""
    cell = (row.get(column) or "").strip().lower()
    if cell not in ("", "true", "false", "1", "0", "yes", "no"):
        raise LabelError(f"{column} = {cell!r} is neither true nor false.")
    return cell in ("true", "1", "yes")


def mapping(row: Row, column: str) -> dict[str, Any]:
    """Give a cell's JSON object; empty where the cell is."""
    cell = row.get(column)
    if not cell:
        return {}
    try:
        value = json.loads(cell)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise LabelError(f"{column} is no JSON object.")
    return value


def compact(value: Any) -> str:
    """Write plain values as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def joined(flags: Sequence[str]) -> str | None:
    """Write flags into one cell, ``too fast; not heard``, as JSON where that would not be read back as it was."""
    simple = "; ".join(flags)
    return (simple if parted(simple) == tuple(flags) else compact(list(flags))) or None


def parted(cell: str | None) -> tuple[str, ...]:
    """Read flags from a cell."""
    if not cell:
        return ()
    if cell.startswith("["):
        try:
            listed = json.loads(cell)
        except ValueError:
            listed = None
        if isinstance(listed, list) and all(isinstance(flag, str) for flag in listed):
            return tuple(listed)
    return tuple(flag for part in cell.split(";") if (flag := part.strip()))

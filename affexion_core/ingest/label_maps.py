"""Label maps: small CSV files that say what the labels of one corpus mean under another scheme.

Columns are ``label``, ``target``, optionally ``note``, and any others as conditions on attributes of the clip
(``intensity``, ``level``, …; empty means any). The first row that matches wins; an empty target leaves the clip
out on purpose. Those that ship stand in ``data/label_maps`` and may be edited by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from affexion_core.corpora._table import read_table
from affexion_core.errors import CorpusError, LabelError, allowed
from affexion_core.workspace import SHIPPED

FOLDER = SHIPPED / "label_maps"


@dataclass(frozen=True)
class Rule:
    """One row: a label, where the attributes are as in ``conditions``, becomes ``target`` (None: left out)."""

    label: str
    target: str | None
    conditions: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def matches(self, label: str, attributes: Mapping[str, str]) -> bool:
        """Tell whether a clip falls under this rule."""
        return label == self.label and all(attributes.get(key) == value for key, value in self.conditions.items())


@dataclass(frozen=True)
class LabelMap:
    """A named, ordered list of rules. A rule that an earlier one keeps from ever matching is refused."""

    name: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        for later, rule in enumerate(self.rules):
            for earlier, other in enumerate(self.rules[:later]):
                if rule.label == other.label and other.conditions.items() <= rule.conditions.items():
                    raise LabelError(
                        f"Label map {self.name!r}: row {later + 2} ({_said(rule)}) is never reached, because row "
                        f"{earlier + 2} ({_said(other)}) comes first; remove one, or put the narrower one first."
                    )

    def knows(self, label: str) -> bool:
        """Tell whether any row speaks of a label, be it to leave it out."""
        return any(rule.label == label for rule in self.rules)


def _said(rule: Rule) -> str:
    return ", ".join([rule.label, *(f"{key} = {value}" for key, value in rule.conditions.items())])


def apply(label_map: LabelMap, label: str, attributes: Mapping[str, str]) -> str | None:
    """Give the target of a label; None where it is left out or no row matches (see `LabelMap.knows`)."""
    return next((rule.target for rule in label_map.rules if rule.matches(label, attributes)), None)


def targets(label_map: LabelMap) -> tuple[str, ...]:
    """Give the labels a map can lead to, each once, in the order of its rows."""
    return tuple(dict.fromkeys(rule.target for rule in label_map.rules if rule.target is not None))


def shipped_label_maps() -> tuple[str, ...]:
    """List the maps that ship, by name."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.csv")))


def load_label_map(name_or_path: str | Path) -> LabelMap:
    """Read a shipped map by name, or any CSV file by path.

    Raises
    ------
    LabelError
        If there is no such map or file, a column is missing, a row has no label, or a rule stands twice.
    """
    shipped = FOLDER / f"{name_or_path}.csv"
    path = shipped if str(name_or_path) in shipped_label_maps() else Path(name_or_path)
    if not path.is_file():
        shipped_ones = allowed(shipped_label_maps())
        raise LabelError(f"There is no label map or file {str(name_or_path)!r}. Shipped are {shipped_ones}.")
    try:
        header, rows = read_table(path)
        table = list(rows)
    except CorpusError as error:
        raise LabelError(f"The label map can't be used: {error}") from error
    missing = [column for column in ("label", "target") if column not in header]
    if missing:
        raise LabelError(f"The label map {path} has no column {missing[0]!r}. It has {allowed(header)}.")
    conditions = tuple(column for column in header if column not in ("label", "target", "note", ""))
    return LabelMap(path.stem, tuple(_rule(path, row, conditions) for row in table))


def _rule(path: Path, row: Mapping[str, str], conditions: tuple[str, ...]) -> Rule:
    if not row.get("label"):
        raise LabelError(f"The label map {path} has a row without a label (target {row.get('target')!r}); fill it in.")
    chosen = {column: row[column] for column in conditions if row.get(column)}
    return Rule(row["label"], row.get("target") or None, chosen, row.get("note", ""))

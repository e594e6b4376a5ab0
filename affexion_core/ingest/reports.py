"""What a person may choose for an import, and what they are told afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from affexion_core.ingest.label_maps import LabelMap
from affexion_core.types import Origin, Scheme


@dataclass(frozen=True)
class ImportOptions:
    """How to import.

    Attributes
    ----------
    dataset
        Name of the dataset to make or extend; None for the corpus's name or, of free layouts, the folder's.
    origin
        Of all clips; None for what the corpus or manifest states, else real. One that contradicts it is refused.
    label_map
        What the corpus's labels become; recordings whose label leads nowhere are not imported.
    scheme
        The labels allowed, in their order; None to choose one as `ingest.labelling.dataset_scheme` says.
    columns
        For manifests: field → column, where a column has another name.
    language
        Where the corpus states none, such as ``de``.
    in_place
        Leave the recordings where they are instead of copying them into the workspace.
    corpus_name
        For free layouts: what to write before the speakers; None for the folder's name. The same corpus needs the
        same name in every import, or a speaker in training and test would go unnoticed.
    """

    dataset: str | None = None
    origin: Origin | None = None
    label_map: LabelMap | None = None
    scheme: Scheme | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    in_place: bool = False
    corpus_name: str | None = None


@dataclass(frozen=True)
class Rejection:
    """A file that can't be used, as it was found, and why in a sentence."""

    file: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did: ``found`` = ``added`` + ``present`` + rejected + left out.

    Attributes
    ----------
    dataset
        The dataset made or extended; None if no recording has a label.
    origin
        Of the clips.
    found
        Recordings the corpus names.
    added, present
        Clips that are new, and those whose sound was in the library before or stands in the corpus twice.
    rejected
        Files that can't be used.
    left_out
        Label → recordings the label map has no target for.
    labels
        Label → clips of this import in the dataset, in the scheme's order, zeros included.
    unlabelled
        Clips without a label: in the library, but in no dataset.
    speakers
        Known speakers among the clips.
    warnings
        Sentences about what was imported, but deserves a look.
    import_id
        By which it can be undone.
    """

    dataset: str | None
    origin: Origin
    found: int
    added: int
    present: int
    rejected: tuple[Rejection, ...]
    left_out: Mapping[str, int]
    labels: Mapping[str, int]
    unlabelled: int
    speakers: int
    warnings: tuple[str, ...] = ()
    import_id: str = field(default="", compare=False)


_MOST_REJECTED = 1_000


def kept_report(report: ImportReport) -> dict[str, Any]:
    """Make of a report what the list of imports keeps, as JSON can hold it; not every rejection of a large one."""
    kept = asdict(report)
    kept["rejected"] = kept["rejected"][:_MOST_REJECTED]
    kept["n_rejected"] = len(report.rejected)
    return kept

"""What a person may say about a file of labels, and what they are told of its import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affexion_core.exchange._bundle import Problem


@dataclass(frozen=True)
class LabelImportOptions:
    """What a person may say about a file of labels.

    Attributes
    ----------
    dataset
        One that is there: its clips are meant, and its scheme. Else one to make of these clips.
    scheme
        Of judgements that name none.
    rater
        Of judgements that name none.
    add_labels
        Add labels that a scheme lacks at its end, instead of refusing them.
    """

    dataset: str | None = None
    scheme: str | None = None
    rater: str | None = None
    add_labels: bool = False


@dataclass(frozen=True)
class LabelImportReport:
    """What an import does or did: a file's judgements are ``added`` + ``present`` + those rejected.

    Attributes
    ----------
    file, format
        What was read.
    dataset, dataset_made
        The dataset the labels went to, if any, and whether it was made.
    scheme, new_schemes, new_labels
        The scheme of judgements that name none; schemes that are new; labels that schemes got.
    added, present
        Judgements that are new, and that the workspace had.
    rejected
        Rows that can't be used, with where they stand and why.
    raters, new_raters
        Judgements by rater, and those of whom the workspace has no judgement yet.
    labels
        Judgements by label, the most frequent first.
    clips, unmatched
        Clips that were found, and names of those that weren't.
    clips_added, decisions_added, projects_added
        New clips (their recordings came along), decisions, and projects, which come closed.
    notes
        Sentences about what deserves a look.
    """

    file: str
    format: str
    dataset: str | None
    dataset_made: bool
    scheme: str | None
    new_schemes: tuple[str, ...]
    new_labels: Mapping[str, tuple[str, ...]]
    added: int
    present: int
    rejected: tuple[Problem, ...]
    raters: Mapping[str, int]
    new_raters: tuple[str, ...]
    labels: Mapping[str, int]
    clips: int
    unmatched: tuple[str, ...]
    clips_added: int
    decisions_added: int
    projects_added: tuple[str, ...]
    notes: tuple[str, ...]

"""Decide all that an import of labels will write, before anything is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affexion_core.config import build
from affexion_core.errors import ConfigError, LabelError
from affexion_core.exchange._bundle import Bundle, BundleClip, Problem, check_texts
from affexion_core.labeling._clip_finder import ClipFinder
from affexion_core.labeling._import_audio import brought_clips
from affexion_core.labeling._import_dataset import incoming_dataset
from affexion_core.labeling._import_report import LabelImportOptions, LabelImportReport
from affexion_core.labeling._import_rows import CheckedRows, RowRules, check_rows
from affexion_core.labeling._import_schemes import SchemePlan, plan_schemes
from affexion_core.labeling.projects import ProjectSettings
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.exchange import (
    Incoming,
    MemberProject,
    decisions_by_id,
    every_clip,
    every_scheme,
    known_raters,
    project_names,
)
from affexion_core.store.projects import ProjectRow
from affexion_core.store.session import Store
from affexion_core.store.takedowns import refusals
from affexion_core.types import Clip, Dataset, Decision


@dataclass(frozen=True)
class Source:
    """Labels as they were read: the bundle, the folder that recordings lie in, the path a person named, the format."""

    bundle: Bundle
    root: Path
    path: Path
    format: str


class _Clips:
    """The clips that a file speaks of, by what it calls them."""

    def __init__(self, finder: ClipFinder, where: str) -> None:
        self.finder = finder
        self.where = where
        self.known: dict[str, Clip] = {}
        self.brought: list[Clip] = []
        self.problems: list[Problem] = []
        self.unmatched: dict[str, None] = {}

    def find(self, key: str) -> Clip | None:
        """Find a clip by its id or name; a name of several clips raises `LabelError`."""
        if key not in self.known and key not in self.unmatched:
            found = self.finder.find(key)
            if found is None:
                self.unmatched[key] = None
            else:
                self.known[key] = found
        return self.known.get(key)


def plan_import(
    store: Store, source: Source, options: LabelImportOptions, keep: bool
) -> tuple[Incoming, LabelImportReport]:
    """Check a file of labels against the workspace.

    Parameters
    ----------
    keep
        Copy recordings that came along into the workspace, as is needed before their clips can be saved.

    Raises
    ------
    ConfigError, LabelError, StoreError
        As `importing_labels.import_labels` says.
    """
    bundle = source.bundle
    check_texts(replace(bundle, judgements=(), clips=()), f"{source.path.name} can't be imported")
    there = _dataset(store, options.dataset)
    clips = _clips(store, source, there, keep)
    stem = re.sub(r"\s+", " ", source.path.resolve().stem).strip() or "labels"
    own = None if there is None else there.scheme
    schemes = plan_schemes(bundle, every_scheme(store), own, options.scheme, stem, options.add_labels)
    _require_rater(source, options)
    known = project_names(store)
    projects = _projects(store, bundle, clips.known, schemes, known)
    within = known | {project.row.name for project in projects}
    rows = check_rows(store, bundle.judgements, RowRules(clips.find, schemes, within, options.rater, clips.where))
    decisions, refused = _decisions(store, bundle, clips.known, schemes, within)
    problems = (*bundle.problems, *clips.problems, *rows.rejected, *refused)
    used = (*rows.new, *rows.present)
    if not used and (bundle.judgements or bundle.problems or not bundle.settled):
        raise _nothing_usable(source, problems)
    dataset, words = None, ""
    if options.dataset is not None and there is None:
        main = schemes.schemes.get(schemes.main or "")
        dataset, words = incoming_dataset(options.dataset, bundle, main, clips.known, rows.annotations(present=True))
    incoming = Incoming(
        schemes=tuple(schemes.schemes[name] for name in sorted(schemes.schemes)),
        clips=tuple(clips.brought),
        projects=projects,
        annotations=rows.annotations(),
        decisions=decisions,
        dataset=dataset,
    )
    return incoming, _report(store, source, options, rows, schemes, incoming, clips, problems, words)


def _dataset(store: Store, name: str | None) -> Dataset | None:
    if name is None:
        return None
    if name in project_names(store):
        raise ConfigError(f"{name!r} is the name of a project; labels go into a dataset.", change=("dataset",))
    there = name in {summary.name for summary in list_datasets(store)}
    return load_dataset(store, name) if there else None


def _clips(store: Store, source: Source, there: Dataset | None, keep: bool) -> _Clips:
    """Find the clips that the file describes; those that aren't there come with their recordings."""
    finder = ClipFinder(every_clip(store) if there is None else (item.clip for item in there.items))
    clips = _Clips(finder, "the library" if there is None else f"dataset {there.name!r}")
    missing: list[BundleClip] = []
    for held in source.bundle.clips:
        found = finder.of_bundle(held)
        if found is not None:
            clips.known[held.key] = found
        else:
            missing.append(held)
    if there is None:
        able = [held for held in missing if held.id is not None and held.sha256 is not None]
        for held, made in brought_clips(store.workspace, able, source.root, keep, refusals(store)):
            if isinstance(made, Clip):
                clips.known[held.key] = made
                clips.brought.append(made)
            else:
                clips.problems.append(Problem(held.file, made))
    return clips


def _require_rater(source: Source, options: LabelImportOptions) -> None:
    made = source.bundle.judgements
    if made and options.rater is None and not any(each.rater for each in made):
        raise LabelError(
            f"{source.path.name} names no rater in any row; say whose judgements these are.", change=("rater",)
        )


def _projects(
    store: Store, bundle: Bundle, clips: Mapping[str, Clip], schemes: SchemePlan, known: Collection[str]
) -> tuple[MemberProject, ...]:
    """Make ready the projects that the workspace doesn't have; they come closed."""
    made = []
    datasets = {summary.name for summary in list_datasets(store)}
    for card in bundle.projects:
        if card.name in known:
            continue
        if card.name in datasets:
            raise LabelError(
                f"The file's project {card.name!r} has the name of a dataset; rename or delete that first."
            )
        build(ProjectSettings, card.settings)
        scheme = schemes.schemes.get(card.scheme)
        if scheme is None:
            raise LabelError(f"The file's project {card.name!r} has the scheme {card.scheme!r}, which isn't there.")
        gold = {clips[key].id: label for key, label in card.gold.items() if key in clips}
        wrong = [label for label in gold.values() if label is not None and label not in scheme.labels]
        if wrong:
            raise LabelError(f"The file's project {card.name!r} has the known answer {wrong[0]!r} outside its scheme.")
        row = ProjectRow(card.name, scheme, card.settings, (), "closed", card.created, card.created_by)
        made.append(MemberProject(row, gold))
    return tuple(made)


def _decisions(
    store: Store, bundle: Bundle, clips: Mapping[str, Clip], schemes: SchemePlan, projects: Collection[str]
) -> tuple[tuple[Decision, ...], list[Problem]]:
    """Check decisions; those that the workspace has are passed over."""
    there = decisions_by_id(store, [made.id for made in bundle.decisions])
    new: dict[str, Decision] = {}
    refused = []
    for made in bundle.decisions:
        clip, scheme = clips.get(made.clip_id), schemes.schemes.get(made.scheme)
        held = made if clip is None else replace(made, clip_id=clip.id)
        known = there.get(made.id) or new.get(made.id)
        reason = None
        if clip is None:
            reason = f"There is no clip {made.clip_id!r}."
        elif scheme is None or (made.label is not None and made.label not in scheme.labels):
            reason = f"The scheme {made.scheme!r} has no label {made.label!r}."
        elif made.project is not None and made.project not in projects:
            reason = f"There is no project {made.project!r} in the workspace."
        elif known is not None and known != held:
            reason = "Its id is that of another decision."
        if reason:
            refused.append(Problem(f"decision {made.id}", reason))
        elif known is None:
            new[made.id] = held
    return tuple(new.values()), refused


def _nothing_usable(source: Source, problems: Sequence[Problem]) -> LabelError:
    if not problems:
        return LabelError(f"{source.path.name} holds no judgements; there is nothing to import.")
    shown = " ".join(f"{problem.place}: {problem.reason}" for problem in problems[:3])
    more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
    return LabelError(f"No row of {source.path.name} can be used. {shown}{more}")


def _report(
    store: Store,
    source: Source,
    options: LabelImportOptions,
    rows: CheckedRows,
    schemes: SchemePlan,
    incoming: Incoming,
    clips: _Clips,
    problems: Sequence[Problem],
    words: str,
) -> LabelImportReport:
    said = [row.made for row in (*rows.new, *rows.present)]
    raters = Counter(str(made.rater) for made in said)
    seen = known_raters(store, raters)
    notes = [words] if words else []
    if incoming.projects:
        names = ", ".join(project.row.name for project in incoming.projects)
        notes.append(f"Projects that these judgements were made in come along, closed: {names}.")
    return LabelImportReport(
        file=source.path.name,
        format=source.format,
        dataset=options.dataset,
        dataset_made=incoming.dataset is not None,
        scheme=schemes.main,
        new_schemes=schemes.new,
        new_labels=schemes.added or {},
        added=len(rows.new),
        present=len(rows.present),
        rejected=tuple(problems),
        raters=dict(raters.most_common()),
        new_raters=tuple(sorted(rater for rater in raters if rater not in seen)),
        labels=dict(Counter(str(made.value) for made in said if made.value is not None).most_common()),
        clips=len({clip.id for clip in clips.known.values()}),
        unmatched=tuple(clips.unmatched),
        clips_added=len(incoming.clips),
        decisions_added=len(incoming.decisions),
        projects_added=tuple(project.row.name for project in incoming.projects),
        notes=tuple(notes),
    )

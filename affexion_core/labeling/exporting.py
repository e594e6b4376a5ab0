"""Take labels out of the workspace: what people said of a dataset's or project's clips, in a format others read."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError, LabelError, StoreError, allowed
from affexion_core.exchange._bundle import Bundle, BundleClip, Judgement, ProjectCard, Settled, check_texts
from affexion_core.exchange._names import exported_names
from affexion_core.exchange._rows import JUDGEMENT_COLUMNS
from affexion_core.labeling._export_audio import Restricted, restricted_clips, with_audio
from affexion_core.labeling._export_card import card
from affexion_core.labeling.consensus import ConsensusRule, consensus
from affexion_core.labeling.people import Person, require_now
from affexion_core.labeling.votes import Votes, load_votes
from affexion_core.store.datasets import dataset_papers, load_dataset
from affexion_core.store.exchange import RawLabels, raw_labels
from affexion_core.store.session import Store, reading
from affexion_core.types import Annotation, Clip, Progress, Scheme, no_progress

What = Literal["votes", "consensus", "both"]
WHAT: tuple[What, ...] = ("votes", "consensus", "both")


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes
    ----------
    name, kind
        Of the dataset or project.
    format, folder
        Where it stands; ``folder`` is absolute.
    files
        Paths below the folder, sorted.
    clips, judgements, labels, decisions
        How many of each; labels are those that count, one a clip.
    audio
        Recordings that went along.
    licences
        Licence → clips under it, the most frequent first.
    restricted
        Clips whose licence forbids changing them or earning with them, or passing them on.
    notes
        Sentences about what deserves a look.
    """

    name: str
    kind: str
    format: str
    folder: str
    files: tuple[str, ...]
    clips: int
    judgements: int
    labels: int
    decisions: int
    audio: int
    licences: Mapping[str, int]
    restricted: tuple[Restricted, ...]
    notes: tuple[str, ...]


def export_labels(
    store: Store,
    name: str,
    format: str,  # noqa: A002 (the command's own word)
    into: Path,
    what: What = "both",
    audio: bool = False,
    by: Person | None = None,
    progress: Progress = no_progress,
) -> ExportReport:
    """Write the labels of a dataset or project into a new folder; all of it, or nothing.

    The same labels give the same bytes, in any workspace.

    Parameters
    ----------
    store
        The open store.
    name
        A dataset or project.
    format
        An exchange plug-in.
    into
        A folder that isn't there yet, or is empty.
    what
        ``votes`` (every judgement), ``consensus`` (what counts for each clip, and decisions) or ``both``.
    audio
        Put the recordings in as well: originals as they are, spans cut without loss.
    by
        Who exports; None for somebody at the machine itself.
    progress
        Called after each recording.

    Raises
    ------
    RightsError
        If ``by`` may not export.
    ConfigError
        If there is no such format.
    NotFoundError
        If there is no such dataset or project.
    LabelError
        If a text can't be written in any format, such as one with a NUL.
    StoreError
        If the folder holds something already, or can't be written.
    """
    _check_request(store, format, what, by)
    plugin = load_plugin("exchange", format)
    votes = load_votes(store, name)
    bundle = bundle_of(store, votes, what)
    notes: list[str] = []
    n_audio = 0
    with _new_folder(Path(into)) as folder:
        if audio:
            files = exported_names(tuple(votes.clips.values()), cut=True)
            bundle, n_audio, notes = with_audio(store.workspace, bundle, votes.clips, files, folder, progress)
        plugin.write(bundle, folder)
        (folder / "README.md").write_bytes(card(store, bundle, plugin.INFO, n_audio).encode())
        made = tuple(sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()))
    return _report(bundle, format, Path(into), made, n_audio, notes)


def _check_request(store: Store, format: str, what: str, by: Person | None) -> None:  # noqa: A002
    if what not in WHAT:
        raise ConfigError(f"{what!r} can't be exported; choose {allowed(WHAT)}.")
    if format not in plugin_names("exchange"):
        raise ConfigError(f"There is no format {format!r}; choose {allowed(plugin_names('exchange'))}.")
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, "export")


def _report(
    bundle: Bundle,
    format: str,  # noqa: A002
    into: Path,
    files: tuple[str, ...],
    n_audio: int,
    notes: Sequence[str],
) -> ExportReport:
    return ExportReport(
        name=str(bundle.name),
        kind=str(bundle.kind),
        format=format,
        folder=str(into.expanduser().resolve()),
        files=files,
        clips=len(bundle.clips),
        judgements=len(bundle.judgements),
        labels=sum(row.label is not None for row in bundle.settled),
        decisions=len(bundle.decisions),
        audio=n_audio,
        licences=dict(Counter(clip.provenance.licence or "not recorded" for clip in bundle.clips).most_common()),
        restricted=restricted_clips(bundle),
        notes=tuple(notes),
    )


@contextmanager
def _new_folder(into: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes the place of ``into`` once all is written."""
    target = into.expanduser().resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{into} holds something already; choose a new or empty folder.", change=("into",))
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        yield part
        if target.exists():
            target.rmdir()
        os.replace(part, target)
    except OSError as error:
        raise StoreError(
            f"The export can't be written to {into} ({error.strerror}); nothing is left there. Choose another folder, "
            "or make room.",
            change=("into",),
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def export_zip(
    store: Store,
    name: str,
    format: str,  # noqa: A002
    what: What = "both",
    audio: bool = False,
    by: Person | None = None,
    progress: Progress = no_progress,
) -> tuple[Path, ExportReport]:
    """Export as `export_labels` does, packed as one zip file in the workspace's folder for exports.

    Returns
    -------
    tuple of Path and ExportReport
        The archive, named after what it holds; one of the same name is replaced.
    """
    stem = f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name).strip('._')[:80] or 'labels'}-{format}"
    stem += ("" if what == "both" else f"-{what}") + ("-audio" if audio else "")
    store.workspace.exports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=store.workspace.exports) as held:
        report = export_labels(store, name, format, Path(held) / stem, what, audio, by, progress)
        packed = shutil.make_archive(str(Path(held) / "packed"), "zip", root_dir=held, base_dir=stem)
        target = store.workspace.exports / f"{stem}.zip"
        os.replace(packed, target)
    return target, replace(report, folder=str(target))


def bundle_of(store: Store, votes: Votes, what: What = "both") -> Bundle:
    """Gather the labels of a dataset or project, with its clips.

    Raises
    ------
    LabelError
        If a text or label can't travel.
    """
    raw = raw_labels(store, votes.clips, votes.project)
    scheme, settled, extra = _counted(store, votes)
    clips = tuple(votes.clips.values())
    files = exported_names(clips)
    known = {held.name: held for held in (scheme, *raw.schemes)}
    whole = {held.name: held for held in raw.schemes}
    bundle = Bundle(
        name=votes.name,
        kind=votes.kind,
        scheme=scheme,
        schemes=tuple(whole.get(name, known[name]) for name in sorted(known)),
        clips=tuple(bundle_clip(clip, files[clip.id]) for clip in clips),
        judgements=folded(raw.annotations) if what != "consensus" else (),
        settled=settled if what != "votes" else (),
        decisions=raw.decisions if what != "votes" else (),
        projects=_projects(raw),
        **extra,  # type: ignore[arg-type]
    )
    check_texts(bundle, f"The labels of {votes.name!r} can't be exported")
    _check_labels(bundle)
    return bundle


def _counted(store: Store, votes: Votes) -> tuple[Scheme, tuple[Settled, ...], dict[str, object]]:
    """Say what counts for each clip: a dataset's labels, or what the votes on a project come to."""
    if votes.kind == "project":
        rows = sorted(consensus(votes, ConsensusRule(rule="adjudicated")), key=lambda row: row.clip_id)
        names = ("label", "n_votes", "n_unclear", "agreement", "source", "dropped")
        settled = tuple(
            Settled(clip=row.clip_id, votes=dict(row.votes) or None, **{name: getattr(row, name) for name in names})
            for row in rows
        )
        return votes.scheme, settled, {}
    dataset, papers = load_dataset(store, votes.name), dataset_papers(store, votes.name)
    settled = tuple(
        Settled(item.clip.id, item.label, dict(item.votes) if item.votes else None) for item in dataset.items
    )
    extra: dict[str, object] = {
        **{"origin": dataset.origin, "description": dataset.description, "label_map": dataset.label_map},
        **{"recipe": papers.recipe, "datasheet": papers.datasheet},
    }
    return dataset.scheme, settled, extra


def bundle_clip(clip: Clip, file: str) -> BundleClip:
    """Describe a clip of the library under its exported name."""
    kept = {name: value for name, value in vars(clip).items() if name != "file"}
    return BundleClip(file=file, **kept)


def _projects(raw: RawLabels) -> tuple[ProjectCard, ...]:
    return tuple(
        ProjectCard(
            name=held.row.name,
            scheme=held.row.scheme.name,
            settings=dict(held.row.settings),
            created=held.row.created,
            created_by=held.row.created_by,
            gold=dict(held.gold),
        )
        for held in raw.projects
    )


def _check_labels(bundle: Bundle) -> None:
    """Refuse empty labels and names, which a table can't tell from a cell that says nothing."""
    empty = [s.name for s in bundle.schemes if "" in s.labels]
    if empty:
        raise LabelError(f"Scheme {empty[0]!r} has an empty label, which no table can hold; give it a name first.")


def folded(annotations: Sequence[Annotation]) -> tuple[Judgement, ...]:
    """Make judgements of annotations: what an answer says under numeric schemes goes into the answer."""
    by_id = {made.id: made for made in annotations}
    beside: dict[str, dict[str, float]] = {}
    gone: set[str] = set()
    for made in annotations:
        id, slash, dimension = made.id.rpartition("/")
        answer = by_id.get(id)
        if not slash or answer is None or dimension in JUDGEMENT_COLUMNS or not isinstance(made.value, float):
            continue
        if answer.scheme != dimension and made == dimension_annotation(answer, dimension, made.value, by_id.keys()):
            beside.setdefault(id, {})[dimension] = made.value
            gone.add(made.id)
    return tuple(
        _judgement(made, dict(sorted(beside.get(made.id, {}).items()))) for made in annotations if made.id not in gone
    )


def _judgement(made: Annotation, dimensions: Mapping[str, float]) -> Judgement:
    kept = {name: value for name, value in vars(made).items() if name != "clip_id"}
    return Judgement(clip=made.clip_id, dimensions=dimensions, **kept)


def dimension_annotation(answer: Annotation, dimension: str, value: float, ids: object) -> Annotation:
    """Make the annotation that holds what an answer says under a numeric scheme.

    It replaces that of the answer that ``answer`` replaces, where ``ids`` has one.
    """
    earlier = f"{answer.replaces}/{dimension}"
    return Annotation(
        id=f"{answer.id}/{dimension}",
        clip_id=answer.clip_id,
        scheme=dimension,
        rater=answer.rater,
        value=value,
        created=answer.created,
        replaces=earlier if answer.replaces is not None and earlier in ids else None,  # type: ignore[operator]
        project=answer.project,
        take=answer.take,
    )

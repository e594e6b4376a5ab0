"""Verbs that bring clips in and show what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, key_values, progress_bar, store, table, wants_json
from affexion_core.errors import LabelError, allowed
from affexion_core.types import ORIGINS, Dataset, Scheme

if TYPE_CHECKING:
    from affexion_core.ingest.reports import ImportOptions


@click.command()
@common_options
def init() -> None:
    """Make a workspace, or bring its database up to date."""
    opened = store()
    root = str(opened.workspace.root)
    emit({"workspace": root, "database": opened.engine.url.render_as_string()}, f"The workspace {root} is ready.")


@click.command("import")
@click.argument("corpus")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--dataset", metavar="NAME", help="Dataset the clips go into (default: the corpus or folder name).")
@click.option("--origin", type=click.Choice(ORIGINS), default="real", show_default=True, help="Recorded or generated.")
@click.option("--label-map", metavar="FILE", help="A label map: a shipped name or a CSV file.")
@click.option("--scheme", metavar="NAME", help="Refuse labels outside this scheme.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="For csv: which column holds a field.")
@click.option("--language", metavar="CODE", help="Language of clips that don't say.")
@click.option("--in-place", is_flag=True, help="Leave the files where they are instead of copying them.")
@click.option("--preview", is_flag=True, help="Only say what would come in.")
@common_options
def import_(
    corpus: str,
    path: Path,
    dataset: str | None,
    origin: Any,
    label_map: str | None,
    scheme: str | None,
    columns: tuple[str, ...],
    language: str | None,
    in_place: bool,
    preview: bool,
) -> None:
    """Bring a CORPUS at PATH into the library; importing twice adds nothing."""
    from affexion_core.ingest.importing import import_corpus
    from affexion_core.ingest.label_maps import load_label_map
    from affexion_core.ingest.reports import ImportOptions

    options = ImportOptions(
        dataset=dataset,
        origin=origin,
        label_map=load_label_map(label_map) if label_map else None,
        scheme=_scheme(scheme) if scheme else None,
        columns=key_values(columns),
        language=language,
        in_place=in_place,
    )
    if preview:
        _show_preview(corpus, path, options)
        return
    with progress_bar() as progress:
        report = import_corpus(store(), corpus, path, options, progress)
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items())
    lines = [
        f"Dataset {report.dataset} ({report.origin}): {report.added} clips added, {report.present} already there.",
        f"Labels: {labels or 'none'}; {report.speakers} speaker{'' if report.speakers == 1 else 's'}.",
    ]
    if report.left_out:
        lines.append("Left out: " + ", ".join(f"{label} {n}" for label, n in report.left_out.items()))
    lines += [f"Rejected {item.file}: {item.reason}" for item in report.rejected]
    lines += [f"Note: {warning}" for warning in report.warnings]
    lines.append(f"Undo all of it with `undo-import {report.import_id}`.")
    emit(_plain(asdict(report)), "\n".join(lines))


def _show_preview(corpus: str, path: Path, options: ImportOptions) -> None:
    from affexion_core.ingest.preview import STATES, preview_import

    with progress_bar() as progress:
        found = preview_import(store(), corpus, path, options, progress)
    counts = {state: found.count(state) for state in STATES}
    labels = ", ".join(f"{label} {n}" for label, n in found.labels.items())
    lines = [
        f"{counts['new']} new recordings of {found.seconds:.0f} s, {counts['in library']} in the library already, "
        f"{counts['twice']} twice, {counts['rejected']} rejected, {counts['not opened']} not opened.",
        "Nothing was written.",
        f"Labels: {labels or 'none'}; {found.speakers} speaker{'' if found.speakers == 1 else 's'}.",
        *(f"Rejected {row.file}: {row.reason}" for row in found.rows if row.state == "rejected"),
    ]
    emit({**_plain(asdict(found)), "counts": counts, "seconds": found.seconds}, "\n".join(lines))


@click.command()
@common_options
def imports() -> None:
    """List what was imported, newest first."""
    from affexion_core.store.imports import list_imports

    rows = [_plain(asdict(batch)) for batch in list_imports(store())]
    columns = ["id", "state", "corpus", "dataset", "n_clips", "person", "source", "created"]
    emit(rows, table(rows, columns, "Nothing was imported yet; bring clips in with `import`."))


@click.command("undo-import")
@click.argument("id")
@common_options
def undo_import(id: str) -> None:
    """Take out all that import ID brought: its clips, labels and places in datasets."""
    from affexion_core.ingest.batches import undo_import as undo

    taken = undo(store(), id)
    words = f"{taken.n_clips} clips, {taken.n_annotations} labels and {taken.n_members} places in datasets taken out."
    emit({"id": id, "clips": taken.n_clips, "annotations": taken.n_annotations, "members": taken.n_members}, words)


@click.command()
@common_options
def datasets() -> None:
    """List the datasets."""
    from affexion_core.store.datasets import list_datasets

    rows: list[dict[str, Any]] = [
        {
            "name": summary.name,
            "origin": summary.origin,
            "n": summary.n,
            "labels": dict(summary.labels),
            "speakers": summary.speakers,
            "minutes": round(summary.duration / 60, 1),
            "label_map": summary.label_map,
        }
        for summary in list_datasets(store())
    ]
    shown = [{**row, "labels": ", ".join(f"{k} {v}" for k, v in row["labels"].items())} for row in rows]
    empty = "No datasets yet; bring one in with `import` or `synthesize`."
    emit(rows, table(shown, ["name", "origin", "n", "speakers", "minutes", "labels", "label_map"], empty))


@click.command()
@click.option("--dataset", required=True, metavar="NAME", help="Whose clips.")
@common_options
def clips(dataset: str) -> None:
    """List the clips of a dataset with their labels."""
    from affexion_core.store.datasets import load_dataset

    loaded = load_dataset(store(), dataset)
    rows = [
        {
            "id": item.clip.id,
            "label": item.label,
            "origin": item.clip.origin,
            "speaker": item.clip.speaker,
            "language": item.clip.language,
            "duration": round(item.clip.duration, 3),
            "transcript": item.clip.transcript,
            "file": item.clip.file,
        }
        for item in loaded.items
    ]
    if wants_json():
        emit(rows, "")
        return
    shown = table(rows, ["id", "label", "speaker", "duration", "transcript"], "This dataset has no clips.")
    emit(rows, f"{shown}\n{_label_counts(loaded)}")


def _label_counts(dataset: Dataset) -> str:
    counts = Counter(item.label for item in dataset.items)
    return f"{len(dataset.items)} clips: " + ", ".join(f"{label} {n}" for label, n in counts.most_common())


def _scheme(name: str) -> Scheme:
    """Find a scheme by shipped name or file."""
    from affexion_core.scheme_files import load_scheme_file, shipped_schemes

    shipped = shipped_schemes()
    if name in shipped:
        return shipped[name]
    if not Path(name).is_file():
        raise LabelError(f"There is no scheme {name!r}. Choose {allowed(shipped)}, or name a scheme file.")
    return load_scheme_file(Path(name))


def _plain(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): _plain(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_plain(value) for value in values]
    return str(values) if isinstance(values, Path) else values


COMMANDS = (init, import_, imports, undo_import, datasets, clips)

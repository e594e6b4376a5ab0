"""MSP-Podcast: spontaneous speech cut from podcasts, judged by several listeners each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from affexion_core.corpora._files import audio_files, require_folder, wrong_layout
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import Row, read_table
from affexion_core.errors import CorpusError, allowed

INFO = CorpusInfo(
    name="msp-podcast",
    title="the MSP-Podcast corpus",
    licence="academic or commercial licence of The University of Texas at Dallas; no redistribution",
    citation=(
        "Lotfian, R., & Busso, C. (2019). Building naturalistic emotionally balanced speech corpus by retrieving "
        "emotional speech from existing podcast recordings. IEEE Transactions on Affective Computing 10(4), 471-483. "
        "https://doi.org/10.1109/TAFFC.2017.2736999"
    ),
    homepage="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    how_to_get="Have your institution sign the agreement on the homepage; the lab then sends a link.",
    layout="Labels/labels_consensus.csv (or .json) with recordings in Audios and, if there, texts in Transcripts.",
    languages=("en",),
    labels=("anger", "sadness", "happiness", "surprise", "fear", "disgust", "contempt", "neutral", "other"),
)
EMOTIONS = {
    "A": "anger", "S": "sadness", "H": "happiness", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt",
    "N": "neutral", "O": "other",
}  # fmt: skip
NO_AGREEMENT = "X"
DIMENSIONS = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
SPLITS = {"Train": "train", "Development": "dev", "Validation": "dev"}
# Early releases spell the file "concensus".
TABLES = tuple(
    f"{folder}{stem}{suffix}"
    for folder in ("Labels/", "labels/", "")
    for stem in ("labels_consensus", "labels_concensus")
    for suffix in (".csv", ".json")
)
NEEDED = ("FileName", "EmoClass")


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield an item for each row of the consensus labels.

    Clips without agreement (class X) have no label. Arousal, valence and dominance (1 to 7) are ``values``.
    Recordings are found by the stem of their name, so they may have been converted.

    Raises
    ------
    CorpusError
        If ``path`` is no folder, holds no consensus labels, or they lack a column.
    """
    table = next((path / name for name in TABLES if (require_folder(path, INFO) / name).is_file()), None)
    if table is None:
        raise wrong_layout(path, INFO)
    rows = _json_rows(table) if table.suffix == ".json" else _csv_rows(table)
    files = {file.stem: file for file in audio_files(path)}
    if not files:
        raise wrong_layout(path, INFO)
    return (_item(row, files, path) for row in rows)


def _csv_rows(table: Path) -> Iterator[Row]:
    header, rows = read_table(table)
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise CorpusError(f"{table} has no column {missing[0]!r}. It has {allowed(header)}.")
    return rows


def _json_rows(table: Path) -> Iterator[Row]:
    try:
        records = json.loads(table.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{table} can't be read as JSON: {error}.") from error
    fine = isinstance(records, dict) and all(
        isinstance(record, dict) and "EmoClass" in record for record in records.values()
    )
    if not fine:
        raise CorpusError(f"{table} needs an object with a file name for each clip and EmoClass in its record.")
    return ({"FileName": name, **{key: str(value) for key, value in row.items()}} for name, row in records.items())


def _item(row: Row, files: Mapping[str, Path], root: Path) -> CorpusItem:
    name, code = row.get("FileName", ""), row.get("EmoClass", "")
    stem = Path(name).stem
    file = files.get(stem)
    if file is None:
        return CorpusItem(root / "Audios" / name, INFO.name, problem="It stands in the labels, but not in the folder.")
    if code not in EMOTIONS and code != NO_AGREEMENT:
        return CorpusItem(file, INFO.name, problem=f"The emotion {code!r} in the labels is none of MSP-Podcast.")
    try:
        values = {dimension: float(row[column]) for column, dimension in DIMENSIONS.items() if row.get(column)}
    except ValueError:
        return CorpusItem(file, INFO.name, problem="EmoAct, EmoVal or EmoDom in the labels is not a number.")
    speaker, gender, split = row.get("SpkrID"), row.get("Gender"), row.get("Split_Set")
    return CorpusItem(
        file=file,
        corpus=INFO.name,
        label=EMOTIONS.get(code),
        speaker=f"{INFO.name}:{speaker}" if speaker and speaker != "Unknown" else None,
        language="en",
        transcript=_transcript(root, stem),
        attributes={"gender": gender.lower()} if gender and gender != "Unknown" else {},
        values=values,
        split=SPLITS.get(split, split.lower()) if split else None,
        provenance=INFO.provenance(),
    )


def _transcript(root: Path, stem: str) -> str | None:
    text = root / "Transcripts" / f"{stem}.txt"
    return text.read_text(encoding="utf-8", errors="replace").strip() or None if text.is_file() else None

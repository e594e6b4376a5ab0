"""CREMA-D: 91 actors say twelve sentences in six emotions; listeners chose what they heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from affexion_core.corpora._files import require_folder, scan_by_name
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import Row, enriched, find_table, manifest_of, read_table, rows_by_stem

INFO = CorpusInfo(
    name="cremad",
    title="the crowd-sourced emotional multimodal actors dataset (CREMA-D)",
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). CREMA-D: "
        "Crowd-sourced emotional multimodal actors dataset. IEEE Transactions on Affective Computing 5(4), 377-390. "
        "https://doi.org/10.1109/TAFFC.2014.2336244"
    ),
    homepage="https://github.com/CheyneyComputerScience/CREMA-D",
    how_to_get="Clone the repository with git-lfs installed; without it the WAV files are only pointers.",
    layout="files named 1001_IEO_ANG_HI.wav, in a folder AudioWAV or any other, the repository's tables beside it.",
    languages=("en",),
    labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
    speakers=91,
)
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
LEVELS = ("LO", "MD", "HI", "XX")
VOTES = {label[0]: label for label in INFO.labels}
NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})")
# Rows of tabulatedVotes.csv are numbered 1xxxxx for voice alone, 2xxxxx for face alone, 3xxxxx for both.
VOICE = "1"
DEMOGRAPHICS = {"Age": "age", "Sex": "gender", "Race": "race", "Ethnicity": "ethnicity"}


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield every recording below ``path`` with the intended emotion as label.

    ``processedResults/tabulatedVotes.csv`` or the ``votes_*`` columns of a ``manifest.csv`` add the listeners'
    votes on the voice alone; ``processedResults/summaryTable.csv`` adds their majority as ``voice_vote``, and
    ``VideoDemographics.csv`` the actors. All are looked for in ``path`` and the folder above it.

    Raises
    ------
    CorpusError
        If ``path`` is no folder or no name in it is one of CREMA-D.
    """
    rows = manifest_of(require_folder(path, INFO))
    tabulated, majority, actors = _tabulated(path), _majority(path), _actors(path)

    def parse(file: Path) -> CorpusItem | None:
        match = NAME.fullmatch(file.stem)
        if match is None:
            return None
        item = _item(file, *match.groups())
        if item.problem:
            return item
        # One recording of the release is named 1040_ITH_SAD_X, but …_XX in its tables.
        stem = f"{file.stem}X" if match[4] == "X" else file.stem
        known = {**actors.get(match[1], {}), **majority.get(stem, {})}
        item = replace(item, attributes={**item.attributes, **known})
        votes = tabulated.get(stem) or _votes(rows.get(file.stem, {}), "votes_")
        return replace(enriched(item, rows.get(file.stem), (), INFO), votes=votes)

    return scan_by_name(path, INFO, parse)


def _item(file: Path, actor: str, sentence: str, emotion: str, level: str) -> CorpusItem:
    codes = (("emotion", emotion, INFO.labels), ("sentence", sentence, SENTENCES))
    for what, code, known in codes:
        if code not in known:
            return CorpusItem(file, INFO.name, problem=f"The {what} {code!r} in its name is none of CREMA-D.")
    return CorpusItem(
        file=file,
        corpus=INFO.name,
        label=emotion,
        speaker=f"{INFO.name}:{actor}",
        language="en",
        transcript=SENTENCES[sentence],
        attributes={"level": level if level in LEVELS else "XX", "sentence": sentence},
        provenance=INFO.provenance(),
    )


def _votes(row: Row, prefix: str = "") -> dict[str, int]:
    counts = {label: row.get(prefix + letter, "") for letter, label in VOTES.items()}
    return {label: int(float(count)) for label, count in counts.items() if _is_count(count)}


def _is_count(text: str) -> bool:
    return re.fullmatch(r"\d+(\.0+)?", text) is not None and float(text) > 0


def _tabulated(path: Path) -> dict[str, dict[str, int]]:
    table = find_table(path, "processedResults/tabulatedVotes.csv", "tabulatedVotes.csv")
    if table is None:
        return {}
    _, rows = read_table(table)
    voice = (row for row in rows if row.get("", VOICE).startswith(VOICE))
    return {row["fileName"]: _votes(row) for row in voice if row.get("fileName")}


def _majority(path: Path) -> dict[str, Mapping[str, str]]:
    table = find_table(path, "processedResults/summaryTable.csv", "summaryTable.csv")
    rows = rows_by_stem(table, "fileName") if table else {}
    columns = {"VoiceVote": "voice_vote", "VoiceLevel": "voice_level"}
    return {stem: _renamed(row, columns) for stem, row in rows.items()}


def _actors(path: Path) -> dict[str, Mapping[str, str]]:
    table = find_table(path, "VideoDemographics.csv")
    if table is None:
        return {}
    _, rows = read_table(table)
    return {row["ActorID"]: _renamed(row, DEMOGRAPHICS) for row in rows if row.get("ActorID")}


def _renamed(row: Row, names: Mapping[str, str]) -> dict[str, str]:
    kept = {new: row[old] for old, new in names.items() if row.get(old)}
    return {key: value.lower() if key == "gender" else value for key, value in kept.items()}

"""TESS: two actresses say "Say the word …" with 200 words in seven emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from affexion_core.corpora._files import require_folder, scan_by_name
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import enriched, manifest_of

INFO = CorpusInfo(
    name="tess",
    title="the Toronto emotional speech set (TESS)",
    licence="CC BY-NC-ND 4.0",
    citation=(
        "Pichora-Fuller, M. K., & Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis. "
        "https://doi.org/10.5683/SP2/E8H2MF"
    ),
    homepage="https://doi.org/10.5683/SP2/E8H2MF",
    how_to_get="Download the folders from Borealis, the Canadian Dataverse repository; no account is needed.",
    layout="files named OAF_base_angry.wav or YAF_base_ps.wav, in any folders.",
    languages=("en",),
    labels=("angry", "disgust", "fear", "happy", "neutral", "pleasant_surprise", "sad"),
    speakers=2,
)
# The release itself has OA_bite_neutral.wav among the older actress's files.
SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}
AGES = {"OAF": "64", "YAF": "26"}
NAME = re.compile(r"(OAF|OA|YAF)_([a-z]+)_([a-z]+)", re.IGNORECASE)


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield every recording below ``path`` with what its name says.

    Raises
    ------
    CorpusError
        If ``path`` is no folder or no name in it is one of TESS.
    """
    rows = manifest_of(require_folder(path, INFO))

    def parse(file: Path) -> CorpusItem | None:
        match = NAME.fullmatch(file.stem)
        return enriched(_item(file, *match.groups()), rows.get(file.stem), (), INFO) if match else None

    return scan_by_name(path, INFO, parse)


def _item(file: Path, who: str, word: str, emotion: str) -> CorpusItem:
    label = "pleasant_surprise" if emotion.lower() == "ps" else emotion.lower()
    if label not in INFO.labels:
        return CorpusItem(file, INFO.name, problem=f"The emotion {emotion!r} in its name is none of TESS.")
    speaker = SPEAKERS[who.upper()]
    return CorpusItem(
        file=file,
        corpus=INFO.name,
        label=label,
        speaker=f"{INFO.name}:{speaker}",
        language="en",
        transcript=f"Say the word {word.lower()}.",
        attributes={"gender": "female", "age": AGES[speaker], "word": word.lower()},
        provenance=INFO.provenance(),
    )

"""RAVDESS: 24 actors say two sentences in eight emotions, twice, at two strengths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from affexion_core.corpora._files import require_folder, scan_by_name
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import enriched, manifest_of

INFO = CorpusInfo(
    name="ravdess",
    title="the Ryerson audio-visual database of emotional speech and song (RAVDESS)",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE 13(5): e0196391. https://doi.org/10.1371/journal.pone.0196391"
    ),
    homepage="https://zenodo.org/records/1188976",
    how_to_get="Download Audio_Speech_Actors_01-24.zip from Zenodo; no account is needed.",
    layout="files named 03-01-06-01-02-01-12.wav, in folders Actor_01 to Actor_24 or all in one.",
    languages=("en",),
    labels=("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    speakers=24,
)
EMOTIONS = {f"{number:02}": label for number, label in enumerate(INFO.labels, start=1)}
CHANNELS = {"01": "speech", "02": "song"}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
SILENT_VIDEO = "02"


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield every recording below ``path`` with what its name says; songs bear ``channel = song``.

    Raises
    ------
    CorpusError
        If ``path`` is no folder or no name in it is one of RAVDESS.
    """
    rows = manifest_of(require_folder(path, INFO))

    def parse(file: Path) -> CorpusItem | None:
        match = NAME.fullmatch(file.stem)
        return enriched(_item(file, *match.groups()), rows.get(file.stem), (), INFO) if match else None

    return scan_by_name(path, INFO, parse)


def _item(
    file: Path, modality: str, channel: str, emotion: str, intensity: str, statement: str, repetition: str, actor: str
) -> CorpusItem:
    codes = (("channel", channel, CHANNELS), ("emotion", emotion, EMOTIONS),
             ("intensity", intensity, INTENSITIES), ("statement", statement, STATEMENTS))  # fmt: skip
    for what, code, known in codes:
        if code not in known:
            return CorpusItem(file, INFO.name, problem=f"The {what} {code} in its name is none of RAVDESS.")
    if modality == SILENT_VIDEO:
        return CorpusItem(file, INFO.name, problem="It is a video without sound, as 02 at the start of its name says.")
    return CorpusItem(
        file=file,
        corpus=INFO.name,
        label=EMOTIONS[emotion],
        speaker=f"{INFO.name}:{actor}",
        language="en",
        transcript=STATEMENTS[statement],
        attributes={
            "intensity": INTENSITIES[intensity],
            "repetition": str(int(repetition)),
            "channel": CHANNELS[channel],
            "gender": "male" if int(actor) % 2 else "female",
        },
        provenance=INFO.provenance(),
    )

"""Berlin EmoDB: ten actors say ten German sentences in seven emotions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from affexion_core.corpora._files import require_folder, scan_by_name
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import enriched, manifest_of

INFO = CorpusInfo(
    name="emodb",
    title="the Berlin database of emotional speech (EmoDB)",
    licence="CC0 1.0",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., & Weiss, B. (2005). A database of German "
        "emotional speech. Interspeech 2005, 1517-1520. https://doi.org/10.21437/Interspeech.2005-446"
    ),
    homepage="http://emodb.bilderbar.info",
    how_to_get="Download the archive from the homepage, or emodb from audEERING's audb; no account is needed.",
    layout="files named 03a01Fa.wav, in a folder wav or any other.",
    languages=("de",),
    labels=("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
    speakers=10,
)
EMOTIONS = {
    "W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "N": "neutral", "T": "sadness",
}  # fmt: skip
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
# Gender and age of the actors, from the homepage.
ACTORS = {
    "03": ("male", "31"), "08": ("female", "34"), "09": ("female", "21"), "10": ("male", "32"), "11": ("male", "26"),
    "12": ("male", "30"), "13": ("female", "32"), "14": ("female", "35"), "15": ("male", "25"), "16": ("female", "31"),
}  # fmt: skip
NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
# Shares of 20 listeners who recognised the emotion and found it natural.
LISTENERS = ("recognised_pct", "natural_pct")


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield every recording below ``path`` with what its name says.

    A ``manifest.csv`` beside it adds the listeners' shares as attributes (``recognised_pct``, ``natural_pct``).

    Raises
    ------
    CorpusError
        If ``path`` is no folder or no name in it is one of EmoDB.
    """
    rows = manifest_of(require_folder(path, INFO))

    def parse(file: Path) -> CorpusItem | None:
        match = NAME.fullmatch(file.stem)
        return enriched(_item(file, *match.groups()), rows.get(file.stem), LISTENERS, INFO) if match else None

    return scan_by_name(path, INFO, parse)


def _item(file: Path, actor: str, sentence: str, emotion: str, version: str) -> CorpusItem:
    for what, code, known in (("emotion", emotion, EMOTIONS), ("sentence", sentence, SENTENCES)):
        if code not in known:
            return CorpusItem(file, INFO.name, problem=f"The {what} {code!r} in its name is none of EmoDB.")
    gender, age = ACTORS.get(actor, (None, None))
    attributes = {"sentence": sentence, "version": version, "gender": gender, "age": age}
    return CorpusItem(
        file=file,
        corpus=INFO.name,
        label=EMOTIONS[emotion],
        speaker=f"{INFO.name}:{actor}",
        language="de",
        transcript=SENTENCES[sentence],
        attributes={key: value for key, value in attributes.items() if value},
        provenance=INFO.provenance(),
    )

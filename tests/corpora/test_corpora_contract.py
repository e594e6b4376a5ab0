"""Every corpus reader, also one added later, keeps the contract in docs/architecture.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import CorpusError
from affexion_core.scheme_files import shipped_schemes

CORPORA = plugin_names("corpora")
EXAMPLES = {
    "folder": {"panic/anna/a.wav": "", "boredom/b.mp3": ""},
    "csv": {"manifest.csv": "file,label,speaker\na.wav,panic,anna\n", "a.wav": ""},
    "audiofolder": {"train/metadata.csv": "file_name,label,speaker\na.wav,panic,anna\n", "train/a.wav": ""},
    "tess": {"OAF_angry/OAF_back_angry.wav": "", "YAF_pleasant_surprised/YAF_back_ps.wav": ""},
    "cremad": {"AudioWAV/1001_IEO_ANG_HI.wav": ""},
    "ravdess": {"Actor_12/03-01-06-01-02-01-12.wav": ""},
    "emodb": {"wav/03a01Fa.wav": ""},
    "msp-podcast": {
        "Labels/labels_consensus.csv": "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
        "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1\n",
        "Audios/MSP-PODCAST_0001_0008.wav": "",
    },
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_all_are_found() -> None:
    assert {"folder", "csv", "audiofolder", "tess", "cremad", "ravdess", "emodb", "msp-podcast"} <= set(CORPORA)


@pytest.mark.parametrize("corpus", CORPORA)
def test_info_is_complete(corpus: str) -> None:
    info = load_plugin("corpora", corpus).INFO
    assert isinstance(info, CorpusInfo)
    assert info.name == corpus
    for field in ("title", "licence", "citation", "how_to_get", "layout"):
        assert getattr(info, field).strip(), field
    if info.labels:
        assert info.homepage.startswith("http")
        assert info.languages
        assert shipped_schemes()[corpus].labels == info.labels


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_folder_of_another_kind_is_refused_at_once(corpus: str, tmp_path: Path) -> None:
    write(tmp_path, {"letters/to_anna.txt": "Dear Anna"})
    reader = load_plugin("corpora", corpus)
    with pytest.raises(CorpusError, match=r"Expected: .+Found: 1 other file such as letters.to_anna\.txt\."):
        reader.scan(tmp_path, ScanOptions())
    with pytest.raises(CorpusError, match="is not there"):
        reader.scan(tmp_path / "nowhere", ScanOptions())


@pytest.mark.parametrize("corpus", sorted(EXAMPLES))
def test_scan_yields_items_lazily(corpus: str, tmp_path: Path) -> None:
    reader = load_plugin("corpora", corpus)
    found = reader.scan(write(tmp_path, EXAMPLES[corpus]), ScanOptions())
    assert isinstance(found, Iterator)
    items = list(found)
    assert items
    for item in items:
        assert isinstance(item, CorpusItem)
        assert item.problem is None
        assert item.file.is_file()
        assert item.label
        assert item.speaker is None or item.speaker.startswith(f"{item.corpus}:")
        assert item.corpus == (corpus if reader.INFO.labels else tmp_path.name)
        assert not reader.INFO.labels or item.label in reader.INFO.labels
        assert item.provenance.citation == (reader.INFO.citation if reader.INFO.labels else None)
    assert any(item.speaker for item in items)


@pytest.mark.parametrize("corpus", ["tess", "cremad", "ravdess", "emodb"])
@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".m4a", ".WEBM"])
def test_any_audio_type_is_found_by_its_stem(corpus: str, suffix: str, tmp_path: Path) -> None:
    names = {str(Path(name).with_suffix(suffix)): text for name, text in EXAMPLES[corpus].items()}
    names["notes.txt"] = names[".DS_Store"] = names["__MACOSX/._x.wav"] = "not audio"
    items = list(load_plugin("corpora", corpus).scan(write(tmp_path, names), ScanOptions()))
    assert len(items) == len(EXAMPLES[corpus])
    assert not any(item.problem for item in items)


@pytest.mark.parametrize(
    ("corpus", "unknown"),
    [
        ("tess", "OAF_back_gloomy.wav"),
        ("cremad", "1001_IEO_BOR_HI.wav"),
        ("cremad", "1001_XXX_ANG_HI.wav"),
        ("ravdess", "03-01-09-01-02-01-12.wav"),
        ("ravdess", "02-01-06-01-02-01-12.mp4"),
        ("emodb", "03a01Xa.wav"),
        ("emodb", "03a03Fa.wav"),
    ],
)
def test_unknown_codes_and_stray_names_are_reported_and_the_others_go_on(
    corpus: str, unknown: str, tmp_path: Path
) -> None:
    write(tmp_path, EXAMPLES[corpus] | {unknown: "", "00_stray.wav": "", "zz_stray.wav": ""})
    items = list(load_plugin("corpora", corpus).scan(tmp_path, ScanOptions()))
    problems = {item.file.name: item.problem for item in items if item.problem}
    assert set(problems) == {unknown, "00_stray.wav", "zz_stray.wav"}
    assert "stray.wav isn't one of the" in problems["00_stray.wav"]
    assert len(items) - len(problems) == len(EXAMPLES[corpus])

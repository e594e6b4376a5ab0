"""What the readers of named corpora make of real folders and of the tables in the official releases."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from affexion_core.corpora import cremad, emodb, msp_podcast, ravdess, tess
from affexion_core.corpora._item import CorpusItem, ScanOptions
from affexion_core.errors import CorpusError

OPTIONS = ScanOptions()


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8") as stream:
        return {Path(row["file"]).stem: row for row in csv.DictReader(stream)}


def by_stem(items: list[CorpusItem]) -> dict[str, CorpusItem]:
    assert not [item.problem for item in items if item.problem]
    return {item.file.stem: item for item in items}


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.shared_audio
def test_real_ravdess_agrees_with_its_manifest(shared_audio: Path) -> None:
    items, rows = by_stem(list(ravdess.scan(shared_audio / "ravdess", OPTIONS))), manifest(shared_audio / "ravdess")
    assert len(items) == 720
    assert len({item.speaker for item in items.values()}) == 12
    for stem, row in rows.items():
        item = items[stem]
        strong = "_strong" if item.attributes["intensity"] == "strong" else ""
        assert f"{item.label}{strong}" == row["label"]
        assert item.speaker == f"ravdess:{row['speaker']}"
        assert item.provenance.source == row["source"]


@pytest.mark.shared_audio
def test_real_emodb_agrees_with_its_manifest(shared_audio: Path) -> None:
    items, rows = by_stem(list(emodb.scan(shared_audio / "emodb", OPTIONS))), manifest(shared_audio / "emodb")
    assert Counter(item.label for item in items.values()) == {
        "anger": 60, "neutral": 43, "boredom": 35, "happiness": 34, "sadness": 30, "fear": 29, "disgust": 12,
    }  # fmt: skip
    for stem, row in rows.items():
        assert items[stem].label == row["label"].removesuffix("_anxiety")
        assert items[stem].speaker == f"emodb:{row['speaker']}"
        assert items[stem].attributes["recognised_pct"] == row["recognised_pct"]
    assert list(emodb.scan(shared_audio / "emodb" / "wav", OPTIONS)) == list(items.values())


@pytest.mark.shared_audio
def test_real_cremad_has_the_votes_of_its_listeners(shared_audio: Path) -> None:
    items, rows = by_stem(list(cremad.scan(shared_audio / "cremad", OPTIONS))), manifest(shared_audio / "cremad")
    assert Counter(item.label for item in items.values()) == {
        "HAP": 423, "SAD": 355, "ANG": 6, "DIS": 5, "FEA": 3, "NEU": 3,
    }  # fmt: skip
    assert len({item.speaker for item in items.values()}) == 55
    for stem, row in rows.items():
        assert sum(items[stem].votes.values()) == int(row["raters"])
        assert items[stem].split == "train"
    assert items["1001_DFA_ANG_XX"].votes == {"ANG": 6, "DIS": 2, "NEU": 1}
    assert items["1001_DFA_ANG_XX"].transcript == "Don't forget a jacket."


@pytest.mark.shared_audio
def test_real_tess_agrees_with_its_manifest(shared_audio: Path) -> None:
    items, rows = by_stem(list(tess.scan(shared_audio / "tess", OPTIONS))), manifest(shared_audio / "tess")
    assert set(Counter(item.label for item in items.values()).values()) == {50}
    for stem, row in rows.items():
        assert items[stem].label == {"ps": "pleasant_surprise"}.get(row["label"], row["label"])
    assert items["OAF_base_ps"].transcript == "Say the word base."


def test_ravdess_reads_every_part_of_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "03-01-06-02-02-01-12.wav", "Actor_03/03-02-02-01-01-02-03.wav")
    strong, song = ravdess.scan(tmp_path, OPTIONS)
    assert (strong.label, strong.speaker) == ("fearful", "ravdess:12")
    assert strong.transcript == "Dogs are sitting by the door."
    assert strong.attributes == {"intensity": "strong", "repetition": "1", "channel": "speech", "gender": "female"}
    assert song.label == "calm"
    assert song.attributes == {"intensity": "normal", "repetition": "2", "channel": "song", "gender": "male"}


def test_emodb_reads_every_part_of_a_name(tmp_path: Path) -> None:
    (item,) = emodb.scan(touch(tmp_path, "16b03Lb.wav"), OPTIONS)
    assert (item.label, item.speaker, item.language) == ("boredom", "emodb:16", "de")
    assert item.transcript == "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht."
    assert item.attributes == {"sentence": "b03", "version": "b", "gender": "female", "age": "31"}
    assert len(emodb.SENTENCES) == 10


def test_tess_takes_the_misnamed_file_of_the_release_for_the_older_actress(tmp_path: Path) -> None:
    (item,) = tess.scan(touch(tmp_path, "OAF_neutral/OA_bite_neutral.wav"), OPTIONS)
    assert (item.label, item.speaker, item.transcript) == ("neutral", "tess:OAF", "Say the word bite.")


def test_cremad_reads_the_tables_of_the_release(tmp_path: Path) -> None:
    touch(tmp_path, "AudioWAV/1001_IEO_HAP_HI.wav", "AudioWAV/1040_ITH_SAD_X.wav")
    (tmp_path / "processedResults").mkdir()
    (tmp_path / "processedResults/tabulatedVotes.csv").write_text(
        '"","A","D","F","H","N","S","fileName","numResponses"\n'
        '"100004",2,0,0,6,2,0,"1001_IEO_HAP_HI",10\n'
        '"200004",0,0,0,9,0,0,"1001_IEO_HAP_HI",9\n'
        '"103000",0,0,0,0,3,7,"1040_ITH_SAD_XX",10\n'
    )
    (tmp_path / "processedResults/summaryTable.csv").write_text(
        '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
        '"1","1001_IEO_HAP_HI","H","63.5","H","57","H","57.38"\n'
    )
    (tmp_path / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    )
    for folder in (tmp_path, tmp_path / "AudioWAV"):
        happy, sad = cremad.scan(folder, OPTIONS)
        assert happy.votes == {"ANG": 2, "HAP": 6, "NEU": 2}  # of the voice alone
        assert happy.attributes == {
            "level": "HI", "sentence": "IEO", "age": "51", "gender": "male", "race": "Caucasian",
            "ethnicity": "Not Hispanic", "voice_vote": "H", "voice_level": "63.5",
        }  # fmt: skip
        assert (sad.attributes["level"], sad.votes) == ("XX", {"NEU": 3, "SAD": 7})


MSP_ROWS = [
    ("MSP-PODCAST_0001_0008.wav", "N", "2.2", "4.0", "2.6", "30", "Male", "Test1"),
    ("MSP-PODCAST_0002_0001.wav", "U", "6.5", "7.0", "5.0", "Unknown", "Unknown", "Development"),
    ("MSP-PODCAST_0002_0002.wav", "X", "4.0", "4.0", "4.0", "31", "Female", "Train"),
    ("MSP-PODCAST_0003_0001.wav", "H", "4.0", "4.0", "4.0", "31", "Female", "Train"),
    ("MSP-PODCAST_0003_0002.wav", "Z", "4.0", "4.0", "4.0", "31", "Female", "Train"),
    ("MSP-PODCAST_0003_0003.wav", "H", "much", "4.0", "4.0", "31", "Female", "Train"),
]
MSP_COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")


def msp(root: Path, kind: str) -> Path:
    (root / "Labels").mkdir(parents=True)
    if kind == "csv":
        lines = "\n".join(",".join(row) for row in (MSP_COLUMNS, *MSP_ROWS))
        (root / "Labels/labels_consensus.csv").write_text(lines + "\n")
    else:
        rows = {row[0]: dict(zip(MSP_COLUMNS[1:], row[1:], strict=True)) for row in MSP_ROWS}
        (root / "Labels/labels_concensus.json").write_text(json.dumps(rows))
    names = [f"Audios/{Path(row[0]).stem}.flac" for row in MSP_ROWS if row[0] != "MSP-PODCAST_0003_0001.wav"]
    touch(root, *names, "Transcripts/MSP-PODCAST_0001_0008.txt")
    (root / "Transcripts/MSP-PODCAST_0001_0008.txt").write_text("well, that is it\n")
    return root


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_msp_podcast(kind: str, tmp_path: Path) -> None:
    neutral, surprise, unclear, missing, strange, broken = msp_podcast.scan(msp(tmp_path, kind), OPTIONS)
    assert (neutral.label, neutral.speaker, neutral.split) == ("neutral", "msp-podcast:30", "test1")
    assert neutral.values == {"arousal": 2.2, "valence": 4.0, "dominance": 2.6}
    assert neutral.transcript == "well, that is it"
    assert neutral.file.name == "MSP-PODCAST_0001_0008.flac"
    assert (surprise.label, surprise.speaker, surprise.split) == ("surprise", None, "dev")
    assert surprise.attributes == {}
    assert (unclear.label, unclear.problem) == (None, None)
    assert missing.problem == "It stands in the labels, but not in the folder."
    assert strange.problem == "The emotion 'Z' in the labels is none of MSP-Podcast."
    assert broken.problem == "EmoAct, EmoVal or EmoDom in the labels is not a number."


def test_msp_podcast_says_what_its_labels_lack(tmp_path: Path) -> None:
    touch(tmp_path, "Audios/a.wav", "Labels/labels_consensus.csv")
    (tmp_path / "Labels/labels_consensus.csv").write_text("FileName,Emotion\na.wav,H\n")
    with pytest.raises(CorpusError, match=r"no column 'EmoClass'\. It has Emotion or FileName"):
        msp_podcast.scan(tmp_path, OPTIONS)

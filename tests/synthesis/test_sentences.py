from collections import Counter
from pathlib import Path

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from affexion_core.errors import SynthesisError
from affexion_core.synthesis._request import load_sentences, without_texts
from affexion_core.types import normalised_text

LABELS = {"boredom", "panic", "excitement", "uncertainty"}


def write(folder: Path, text: str, name: str = "boredom.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_shipped_sentences_are_enough_for_training_and_a_field_set():
    sentences = load_sentences()
    counts = Counter((s.label, s.wording, s.length) for s in sentences)
    assert {s.label for s in sentences} == LABELS
    assert set(counts.values()) == {24, 20}
    assert all(counts[label, wording, "short"] == 24 for label in LABELS for wording in ("telling", "neutral"))


def test_no_shipped_sentence_serves_twice():
    texts = [normalised_text(s.text) for s in load_sentences()]
    assert len(set(texts)) == len(texts)


def test_words_give_the_label_away_only_in_telling_sentences():
    def accuracy(wording: str) -> float:
        chosen = [s for s in load_sentences() if s.wording == wording]
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
        folds = StratifiedKFold(7, shuffle=True, random_state=0)
        return cross_val_score(model, [s.text for s in chosen], [s.label for s in chosen], cv=folds).mean()

    assert accuracy("telling") > 0.7
    assert 0.15 < accuracy("neutral") < 0.35


def test_own_folder_is_read_with_its_labels(tmp_path: Path):
    write(tmp_path, 'sentence,wording,length\n"Well, fine.",neutral,short\n', "calm.csv")
    (sentence,) = load_sentences(tmp_path)
    assert (sentence.text, sentence.label, sentence.wording, sentence.length) == (
        "Well, fine.",
        "calm",
        "neutral",
        "short",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sentence,wording\nHello there.,neutral\n", r"boredom\.csv lacks the column length"),
        ("sentence,wording,length\nHi.,loud,short\n", r"line 2: wording is 'loud'; choose neutral or telling"),
        ("sentence,wording,length\nHi.,neutral,tiny\n", r"line 2: length is 'tiny'; choose long or short"),
        ("sentence,wording,length\n ... ,neutral,short\n", r"line 2: the sentence has no words"),
        ("sentence,wording,length\nHi.,neutral\n", r"line 2: length is ''"),
        ("sentence,wording,length\nHi you.,neutral,short\nhi YOU,telling,short\n", r"'hi YOU' twice"),
        ("", r"lacks the column sentence, wording, length"),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(tmp_path: Path, text: str, message: str):
    with pytest.raises(SynthesisError, match=message):
        load_sentences(write(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    (tmp_path / "boredom.csv").write_bytes(b"sentence,wording,length\n\xff\xfe\x00,neutral,short\n")
    with pytest.raises(SynthesisError, match="can't be read as a UTF-8 CSV"):
        load_sentences(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(SynthesisError, match="has no sentences"):
        load_sentences(tmp_path)


def test_texts_are_left_out_whatever_their_case():
    sentences = load_sentences()
    rest = without_texts(sentences, [sentences[0].text.upper() + "!!", None])
    assert rest == sentences[1:]

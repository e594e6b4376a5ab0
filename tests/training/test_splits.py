import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.errors import ConfigError, SplitError
from affexion_core.training.splits import check_labels, choose_grouping, kfold, set_apart_dev
from affexion_core.types import Clip, LabelledClip, Split, clip_id


def item(i: int, label: str, speaker: str | None = None, text: str | None = None, origin="real") -> LabelledClip:
    sha = f"{i:064x}"
    clip = Clip(
        clip_id(f"{i:016x}" * 4), f"audio/{i}.wav", sha, origin, "made", 1.0, 16000, speaker=speaker, transcript=text
    )
    return LabelledClip(clip, label)


def items(
    n: int, n_speakers: int, labels=("a", "b"), n_texts: int | None = None, origin="real"
) -> tuple[LabelledClip, ...]:
    texts = n_texts or n
    return tuple(
        item(i, labels[i % len(labels)], f"made:{(i // len(labels)) % n_speakers}", f"text {i % texts}", origin)
        for i in range(n)
    )


def test_a_split_refuses_what_both_sides_share():
    one, two = item(1, "a", "made:x", "Hello there."), item(2, "b", "made:x", "hello  THERE")
    with pytest.raises(SplitError, match=r"share 1 speaker \('made:x'\); 1 text \('hello there'\)"):
        Split((one,), (two,))
    leaky = Split((one,), (two,), allow=frozenset({"speaker", "text"}))
    assert leaky.stamp() == "leaky: shares 1 speaker ('made:x'); 1 text ('hello there')"
    with pytest.raises(SplitError, match="1 clip"):
        Split((one,), (one,), allow=frozenset({"speaker", "text"}))


def test_a_synthetic_speaker_is_a_voice():
    one, two = item(1, "a", "espeak:m1", "x", "synthetic"), item(2, "b", "espeak:m1", "y", "synthetic")
    assert list(Split((one,), (two,), allow=frozenset({"voice"})).leaks()) == ["voice"]


def test_the_stamp_tells_clean_from_unknown():
    one, two = item(1, "a", "made:x", "one"), item(2, "b", "made:y", "two")
    assert Split((one,), (two,)).stamp() == "clean"
    assert Split((one,), (item(3, "b", None, "two"),)).stamp() == "not verifiable: speaker of 1 clips unknown"
    assert Split((one,), (item(3, "b", "made:y"),)).stamp().startswith("clean: no shared clip or speaker (text of 1")


@settings(max_examples=40, deadline=None)
@given(n=st.integers(24, 90), n_speakers=st.integers(4, 12), n_folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_folds_cover_every_clip_once_and_share_no_speaker(n, n_speakers, n_folds, seed):
    made = items(n, n_speakers)
    splits = kfold(made, n_folds, "speaker", seed)
    tested = [i.clip.id for split in splits for i in split.test]
    assert sorted(tested) == sorted(i.clip.id for i in made)
    for split in splits:
        assert not {i.clip.speaker for i in split.train} & {i.clip.speaker for i in split.test}
        assert len(split.train) + len(split.test) == n


def test_folds_are_stratified_and_repeatable():
    made = items(280, 5, labels=("a", "b", "c", "d"))
    splits = kfold(made, 7, "text", seed=3)
    assert splits == kfold(made, 7, "text", seed=3)
    assert splits != kfold(made, 7, "text", seed=4)
    for split in splits:
        assert all(9 <= sum(i.label == label for i in split.test) <= 11 for label in "abcd")


def test_default_grouping_is_by_speaker_and_falls_back_with_a_reason():
    assert choose_grouping(items(40, 8), 7).group == "speaker"
    five = choose_grouping(items(40, 5), 7)
    assert five.group == "text"
    assert "5 speakers can't fill 7" in five.reason and "at most 5 folds with speakers kept on one side" in five.reason
    assert choose_grouping(items(40, 5, n_texts=2), 7).group == "none"


def test_one_speaker_is_a_clear_error_unless_a_grouping_is_named():
    with pytest.raises(
        SplitError, match=r"All 40 clips are by one speaker \(made:0\).*keep texts or nothing on one side instead"
    ):
        choose_grouping(items(40, 1), 4)
    assert choose_grouping(items(40, 1), 4, "text").group == "text"
    with pytest.raises(SplitError, match="4 folds need 4 speakers; the dataset has 1"):
        choose_grouping(items(40, 1), 4, "speaker")


def test_bad_groupings_and_folds():
    with pytest.raises(ConfigError, match="no grouping 'color'. Choose .*generator.*speaker"):
        choose_grouping(items(40, 8), 4, "color")
    with pytest.raises(SplitError, match="9 folds need 9 voices; the dataset has 8. Choose at most 8 folds"):
        choose_grouping(items(40, 8), 9, "voice")
    with pytest.raises(SplitError, match="No label has 5 clips"):
        kfold(items(8, 8), 5, "none")


def test_empty_and_one_label_datasets_are_refused():
    with pytest.raises(SplitError, match="'mine' has no labelled clips"):
        check_labels((), "mine")
    with pytest.raises(SplitError, match=r"'mine' has one label only \('a', 6 clips\)"):
        check_labels(items(6, 2, labels=("a",)), "mine")


def test_the_dev_part_takes_whole_speakers():
    split = set_apart_dev(Split(items(60, 6)), 0.2, seed=0)
    assert split.dev and not {i.clip.speaker for i in split.train} & {i.clip.speaker for i in split.dev}
    assert len(split.train) + len(split.dev) == 60
    assert set_apart_dev(Split(items(60, 6)), 0.0, seed=0).dev == ()


def test_the_dev_part_of_one_speaker_takes_whole_texts():
    split = set_apart_dev(Split(items(60, 1, n_texts=10)), 0.2, seed=0)
    assert split.dev and not {i.clip.transcript for i in split.train} & {i.clip.transcript for i in split.dev}

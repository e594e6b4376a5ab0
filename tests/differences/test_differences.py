"""Distances against SciPy, and probes that find what was planted and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import soundfile as sf
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import PITCH, tone, write_folders

from affexion_core.__main__ import cli
from affexion_core.audio.decode import load_audio
from affexion_core.differences.clip_map import map_clips
from affexion_core.differences.distributions import compare_figures, distances
from affexion_core.differences.measures import NAMES, Measures, edges_of
from affexion_core.differences.origin import compare_origins, measure_both
from affexion_core.differences.probes import BY_CLIP, GROUPED, probe
from affexion_core.differences.shortcuts import find_shortcuts
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store

values = st.lists(st.integers(-5, 5).map(float) | st.floats(-1e3, 1e3), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_distances_equal_scipy(a, b):
    a, b = np.array(a), np.array(b)
    found = distances(a, b, np.ones((1, len(a))), np.ones((1, len(b))))
    assert found[0][0] == pytest.approx(scipy.stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-9)
    assert found[1][0] == pytest.approx(scipy.stats.ks_2samp(a, b).statistic, abs=1e-12)


def test_weighted_distances_equal_scipy():
    rng = np.random.default_rng(0)
    a, b, v, w = rng.normal(size=30), rng.normal(1, size=20), rng.integers(0, 4, 30) + 0.0, rng.integers(1, 4, 20) + 0.0
    found = distances(a, b, v[None], w[None])[0][0]
    assert found == pytest.approx(scipy.stats.wasserstein_distance(a, b, v, w))


def drawn(rng, n, shift):
    table = rng.normal(size=(n, len(NAMES)))
    table[:, 0] += shift
    return Measures(tuple(map(str, range(n))), table, table.astype(np.float32))


def test_the_figure_that_differs_stands_first_with_an_interval_and_others_reach_down_to_nothing():
    rng = np.random.default_rng(0)
    a, b = drawn(rng, 120, 0.0), drawn(rng, 100, 1.5)
    found = compare_figures(a, b, [None] * 120, [None] * 100)
    assert found[0].name == NAMES[0] and found[0].wasserstein.low > 0.5
    assert found[0].shift == pytest.approx(1.5, abs=0.5) and (found[0].n_a, found[0].n_b) == (120, 100)
    assert sum(one.wasserstein.low < 0.08 for one in found[1:]) >= len(found) - 3
    assert all(one.wasserstein.low <= one.wasserstein.value <= one.wasserstein.high for one in found)
    few = compare_figures(drawn(rng, 3, 0), b, [None] * 3, [None] * 100)
    assert few[0].wasserstein.value is None and "fewer than" in few[0].method


def test_edges_and_bandwidth_are_those_that_were_made():
    rng = np.random.default_rng(0)
    signal = np.concatenate([np.zeros(4800), 0.1 * rng.normal(size=16000), np.zeros(8000)]).astype(np.float32)
    before, after, bandwidth = edges_of(signal, 16000)
    assert (before, after) == (pytest.approx(0.3), pytest.approx(0.5)) and bandwidth > 7800
    assert edges_of(np.zeros(16000, np.float32), 16000) == (0.0, 0.0, 0.0)
    assert edges_of(np.zeros(10, np.float32), 16000) == (0.0, 0.0, 0.0)


def test_a_probe_is_at_chance_on_noise_and_sure_of_what_was_planted():
    rng = np.random.default_rng(1)
    labels, speakers = ["a", "b"] * 60, [f"s{place // 12}" for place in range(120)]
    noise = rng.normal(size=(120, 5))
    found = probe(noise, labels, speakers, speakers, 199)
    assert not found.tells and found.uar.low < 0.5 < found.uar.high and found.split == GROUPED
    noise[:, 2] += 3.0 * (np.array(labels) == "a")
    planted = probe(noise, labels, speakers, speakers, 199)
    assert planted.tells and planted.uar.value > 0.85 and planted.p == pytest.approx(0.005)
    own = probe(noise, labels, labels, labels, 0)
    assert own.split == BY_CLIP and own.p is None
    assert probe(noise[:3], ["a", "a", "b"], [None] * 3, [None] * 3) is None


def test_the_map_puts_every_clip_beside_its_nearest_of_the_other_side():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(30, 8))
    both = np.concatenate([first, first + 0.01 * rng.normal(size=(30, 8))])
    for method in ("pca", "tsne"):
        made = map_clips(both, 30, method)
        assert made.places.shape == (60, 2) and np.isfinite(made.places).all()
        assert made.neighbour[:30].tolist() == list(range(30, 60))
        assert made.neighbour[30:].tolist() == list(range(30))


def halves(root: Path, shared_audio: Path, store, noisy: float) -> None:
    """Put every other clip of five speakers into another set, with white noise so many dB below it."""
    rng = np.random.default_rng(0)
    for place, file in enumerate(sorted((shared_audio / "emodb").rglob("*.flac"))[::3]):
        side, speaker = ("one", "two")[rng.integers(2)], file.stem[:2]
        signal = load_audio(file).signal
        if side == "two" and noisy:
            signal = signal + noisy * signal.std() * rng.normal(size=len(signal)).astype(np.float32)
        folder = root / side / "speech" / speaker
        folder.mkdir(parents=True, exist_ok=True)
        sf.write(folder / f"{place}.wav", signal, 16000)
    for side, origin in (("one", "synthetic"), ("two", "real")):
        import_corpus(store, "folder", root / side, ImportOptions(dataset=side, origin=origin))


def test_one_corpus_cut_in_half_at_random_shows_no_difference(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    halves(tmp_path, shared_audio, store, noisy=0.0)
    report = compare_origins(measure_both(store, "one", "two"), n_resamples=100)
    assert not report.probe.tells and report.probe.uar.low <= 0.5
    assert report.probe.uar.n == report.n_synthetic + report.n_real > 70


def test_white_noise_on_one_side_is_found(tmp_path, workspace, shared_audio):
    store = open_store(workspace)
    halves(tmp_path, shared_audio, store, noisy=0.1)
    report = compare_origins(measure_both(store, "one", "two"), n_resamples=100)
    assert report.probe.tells and report.probe.uar.value > 0.95 and len(report.used) == 12
    assert {"signal to noise", "bandwidth"} & {one.name for one in report.figures[:4]}


def loud_set(root: Path, store, name: str, planted: bool):
    """Make tones of two labels that differ in nothing, unless loudness is to tell the label."""
    rng = np.random.default_rng(len(name))  # other sounds in each set: a clip that is known keeps its first speaker
    for speaker in range(4):
        for take in range(10):
            label = list(PITCH)[take % 2]
            gain = (0.2 if take % 2 else 1.0) if planted else 1.0
            signal = gain * 10 ** (rng.uniform(-2, 2) / 20) * tone("panic", speaker, 100 + take, 0.5)
            folder = root / name / label / f"s{speaker}"
            folder.mkdir(parents=True, exist_ok=True)
            sf.write(folder / f"{take}.wav", signal, 16000)
    import_corpus(store, "folder", root / name, ImportOptions(dataset=name, origin="real"))
    return load_dataset(store, name)


def test_a_label_that_loudness_decides_is_found_and_nothing_is_found_in_a_clean_set(tmp_path, workspace):
    store = open_store(workspace)
    planted = find_shortcuts(store, loud_set(tmp_path, store, "loud", planted=True))
    found = {one.name: one for one in planted.shortcuts}
    assert found["loudness"].tells and found["loudness"].probe.uar.value > 0.95
    assert found["loudness"].probe.split == GROUPED and found["loudness"].p_holm < 0.05
    assert found["text"].probe is None and found["text"].reason == "no clip has a transcript"
    assert not found["speaker"].tells and found["duration"].reason
    clean = find_shortcuts(store, loud_set(tmp_path, store, "clean", planted=False))
    assert [one.name for one in clean.shortcuts if one.tells] == []
    assert clean.generators == ()


def generated(root: Path, store, name: str, planted: bool):
    """Make tones by two generators of six voices: labels differ by pitch in both, or by a whistle in one."""
    for voice in range(12):
        for take in range(4):
            label = list(PITCH)[take % 2]
            signal = tone("panic" if planted else label, voice, 200 + 50 * planted + take, 0.5)
            if planted and voice % 2 and take % 2:
                signal = signal + 0.05 * np.sin(2 * np.pi * 6000 / 16000 * np.arange(len(signal)))
            folder = root / name / label / f"v{voice}"
            folder.mkdir(parents=True, exist_ok=True)
            sf.write(folder / f"{take}.wav", signal, 16000)
    import_corpus(store, "folder", root / name, ImportOptions(dataset=name, origin="synthetic"))
    found = load_dataset(store, name)
    items = []
    for item in found.items:
        which = "one" if int((item.clip.speaker or "").rsplit("v", 1)[-1]) % 2 else "two"
        provenance = replace(item.clip.provenance, generator=which)
        items.append(replace(item, clip=replace(item.clip, provenance=provenance)))
    return replace(found, items=tuple(items))


def test_a_mark_that_tells_the_labels_of_one_generator_alone_is_found_when_it_is_held_out(tmp_path, workspace):
    store = open_store(workspace)
    marked = {one.generator: one for one in find_shortcuts(store, generated(tmp_path, store, "mark", True)).generators}
    one, two = marked["one"], marked["two"]
    assert one.inside.value > 0.9 > 0.75 > one.uar.value and one.falls
    assert one.drop.value == pytest.approx(one.inside.value - one.uar.value) and one.drop.n == one.n == 24
    assert one.drop.low <= one.drop.value <= one.drop.high and one.n_train == 24
    assert not two.falls
    clean = find_shortcuts(store, generated(tmp_path, store, "clear", False)).generators
    assert [one.uar.value > 0.9 and not one.falls for one in clean] == [True, True]


def asked(workspace, *arguments: str):
    done = CliRunner().invoke(cli, [*arguments, "--workspace", str(workspace.root), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_verbs_print_figures_with_n_and_interval(tmp_path, workspace):
    store = open_store(workspace)
    for name, first, origin in (("voices", 0, "synthetic"), ("people", 4, "real")):
        made = write_folders(tmp_path / name, speakers=3, first_speaker=first)
        import_corpus(store, "folder", made, ImportOptions(dataset=name, origin=origin))
    told = asked(workspace, "differences", "--synthetic", "voices", "--real", "people")
    assert (told["n_synthetic"], told["n_real"]) == (24, 24) and len(told["figures"]) == len(NAMES)
    assert told["probe"]["uar"]["n"] == 48 and told["probe"]["uar"]["low"] <= told["probe"]["uar"]["value"]
    told = asked(workspace, "shortcuts", "voices")
    assert [one["name"] for one in told["shortcuts"]][:2] == ["text", "speaker"]
    told = asked(workspace, "audit-leaks", "--train", "voices", "--test", "people")
    assert told["split"].startswith("clean") and told["findings"] == [] and told["n_test"] == 24
    text = CliRunner().invoke(cli, ["audit-leaks", "--train", "voices", "--test", "voices", "--workspace",
                                    str(workspace.root)])  # fmt: skip
    assert "24 clips" in text.output and "leaky: shares" in text.output
    bad = CliRunner().invoke(cli, ["audit-leaks", "--test", "voices", "--workspace", str(workspace.root)])
    assert bad.exit_code != 0

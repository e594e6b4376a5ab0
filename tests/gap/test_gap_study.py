"""Gap studies: who trains and who is measured, a planted gap, and going on after a stop."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from gap_studies import carry_out, gap_store, small_request

from affexion_core.errors import ConfigError, SplitError
from affexion_core.gap.after import adapt_folder
from affexion_core.gap.arms import ARMS, fewer_voices
from affexion_core.gap.effects import effect_of, figures_over
from affexion_core.gap.few_real import draw, usable_sizes
from affexion_core.gap.part import model_folders, n_measured, part_folder, run_part
from affexion_core.gap.result import compute_gap, finish_gap, gap_to_json, read_gap
from affexion_core.gap.study import plan_gap, prepare_gap, read_plan
from affexion_core.predictor import Predictor
from affexion_core.run_folder import read_json
from affexion_core.store.clips import get_clips
from affexion_core.training import execute
from affexion_core.training.execute import fit_folder


def rows_of(place: Path, part: str) -> set[str]:
    return {row["clip_id"] for row in read_json(place / "split.json")["clips"] if row["part"] == part}


def speakers_of(store, ids) -> set[str]:
    return {str(clip.speaker) for clip in get_clips(store, sorted(ids))}


def test_no_model_trains_on_a_clip_or_a_speaker_it_is_measured_on(study):
    store, found = study
    folder = Path(found.run.folder)
    for name in found.plan.parts:
        for place in model_folders(part_folder(folder, name)):
            trained, measured = rows_of(place, "train"), rows_of(place, "test")
            assert trained and measured and not trained & measured
            assert not speakers_of(store, trained) & speakers_of(store, measured)
            adapted = place / "adaptation.json"
            if adapted.is_file():
                seen = {clip["clip_id"] for clip in read_json(adapted)["clips"]}
                assert seen and not seen & measured and not speakers_of(store, seen) & speakers_of(store, measured)


def test_few_real_clips_are_measured_on_the_same_rest_which_no_draw_holds(study):
    _, found = study
    folder = Path(found.run.folder)
    rest = set(found.plan.rest)
    assert [point.size for point in found.curve] == [0, 1, 2] and found.plan.added == (0, 3, 6)
    for size in (1, 2):
        places = model_folders(part_folder(folder, f"few-{size}"))
        draws = [rows_of(place, "train") for place in places]
        assert len(draws) == 2 and all(rows_of(place, "test") == rest for place in places)
        assert all(len(drawn) == 24 + 3 * size and not drawn & rest for drawn in draws)
    smaller, larger = (rows_of(model_folders(part_folder(folder, f"few-{n}"))[0], "train") for n in (1, 2))
    assert smaller < larger


def test_every_cell_has_figures_with_n_interval_and_stamp(study):
    _, found = study
    assert [cell.name for cell in found.cells] == ["cv-synthetic", "base", "cv-real", "mixed"]
    for cell in found.cells:
        assert cell.state == "done" and cell.scores is not None and cell.stamp.startswith("clean")
        assert cell.scores.n == 24 and cell.scores.accuracy.low <= cell.scores.accuracy.value
        assert [row.n for row in cell.scores.per_class] == [8, 8, 8]
    assert set(found.gaps) == {"gap", "gain", "beyond"}
    assert found.run.finished and found.run.summary["n"] == 24


def test_the_planted_gap_is_there_and_noise_shrinks_it(tmp_path):
    store = gap_store(tmp_path, noise=0.05)
    settings = {"epochs": 15}
    found = carry_out(store, small_request(store, arms=("noise",), sizes=(), draws=2, settings=settings))
    by_name = {cell.name: cell for cell in found.cells}
    assert by_name["cv-synthetic"].scores.uar.value > 0.9 > by_name["base"].scores.uar.value + 0.1
    assert found.gaps["gap"].verdict == "better"
    (noise,) = found.arms
    assert noise.effect.verdict == "better" and noise.effect.uar.value > 0.05
    assert noise.effect.uar.n == 24 and len(noise.effect.uars) == 2
    assert noise.stamp.startswith("clean")


def test_an_arm_that_adapts_is_stamped_so_and_never_saw_what_is_measured(study):
    _, found = study
    prior = next(row for row in found.arms if row.arm.name == "prior")
    assert "adapted on 12 unlabelled clips of people, the other half" in prior.stamp
    assert "transductive" not in prior.stamp and prior.effect.uar.n == len(found.plan.rest) == 12


def test_a_study_that_was_stopped_ends_with_the_same_figures_and_does_nothing_twice(tmp_path, monkeypatch):
    store = gap_store(tmp_path)
    request = small_request(store, arms=("prior",), sizes=(0, 1))
    whole = carry_out(store, request)
    run = prepare_gap(store, request)
    folder = Path(run.folder)

    class Stopped(BaseException):
        pass

    def stop_at_the_second(done, total, what):
        if what == "1 of 2 models done":
            raise Stopped

    with pytest.raises(Stopped):
        run_part(store, part_folder(folder, "base"), stop_at_the_second)
    assert n_measured(folder) == 1
    trained = []
    monkeypatch.setattr(execute, "fit_folder", lambda *given: (trained.append(given[1]), fit_folder(*given)))
    for _ in range(2):
        for name in read_plan(folder).parts:
            run_part(store, part_folder(folder, name))
    assert len(trained) == len(set(trained)) == read_plan(folder).n_models - 2  # the arm adapts the base's models
    assert json.dumps(gap_to_json(finish_gap(store, folder))) == json.dumps(gap_to_json(whole))


@pytest.mark.parametrize("method", ["prior", "statistics"])
def test_adapting_a_trained_model_gives_what_training_it_anew_gives(tmp_path, method):
    store = gap_store(tmp_path)
    run = prepare_gap(store, small_request(store, arms=(method,), sizes=(), draws=1))
    base, arm = (part_folder(Path(run.folder), name) / "1" for name in ("base", f"arm-{method}"))
    anew = tmp_path / "anew"
    shutil.copytree(arm, anew)
    fit_folder(store, base)
    adapt_folder(store, arm, base)
    fit_folder(store, anew)
    clips = get_clips(store, sorted(rows_of(arm, "test")))
    one, other, plain = (Predictor.load(place).of_clips(store.workspace, clips).probs for place in (arm, anew, base))
    assert np.array_equal(one, other) and not np.allclose(one, plain)


def test_what_was_written_reads_back(study):
    store, found = study
    assert gap_to_json(read_gap(store, Path(found.run.folder))) == gap_to_json(
        compute_gap(store, Path(found.run.folder))
    )


def test_a_recipe_that_fails_in_one_arm_leaves_the_others(tmp_path, monkeypatch):
    store = gap_store(tmp_path)
    run = prepare_gap(store, small_request(store, arms=("mixup",), sizes=(), draws=1))
    folder = Path(run.folder)
    broken = model_folders(part_folder(folder, "arm-mixup"))[0] / "config.json"
    broken.write_text(broken.read_text().replace('"mixup": 0.2', '"mixup": -1'))
    for name in read_plan(folder).parts:
        run_part(store, part_folder(folder, name))
    (row,) = finish_gap(store, folder).arms
    assert row.state == "failed" and "mixup" in row.reason and row.effect is None


def test_leaks_are_refused_or_stamped(tmp_path):
    store = gap_store(tmp_path)
    request = small_request(store)
    mine = request.synthetic.items
    request = dataclasses.replace(request, real=dataclasses.replace(request.real, items=(*request.real.items, mine[0])))
    with pytest.raises(SplitError, match="shares 1 clip") as caught:
        plan_gap(request)
    assert caught.value.change == ("allow_leaks",)
    allowed = plan_gap(dataclasses.replace(request, allow_leaks=True))
    assert allowed.plan.stamp.startswith("leaky: shares 1 clip")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws = 0: choose 1 to 20"),
        ({"n_folds": 1}, "folds = 1: choose 2 or more"),
        ({"sizes": (-1,)}, "-1 real clips of each label are none"),
        ({"arms": ("sorcery",)}, "There is no arm 'sorcery'; choose .*batchnorm, clip-norm"),
    ],
)
def test_what_can_not_be_is_said(study, options, message):
    with pytest.raises(ConfigError, match=message):
        plan_gap(small_request(study[0], **options))


def test_arms_that_can_not_be_tried_say_why(study):
    plan = plan_gap(small_request(study[0], arms=tuple(arm.name for arm in ARMS))).plan
    reasons = {arm.name: arm.reason for arm in plan.arms if arm.reason}
    assert set(reasons) == {"soft", "batchnorm", "coral", "dann"}
    assert "no batch norm" in reasons["batchnorm"] and "votes" in reasons["soft"]


def test_fewer_voices_differ_from_all_by_voices_alone(study):
    items = small_request(study[0]).synthetic.items
    half, spread = fewer_voices(items, 3)
    count = lambda part: sorted(item.label for item in part)  # noqa: E731
    assert count(half) == count(spread) and len(half) == 12
    assert len({item.clip.speaker for item in half}) == 2 and len({item.clip.speaker for item in spread}) == 4


def test_draws_hold_smaller_ones_and_sizes_end_where_clips_do(study):
    items = small_request(study[0]).real.items
    labels = ("boredom", "panic", "excitement")
    one, two = ({item.clip.id for item in draw(items, labels, n, 5)} for n in (1, 2))
    assert one < two and len(two) == 6
    assert usable_sizes(items, (0, 1, 2, 5, 10, 20)) == (0, 1, 2, 5, 10)
    assert len(draw(items, labels, 10, 0)) == 24


def test_draws_of_the_same_clips_do_not_narrow_the_interval():
    from types import SimpleNamespace

    rng = np.random.default_rng(0)
    reference = {f"c{k}": ("a", "b")[k % 2] for k in range(60)}
    clips = {id: SimpleNamespace(speaker=None) for id in reference}
    draw_one = {id: label if rng.random() < 0.7 else "ab"[label == "a"] for id, label in reference.items()}
    one, four = (figures_over([draw_one] * n, reference, clips, ("a", "b")) for n in (1, 4))
    assert one.accuracy.value == four.accuracy.value and four.accuracy.n == 60
    width = lambda figure: figure.high - figure.low  # noqa: E731
    assert abs(width(one.accuracy) - width(four.accuracy)) < 0.05
    same = effect_of([draw_one] * 2, [draw_one] * 2, reference, clips, ("a", "b"))
    assert same.uar.value == 0.0 and same.verdict == "open" and same.uars == (0.0, 0.0)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_figures_say_n_in_their_alt_text_and_give_all_data(study, mode):
    from affexion_core.plots.gap import arm_rows, cell_rows, curve_rows, plot_arms, plot_cells, plot_curve

    _, found = study
    for figure in (plot_cells(found, "uar", mode), plot_curve(found, "accuracy", mode), plot_arms(found, "uar", mode)):
        assert "n = " in figure.layout.meta["alt"]
    assert len(cell_rows(found)) == 4 and cell_rows(found)[1]["stamp"].startswith("clean")
    assert [row["real_clips_a_label"] for row in curve_rows(found)] == [0, 1, 2]
    assert {row["arm"] for row in arm_rows(found)} == {"noise", "voices", "prior"}


@pytest.mark.xdist_group("engine")
def test_the_verb_runs_a_small_study_and_prints_it(tmp_path, capsys, monkeypatch):
    from affexion_core.__main__ import main
    from affexion_core.jobs.engine import stop_engine

    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    store = gap_store(tmp_path)
    data = ["--synthetic", "voices", "--real", "people", "--set", "epochs=3", "--draws", "1"]
    try:
        main(["gap", "--preset", "linear", *data, "--arms", "prior", "--sizes", "none", "--folds", "2", "--json",
              "--workspace", str(store.workspace.root)])  # fmt: skip
    except SystemExit as stop:
        assert not stop.code
    finally:
        stop_engine(store.workspace)
    printed = capsys.readouterr()
    shown = json.loads(printed.out)
    assert [cell["state"] for cell in shown["cells"]] == ["done"] * 4 and shown["finished"]
    assert shown["arms"][0]["effect"]["uar"]["n"] == 12 and shown["curve"] == []
    assert "models in" in printed.err and "min with" in printed.err

import json

from affexion_core.evaluation.selection import stamp_of_trial
from affexion_core.types import Run


def test_clips_with_votes_that_decided_a_sweep_are_stamped(tmp_path):
    trial = tmp_path / "trials" / "3"
    trial.mkdir(parents=True)
    (tmp_path / "sweep.json").write_text(json.dumps({"select_on_test": True}))
    items = [["c1", "panic", {"panic": 0.6, "calm": 0.4}], ["c2", "calm"]]
    (tmp_path / "datasets.json").write_text(json.dumps({"test": {"dataset": {"items": items}}}))
    run = Run("t", "trial", "linear", str(trial), ("calm", "panic"), "all", "ff", "2026")
    assert stamp_of_trial(run, ["c1"], "clean") == "selected on test: clean"
    assert stamp_of_trial(run, ["c9"], "clean") == "clean"

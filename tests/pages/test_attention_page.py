"""The page Attention on a small trained network: clips, filters, pictures, the check, the averages."""

from pathlib import Path

from affexion_core.run_folder import read_predictions
from affexion_core.store.jobs import get_job, list_jobs


def box(at, label):
    return next(found for found in at.selectbox if found.label == label)


def test_without_a_run_with_attention_it_says_so(in_study, open_page, words):
    at = open_page("attention")
    assert not at.exception
    assert "No run with attention yet" in words(at)


def test_a_link_opens_a_clip_and_another_beside_it(in_attentive, open_page, words):
    run = in_attentive.trained
    rows = read_predictions(Path(run.folder), "people")
    at = open_page("attention", run=run.id, on="people", clip=rows[3].clip_id, beside=rows[5].clip_id)
    assert not at.exception
    assert (box(at, "Clip").value, box(at, "Beside it").value) == (rows[3].clip_id, rows[5].clip_id)
    assert len(at.get("bidi_component")) == 2
    said = words(at)
    assert said.count("The marked part holds") == 2 and "Attention is not an explanation" in said
    for row in (rows[3], rows[5]):
        assert f"model says **{row.predicted}**, {100 * max(row.probs):.0f} %" in said


def test_filters_keep_to_what_they_say(in_attentive, open_page, words):
    run = in_attentive.trained
    rows = {row.clip_id: row for row in read_predictions(Path(run.folder), "people")}
    for answers in ("right", "wrong"):
        wanted = [id for id, row in rows.items() if (row.reference == row.predicted) == (answers == "right")]
        at = open_page("attention", run=run.id, on="people", answers=answers)
        assert not at.exception
        if wanted:
            assert len(box(at, "Clip").options) == len(wanted)
        else:
            assert any("No clip of this set has such an answer" in info.value for info in at.info)


def test_gradients_matrix_and_fold_models(in_attentive, open_page, words):
    run = in_attentive.crossvalidated
    at = open_page("attention", run=run.id, on="people", slopes="true", matrix="true", picture="What the model gets")
    assert not at.exception
    said = words(at)
    assert "mean of 2 fold models, band ± one SD" in said
    assert "integrated gradients" in said
    assert "61 × 61 frames" in said
    held_out = open_page("attention", run=run.id, on="cv")
    assert not held_out.exception
    fold = read_predictions(Path(run.folder), "cv")[0].fold
    assert f"model of fold {fold}, which had not seen it" in words(held_out).replace("\\", "")


def test_the_check_and_the_averages_go_on_in_the_background_and_are_kept(in_attentive, open_page, words, finish):
    run, store = in_attentive.crossvalidated, in_attentive.store
    at = open_page("attention", run=run.id, on="people")
    assert "Not checked for this run and these clips" in words(at)
    at.button("check").click().run()
    assert not at.exception
    (job,) = list_jobs(store, kind="deletion")
    at.button("check-cancel").click().run()
    assert get_job(store, job.id).state == "cancelled"
    at.run()
    assert not at.exception and "The last check was cancelled; it begins anew" in words(at)
    at.button("check").click().run()
    finish(store, "deletion")
    at.run()
    at.button("gather").click().run()
    assert not at.exception and "Gather attention" not in [button.label for button in at.button]
    # who comes back finds it going on
    again = open_page("attention", run=run.id, on="people")
    assert again.button("gather-cancel") and "You can leave this page; it goes on" in words(again)
    finish(store, "attention")
    again = open_page("attention", run=run.id, on="people")
    said = words(again)
    assert not [b for b in again.button if b.label in ("Check by deleting frames", "Gather attention")]
    assert "Deleting what the model attends to hurts" in said
    assert "8 clips; bootstrap over 2 speakers" in said
    assert "each of the 2 fold models on all 8 clips" in said
    assert len(again.get("plotly_chart")) == 5

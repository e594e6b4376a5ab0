import pytest

from affexion_core.jobs.speaking import do_speak
from affexion_core.labeling.people import add_person, set_role
from affexion_core.speaking.batch import batch_ids, find_batch
from affexion_core.speaking.state import spoken
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.imports import list_imports
from affexion_core.store.jobs import beat, claim_job, end_job, list_jobs
from affexion_core.store.session import open_store


def said(at) -> str:
    kinds = ("markdown", "caption", "error", "success", "info", "warning")
    return "\n".join(str(e.value) for kind in kinds for e in at.get(kind)).replace("\\", "")


@pytest.fixture
def no_engine(monkeypatch):
    started = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", started.append)
    return started


def speak_all(store) -> None:
    """Do the queued job as its process would."""
    (job,) = list_jobs(store, ("queued",), kind="speak")
    mine = claim_job(store, job.id, "here", 0.0)
    do_speak(store, mine, lambda *args: None)
    end_job(store, job.id, mine.token, "done")


def test_from_sentences_to_clips_in_the_library(workspace, open_page, no_engine):
    store = open_store(workspace)
    at = open_page("synthesize")
    assert not at.exception and "20 clips" in said(at) and "free of charge" in said(at)
    at.multiselect("synthesize-labels").set_value(["panic", "boredom"]).run()
    at.number_input("synthesize-n").set_value(1).run()
    assert not at.exception and "**2 clips**" in said(at)
    at.button("synthesize-start").click().run()
    assert not at.exception and len(no_engine) == 1 and len(batch_ids(workspace)) == 1
    assert any(button.key == "synthesize-stop" for button in at.button)
    speak_all(store)
    at.run()
    assert not at.exception and "2 of 2 clips spoken" in said(at) and "1 of 2" in said(at)
    assert at.button("synthesize-import").disabled
    at.button("synthesize-keep").click().run()
    at.button("synthesize-reject").click().run()
    assert not at.exception and "All clips are judged" in said(at)
    at.button("synthesize-import").click().run()
    assert not at.exception and "1 clip added. Dataset spoken" in said(at)
    assert len(load_dataset(store, "spoken").items) == 1
    (batch,) = list_imports(store)
    at.button(f"import-undo-{batch.id}").click().run()
    assert "1 clip and 1 label taken out again" in said(at) and not list_datasets(store)


def test_one_clip_is_asked_for_anew(workspace, open_page, no_engine):
    store = open_store(workspace)
    at = open_page("synthesize")
    at.multiselect("synthesize-labels").set_value(["panic"]).run()
    at.number_input("synthesize-n").set_value(1).run()
    at.button("synthesize-start").click().run()
    speak_all(store)
    at.run()
    at.button("synthesize-anew").click().run()
    speak_all(store)
    at.run()
    assert not at.exception and "take 2" in said(at)


def test_own_sentences_and_a_service_with_its_price(workspace, open_page, no_engine, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-5f2d9c1b7a")
    at = open_page("synthesize")
    at.segmented_control("synthesize-source").set_value("own").run()
    assert "No sentences yet" in said(at) and "Write or choose sentences" in said(at)
    at.text_area("synthesize-text-panic").set_value("It is here.\nIt is there.\n\nit is here").run()
    at.text_area("synthesize-text-boredom").set_value("We go. <b>now</b>").run()
    assert "3 sentences: boredom 1, panic 2" in said(at)
    at.selectbox("synthesize-provider").set_value("openai").run()
    assert not at.exception and "Prices change" in said(at) and "USD** at the price above" in said(at)
    price = next(one for one in at.number_input if str(one.key).startswith("synthesize-minute-"))
    price.set_value(60.0).run()
    assert "for about" in at.button("synthesize-start").label and (workspace.root / "synthesis/prices.json").is_file()
    at.button("synthesize-start").click().run()
    (id,) = batch_ids(workspace)
    batch = find_batch(workspace, id)
    assert batch.request.price.per_minute == 60 and len(batch.items) == 2
    assert "extreme 'Panic' feeling" in [item.prompt for item in batch.items if item.label == "panic"][0]
    written = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    assert b"canary" not in written and "canary" not in said(at)
    at.switch_page("pages/library.py").run()
    assert not at.exception


def test_a_label_of_which_the_voice_knows_nothing_and_a_wrong_setting_are_told(workspace, open_page, no_engine):
    at = open_page("synthesize")
    at.segmented_control("synthesize-source").set_value("own").run()
    at.multiselect("synthesize-own-labels").set_value(["awe"]).run()
    at.text_area("synthesize-text-awe").set_value("So it is.").run()
    assert "espeak can't act awe" in at.error[0].value
    at.selectbox("synthesize-provider").set_value("command").run()
    at.text_input("synthesize-setting-command.command").set_value("piper 'half").run()
    assert not at.exception and "The command can't be read" in at.error[0].value


def test_a_failed_batch_says_why_and_goes_on(workspace, open_page, no_engine):
    store = open_store(workspace)
    at = open_page("synthesize")
    at.multiselect("synthesize-labels").set_value(["panic"]).run()
    at.number_input("synthesize-n").set_value(1).run()
    at.button("synthesize-start").click().run()
    (job,) = list_jobs(store, kind="speak")
    mine = claim_job(store, job.id, "here", 0.0)
    beat(store, job.id, mine.token, 0.0, 0, 1, "panic")
    end_job(store, job.id, mine.token, "failed", "host refuses the key (401)")
    at.run()
    assert "refuses the key" in at.error[0].value
    at.button("synthesize-again").click().run()
    speak_all(store)
    at.run()
    (id,) = batch_ids(workspace)
    assert not at.exception and spoken(workspace, find_batch(workspace, id))[0].state == "spoken"


def test_noisy_copies_of_a_dataset(workspace, open_page, no_engine):
    from affexion_core.ingest.synthesizing import SynthesisOptions, synthesize_dataset

    at = open_page("synthesize", way="derive")
    assert "No dataset to derive from yet" in said(at)
    synthesize_dataset(open_store(workspace), SynthesisOptions("espeak", 1, "spoken", labels=("panic",)))
    at.run()
    at.number_input("derive-noise-low").set_value(5.0).run()
    at.button("derive-start").click().run()
    assert not at.exception and "1 clip added, 0 already there. Dataset spoken-noisy" in said(at)
    at.number_input("derive-noise-low").set_value(90.0).run()
    at.button("derive-start").click().run()
    assert "smaller first" in at.error[0].value


def test_services_that_charge_are_for_owners(workspace, open_page):
    store = open_store(workspace)
    owner = add_person(store, "Olga")
    add_person(store, "Rita")
    set_role(store, owner, "Rita", "rater")
    at = open_page("synthesize")
    at.session_state["person"] = "Rita"
    at.run()
    at.selectbox("synthesize-provider").set_value("openai").run()
    assert "need the role of an owner" in said(at) and not any(b.key == "synthesize-start" for b in at.button)
    set_role(store, owner, "Rita", "viewer")
    at.run()
    assert "needs the role of a rater" in said(at)

"""From a batch to the library and back, other programs as voices, sentences by a model, and derived datasets."""

import json
import sys

import numpy as np
import pytest
from speech_service import audio, completion, error, tone

from affexion_core.config import build
from affexion_core.differences.leaks import audit
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, LabelError, StoreError, SynthesisError
from affexion_core.ingest.batches import undo_import
from affexion_core.ingest.deriving import DeriveRequest, derive_dataset
from affexion_core.jobs.speaking import do_speak, submit_batch
from affexion_core.speaking.batch import BatchRequest, batch_ids, find_batch, prepare_batch
from affexion_core.speaking.execute import speak_batch
from affexion_core.speaking.keeping import import_batch, to_import
from affexion_core.speaking.prices import price_of, save_price
from affexion_core.speaking.review import judge, speak_anew
from affexion_core.speaking.state import spoken
from affexion_core.speaking.texts import WriterConfig, draft_sentences, save_sentences, written
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.imports import list_imports
from affexion_core.store.labels import find_annotations
from affexion_core.synthesis._request import Price, load_sentences

WRITER = (
    "import sys, wave; text = open(sys.argv[1]).read(); assert sys.stdin.read() == text;"
    "out = wave.open(sys.argv[2], 'wb'); out.setnchannels(1); out.setsampwidth(2); out.setframerate(16000);"
    "out.writeframes((text + sys.argv[3]).encode() * 500); out.close()"
)


def test_what_was_kept_comes_in_as_one_import_and_goes_again(store, workspace, service, make_batch):
    def stray(number: int, body: dict):
        return (200, {}, completion(audio(tone("other"), "Sure, here it is"))) if number == 1 else None

    service.behave = stray
    batch = make_batch(concurrency=1, licence="only for this study", person="Olga")
    speak_batch(workspace, batch)
    with pytest.raises(SynthesisError, match="keep some of its clips first"):
        import_batch(store, batch)
    judge(batch, [0, 1, 2], "keep", "Olga")
    judge(batch, [2], "reject", "Olga")
    assert spoken(workspace, batch)[0].strayed
    report = import_batch(store, batch, person="Olga")
    assert (report.added, dict(report.labels)["boredom"]) == (2, 2)
    clips = {row.clip.transcript: row.clip for row in find_clips(store, ClipQuery()).rows}
    strayed = clips[batch.items[0].sentence.text]
    card = strayed.provenance
    assert (card.generator, card.licence, card.intended_label) == (
        "openai gpt-audio-1.5",
        "only for this study",
        "boredom",
    )
    assert card.prompt.startswith("You are a professional") and "'Boredom'" in card.prompt and card.retrieved
    assert card.parameters["batch"] == batch.id and strayed.speaker.startswith("openai:")
    assert strayed.attributes["said"] == "Sure, here it is" and strayed.attributes["listening"] == "kept by ear"
    assert len(find_annotations(store, rater="provider:openai")) == 2
    with pytest.raises(StoreError, match="undo its import first"):
        speak_anew(workspace, batch, 0)
    more = import_batch(store, batch, unheard=True)
    assert more.added == 1 and load_dataset(store, "spoken").items[0].clip.origin == "synthetic"
    for one in list_imports(store):
        undo_import(store, one.id)
    assert find_clips(store, ClipQuery()).total == 0 and not list_datasets(store)
    assert len(to_import(store, batch)) == 2  # what was kept can come in again, without being spoken again
    assert import_batch(store, batch).added == 2 and len(service.requests) == 4


def test_one_sentence_is_spoken_anew_and_only_that(store, workspace, service, make_batch):
    batch = make_batch()
    speak_batch(workspace, batch)
    judge(batch, range(4), "keep")
    speak_anew(workspace, batch, 3)
    items = spoken(workspace, batch)
    assert [item.verdict for item in items] == ["keep", "keep", "keep", None] and items[3].state == "waiting"
    service.behave = lambda number, body: (200, {}, completion(audio(tone("anew"))))
    assert speak_batch(workspace, batch).spoken == 1 and len(service.requests) == 5
    assert spoken(workspace, batch)[3].path.read_bytes() == tone("anew")


def test_espeak_says_another_take_otherwise(workspace):
    request = BatchRequest("espeak", "spoken", load_sentences(), 1, {"voices": ["en-us+f2"]})
    batch = find_batch(workspace, prepare_batch(workspace, request).id)
    speak_batch(workspace, batch)
    before = spoken(workspace, batch)[0]
    speak_anew(workspace, batch, 0)
    speak_batch(workspace, batch)
    after = spoken(workspace, batch)[0]
    assert after.state == "spoken" and after.request.voice == before.request.voice
    assert after.path.read_bytes() != before.path.read_bytes() and after.request.parameters != before.request.parameters


def test_labels_of_ones_own_make_a_scheme_and_must_fit_a_dataset(store, workspace, service, make_batch):
    texts = written([("awe", "So it is."), ("calm", "It is so."), ("calm", "it is so"), ("calm", "  ")])
    assert len(texts) == 2
    batch = make_batch(sentences=texts, per_label=1)
    speak_batch(workspace, batch)
    import_batch(store, batch, unheard=True)
    assert load_dataset(store, "spoken").scheme.labels == ("awe", "calm")
    other = make_batch()
    speak_batch(workspace, other)
    with pytest.raises(LabelError, match="no label boredom, panic"):
        import_batch(store, other, unheard=True)


def test_a_batch_in_the_background_is_queued_once_and_goes_on(store, workspace, service, make_batch):
    batch = make_batch()
    job = submit_batch(store, batch.id)
    assert submit_batch(store, batch.id).id == job.id and "canary" not in json.dumps(dict(job.spec))
    told: list[tuple] = []
    do_speak(store, job, lambda *args: told.append(args))
    do_speak(store, job, lambda *args: told.append(args))
    assert told[-1][:2] == (4, 4) and len(service.requests) == 4 and batch_ids(workspace) == (batch.id,)


def command(*arguments: str, **settings: object) -> dict:
    return {"command": [sys.executable, *arguments], "name": "voice 1.0", **settings}


def spoken_by(workspace, settings: dict, text: str = "It is here; $(touch x) `id` {voice} {out}"):
    request = BatchRequest("command", "spoken", written([("panic", text)]), 1, settings)
    batch = prepare_batch(workspace, request)
    speak_batch(workspace, batch)
    return batch, spoken(workspace, batch)[0]


def test_a_program_reads_a_file_and_writes_one(store, workspace):
    batch, item = spoken_by(workspace, command("-c", WRITER, "{text}", "{out}", "{voice}", voices=["deep"]))
    assert item.state == "spoken" and b"$(touch x) `id` {voice} {out}\ndeep" in item.path.read_bytes()
    import_batch(store, batch, unheard=True)
    (row,) = find_clips(store, ClipQuery()).rows
    assert (row.clip.provenance.generator, row.clip.speaker) == ("voice 1.0", "command:deep")
    assert row.clip.provenance.prompt is None  # the program was told nothing


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-c", "import sys; sys.exit('no such voice')", "{out}"), "status 1 and said: no such voice"),
        (("-c", "pass", "{out}"), "wrote no file"),
        (("-c", "open(__import__('sys').argv[1], 'w').write('x')", "{out}"), "no WAV file"),
        (("-c", "import os, sys; os.symlink('/etc/passwd', sys.argv[1])", "{out}"), "wrote no file"),
    ],
)
def test_a_program_that_fails_is_told(arguments, words, workspace):
    assert words in spoken_by(workspace, command(*arguments))[1].error


def test_a_program_that_hangs_is_ended_and_one_that_is_not_there_named(workspace):
    slow = command("-c", "import time; time.sleep(60)", "{out}", timeout=0.3)
    assert "longer than 0.3 s" in spoken_by(workspace, slow)[1].error
    with pytest.raises(SynthesisError, match="no program 'no-such-voice'"):
        spoken_by(workspace, {"command": ["no-such-voice", "{out}"]})
    with pytest.raises(SynthesisError, match="names no {out}"):
        spoken_by(workspace, {"command": ["piper"]})


def test_a_program_gets_no_keys(workspace, service):
    code = "import os, sys; sys.exit('keys: ' + str([n for n in os.environ if n.endswith('_API_KEY')]))"
    assert "keys: []" in spoken_by(workspace, command("-c", code, "{out}"))[1].error


def test_a_model_writes_sentences_for_people_to_read(service, tmp_path):
    config = WriterConfig(base_url=service.url)
    known = written([("panic", "we could go NOW")])
    found = draft_sentences("panic", 5, config, known=known)
    assert [one.text for one in found] == ["It is on the table.", "I saw it today."]
    assert "'panic'" in service.requests[0]["messages"][0]["content"]
    save_sentences(tmp_path, found)
    save_sentences(tmp_path, draft_sentences("panic", 5, config))
    assert len(load_sentences(tmp_path)) == 3
    for content, words in ((completion({"content": "[1, 2"}), "list"), (completion({"content": "[]"}), "no sentences")):
        service.behave = lambda number, body, content=content: (200, {}, content)
        with pytest.raises(SynthesisError, match=words):
            draft_sentences("panic", 5, config)
    service.behave = lambda number, body: (401, {}, error("Incorrect API key provided: sk-canary-5f2d9c1b7a"))
    with pytest.raises(SynthesisError, match="refuses the key") as caught:
        draft_sentences("panic", 5, config)
    assert "canary" not in str(caught.value)


def test_a_price_is_remembered_by_service_and_model(workspace):
    openai = load_plugin("synthesis", "openai")
    chat, own = openai.Config(), build(openai.Config, {"base_url": "http://127.0.0.1/v1"})
    assert price_of(workspace, "openai", chat).per_minute > 0 and price_of(workspace, "openai", own) == Price()
    save_price(workspace, "openai", chat, Price(1.0, 2.0))
    assert price_of(workspace, "openai", chat) == Price(1.0, 2.0) and price_of(workspace, "openai", own) == Price()


def test_derived_clips_know_their_originals_so_that_leaks_show(store, workspace, service, make_batch):
    batch = make_batch()
    speak_batch(workspace, batch)
    import_batch(store, batch, unheard=True)
    request = DeriveRequest("spoken", "noisy", {"codec": {}, "noise": {"snr_db": [5, 6]}}, copies=2)
    report = derive_dataset(store, request)
    assert report.added == 8 and derive_dataset(store, request).added == 0
    source, noisy = load_dataset(store, "spoken"), load_dataset(store, "noisy")
    labels = {item.clip.id: item.label for item in source.items}
    for item in noisy.items:
        assert item.label == labels[item.clip.attributes["derived_from"]]
        assert item.clip.attributes["changed_by"] == "noise, codec"  # in the order in which sound meets them
        assert item.clip.provenance.generator and "noise.snr_db" in item.clip.provenance.parameters
    found = {finding.kind: finding.n for finding in audit(store, source.items, noisy.items, ("a", "b")).findings}
    assert found["derived"] == 8 and found["voice"] and found["text"]
    again = DeriveRequest("noisy", "worse", {"gain": {}})
    derive_dataset(store, again)
    worse = load_dataset(store, "worse")
    assert {item.clip.attributes["original"] for item in worse.items} == set(labels)
    assert audit(store, source.items, worse.items, ("a", "b")).findings[-1].n
    newest = next(one for one in list_imports(store) if one.dataset == "worse")
    assert undo_import(store, newest.id).n_clips == 8


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (DeriveRequest("spoken", "noisy", {}), "No change is named"),
        (DeriveRequest("spoken", "spoken", {"noise": {}}), "name of its own"),
        (DeriveRequest("spoken", "noisy", {"hum": {}}), "hum"),
        (DeriveRequest("spoken", "noisy", {"noise": {"snr_db": [9, 1]}}), "smaller first"),
        (DeriveRequest("spoken", "noisy", {"noise": {}}, copies=0), "choose 1 to"),
    ],
)
def test_what_can_t_be_derived_is_told(request_, words, store):
    with pytest.raises(ConfigError, match=words):
        derive_dataset(store, request_)


def test_two_copies_differ_and_real_speech_can_be_derived(store, workspace, shared_audio, tmp_path):
    import shutil

    from affexion_core.audio.decode import load_audio
    from affexion_core.ingest.importing import import_corpus

    for file in sorted((shared_audio / "ravdess" / "Actor_01").glob("*.flac"))[:2]:
        (tmp_path / "corpus" / "calm").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / "corpus" / "calm")
    import_corpus(store, "folder", tmp_path / "corpus")
    derive_dataset(store, DeriveRequest("corpus", "room", {"room": {}, "field": {}}, copies=2))
    items = load_dataset(store, "room").items
    signals = [load_audio(workspace.clip_path(item.clip)).signal for item in items]
    assert len(items) == 4 and items[0].clip.origin == "real" and items[0].clip.speaker is None
    assert all(np.isfinite(one).all() and np.abs(one).max() > 0.01 for one in signals)

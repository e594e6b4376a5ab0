"""Batches against a local server that answers as the API does, or badly."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from speech_service import audio, completion, error, tone

from affexion_core.errors import StoreError, SynthesisError
from affexion_core.speaking.execute import MOST_ALIKE, speak_batch
from affexion_core.speaking.sounds import forget_sounds
from affexion_core.speaking.state import estimate, spend, spoken
from affexion_core.synthesis._http import retry_after

KEY = os.environ.get("CANARY", "sk-canary-5f2d9c1b7a")


def everything_written(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_a_batch_is_counted_priced_spoken_and_not_asked_for_again(workspace, service, make_batch):
    batch = make_batch()
    before = estimate(workspace, batch.request)
    assert (before.n, before.n_there) == (4, 0) and before.seconds == pytest.approx(before.n_characters / 15)
    assert before.dollars == pytest.approx(before.seconds / 10)
    told = []
    outcome = speak_batch(workspace, batch, lambda *args: told.append(args[:2]))
    assert (outcome.spoken, outcome.failed) == (4, 0) and told[0] == (0, 4) and told[-1] == (4, 4)
    for body in service.requests:
        assert body["model"] == "gpt-audio-1.5" and body["modalities"] == ["text", "audio"]
        assert body["audio"]["format"] == "wav" and body["messages"][0]["content"].startswith("You are a professional")
        assert (
            "extreme 'Boredom' feeling" in body["messages"][0]["content"] or "'Panic'" in body["messages"][0]["content"]
        )
    assert set(service.keys) == {f"Bearer {KEY}"} and len(set(service.ids)) == 4
    found = spend(workspace, batch)
    assert (found.n_paid, found.unsure) == (4, 0) and found.dollars == pytest.approx(4 * 0.3 / 10)
    assert found.usage == {"completion_tokens": 120}
    items = spoken(workspace, batch)
    assert all(item.state == "spoken" and item.seconds == 0.3 and not item.strayed for item in items)
    assert all(item.path.read_bytes() == tone(item.request.sentence.text + item.request.voice.name) for item in items)
    # another run, and another batch of the same, ask for nothing
    speak_batch(workspace, batch)
    again = make_batch()
    assert estimate(workspace, again.request).n_new == 0
    assert speak_batch(workspace, again).there == 4 and spend(workspace, again).dollars == 0
    assert len(service.requests) == 4


def test_the_speech_endpoint_and_lengths_that_streaming_leaves_open(workspace, service, make_batch):
    wav = bytearray(tone("x"))
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    service.behave = lambda number, body: (200, {}, bytes(wav))
    batch = make_batch({"endpoint": "speech", "model": "gpt-4o-mini-tts"}, per_label=1)
    assert speak_batch(workspace, batch).spoken == 2
    body = service.requests[0]
    assert body["response_format"] == "wav" and body["input"].endswith(".") and "professional" in body["instructions"]
    assert {item.path.read_bytes() for item in spoken(workspace, batch)} == {tone("x")}


def test_busy_servers_are_asked_again_and_waited_for(workspace, service, make_batch):
    service.behave = lambda number, body: {
        1: (429, {"Retry-After": "0.4"}, error("slow down")),
        2: (500, {}, b"oops"),
        3: (503, {}, b""),
        4: (0, {}, b""),
    }.get(number)
    batch = make_batch(concurrency=1, per_label=1)
    assert speak_batch(workspace, batch).spoken == 2 and len(service.requests) == 6
    assert service.times[1] - service.times[0] >= 0.4
    assert len(set(service.ids)) == 2  # the same request bears the same name when it is repeated
    assert (spend(workspace, batch).n_paid, spend(workspace, batch).unsure) == (2, 1)


def test_a_slow_server_is_given_up_and_may_have_billed(workspace, service, make_batch, monkeypatch):
    monkeypatch.setattr("affexion_core.synthesis._http.TIMEOUT", 0.2)
    service.behave = lambda number, body: time.sleep(0.6)
    batch = make_batch(per_label=1, tries=2)
    assert speak_batch(workspace, batch).failed == 2
    items = spoken(workspace, batch)
    assert all(item.state == "failed" and "no answer within 0.2 s" in item.error for item in items)
    assert spend(workspace, batch).unsure == 4 and spend(workspace, batch).n_paid == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"choices": [', "isn't what the API promises"),
        (b'{"choices": []}', "isn't what the API promises"),
        (b"[]", "isn't what the API promises"),
        (completion({"audio": {"data": "%%%"}}), "no base64"),
        (completion(audio(b"ID3 mp3")), "mp3"),
        (completion(audio(b'{"x": 1}')), "but text"),
        (completion(audio(b"")), "but nothing"),
        (completion(audio(tone("x", 0.0))), "no sound in it"),
        (completion({"content": "I can't do that."}), "It said: I can't do that."),
    ],
)
def test_damaged_answers_are_told_by_sentence_and_others_go_on(answer, words, workspace, service, make_batch):
    service.behave = lambda number, body: (200, {}, answer) if number == 2 else None
    batch = make_batch(concurrency=1)
    outcome = speak_batch(workspace, batch)
    assert (outcome.spoken, outcome.failed) == (3, 1) and len(service.requests) == 4  # paid for: not repeated unasked
    (failed,) = (item for item in spoken(workspace, batch) if item.state == "failed")
    assert words in failed.error
    assert spend(workspace, batch).unsure == 1
    service.behave = lambda number, body: None
    assert speak_batch(workspace, batch).spoken == 1 and len(service.requests) == 5


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (401, error(f"Incorrect API key provided: {KEY}"), "refuses the key"),
        (429, error("no money", "insufficient_quota"), "no money left"),
        (404, error("no such model"), "no such model"),
        (302, b"", "nothing at this address"),
        (200, b"<html>", "a web page"),
    ],
)
def test_what_would_befall_all_ends_the_batch_at_once(status, content, words, workspace, service, make_batch):
    service.behave = lambda number, body: (status, {"Location": "http://127.0.0.1:1/"}, content)
    with pytest.raises(SynthesisError, match=words) as caught:
        speak_batch(workspace, make_batch(concurrency=1))
    assert len(service.requests) == 1 and KEY not in str(caught.value)
    assert KEY.encode() not in everything_written(workspace.root)


def test_the_same_refusal_again_and_again_ends_the_batch(workspace, service, make_batch):
    service.behave = lambda number, body: (400, {}, error(f"bad voice, and your key is {KEY}"))
    with pytest.raises(SynthesisError, match="failed alike.*bad voice") as caught:
        speak_batch(workspace, make_batch(concurrency=1, per_label=6))
    assert len(service.requests) == MOST_ALIKE and KEY not in str(caught.value)
    assert KEY.encode() not in everything_written(workspace.root)


def test_a_key_is_needed_elsewhere_and_never_sent_in_the_open(workspace, service, make_batch, monkeypatch):
    with pytest.raises(SynthesisError, match="never sent over http"):
        speak_batch(workspace, make_batch({"base_url": "http://tts.example/v1"}))
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setattr("affexion_core.synthesis._keys._FILES", ())
    with pytest.raises(SynthesisError, match="no key for tts.example. Set OPENAI_API_KEY"):
        speak_batch(workspace, make_batch({"base_url": "https://tts.example/v1"}))
    assert speak_batch(workspace, make_batch()).spoken == 4 and set(service.keys) == {None}


def test_a_key_from_secrets_and_odd_keys(workspace, service, make_batch, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY")
    secrets = tmp_path / "secrets.toml"
    monkeypatch.setattr("affexion_core.synthesis._keys._FILES", (tmp_path / "none.toml", secrets))
    secrets.write_text('[openai]\napi_key = "from-file"\n')
    speak_batch(workspace, make_batch(per_label=1))
    assert set(service.keys) == {"Bearer from-file"}
    monkeypatch.setenv("OPENAI_API_KEY", "two words\nX-Evil: 1")
    with pytest.raises(SynthesisError, match="holds spaces"):
        speak_batch(workspace, make_batch())


@pytest.mark.parametrize(
    "settings",
    [
        {"key_name": KEY},
        {"key_name": "PATH"},
        {"base_url": f"https://me:{KEY}@host/v1"},
        {"base_url": f"https://host/v1?key={KEY}"},
        {"base_url": "file:///etc/passwd"},
        {"base_url": "https://[half"},
    ],
)
def test_a_key_in_the_wrong_place_is_refused_without_repeating_it(settings, workspace, make_batch):
    with pytest.raises(SynthesisError) as caught:
        make_batch(settings)
    assert KEY not in str(caught.value) and KEY.encode() not in everything_written(workspace.root)


def test_a_budget_ends_the_batch_before_it_is_passed(workspace, service, make_batch):
    batch = make_batch(concurrency=1, budget=0.25)
    with pytest.raises(SynthesisError, match="budget is used up"):
        speak_batch(workspace, batch)
    assert 0 < len(service.requests) < 4 and spend(workspace, batch).dollars <= 0.25


def test_no_faster_than_allowed(workspace, service, make_batch):
    speak_batch(workspace, make_batch(concurrency=4, per_minute=600))
    gaps = [b - a for a, b in zip(sorted(service.times), sorted(service.times)[1:], strict=False)]
    assert min(gaps) > 0.05


def test_killed_at_any_moment_it_pays_for_nothing_twice(workspace, service, make_batch):
    service.behave = lambda number, body: time.sleep(0.03)
    batch = make_batch(per_label=6, concurrency=2)
    code = (
        "from pathlib import Path; from affexion_core.speaking.batch import load_batch;"
        "from affexion_core.speaking.execute import speak_batch; from affexion_core.workspace import open_workspace;"
        f"speak_batch(open_workspace({str(workspace.root)!r}), load_batch(Path({str(batch.folder)!r})))"
    )
    kills = 0
    for wanted in (2, 5, 9):
        process = subprocess.Popen([sys.executable, "-c", code])
        while len(service.requests) < wanted + kills and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    speak_batch(workspace, batch)
    assert all(item.state == "spoken" for item in spoken(workspace, batch))
    asked = list(service.ids)
    # only what was under way at a kill, two requests at most, can have been asked for again
    assert len(set(asked)) == 12 and len(asked) <= 12 + 2 * kills
    assert spend(workspace, batch).n_paid == 12 and spend(workspace, batch).unsure >= len(asked) - 12
    speak_batch(workspace, batch)
    assert len(service.requests) == len(asked)


def test_two_at_once_don_t_pay_twice(workspace, service, make_batch):
    import threading

    service.behave = lambda number, body: time.sleep(0.3)
    batch = make_batch(per_label=1)
    first = threading.Thread(target=speak_batch, args=(workspace, batch))
    first.start()
    while not service.requests:
        time.sleep(0.01)
    with pytest.raises(StoreError, match="being spoken already"):
        speak_batch(workspace, batch)
    first.join()
    assert len(service.requests) == 2


def test_a_journal_cut_off_anywhere_can_be_read(workspace, service, make_batch):
    batch = make_batch(per_label=1)
    speak_batch(workspace, batch)
    whole = batch.journal.path.read_bytes()
    for n in range(0, len(whole), 37):
        batch.journal.path.write_bytes(whole[:n])
        assert all(item.state == "spoken" for item in spoken(workspace, batch))
        spend(workspace, batch)
        batch.journal.note(what="sent", n=0, key="k")
        assert batch.journal.read()[-1]["key"] == "k"


def test_what_was_taken_down_leaves_no_sound_behind(workspace, service, make_batch):
    import hashlib

    batch = make_batch(per_label=1)
    speak_batch(workspace, batch)
    item = spoken(workspace, batch)[0]
    assert forget_sounds(workspace, {hashlib.sha256(item.path.read_bytes()).hexdigest()}) == 1
    assert not item.path.exists() and forget_sounds(workspace, ()) == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3), ("1.5", 1.5), (None, None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-2", None)],
)
def test_retry_after_is_read_as_seconds_or_date(header, seconds):
    assert retry_after(header) == seconds

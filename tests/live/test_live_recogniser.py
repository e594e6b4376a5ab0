import threading
import time

import numpy as np
import pytest
import soundfile as sf
import soxr

from affexion_core.audio.decode import load_audio
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording, seen_seconds
from affexion_core.live.resampling import Packet, StreamResampler
from affexion_core.live.session import LiveSession
from affexion_core.types import Utterance

STEADY = LiveSettings(smoothing_seconds=0)


@pytest.fixture(scope="module")
def speech(shared_audio):
    files = sorted((shared_audio / "ravdess" / "Actor_03").glob("*.flac"))[8:11]
    return np.concatenate([load_audio(file).signal for file in files])


def at_rate(signal, rate, channels):
    """Bring speech to another rate; the second channel is quieter and later, as from a second microphone."""
    one = soxr.resample(signal, 16_000, rate).astype(np.float32) if rate != 16_000 else signal
    return np.stack([one, 0.5 * np.roll(one, 7)], axis=1)[:, :channels]


def packets(samples, rate, lost=(), late=()):
    """Cut into packets of 20 ms; lost ones never come, late ones after the next."""
    size = rate // 50
    cut = [Packet(samples[i : i + size], rate, i) for i in range(0, len(samples), size)]
    order = sorted((i + (1.5 if i in late else 0), i) for i in range(len(cut)) if i not in lost)
    return [cut[i] for _, i in order]


def readings_of(predictor, stream, settings=STEADY):
    """Read a stream packet by packet, as a session does, but without a thread."""
    recogniser, resampler, held, readings = Recogniser(predictor, settings), StreamResampler(), np.empty(0), []
    for packet in stream:
        held = np.concatenate([held, resampler.push(packet)]).astype(np.float32)
        while len(held) >= recogniser.n_step:
            readings.append(recogniser.step(held[: recogniser.n_step]))
            held = held[recogniser.n_step :]
    return readings


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("lost", [(), (30, 31, 90)])
@pytest.mark.parametrize("late", [(), (40, 120)])
def test_streaming_equals_offline(predictor, speech, tmp_path, rate, channels, lost, late):
    samples = at_rate(speech[: 16_000 * 4], rate, channels)
    readings = readings_of(predictor, packets(samples, rate, lost, late))
    heard, size = samples.copy(), rate // 50
    for i in (*lost, *late):
        heard[i * size : (i + 1) * size] = 0
    sf.write(tmp_path / "heard.wav", heard, rate, subtype="FLOAT")
    signal = load_audio(tmp_path / "heard.wav").signal
    answered = [reading for reading in readings if reading.probs is not None]
    assert len(answered) > 4
    for reading in answered[::4]:
        window = signal[round(reading.start * 16_000) : round(reading.time * 16_000)]
        offline = predictor.of_utterances([Utterance(window, 16_000)])
        np.testing.assert_allclose(reading.probs, offline.probs[0], atol=1e-4)
        np.testing.assert_allclose(reading.attention, offline.attention[0], atol=1e-4)
        assert reading.label == predictor.labels[int(offline.probs[0].argmax())]


def test_silence_and_noise_give_no_answer(predictor, speech):
    rng = np.random.default_rng(0)
    for sound in (np.zeros(48_000, np.float32), (0.05 * rng.normal(size=48_000)).astype(np.float32)):
        for reading in read_recording(Recogniser(predictor, STEADY), sound):
            assert (reading.state, reading.label, reading.probs, reading.attention) == ("no speech", None, None, None)
    silent = read_recording(Recogniser(predictor, STEADY), np.zeros(4_000, np.float32))[0]
    assert silent.level_dbfs == silent.peak_dbfs == -np.inf


def test_speech_then_silence_ends_the_answer(predictor, speech):
    sound = np.concatenate([speech[:64_000], np.zeros(80_000, np.float32)])
    states = [reading.state for reading in read_recording(Recogniser(predictor, STEADY), sound)]
    assert states[-1] == "no speech" and "sure" in states


def test_unsure_is_an_answer_of_its_own(predictor, speech):
    never = LiveSettings(smoothing_seconds=0, unsure_below=1.0)
    readings = [r for r in read_recording(Recogniser(predictor, never), speech) if r.probs is not None]
    assert {reading.state for reading in readings} == {"unsure"}
    always = LiveSettings(smoothing_seconds=0, unsure_below=0.0)
    again = [r for r in read_recording(Recogniser(predictor, always), speech) if r.probs is not None]
    assert {reading.state for reading in again} == {"sure"}
    for one, other in zip(readings, again, strict=True):
        np.testing.assert_array_equal(one.probs, other.probs)


def test_smoothing_changes_what_is_shown_and_not_what_is_measured(predictor, speech):
    plain = read_recording(Recogniser(predictor, STEADY), speech)
    smooth = read_recording(Recogniser(predictor, LiveSettings(smoothing_seconds=2.0)), speech)
    both = [(p, s) for p, s in zip(plain, smooth, strict=True) if p.probs is not None]
    for one, other in both:
        np.testing.assert_array_equal(one.probs, other.probs)
        np.testing.assert_array_equal(one.probs, one.smoothed)
    jumps = [np.abs(np.diff([pair[i].smoothed[0] for pair in both])).sum() for i in (0, 1)]
    assert jumps[1] < 0.8 * jumps[0]


def test_levels_are_those_of_the_step(predictor):
    time_ = np.arange(4_000) / 16_000
    reading = Recogniser(predictor).step((0.5 * np.sin(2 * np.pi * 440 * time_)).astype(np.float32))
    assert reading.level_dbfs == pytest.approx(-6.02 - 3.01, abs=0.05)
    assert reading.peak_dbfs == pytest.approx(-6.02, abs=0.05) and not reading.clipping
    assert Recogniser(predictor).step(np.ones(4_000, np.float32)).clipping


def test_a_window_is_no_longer_than_what_the_model_looks_at(predictor):
    assert seen_seconds(predictor) == pytest.approx(1.99)
    recogniser = Recogniser(predictor, LiveSettings(window_seconds=10))
    readings = read_recording(recogniser, np.zeros(16_000 * 5, np.float32))
    assert readings[-1].time - readings[-1].start == pytest.approx(1.99)
    assert readings[-1].time == 5


def play(session, samples, rate, seconds_each=0.02):
    """Feed packets at the speed of speech."""
    begin, size = time.monotonic(), round(rate * seconds_each)
    for i in range(0, len(samples), size):
        wait = begin + (i + size) / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        session.feed(Packet(samples[i : i + size], rate, i, time.monotonic()))


def settled(session, seconds):
    """Wait until a session has read so much."""
    for _ in range(200):
        if session.snapshot().seconds >= seconds:
            return session.snapshot()
        time.sleep(0.05)
    raise AssertionError(f"{session.snapshot().seconds} of {seconds} s")


def test_a_session_reads_on_its_own_thread_and_stops(predictor, speech):
    session = LiveSession(Recogniser(predictor, STEADY))
    before = threading.active_count()
    play(session, at_rate(speech[:24_000], 48_000, 2), 48_000)
    seen = settled(session, 1.25)
    assert threading.active_count() == before + 1 and session.alive
    assert [reading.time for reading in seen.readings] == sorted(reading.time for reading in seen.readings)
    assert seen.error is None and seen.silent_for < 5
    np.testing.assert_allclose(session.recording()[:20_000], speech[:20_000], atol=0.35)
    session.stop()
    assert not session.alive
    session.feed(Packet(np.zeros((960, 2), np.float32), 48_000))
    assert not session.alive
    session.forget()
    assert len(session.recording()) == 0


def test_a_late_session_skips_and_says_so(predictor, speech):
    session = LiveSession(Recogniser(predictor, STEADY))
    session.feed(Packet(speech[:64_000, None], 16_000, 0, time.monotonic()))
    seen = settled(session, 4.0)
    assert (len(seen.readings), seen.skipped, seen.behind) == (1, 15, True)
    assert seen.readings[0].skipped == 15 and seen.readings[0].time == 4.0
    offline = predictor.of_utterances([Utterance(speech[64_000 - 31_840 : 64_000], 16_000)])
    np.testing.assert_allclose(seen.readings[0].probs, offline.probs[0], atol=1e-6)
    session.stop()


def test_a_session_without_packets_ends_its_thread_and_can_go_on(predictor, speech, monkeypatch):
    monkeypatch.setattr("affexion_core.live.session.IDLE_SECONDS", 0.2)
    session = LiveSession(Recogniser(predictor, STEADY))
    session.feed(Packet(speech[:8_000, None], 16_000, 0))
    settled(session, 0.5)
    time.sleep(0.6)
    assert not session.alive
    session.feed(Packet(speech[8_000:16_000, None], 16_000, 8_000))
    assert settled(session, 1.0).readings[-1].time == 1.0
    session.stop()


def test_what_goes_wrong_is_told_in_words(predictor):
    session = LiveSession(Recogniser(predictor, STEADY))
    session.feed(Packet(np.full((960, 1), np.nan, np.float32), 48_000))
    for _ in range(100):
        if session.snapshot().error:
            break
        time.sleep(0.02)
    assert "no numbers" in session.snapshot().error
    session.stop()


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_ten_sessions_at_once_keep_up_or_say_that_they_are_behind(predictor, speech, seconds, counted):
    """Ten streams in real time: nothing queues up, so that none is seconds late at the end, whatever was skipped."""
    sessions = [LiveSession(Recogniser(predictor, STEADY)) for _ in range(10)]
    samples = at_rate(np.resize(speech, 16_000 * seconds), 16_000, 1)
    players = [threading.Thread(target=play, args=(s, samples, 16_000, 0.05)) for s in sessions]
    for player in players:
        player.start()
    for player in players:
        player.join()
    skipped, delays = 0, []
    for session in sessions:
        seen = settled(session, seconds)
        assert len(session.recording()) == 16_000 * seconds and seen.seconds == seconds
        if seconds * 4 <= 120:  # of longer ones the first readings are gone
            assert len(seen.readings) + seen.skipped == seconds * 4
        assert seen.behind or not seen.readings[-1].skipped
        delays += [reading.delay for reading in seen.readings]
        skipped += seen.skipped
        session.stop()
    assert np.median(delays) < 2.0
    counted(
        f"ten live sessions for {seconds} s",
        f"delay {1000 * np.median(delays):.0f} ms in the middle, {1000 * max(delays):.0f} ms at most; "
        f"{skipped} of {40 * seconds} steps skipped",
    )


def test_memory_does_not_grow_with_time(predictor):
    session = LiveSession(Recogniser(predictor, STEADY))
    for i in range(400):
        session.feed(Packet(np.zeros((8_000, 1), np.float32), 16_000, 8_000 * i))
        if i % 40 == 0:
            settled(session, i * 0.5)
    seen = settled(session, 200.0)
    assert len(seen.readings) <= 120
    assert len(session.recording()) == 120 * 16_000
    session.stop()

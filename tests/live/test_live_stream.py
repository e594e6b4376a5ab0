import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.audio.decode import load_audio
from affexion_core.errors import AudioError, ConfigError
from affexion_core.live.resampling import Packet, StreamResampler, resampled
from affexion_core.live.ring_buffer import RingBuffer
from affexion_core.live.smoothing import Smoother

RATES = (8_000, 16_000, 44_100, 48_000)


def noise(n, channels=1, seed=0):
    return (0.3 * np.random.default_rng(seed).normal(size=(n, channels))).clip(-1, 1).astype(np.float32)


def pieces(samples, sizes):
    """Cut samples into packets with their positions; the sizes repeat until all is cut."""
    at, i = 0, 0
    while at < len(samples):
        size = sizes[i % len(sizes)]
        yield at, samples[at : at + size]
        at, i = at + size, i + 1


def streamed(samples, rate, sizes, keep=lambda i: True):
    stream = StreamResampler()
    out = [stream.push(Packet(part, rate, at)) for i, (at, part) in enumerate(pieces(samples, sizes)) if keep(i)]
    return np.concatenate([*out, stream.finish()]), stream


@given(st.integers(1, 50), st.lists(st.integers(0, 80), max_size=12), st.integers(0, 70))
def test_a_ring_holds_the_last_samples_of_all(capacity, sizes, wanted):
    ring, everything = RingBuffer(capacity), np.empty(0, np.float32)
    for size in sizes:
        new = np.arange(ring.n_seen, ring.n_seen + size, dtype=np.float32)
        ring.push(new)
        everything = np.concatenate([everything, new])
    held = everything[-capacity:]
    np.testing.assert_array_equal(ring.last(wanted), held[len(held) - min(wanted, len(held)) :])
    assert ring.n_seen == len(everything)


def test_a_ring_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="give at least 1"):
        RingBuffer(0)
    with pytest.raises(ConfigError, match="-1 samples"):
        RingBuffer(3).last(-1)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(RATES), st.integers(1, 2), st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_packets_of_any_size_give_the_same_numbers(rate, channels, sizes):
    samples = noise(rate // 2, channels)
    whole = resampled(samples, rate)
    got, stream = streamed(samples, rate, sizes)
    np.testing.assert_array_equal(got, whole)
    assert (stream.n_lost, stream.n_late) == (0, 0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_a_stream_gives_the_numbers_of_a_decoded_file(rate, channels, tmp_path):
    samples = noise(rate, channels)
    sf.write(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
    got, _ = streamed(samples, rate, [rate // 50])
    np.testing.assert_allclose(got, load_audio(tmp_path / "x.wav").signal, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 48), max_size=30), st.sampled_from(RATES))
def test_lost_packets_are_silence_of_their_length(lost, rate):
    size, samples = rate // 50, noise(rate)
    got, stream = streamed(samples, rate, [size], keep=lambda i: i not in lost)
    expected = samples.copy()
    for i in lost:
        expected[i * size : (i + 1) * size] = 0
    np.testing.assert_array_equal(got, resampled(expected, rate))
    assert stream.n_lost == size * len(lost)


def test_late_and_doubled_packets_are_left_out():
    rate, size = 48_000, 960
    samples = noise(size * 5)
    parts = list(pieces(samples, [size]))
    stream = StreamResampler()
    got = [stream.push(Packet(parts[i][1], rate, parts[i][0])) for i in (0, 1, 3, 2, 3, 4)]
    expected = samples.copy()
    expected[2 * size : 3 * size] = 0
    np.testing.assert_array_equal(np.concatenate([*got, stream.finish()]), resampled(expected, rate))
    assert (stream.n_lost, stream.n_late) == (size, 2 * size)


def test_half_a_late_packet_counts_from_where_it_is_new():
    stream = StreamResampler()
    samples = noise(480)
    first = stream.push(Packet(samples[:320], 16_000, 0))
    rest = stream.push(Packet(samples[160:], 16_000, 160))
    np.testing.assert_array_equal(np.concatenate([first, rest]), samples[:, 0])
    assert stream.n_late == 160


def test_a_long_gap_begins_anew_without_silence():
    stream = StreamResampler()
    stream.push(Packet(noise(160), 16_000, 0))
    assert len(stream.push(Packet(noise(160), 16_000, 160_000))) == 160
    assert stream.n_lost == 0
    assert len(stream.push(Packet(noise(160), 16_000, 0))) == 160, "and so does a sender that starts over"


def test_another_rate_in_the_middle_goes_on():
    stream = StreamResampler()
    out = [stream.push(Packet(noise(24_000), 48_000)), stream.push(Packet(noise(8_000), 16_000)), stream.finish()]
    assert sum(map(len, out)) == 16_000


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(10, np.float32), 16_000, r"shape \(10,\)"),
        (np.zeros((10, 1), np.float32), 100, "100 Hz"),
        (np.full((10, 1), np.nan, np.float32), 16_000, "no numbers"),
    ],
)
def test_what_can_not_be_sound_is_refused(samples, rate, message):
    with pytest.raises(AudioError, match=message):
        StreamResampler().push(Packet(samples, rate))


def test_the_resampler_is_soxrs():
    samples = noise(48_000)
    np.testing.assert_allclose(
        resampled(samples, 48_000), soxr.resample(samples[:, 0], 48_000, 16_000).clip(-1, 1), atol=1e-6
    )


def test_smoothing_is_a_mean_over_time_and_can_be_off():
    off, on = Smoother(0), Smoother(1.0)
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    on.add(one, 0.0)
    assert on.add(other, 1.0) == pytest.approx([np.exp(-1), 1 - np.exp(-1)])
    off.add(one, 0.0)
    np.testing.assert_array_equal(off.add(other, 0.25), other)
    on.reset()
    np.testing.assert_array_equal(on.add(other, 9.0), other)
    with pytest.raises(ConfigError, match="-1"):
        Smoother(-1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0, 5))
def test_smoothed_probabilities_sum_to_1(values, seconds):
    smoother = Smoother(seconds)
    for i, value in enumerate(values):
        mean = smoother.add(np.array([value, 1 - value]), 0.25 * i)
        assert mean.sum() == pytest.approx(1) and (mean >= 0).all()


def test_skipped_steps_fade_what_was_by_the_time_that_went_by():
    each, skipping = Smoother(2.0), Smoother(2.0)
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    for smoother in (each, skipping):
        smoother.add(one, 0.0)
    for time in (0.25, 0.5, 0.75):
        each.add(other, time)
    assert each.add(other, 1.0) == pytest.approx(skipping.add(other, 1.0))

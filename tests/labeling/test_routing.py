from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.labeling.routing import (
    BLOCK,
    first_block,
    order_key,
    people_wanted,
    place,
    settled,
    shuffled,
)

VOTES = st.lists(st.sampled_from(["calm", "panic", "joy", None]), max_size=12)


def test_orders_are_the_same_on_every_machine() -> None:
    assert order_key("seed", 1, "é") == 16853138540832618873
    assert shuffled([f"c{i:05d}" for i in range(70)], 3, "clips")[:3] == ["c00068", "c00036", "c00037"]
    # parts stay apart
    assert order_key("a", "bc") != order_key("ab", "c")


@given(st.sets(st.text(max_size=5), max_size=60), st.integers(0, 5))
def test_a_shuffle_keeps_all_and_does_not_depend_on_the_order_given(ids: set[str], seed: int) -> None:
    one = shuffled(sorted(ids), seed)
    assert sorted(one) == sorted(ids)
    assert one == shuffled(sorted(ids, reverse=True), seed)


@given(st.sets(st.integers(0, 500), max_size=50))
def test_the_first_block_ends_where_the_next_begins(positions: set[int]) -> None:
    found = [(str(position), position) for position in sorted(positions)]
    block = first_block(found)
    assert block == [id for id, position in found if position // BLOCK == min(positions) // BLOCK]


def test_checks_and_repeats_have_their_shares() -> None:
    places = Counter(place(7, "Anna", drawn, 0.1, 0.2) for drawn in range(4000))
    # five standard deviations
    assert abs(places["gold"] - 400) < 95 and abs(places["repeat"] - 800) < 127
    assert {place(7, "Anna", drawn, 0.0, 0.0) for drawn in range(100)} == {"clip"}
    assert [place(7, "Anna", d, 0.5, 0.0) for d in range(20)] != [place(7, "Ben", d, 0.5, 0.0) for d in range(20)]


@given(VOTES)
def test_more_than_half_settles(votes: list[str | None]) -> None:
    assert settled(votes) == any(2 * votes.count(each) > len(votes) for each in votes)


@pytest.mark.parametrize(
    ("votes", "priority", "wanted"),
    [
        ("", 0, 3),
        ("cc", 0, 3),
        ("ccp", 0, 3),
        ("cpj", 0, 4),
        ("cpjc", 0, 5),
        ("cpjcp", 0, 5),  # the limit
        ("cpjcc", 0, 3),  # settled: nobody more is asked
        ("cp", 1, 3),  # the blind pass isn't over
        ("ccc", 1, 4),
        ("cccp", 1, 4),
        ("ccpp", 1, 5),
    ],
)
def test_how_many_people_a_clip_wants(votes: str, priority: float, wanted: int) -> None:
    assert people_wanted(list(votes), overlap=3, extra_raters=2, priority=priority) == wanted


@given(VOTES, st.integers(1, 5), st.integers(0, 5), st.sampled_from([0.0, 0.5]))
def test_nobody_is_asked_beyond_the_limit(votes: list[str | None], overlap: int, extra: int, priority: float) -> None:
    wanted = people_wanted(votes, overlap, extra, priority)
    assert overlap <= wanted <= overlap + extra
    if len(votes) >= overlap and not settled(votes) and len(votes) < overlap + extra:
        assert wanted == len(votes) + 1

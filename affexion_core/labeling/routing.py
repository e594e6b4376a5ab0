"""The rules of the queue as plain arithmetic: in which order clips come, and how many people each needs.

Nothing here is drawn at random: an order follows from the project's seed, the rater's name and the clips, so that it
can be made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from hashlib import blake2b
from typing import Literal

# Raters go through the project's shuffle in blocks of so many clips, each in an order of their own within a block.
# So a clip soon has all its judgements, and yet no two raters hear the same sequence.
BLOCK = 50
# A repeat lies at least so many answers behind, and at most so many: it is chosen among a bounded number of clips.
REPEAT_AFTER = 10
REPEAT_WITHIN = 300

Place = Literal["clip", "gold", "repeat"]


def order_key(*parts: object) -> int:
    """Make a number from 0 to 2⁶⁴−1 that looks random and is the same on every machine."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def shuffled(ids: Iterable[str], *seed: object) -> list[str]:
    """Put ids into a seeded order that doesn't depend on the order they come in."""
    return sorted(ids, key=lambda id: (order_key(*seed, id), id))


def block_start(position: int) -> int:
    """Give the first position of the block that a position lies in."""
    return position - position % BLOCK


def first_block(found: Sequence[tuple[str, int]]) -> list[str]:
    """Keep the clips, ``(id, position)`` by position, that lie in the block of the first."""
    if not found:
        return []
    start = block_start(found[0][1])
    return [id for id, position in found if block_start(position) == start]


def place(seed: int, rater: str, drawn: int, gold_share: float, repeat_share: float) -> Place:
    """Say what a rater's ``drawn``-th draw is meant for: a clip of the project, a hidden check or a hidden repeat."""
    share = order_key(seed, rater, "place", drawn) / 2**64
    if share < gold_share:
        return "gold"
    return "repeat" if share < gold_share + repeat_share else "clip"


def settled(votes: Iterable[Hashable]) -> bool:
    """Say whether one answer has more than half of the votes; *unclear* is an answer like a label here."""
    counts = Counter(votes)
    return bool(counts) and 2 * max(counts.values()) > counts.total()


def people_wanted(votes: Sequence[Hashable], overlap: int, extra_raters: int, priority: float = 0.0) -> int:
    """Say how many people a clip needs, by the votes it has now.

    Parameters
    ----------
    votes
        The current first judgements: labels, and one value for *unclear*.
    overlap
        How many every clip gets.
    extra_raters
        How many more a clip may get at most.
    priority
        Above 0: a model asks for a second look.

    Returns
    -------
    int
        ``overlap`` until it has so many. Then one more than it has while no answer has more than half of the votes;
        and one more than ``overlap`` where the votes are settled and a model asks for it. Never more than
        ``overlap + extra_raters``.
    """
    most = overlap + extra_raters
    if len(votes) < overlap:
        return overlap
    if not settled(votes):
        return min(len(votes) + 1, most)
    return min(overlap + 1, most) if priority > 0 else overlap

"""Which clips wait for an adjudicator, and in which order."""

from __future__ import annotations

from affexion_core.labeling.consensus import count_votes
from affexion_core.labeling.mixups import disagreement
from affexion_core.labeling.votes import Votes, ratings_of_votes

WORK = ("differ", "unclear", "commented", "decided", "all")


def worklist(votes: Votes) -> dict[str, tuple[str, ...]]:
    """Sort the clips of a project or dataset by why somebody should hear them; a clip may stand in several lists.

    Returns
    -------
    By each of `WORK`, ids of clips:
    ``differ``: they got different labels, those with the greatest share of differing votes first;
    ``unclear``: somebody found them unclear, the greatest share first;
    ``commented``: a rater wrote a comment;
    ``decided``: an adjudicator has decided, the newest decision first;
    ``all``: those that anybody judged.
    """
    differ = {id: share for id, share in disagreement(ratings_of_votes(votes)).items() if share > 0}
    unclear: dict[str, float] = {}
    for id, judged in votes.by_clip.items():
        n = count_votes(judged)[1]
        if n:
            unclear[id] = n / len(judged)
    decided = sorted(votes.decisions.values(), key=lambda made: (made.created, made.id), reverse=True)
    commented = {id for id, judged in votes.by_clip.items() if any(made.comment for made in judged)}
    return {
        "differ": _greatest_first(differ),
        "unclear": _greatest_first(unclear),
        "commented": tuple(sorted(commented)),
        "decided": tuple(made.clip_id for made in decided if made.clip_id in votes.clips),
        "all": tuple(sorted(votes.by_clip)),
    }


def _greatest_first(shares: dict[str, float]) -> tuple[str, ...]:
    return tuple(sorted(shares, key=lambda id: (-shares[id], id)))

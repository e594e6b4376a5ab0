"""What can be said of each rater: how they err by Dawid and Skene, against themselves, on known clips, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.labeling.consistency import gold_accuracy, self_consistency
from affexion_core.labeling.raters_model import NoModel, RaterModel, dawid_skene
from affexion_core.labeling.votes import Votes, is_anonymous, ratings_of_votes
from affexion_core.types import Annotation

UNCLEAR = "unclear"
_NOT_KNOWN = undefined("undefined, because the rater judged no clip whose label is known")


@dataclass(frozen=True)
class RaterFigures:
    """What is known of one rater.

    ``judgements`` counts the first ones, unclear ones included, ``unclear`` those. ``accuracy`` is the share of the
    labels given that Dawid and Skene expect to be right, and ``confusion`` how often the rater gives each label
    (column) to clips that truly have a label (row), of which there are about ``clips_of`` among those the rater judged;
    all None without that model. ``consistency`` is over hidden
    repeats, where two times unclear is alike; ``on_gold`` over clips of known label. ``seconds`` is the median time an
    answer took, None where it isn't recorded; ``flagged`` counts judgements with a flag such as *too fast*.
    """

    rater: str
    judgements: int
    unclear: int
    accuracy: float | None
    confusion: tuple[tuple[float, ...], ...] | None
    clips_of: tuple[float, ...] | None
    consistency: Estimate
    on_gold: Estimate
    seconds: float | None
    flagged: int


@dataclass(frozen=True)
class RatersReport:
    """Figures of the raters known by name, in the order of their names.

    ``labels`` are the axes of confusions; ``no_model`` says why there is no model of the raters, None where there is.
    """

    labels: tuple[str, ...]
    raters: tuple[RaterFigures, ...]
    no_model: str | None


def raters_report(votes: Votes) -> RatersReport:
    """Compute what can be said of each rater known by name; judgements by numbers give no confusion.

    Raises
    ------
    LabelError
        If the known label of a clip isn't in the scheme.
    """
    ratings = ratings_of_votes(votes)
    labels = votes.scheme.labels
    model: RaterModel | NoModel = NoModel("undefined, because the judgements are numbers")
    if labels:
        model = dawid_skene(ratings)
    on_gold = gold_accuracy(ratings, votes.gold) if labels else {}
    own: dict[str, list[Annotation]] = {}
    for made in votes.judgements:
        if not is_anonymous(made.rater):
            own.setdefault(made.rater, []).append(made)
    found = tuple(_figures(rater, own[rater], votes, model, on_gold.get(rater, _NOT_KNOWN)) for rater in sorted(own))
    return RatersReport(labels, found, model.reason if isinstance(model, NoModel) else None)


def _figures(
    rater: str, made: Sequence[Annotation], votes: Votes, model: RaterModel | NoModel, on_gold: Estimate
) -> RaterFigures:
    accuracy, confusion, clips_of = None, None, None
    if isinstance(model, RaterModel) and rater in model.raters:
        place = model.raters.index(rater)
        accuracy = float(model.accuracy[place])
        confusion = tuple(map(tuple, model.confusion[place].tolist()))
        at = {clip_id: row for row, clip_id in enumerate(model.clip_ids)}
        judged = [at[one.clip_id] for one in made if one.value is not None]
        clips_of = tuple(model.probs[judged].sum(axis=0).tolist())
    repeats = [(_said(one), _said(again)) for one, again in votes.repeats if one.rater == rater]
    seconds = [one.seconds for one in made if one.seconds is not None]
    return RaterFigures(
        rater=rater,
        judgements=len(made),
        unclear=sum(one.unclear is not None for one in made),
        accuracy=accuracy,
        confusion=confusion,
        clips_of=clips_of,
        consistency=self_consistency(repeats),
        on_gold=on_gold,
        seconds=median(seconds) if seconds else None,
        flagged=sum(bool(one.flags) for one in made),
    )


def _said(made: Annotation) -> str:
    return UNCLEAR if made.unclear is not None else str(made.value)

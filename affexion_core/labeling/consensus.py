"""From votes to one label a clip, by a stated rule; what is left out is counted by reason."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from affexion_core import __version__
from affexion_core.config import config_class, plain
from affexion_core.errors import LabelError, NotFoundError, StoreError
from affexion_core.labeling.agreement import agreement_report, report_to_json
from affexion_core.labeling.people import require_now
from affexion_core.labeling.raters_model import NoModel, dawid_skene
from affexion_core.labeling.votes import Votes, agreement_tables, is_anonymous, load_votes, ratings_of_votes
from affexion_core.store.datasets import dataset_papers, list_datasets, load_dataset, save_dataset
from affexion_core.store.people import Person
from affexion_core.store.schema import project as project_table
from affexion_core.store.session import Store, reading
from affexion_core.types import Annotation, Decision, Origin

Source = Literal["majority", "dawid-skene", "adjudicated"]
# Why a clip gets no label, in the order in which it is asked.
NO_VOTES = "nobody judged it"
DECIDED_UNCLEAR = "an adjudicator dropped it as unclear"
UNCLEAR = "too many found it unclear"
TOO_FEW = "too few votes"
TIE = "a tie"
DISAGREEMENT = "too little agreement"
UNCERTAIN = "too little certainty"
REASONS = (NO_VOTES, DECIDED_UNCLEAR, UNCLEAR, TOO_FEW, TIE, DISAGREEMENT, UNCERTAIN)
_ADJUDICATED = "adjudicated"
_DAWID_SKENE = "dawid-skene"
# Posteriors closer than this are equal: what is left is rounding.
_EQUAL = 1e-9


@config_class
class ConsensusRule:
    """How the votes on a clip become its label."""

    rule: Annotated[
        Literal["majority", "dawid-skene", "adjudicated", "adjudicated-dawid-skene"],
        Field(
            description="What decides: the label with most votes; Dawid and Skene's estimate, which weighs raters by "
            "how they err; or what an adjudicator decided, and one of the two for the clips without a decision"
        ),
    ] = "adjudicated"
    min_votes: Annotated[int, Field(ge=1, le=1000, description="Votes for any label that a clip needs")] = 1
    min_agreement: Annotated[
        float, Field(ge=0, le=1, description="Share of a clip's votes that its label needs, from 0 to 1")
    ] = 0.0
    min_posterior: Annotated[
        float, Field(ge=0, le=1, description="Probability by Dawid and Skene that the label needs, from 0 to 1")
    ] = 0.0
    drop_unclear: Annotated[bool, Field(description="Leave out clips that too many found unclear")] = True
    max_unclear: Annotated[
        float, Field(ge=0, le=1, description="Share of a clip's judgements that may find it unclear, from 0 to 1")
    ] = 0.5


@dataclass(frozen=True)
class ConsensusLabel:
    """What a rule makes of one clip.

    ``label`` is None where the clip is ``dropped``, which then says why (one of `REASONS`). ``votes`` is the share of
    the votes for each label that got some; ``n_votes`` counts them, ``n_unclear`` the judgements that found the clip
    unclear. ``agreement`` is the share of votes for the label, or for the commonest where it is dropped; None without
    votes. ``posterior`` is the label's probability by Dawid and Skene, None under other rules. ``source`` says what
    decided.
    """

    clip_id: str
    label: str | None
    votes: Mapping[str, float]
    n_votes: int
    n_unclear: int
    agreement: float | None
    source: Source
    dropped: str | None = None
    posterior: float | None = None


def consensus(votes: Votes, rule: ConsensusRule) -> tuple[ConsensusLabel, ...]:
    """Decide each clip of a project or dataset by a rule, in the order of their ids.

    A decision by an adjudicator stands whatever the votes are, under the rules that ask for it. Otherwise a label is
    given only where there are enough votes, not too many found the clip unclear, and one label leads alone. Dawid and
    Skene's estimate looks at the judgements of raters known by name alone.

    Raises
    ------
    LabelError
        If the scheme is numeric, or Dawid and Skene's estimate is asked for and can't be made; the message says why.
    """
    if not votes.scheme.labels:
        raise LabelError(
            f"{votes.name!r} was judged on the scale {votes.scheme.name!r}, where values are numbers; consensus rules "
            "choose among labels."
        )
    posteriors = _posteriors(votes) if rule.rule.endswith(_DAWID_SKENE) else None
    return tuple(_decided(votes, clip_id, rule, posteriors) for clip_id in sorted(votes.clips))


def _posteriors(votes: Votes) -> dict[str, dict[str, float]]:
    """Estimate the probability of each label for each clip that raters known by name judged."""
    model = dawid_skene(ratings_of_votes(votes))
    if isinstance(model, NoModel):
        raise LabelError(
            f"Dawid and Skene's estimate of {votes.name!r} is {model.reason}. Choose another rule.", change=("rule",)
        )
    rows = (dict(zip(model.labels, row, strict=True)) for row in model.probs.tolist())
    return dict(zip(model.clip_ids, rows, strict=True))


def _decided(
    votes: Votes, clip_id: str, rule: ConsensusRule, posteriors: Mapping[str, Mapping[str, float]] | None
) -> ConsensusLabel:
    judged = votes.by_clip.get(clip_id, ())
    decision = votes.decisions.get(clip_id) if rule.rule.startswith(_ADJUDICATED) else None
    if decision is not None:
        return _by_decision(clip_id, judged, decision)
    if posteriors is None:
        return _by_votes(clip_id, judged, rule, None)
    known = [made for made in judged if not is_anonymous(made.rater)]
    return _by_votes(clip_id, known, rule, posteriors.get(clip_id, {}))


def _by_decision(clip_id: str, judged: Sequence[Annotation], decision: Decision) -> ConsensusLabel:
    counts, n_unclear = count_votes(judged)
    shares = _shares(counts)
    return ConsensusLabel(
        clip_id=clip_id,
        label=decision.label,
        votes=shares,
        n_votes=counts.total(),
        n_unclear=n_unclear,
        agreement=shares.get(decision.label or "", 0.0) if counts else None,
        source="adjudicated",
        dropped=DECIDED_UNCLEAR if decision.label is None else None,
    )


def _by_votes(
    clip_id: str, judged: Sequence[Annotation], rule: ConsensusRule, posterior: Mapping[str, float] | None
) -> ConsensusLabel:
    counts, n_unclear = count_votes(judged)
    shares = _shares(counts)
    scores = shares if posterior is None else posterior
    leading = leaders(scores)
    label = leading[0] if leading else None
    chance = posterior[label] if posterior and label is not None else None
    dropped = _why_dropped(counts, n_unclear, rule, leading, chance)
    return ConsensusLabel(
        clip_id=clip_id,
        label=None if dropped else label,
        votes=shares,
        n_votes=counts.total(),
        n_unclear=n_unclear,
        agreement=None if label is None else shares.get(label, 0.0),
        source="majority" if posterior is None else "dawid-skene",
        dropped=dropped,
        posterior=chance,
    )


def _why_dropped(
    counts: Counter[str], n_unclear: int, rule: ConsensusRule, leading: Sequence[str], chance: float | None
) -> str | None:
    n = counts.total()
    if not n and not n_unclear:
        return NO_VOTES
    if rule.drop_unclear and n_unclear > rule.max_unclear * (n + n_unclear):
        return UNCLEAR
    if n < rule.min_votes:
        return TOO_FEW
    if len(leading) != 1:
        return TIE
    # multiplied out, so that a share of exactly the limit passes whatever its rounding
    if counts[leading[0]] < rule.min_agreement * n - _EQUAL:
        return DISAGREEMENT
    if chance is not None and chance < rule.min_posterior - _EQUAL:
        return UNCERTAIN
    return None


def count_votes(judged: Sequence[Annotation]) -> tuple[Counter[str], int]:
    """Count the votes of a clip by label, and the judgements that found it unclear."""
    counts = Counter(str(made.value) for made in judged if made.value is not None)
    return counts, sum(made.unclear is not None for made in judged)


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {label: n / counts.total() for label, n in sorted(counts.items())}


def leaders(scores: Mapping[str, float]) -> tuple[str, ...]:
    """Give the labels with the highest score, sorted: several where they tie, none where there are none."""
    if not scores:
        return ()
    top = max(scores.values())
    return tuple(sorted(label for label, score in scores.items() if score > top - _EQUAL))


def entropy(shares: Mapping[str, float]) -> float:
    """Entropy of a clip's votes in bits: 0 where all agree, 1 where two labels share them evenly."""
    return sum(-share * math.log2(share) for share in shares.values() if share > 0)


def votes_hash(votes: Votes) -> str:
    """Hash of what consensus rules look at: who gave which clip which label or found it unclear, and the decisions."""
    judged = [["vote", a.clip_id, a.rater, a.value, a.unclear] for a in votes.judgements]
    decided = [["decision", d.clip_id, d.decided_by, d.label, None] for d in votes.decisions.values()]
    clips = [["clip", clip_id] for clip_id in votes.clips]
    lines = sorted(json.dumps(line, ensure_ascii=False) for line in (*judged, *decided, *clips))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class ConsensusReport:
    """What a rule came to over a whole project or dataset.

    ``kept`` and ``dropped`` count clips, the latter by reason; ``labels`` counts the kept ones of each label of the
    scheme, in its order; ``sources`` by what decided. ``entropy`` is the mean entropy of the kept clips' votes in bits,
    None where none has votes. ``votes_hash`` is that of the votes and decisions. Where it was saved, ``dataset`` names
    it, ``origin`` is that of its clips and ``dataset_hash`` that of its labels and votes; ``added`` is 0 where it was
    there already.
    """

    source: str
    rule: ConsensusRule
    clips: int
    kept: int
    dropped: Mapping[str, int]
    labels: Mapping[str, int]
    sources: Mapping[str, int]
    entropy: float | None
    votes_hash: str
    dataset: str | None = None
    origin: Origin | None = None
    dataset_hash: str | None = None
    added: int = 0


def summarise_consensus(votes: Votes, rule: ConsensusRule, origin: Origin | None = None) -> ConsensusReport:
    """Count what a rule comes to over all clips, or those of one origin, without saving; errors as `consensus`."""
    return _summary(votes, rule, _of_origin(votes, rule, origin))


def _of_origin(votes: Votes, rule: ConsensusRule, origin: Origin | None) -> list[ConsensusLabel]:
    return [one for one in consensus(votes, rule) if origin in (None, votes.clips[one.clip_id].origin)]


def _summary(votes: Votes, rule: ConsensusRule, made: Sequence[ConsensusLabel]) -> ConsensusReport:
    kept = [one for one in made if one.label is not None]
    dropped = Counter(one.dropped for one in made if one.dropped is not None)
    labels = Counter(one.label for one in kept)
    spread = [entropy(one.votes) for one in kept if one.votes]
    return ConsensusReport(
        source=votes.name,
        rule=rule,
        clips=len(made),
        kept=len(kept),
        dropped={reason: dropped[reason] for reason in REASONS if dropped[reason]},
        labels={label: labels[label] for label in votes.scheme.labels},
        sources=dict(sorted(Counter(one.source for one in kept).items())),
        entropy=sum(spread) / len(spread) if spread else None,
        votes_hash=votes_hash(votes),
    )


def save_consensus(
    store: Store, by: Person | None, name: str, into: str, rule: ConsensusRule, origin: Origin | None = None
) -> ConsensusReport:
    """Make a dataset of the votes on a project or dataset by a rule.

    The dataset is a version that stays as it is: with each label it keeps the shares of the votes, and how it was made
    (rule, counts, agreement, hash of the votes). Saving the same votes by the same rule again changes nothing. Clips
    that an adjudicator decided keep no shares, as the decision may be against them.

    Parameters
    ----------
    by
        Who makes it, an adjudicator or owner; None for somebody at the machine itself.
    name, into
        The project or dataset whose clips were judged; the new dataset.
    rule
        Decides each clip.
    origin
        Take the clips of this origin alone, where there are both.

    Raises
    ------
    RightsError
        If ``by`` may not adjudicate.
    NotFoundError
        If there is no such project or dataset.
    LabelError
        If the rule can't be used, leaves no clip, or ``into`` is another dataset already.
    StoreError
        If clips of both origins are among them, or ``into`` is the name of a project.
    """
    votes = _allowed_votes(store, by, name, into)
    made = _of_origin(votes, rule, origin)
    report = _summary(votes, rule, made)
    kept = [one for one in made if one.label is not None]
    if not kept:
        why = ", ".join(f"{n}: {reason}" for reason, n in report.dropped.items())
        raise LabelError(f"This rule leaves none of the {len(made)} clips of {name!r} ({why}); loosen it.")
    found = {votes.clips[one.clip_id].origin for one in kept}
    if len(found) > 1:
        raise StoreError(
            f"{name!r} holds clips of real people and of synthetic voices; choose one origin, so that the two are "
            "never mixed in a dataset.",
            change=("origin",),
        )
    recipe = _same_recipe(store, into, {**recipe_of(votes, report), "made_by": by.name if by else None})
    saved = save_dataset(
        store,
        into,
        found.pop(),
        votes.scheme,
        [(one.clip_id, str(one.label)) for one in kept],
        description=f"Labels made of the votes on {name}.",
        votes={one.clip_id: one.votes for one in kept if one.source != _ADJUDICATED},
        recipe=recipe,
        values=mean_values(votes),
    )
    dataset = load_dataset(store, into)
    return replace(report, dataset=into, origin=dataset.origin, dataset_hash=dataset.snapshot(), added=saved.added)


def _allowed_votes(store: Store, by: Person | None, name: str, into: str) -> Votes:
    with reading(store) as connection:
        if by is not None:
            require_now(connection, by, "adjudicate")
        if connection.scalar(select(project_table.c.name).where(project_table.c.name == into)) is not None:
            raise StoreError(f"{into!r} is the name of a project; give the dataset another.", change=("into",))
    return load_votes(store, name)


def mean_values(votes: Votes) -> dict[str, dict[str, float]]:
    """Give each clip the mean of its raters' numbers for each dimension, by clip id; clips without any are left out."""
    said: dict[str, dict[str, list[float]]] = {}
    for name, judged in votes.numeric.items():
        for made in judged:
            if isinstance(made.value, float | int):
                said.setdefault(made.clip_id, {}).setdefault(name, []).append(float(made.value))
    return {id: {name: statistics.fmean(each) for name, each in by_name.items()} for id, by_name in said.items()}


def recipe_of(votes: Votes, report: ConsensusReport) -> dict[str, Any]:
    """Say how a dataset is made, JSON-ready."""
    agreement = report_to_json(agreement_report(*agreement_tables(votes)))
    figures = {name: agreement[name] for name in ("alpha_nominal", "fleiss_kappa")}
    return {
        "source": votes.name,
        "kind": votes.kind,
        "rule": plain(report.rule),
        "clips": report.clips,
        "kept": report.kept,
        "dropped": dict(report.dropped),
        "sources": dict(report.sources),
        "entropy": report.entropy,
        "judgements": len(votes.judgements),
        "unclear": sum(made.unclear is not None for made in votes.judgements),
        "raters": len({made.rater for made in votes.judgements if not is_anonymous(made.rater)}),
        "anonymous": votes.anonymous,
        "votes_hash": report.votes_hash,
        "agreement": figures | ({"dimensions": agreement["dimensions"]} if agreement["dimensions"] else {}),
        "affexion": __version__,
    }


def _same_recipe(store: Store, into: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Give the recipe that a dataset of this name has, if it is this one; refuse if it is another dataset."""
    try:
        there = dataset_papers(store, into).recipe
    except NotFoundError:
        return recipe
    told = ("source", "rule", "kept", "votes_hash")
    if there is None or any(there.get(key) != recipe[key] for key in told):
        names = {summary.name for summary in list_datasets(store)}
        free = next(f"{into}-{n}" for n in itertools.count(2) if f"{into}-{n}" not in names)
        raise LabelError(
            f"There is a dataset {into!r} already, made in another way or of other votes; save this one under another "
            f"name, such as {free!r}.",
            change=("into",),
        )
    return dict(there)

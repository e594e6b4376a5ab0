"""What a model can say about labels, once people have judged on their own: which to doubt, which to hear again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from affexion_core.errors import ConfigError, LabelError, ModelError, allowed
from affexion_core.labeling.consensus import count_votes
from affexion_core.labeling.projects import get_project
from affexion_core.labeling.votes import Votes, load_votes
from affexion_core.run_folder import ScoredClip, evaluation_names, read_predictions, seen_in_training
from affexion_core.store.session import Store
from affexion_core.types import Progress, Run, no_progress

By = Literal["disagreement", "uncertainty"]
_HELD_OUT = "cv"


@dataclass(frozen=True)
class Suspect:
    """A label that held-out predictions speak against.

    ``given`` is the clip's label, ``suggested`` the one the model is confident of, with their probabilities.
    ``margin`` is ``p_given`` less the highest other probability, in [-1, 0]: the lower, the stronger the doubt.
    """

    clip_id: str
    given: str
    suggested: str
    p_given: float
    p_suggested: float
    margin: float


@dataclass(frozen=True)
class LabelDoubts:
    """What a cross-validation says about its own training labels.

    Attributes
    ----------
    labels
        Of the run, in its order.
    thresholds
        Mean probability of each label on the clips that have it; nan where none has.
    counts
        ``counts[i][j]``: clips of label i that the model is confident are j.
    suspects
        Clips off the diagonal of ``counts``, the strongest doubt first.
    n
        Clips predicted.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    suspects: tuple[Suspect, ...]
    n: int


def suspect_labels(run: Run) -> LabelDoubts:
    """Find labels of a cross-validated training set that are likely wrong, by confident learning.

    Every clip is judged by the fold's model that had not seen it. A clip is confidently of a label if the label's
    probability is at least its mean over the clips that have it; of several such labels the most probable counts. What
    is confidently of another label than its own is suspect.

    Source: C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating uncertainty in dataset labels",
    Journal of Artificial Intelligence Research 70 (2021); the confident joint, ranked by normalised margin.

    Raises
    ------
    ModelError
        If the run is no cross-validation that has finished.
    """
    folder = Path(run.folder)
    if run.kind != "cv" or _HELD_OUT not in evaluation_names(folder):
        raise ModelError(
            f"The run {run.name or run.id} has no held-out predictions of its training clips, and those of clips that "
            "a model has seen tell nothing; choose a cross-validation that has finished."
        )
    return doubts_of(read_predictions(folder, _HELD_OUT), run.labels)


def doubts_of(scored: Sequence[ScoredClip], labels: Sequence[str]) -> LabelDoubts:
    """Apply confident learning to held-out predictions; see `suspect_labels`."""
    at = {label: place for place, label in enumerate(labels)}
    probs = np.array([row.probs for row in scored], dtype=np.float64).reshape(len(scored), len(labels))
    given = np.array([at[row.reference] for row in scored], dtype=np.intp)
    thresholds = np.array([probs[given == k, k].mean() if (given == k).any() else np.nan for k in range(len(labels))])
    # nan compares false: nothing is confidently of a label that no clip has
    confident = np.where(probs >= thresholds, probs, -1.0)
    likely = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (given[counted], likely[counted]), 1)
    rows = np.arange(len(scored))
    others = probs.copy()
    others[rows, given] = -1.0
    margins = probs[rows, given] - others.max(axis=1)
    chosen = np.flatnonzero(counted & (likely != given))
    suspects = [
        Suspect(
            scored[i].clip_id,
            labels[given[i]],
            labels[likely[i]],
            float(probs[i, given[i]]),
            float(probs[i, likely[i]]),
            float(margins[i]),
        )
        for i in chosen.tolist()
    ]
    return LabelDoubts(
        tuple(labels),
        tuple(thresholds.tolist()),
        tuple(map(tuple, counts.tolist())),
        tuple(sorted(suspects, key=lambda one: (one.margin, one.clip_id))),
        len(scored),
    )


def priorities(
    store: Store,
    project: str,
    run: Run,
    by: By = "disagreement",
    share: float = 0.1,
    progress: Progress = no_progress,
) -> dict[str, float]:
    """Choose the clips of a project that deserve another rater, by a model; for `projects.set_priorities`.

    Only clips with all the judgements their project asks for are looked at, so that no model has a say before people
    have judged on their own. What the model was trained on is predicted by the fold that had not seen it, and left out
    where there is none.

    Parameters
    ----------
    run
        A trained model that knows at least two of the project's labels.
    by
        ``disagreement``: how far the model's probabilities are from the shares of the votes (half the sum of the
        differences, 0 to 1). ``uncertainty``: entropy of the model's probabilities as a share of the highest possible.
    share
        Of the project's clips, how many at most get a priority; above 0, up to 1.

    Returns
    -------
    Clip id → priority in [0, 1]: the highest ``share`` keep theirs, all others looked at get 0.

    Raises
    ------
    ConfigError
        If ``by`` or ``share`` can't be used.
    LabelError
        If the model shares fewer than two labels with the project.
    ModelError
        If the run isn't trained, or no clip is left to look at; the message says why.
    """
    if by not in get_args(By) or not 0 < share <= 1:
        raise ConfigError(f"by = {by!r}, share = {share}: choose {allowed(get_args(By))}, and a share above 0 up to 1.")
    votes = load_votes(store, project)
    judged = _judged_enough(store, votes)
    shared = [label for label in votes.scheme.labels if label in run.labels]
    if len(shared) < 2:
        raise LabelError(
            f"The model tells apart {', '.join(run.labels)}, the project {', '.join(votes.scheme.labels)}; they need "
            "two labels in common."
        )
    probs = _unseen_probs(store, run, votes, judged, progress)
    known = [run.labels.index(label) for label in shared]
    scores = {id: _score(row[known], votes, id, shared, by) for id, row in probs.items()}
    at_most = max(1, round(share * len(votes.clips)))
    top = set(sorted(scores, key=lambda id: (-scores[id], id))[:at_most])
    return {id: score if id in top else 0.0 for id, score in sorted(scores.items())}


def _judged_enough(store: Store, votes: Votes) -> list[str]:
    overlap = get_project(store, votes.name).settings.overlap
    judged = [id for id, made in votes.by_clip.items() if len(made) >= overlap]
    if not judged:
        raise ModelError(
            f"No clip of the project {votes.name!r} has its {overlap} judgements yet; a model has no say before people "
            "have judged on their own."
        )
    return judged


def _unseen_probs(
    store: Store, run: Run, votes: Votes, judged: Sequence[str], progress: Progress
) -> dict[str, np.ndarray]:
    """Predict clips by models that were not trained on them."""
    folder = Path(run.folder)
    held_out = read_predictions(folder, _HELD_OUT) if _HELD_OUT in evaluation_names(folder) else ()
    found = {row.clip_id: np.array(row.probs) for row in held_out if row.clip_id in set(judged)}
    seen = {trace.clip_id for trace in seen_in_training(folder)}
    new = [votes.clips[id] for id in judged if id not in seen]
    if new:
        from affexion_core.predictor import Predictor

        outcome = Predictor.load(folder).of_clips(store.workspace, new, progress)
        found |= {clip.id: row for clip, row in zip(new, outcome.probs, strict=True)}
    if not found:
        raise ModelError(
            f"The model was trained on all {len(judged)} judged clips of {votes.name!r} and repeats their labels; "
            "choose a cross-validation."
        )
    return found


def _score(probs: np.ndarray, votes: Votes, clip_id: str, labels: Sequence[str], by: By) -> float:
    total = float(probs.sum())
    own = probs / total if total > 0 else np.full(len(labels), 1 / len(labels))
    if by == "uncertainty":
        positive = own[own > 0]
        return float(-(positive * np.log(positive)).sum() / np.log(len(labels)))
    counts, _ = count_votes(votes.by_clip[clip_id])
    said = np.array([counts[label] for label in labels], dtype=np.float64)
    return float(np.abs(own - said / said.sum()).sum() / 2) if said.sum() else 0.0


def held_out_clips(run: Run) -> frozenset[str]:
    """Give the ids of the clips that a run predicted by models which had not seen them; none where it did not."""
    folder = Path(run.folder)
    if _HELD_OUT not in evaluation_names(folder):
        return frozenset()
    return frozenset(row.clip_id for row in read_predictions(folder, _HELD_OUT))


def doubt_words(suspect: Suspect) -> str:
    """Say in a sentence what the model makes of a suspect label."""
    return (
        f"The model takes it for {suspect.suggested} ({100 * suspect.p_suggested:.0f} %), not {suspect.given} "
        f"({100 * suspect.p_given:.0f} %); it was not trained on this clip."
    )


def doubts_by_clip(doubts: LabelDoubts) -> Mapping[str, str]:
    """Give the words of each doubt by clip id, the strongest first."""
    return {suspect.clip_id: doubt_words(suspect) for suspect in doubts.suspects}

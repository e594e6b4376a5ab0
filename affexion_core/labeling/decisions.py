"""Adjudication: one person settles a clip, with the reason. Votes stay, and so does every decision."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection

from affexion_core.errors import LabelError, NotFoundError, StoreError
from affexion_core.labeling.people import require_now
from affexion_core.labeling.votes import votes_clips, votes_scheme
from affexion_core.store.decisions import decisions_in, insert_decision
from affexion_core.store.people import Person
from affexion_core.store.rows import now
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Decision, Scheme


def decide(
    store: Store,
    by: Person,
    votes_name: str,
    clip_id: str,
    label: str | None,
    reason: str,
    id: str | None = None,  # noqa: A002 (the field's own name)
) -> Decision:
    """Settle the label of a clip; when this returns the decision is on the disk.

    Parameters
    ----------
    store
        The open store.
    by
        An adjudicator or owner.
    votes_name
        A project, whose clip alone is settled; or a dataset: the decision then holds for every dataset under the
        scheme.
    clip_id
        One of its clips.
    label
        Of the scheme; None drops the clip as unclear.
    reason
        In a few words.
    id
        Made by whoever submits, so that sending again adds nothing; None makes one.

    Raises
    ------
    RightsError
        If ``by`` may not adjudicate.
    NotFoundError
        If there is no such project, dataset or clip.
    LabelError
        If the label isn't in the scheme, the scheme is numeric, or no reason is given.
    """
    with writing(store) as connection:
        require_now(connection, by, "adjudicate")
        project, scheme = _place(connection, votes_name, clip_id)
        made = Decision(id or str(uuid.uuid4()), clip_id, scheme.name, label, by.name, reason.strip(), now(), project)
        insert_decision(connection, made)
    return made


def withdraw_decision(
    store: Store,
    by: Person,
    votes_name: str,
    clip_id: str,
    reason: str,
    id: str | None = None,  # noqa: A002
) -> Decision:
    """Take back whatever was decided about a clip: its votes count again.

    Raises
    ------
    RightsError, NotFoundError
        As `decide`.
    StoreError
        If nothing is decided.
    """
    with writing(store) as connection:
        require_now(connection, by, "adjudicate")
        project, scheme = _place(connection, votes_name, clip_id)
        history = decisions_in(connection, [clip_id], scheme.name, project)
        sent_before = id in {made.id for made in history}
        if not sent_before and (not history or history[-1].withdrawn):
            raise StoreError(f"Nothing is decided about clip {clip_id}, so there is nothing to take back.")
        made = Decision(
            id or str(uuid.uuid4()), clip_id, scheme.name, None, by.name, reason.strip(), now(), project, True
        )
        insert_decision(connection, made)
    return made


def undo_decision(store: Store, by: Person, votes_name: str, clip_id: str, decision_id: str) -> Decision:
    """Go back to what held before a decision: the one before it, by its words, or none. Both stay in the history.

    Raises
    ------
    RightsError, NotFoundError
        As `decide`.
    StoreError
        If somebody has decided since, or there is no such decision.
    """
    with writing(store) as connection:
        require_now(connection, by, "adjudicate")
        project, scheme = _place(connection, votes_name, clip_id)
        history = decisions_in(connection, [clip_id], scheme.name, project)
        if decision_id not in {made.id for made in history}:
            raise StoreError("This decision isn't there any more; reload the page.")
        if history[-1].id != decision_id:
            raise StoreError(
                f"{history[-1].decided_by} has decided about this clip since; look at its history and decide anew."
            )
        made = _before(history, by, scheme, project)
        insert_decision(connection, made)
    return made


def _before(history: tuple[Decision, ...], by: Person, scheme: Scheme, project: str | None) -> Decision:
    new_id, clip_id = str(uuid.uuid4()), history[-1].clip_id
    if len(history) < 2 or history[-2].withdrawn:
        return Decision(new_id, clip_id, scheme.name, None, by.name, "Undone.", now(), project, withdrawn=True)
    earlier = history[-2]
    reason = f"Back to what {earlier.decided_by} decided: {earlier.reason}"
    return Decision(new_id, clip_id, scheme.name, earlier.label, by.name, reason, now(), project)


def find_decisions(store: Store, votes_name: str, clip_id: str | None = None) -> tuple[Decision, ...]:
    """Give the history of a clip of a project or dataset, or of all its clips: every decision, oldest first.

    Of a dataset made of a project's votes, those made in the project are among them.

    Raises
    ------
    NotFoundError
        If there is no such project or dataset.
    """
    with reading(store) as connection:
        kind, scheme, project = votes_scheme(connection, votes_name)
        ids = votes_clips(connection, votes_name, kind) if clip_id is None else [clip_id]
        return decisions_in(connection, ids, scheme.name, project, general=kind == "dataset")


def _place(connection: Connection, votes_name: str, clip_id: str) -> tuple[str | None, Scheme]:
    """Find the project (None for a dataset) and scheme of a decision, and check that the clip is there."""
    kind, scheme, _ = votes_scheme(connection, votes_name)
    if clip_id not in votes_clips(connection, votes_name, kind, clip_id):
        raise NotFoundError(f"The {kind} {votes_name!r} has no clip {clip_id}; reload the page.")
    if not scheme.labels:
        raise LabelError(f"{votes_name!r} was judged on a scale of numbers; only labels can be adjudicated.")
    return (votes_name if kind == "project" else None), scheme

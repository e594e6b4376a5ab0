"""What a run will cost, whether it would leak, and its start."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.config import config_hash
from affexion_core.errors import AffexionError, SplitError
from affexion_core.evaluation.selection import SELECTED_ON_TEST
from affexion_ui.layout import show_error
from affexion_ui.leaks_view import show_leaks
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown, stamp_badge
from affexion_ui.train_choices import ask_leaks, is_sweep
from affexion_ui.words import count, counted, preset_title

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store
    from affexion_core.training.estimate import Effort, Pace
    from affexion_core.training.prepare import RunRequest
    from affexion_ui.train_choices import Request

_STARTED = "train-started"
# A second click within so many seconds is the first one's echo.
_ECHO = 3.0
_BAD_FIRST = {"leaky": 0, "not verifiable": 1, "clean": 2}


@dataclass(frozen=True)
class Preview:
    """What a request comes to: clips trained on in each model, its stamps, and a word on the grouping."""

    trained: tuple[int, ...]
    stamps: tuple[str, ...]
    test_stamp: str | None
    reason: str | None


def show_preview(store: Store, request: Request) -> bool:
    """Show cost and leak check of a request; returns whether it may start."""
    folds = _folds_of(request)
    try:
        n_trials = _count_trials(request)
        preview = _preview(_fingerprint(folds), folds)
        effort = _effort(request, n_trials)
    except AffexionError as error:
        st.markdown("**Leak check**")
        show_error(error)
        if isinstance(error, SplitError) and request.test is not None:
            ask_leaks()
        return False
    st.markdown("**What it will cost**")
    st.markdown(_cost_words(request, preview, effort, n_trials))
    st.markdown(_time_words(store, request, preview, effort, n_trials))
    st.markdown("**Leak check**")
    _show_stamps(preview, folds)
    if request.test is not None:
        show_leaks(store, request.dataset, request.test.dataset, "train")
    if is_sweep(request) and request.select_on_test:
        stamp_badge(SELECTED_ON_TEST)
        st.caption("Stands before the stamp of every figure of this sweep.")
    return True


def _folds_of(request: Request) -> RunRequest:
    """Give the run whose splits a request has; each trial of a sweep is the same cross-validation."""
    from affexion_core.training.prepare import RunRequest

    if not is_sweep(request):
        return request
    return RunRequest("cv", request.config, request.dataset, request.test, request.n_folds, request.group)


def _count_trials(request: Request) -> int:
    from affexion_core.training.sweep import count_trials

    return count_trials(request) if is_sweep(request) else 1


def _effort(request: Request, n_trials: int) -> Effort:
    from affexion_core.training.estimate import effort_of

    clips = [item.clip for item in request.dataset.items]
    return effort_of(clips, request.config, request.space if is_sweep(request) else None, n_trials)


def _fingerprint(request: RunRequest) -> str:
    """Name all that decides the splits or forbids the run, so that typing elsewhere doesn't compute them again."""
    test = request.test
    held_out = [test.dataset.name, _content(test.dataset), str(test.label_map), test.allow_leaks] if test else None
    training = [request.config.training.dev_fraction, request.config.seed]
    folds = [request.n_folds, request.group] if request.kind == "cv" else None
    # encoders must be there, and some need transcripts
    parts = [*(each.config for each in request.config.front_ends), request.config.model_config]
    needs = [[part.encoder, getattr(part, "missing", None)] for part in parts if hasattr(part, "encoder")]
    return config_hash(request.kind, request.dataset.name, _content(request.dataset), training, folds, held_out, needs)


def _content(dataset: Any) -> str:
    """Hash clips, labels and what leaks are looked for in."""
    return config_hash(dataset.snapshot(), [[item.clip.speaker, item.clip.transcript] for item in dataset.items])


@st.cache_data(max_entries=64, show_spinner="Checking who trains and who tests …")
def _preview(fingerprint: str, _request: RunRequest) -> Preview:
    from affexion_core.training.prepare import plan

    planned = plan(_request)
    return Preview(
        trained=tuple(len(split.train) for split in planned.splits),
        stamps=tuple(split.stamp() for split in planned.splits) if _request.kind == "cv" else (),
        test_stamp=planned.test_stamp,
        reason=planned.grouping.reason,
    )


def _cost_words(request: Request, preview: Preview, effort: Effort, n_trials: int) -> str:
    fewest, longest = effort.epochs
    epochs = counted(longest, "epoch") if fewest == longest else f"{fewest}–{longest} epochs"
    least, most = min(preview.trained), max(preview.trained)
    clips = counted(most, "clip") if least == most else f"{least}–{most} clips"
    at_most = "up to " if request.config.training.early_stopping else ""
    each = f"{clips} × {at_most}{epochs}"
    folds = counted(len(preview.trained), "fold")
    if not is_sweep(request):
        return each if request.kind == "train" else f"{folds}, each {each}"
    total = count(round(effort.total_epochs * len(preview.trained)))
    fewer = "; at most, as trials that fall behind are given up" if _prunes(request) else ""
    return f"{counted(n_trials, 'trial')} × {folds}, each {each}: {total} epochs in all{fewer}"


def _prunes(request: Request) -> bool:
    return is_sweep(request) and request.sampler == "tpe" and not request.select_on_test


def _time_words(store: Store, request: Request, preview: Preview, effort: Effort, n_trials: int) -> str:
    found = _pace(str(store.workspace.root), config_hash(request.config.model, request.config.model_config), store,
                  request.config)  # fmt: skip
    if found is None:
        return f"No runs of the model “{request.config.model}” on this machine yet, so no estimate of the time."
    seconds = found.seconds * effort.frames * sum(preview.trained) / 1e6
    slots = _slots(store)
    words = f"About {about(seconds)} of computing"
    # what has a slot of its own: a fold, or a trial with all its folds
    parts = n_trials if is_sweep(request) else len(preview.trained)
    if parts > 1 and slots > 1:
        rounds = -(-parts // slots) / parts
        words += f", so about {about(seconds * rounds)} on {slots} slots"
    basis = counted(found.n_runs, "run")
    other = "" if found.same_settings else ", with other model settings, so roughly"
    return f"{words}, going by {basis} of this model here{other}. Features of new clips come on top."


def about(seconds: float) -> str:
    """Write an estimated duration to the digits an estimate has: ``8 s``, ``3 min``, ``2 h``."""
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def _pace(root: str, model: str, _store: Store, _config: Any) -> Pace | None:
    from affexion_core.training.estimate import find_pace

    return find_pace(_store, _config)


def _slots(store: Store) -> int:
    from affexion_core.jobs.engine import engine_status

    return engine_status(store.workspace).slots


def _show_stamps(preview: Preview, request: RunRequest) -> None:
    if preview.stamps:
        worst = min(preview.stamps, key=lambda stamp: _BAD_FIRST.get(stamp.split(":")[0], 0))
        stamp_badge(worst)
        same = len(set(preview.stamps)) == 1
        st.caption(f"Folds 1 to {len(preview.stamps)}{', all alike' if same else '; the worst shows'}.")
        if not same:
            with st.expander("Each fold", icon=":material/list:"):
                lines = [f"{k}. {escape_markdown(stamp)}" for k, stamp in enumerate(preview.stamps, start=1)]
                st.markdown("\n".join(lines))
    if preview.reason:
        st.caption(f":material/info: {escape_markdown(preview.reason)}")
    if preview.test_stamp is not None and request.test is not None:
        st.caption(f"Test set {escape_markdown(request.test.dataset.name)}:")
        stamp_badge(preview.test_stamp)
        if request.test.allow_leaks:
            ask_leaks()
    elif request.kind == "train":
        st.caption(
            "No test set: the model is measured on its own training clips alone, which says little. "
            "Choose a test set, or cross-validate."
        )


def offer_start(place: DeltaGenerator, store: Store, request: Request | None) -> None:
    """Show the button that starts a request, disabled where there is none to start."""
    what = "Start training"
    if request is not None and is_sweep(request):
        what = f"Start {counted(_count_trials(request), 'trial')}"
    elif request is not None and request.kind == "cv":
        what = f"Start {counted(request.n_folds, 'fold')}"
    person, refused = refusal(store, "train")
    if refused:
        say_refusal(refused)
    clicked = place.button(
        what,
        type="primary",
        icon=":material/play_arrow:",
        disabled=request is None or bool(refused),
        key="train-start",
        shortcut="Mod+Enter",
    )
    if clicked and request is not None:
        _start(store, request, person)


def _start(store: Store, request: Request, person: Person | None) -> None:
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.submit import submit_run, submit_sweep

    last = st.session_state.get(_STARTED)
    asked = _identity(request)
    if last is not None and last["asked"] == asked and time.monotonic() - last["at"] < _ECHO:
        return
    with st.spinner("Queueing …"):
        job = submit_sweep(store, request, person) if is_sweep(request) else submit_run(store, request, person)
        ensure_engine(store.workspace)
    st.session_state[_STARTED] = {"asked": asked, "at": time.monotonic(), "run": job.run_id, "name": _name(request)}


def _identity(request: Request) -> str:
    """Name all that a request asks for; two with the same are one."""
    from affexion_core.training.run_config import config_to_json
    from affexion_core.training.space import space_to_json

    parts: list[Any] = [_fingerprint(_folds_of(request)), config_to_json(request.config), request.name]
    if is_sweep(request):
        parts += [space_to_json(request.space), request.sampler, request.n_trials, request.select_on_test]
    return config_hash(*parts)


def _name(request: Request) -> str:
    what = f"{preset_title(request.config.preset)} on {request.dataset.name}"
    return request.name or (f"Sweep of {what}" if is_sweep(request) else what)


def show_started() -> None:
    """Say what was started last, with the way to follow it, until it is put away."""
    last = st.session_state.get(_STARTED)
    if last is None:
        return
    with st.container(border=True, key="train-started-note", horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: **{escape_markdown(last['name'])}** is queued.", width="stretch")
        address = {"run": last["run"]}
        st.page_link("pages/runs.py", label="Follow it in Runs", icon=":material/arrow_forward:", query_params=address)
        st.button("Put away", key="train-started-close", type="tertiary",
                  on_click=lambda: st.session_state.pop(_STARTED, None))  # fmt: skip

"""The memory of a sweep: an Optuna study in a journal file of the sweep's folder, asked and told by one process.

Trials are numbered from 1 by the attribute ``trial``, set once all their values are drawn: what has none was left
half-made by a crash and doesn't count. Each parameter with choices is stored as their JSON, which Optuna compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affexion_core.training.space import (
    MOST_COMBINATIONS,
    Parameter,
    combinations,
    is_whole,
    n_combinations,
    parameter_values,
)
from affexion_core.training.sweep import SweepPlan

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

JOURNAL = "study.log"
# Trials that must have come through all folds before any is given up.
STARTUP_TRIALS = 4
# Draws that were tried before in a row, until one that wasn't is taken instead.
_DRAWS = 10
_NUMBER = "trial"


@dataclass(frozen=True)
class Proposal:
    """The values that a trial is to try."""

    number: int
    values: Mapping[str, Any]


def open_study(folder: Path, planned: SweepPlan) -> Study:
    """Open the study of a sweep's folder, or begin it. Only one process may have it open."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = folder / JOURNAL
    _cut_torn_line(path)
    # Only this process writes: a lock that is there was left by a crash.
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    return optuna.create_study(
        study_name=folder.name,
        storage=JournalStorage(backend),
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        sampler=_sampler(planned, 0),
        load_if_exists=True,
    )


def _cut_torn_line(path: Path) -> None:
    """Take away a last line that a crash cut short: what is added behind it would spoil the file."""
    content = path.read_bytes() if path.is_file() else b""
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _sampler(planned: SweepPlan, n_drawn: int) -> Any:
    from optuna.samplers import TPESampler

    # Another seed for each draw: with one seed, a process that goes on after a crash would draw the same again.
    return TPESampler(seed=(planned.seed * 1_000_003 + n_drawn) % 2**32, multivariate=len(planned.space.parameters) > 1)


def propose(study: Study, planned: SweepPlan) -> Proposal | None:
    """Give the next values to try, none tried before; None once all trials are made."""
    tried = {_key(trial.params) for trial in _numbered(study)}
    if len(tried) >= planned.n_trials:
        return None
    spread = {name: _distribution(planned, name) for name in planned.space.parameters}
    draws = 0
    while True:
        if planned.sampler == "grid" or draws >= _DRAWS:
            _queue_untried(study, planned, tried)
        study.sampler = _sampler(planned, len(study.get_trials(deepcopy=False)))
        trial = study.ask(spread)
        if _key(trial.params) not in tried:
            trial.set_user_attr(_NUMBER, len(tried) + 1)
            return Proposal(len(tried) + 1, _values(planned, trial.params))
        _discard(study, trial)
        draws += 1


def running(study: Study, planned: SweepPlan) -> tuple[Proposal, ...]:
    """List the trials that were proposed and not yet told the end of; drops what a crash left half-made."""
    from optuna.trial import TrialState

    found = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _NUMBER in trial.user_attrs:
            found.append(Proposal(trial.user_attrs[_NUMBER], _values(planned, trial.params)))
        else:
            _discard(study, trial)
    return tuple(found)


def give_up(study: Study, number: int, means: list[float]) -> bool:
    """Report the mean UAR over 1, 2, … folds of a running trial; say whether it fell below the others' median."""
    import optuna

    frozen = _trial(study, number)
    trial = optuna.trial.Trial(study, frozen._trial_id)  # the way back to a trial that another process asked for
    for step, mean in enumerate(means, start=1):
        if step not in frozen.intermediate_values:
            trial.report(mean, step)
    return trial.should_prune()


def tell(study: Study, number: int, state: str, figure: float | None) -> None:
    """Tell the end of a trial: ``done`` with its figure, ``pruned`` or ``failed``."""
    from optuna.trial import TrialState

    ends = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    end = TrialState.FAIL if state == "done" and figure is None else ends[state]
    study.tell(_trial(study, number).number, figure if end == TrialState.COMPLETE else None, end)


def _numbered(study: Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if _NUMBER in trial.user_attrs]


def _trial(study: Study, number: int) -> FrozenTrial:
    return next(trial for trial in _numbered(study) if trial.user_attrs[_NUMBER] == number)


def _discard(study: Study, trial: Trial | FrozenTrial) -> None:
    from optuna.trial import TrialState

    study.tell(trial.number, state=TrialState.FAIL)


def _queue_untried(study: Study, planned: SweepPlan, tried: set[str]) -> None:
    """Have the next draw be the first combination not tried, where they can be counted."""
    from optuna.trial import TrialState

    n = n_combinations(planned.space)
    if n is None or n > MOST_COMBINATIONS or study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        return
    for values in combinations(planned.space):
        params = _params(planned, values)
        if _key(params) not in tried:
            study.enqueue_trial(params)
            return


def _distribution(planned: SweepPlan, name: str) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    parameter = planned.space.parameters[name]
    if _as_choices(planned, parameter):
        return CategoricalDistribution([json.dumps(value) for value in parameter_values(parameter) or ()])
    low, high = parameter.low or 0, parameter.high or 0
    if is_whole(parameter):
        step = 1 if parameter.step is None else int(parameter.step)
        # a high that no step meets is never drawn; said here, as Optuna warns of it otherwise
        return IntDistribution(int(low), int(high - (high - low) % step), log=parameter.log, step=step)
    if parameter.step is None:
        return FloatDistribution(float(low), float(high), log=parameter.log)
    highest = (parameter_values(parameter) or (high,))[-1]
    return FloatDistribution(float(low), float(highest), step=float(parameter.step))


def _as_choices(planned: SweepPlan, parameter: Parameter) -> bool:
    """Whether values are told by their JSON: choices, and all of a grid."""
    return bool(parameter.choices) or planned.sampler == "grid"


def _params(planned: SweepPlan, values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = planned.space.parameters
    return {
        name: json.dumps(value) if _as_choices(planned, parameters[name]) else value for name, value in values.items()
    }


def _values(planned: SweepPlan, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give drawn parameters as values, in the order of the space."""
    parameters = planned.space.parameters
    return {
        name: json.loads(params[name]) if _as_choices(planned, parameter) else _rounded(params[name], parameter)
        for name, parameter in parameters.items()
    }


def _rounded(value: Any, parameter: Parameter) -> Any:
    # steps added up leave 0.30000000000000004 where 0.3 is meant
    return value if parameter.step is None else round(value, 12)


def _key(params: Mapping[str, Any]) -> str:
    exact = {name: round(value, 12) if isinstance(value, float) else value for name, value in params.items()}
    return json.dumps(exact, sort_keys=True)

"""Runs for MLflow: parameters, metrics by epoch, figures with their intervals, tags and files; folds and trials nested.

A run is found again by its tag ``affexion.run``: a second export adds what is new and doubles nothing, as MLflow's
databases keep equal metrics once.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from affexion_core.errors import StoreError
from affexion_core.export_runs._run import Exported, ExportedRun, Measured, missing_extra
from affexion_core.run_folder import file_stem

LABEL = "MLflow"
BESIDE = "mlflow"
EXPERIMENT = "Affexion"
_OWN_ID = "affexion.run"
# MLflow's limits: what one request takes, and how long a value may be.
_AT_ONCE, _LONGEST = 100, 5000
_ENVIRONMENT = {
    # Nothing about anyone's work goes anywhere but into the place named.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A server that isn't there is told in seconds, not in minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def export(run: ExportedRun, into: str) -> Exported:
    """Write a run with its folds or trials into MLflow.

    Parameters
    ----------
    into
        A folder, which gets ``mlflow.db`` and ``artifacts/``, or the address of a tracking server.

    Raises
    ------
    ConfigError
        If mlflow-skinny is not installed.
    StoreError
        If the folder can't be written or the server doesn't take it; what was written before stays.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise missing_extra(LABEL, "mlflow-skinny", "requirements-mlflow.txt") from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    address, artifacts = _place(into)
    try:
        client = MlflowClient(tracking_uri=address)
        _write(client, _experiment(client, artifacts), run, None)
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise StoreError(f"MLflow can't take the run into {into}: {reason}.") from error
    look = f"mlflow ui --backend-store-uri {address}" if artifacts else address
    return Exported(address, sum(1 for _ in run), look)


def _place(into: str) -> tuple[str, str | None]:
    """Give the tracking address, and where the files go: for a server, that is its own affair."""
    if "://" in into:
        return into, None
    folder = Path(into).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} can't be made ({error.strerror}); name another folder.") from error
    if not os.access(folder, os.W_OK):
        raise StoreError(f"{folder} is read-only; name another folder.")
    return f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()


def _experiment(client: Any, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        return str(client.create_experiment(EXPERIMENT, artifact_location=artifacts))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _write(client: Any, experiment: str, run: ExportedRun, parent: str | None) -> None:
    """Write one run below another, and its parts below it."""
    known = client.search_runs([experiment], f"tags.`{_OWN_ID}` = '{run.id}'", max_results=1)
    if known:
        run_id = known[0].info.run_id
    else:
        tags = {_OWN_ID: run.id, **({"mlflow.parentRunId": parent} if parent else {})}
        run_id = client.create_run(experiment, _milliseconds(run.started), tags, run.title).info.run_id
    _log(client, run_id, run)
    _log_files(client, run_id, run)
    state = "FINISHED" if run.finished else "RUNNING"
    client.update_run(run_id, name=run.title)
    client.set_terminated(run_id, state, _milliseconds(run.finished) if run.finished else None)
    for part in run.parts:
        _write(client, experiment, part, run_id)


def _log(client: Any, run_id: str, run: ExportedRun) -> None:
    from mlflow.entities import Metric, Param, RunTag

    params = [Param(_key(name), str(value)[:_LONGEST]) for name, value in run.params.items()]
    tags = [RunTag(_key(f"affexion.{name}"), value[:_LONGEST]) for name, value in run.tags.items()]
    metrics = [Metric(*values) for values in _metrics(run)]
    for some in _chunks(params):
        client.log_batch(run_id, params=some)
    for some in _chunks(tags):
        client.log_batch(run_id, tags=some)
    for some in _chunks(metrics):
        client.log_batch(run_id, metrics=some)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _metrics(run: ExportedRun) -> Iterator[tuple[str, float, int, int]]:
    """Give every metric as key, value, time in milliseconds and step."""
    for row in run.epochs:
        at, step = _milliseconds(row["at"]), int(row["epoch"])
        yield from ((_key(name), value, at, step) for name, value in row.items() if name not in ("at", "epoch"))
    for found in run.measured:
        at, prefix = _milliseconds(found.at), _key(found.name)
        yield f"{prefix}/n", found.n, at, 0
        for name, estimate in found.figures.items():
            for suffix, value in (("", estimate.value), (" low", estimate.low), (" high", estimate.high)):
                if value is not None:
                    yield f"{prefix}/{_key(name)}{suffix}", value, at, 0


def _log_files(client: Any, run_id: str, run: ExportedRun) -> None:
    for path in run.files:
        client.log_artifact(run_id, str(path))
    for found in run.measured:
        client.log_text(run_id, _confusion_csv(found), f"confusion/{file_stem(found.name)}.csv")


def _confusion_csv(found: Measured) -> str:
    """Write the counts as a table: reference in rows, prediction in columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["reference", *found.labels])
    writer.writerows([label, *counts] for label, counts in zip(found.labels, found.confusion, strict=True))
    return text.getvalue()


def _key(name: str) -> str:
    """Make a name of the characters MLflow takes; distinct names stay distinct."""
    return re.sub(r"[^\w.\- :]", lambda match: f"_{ord(match.group()):x}_", name)[:200]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)

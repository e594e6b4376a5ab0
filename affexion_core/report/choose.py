"""Which report a run has: that of a model, or that of a study."""

from __future__ import annotations

from affexion_core.errors import ModelError
from affexion_core.report.document import Report
from affexion_core.store.session import Store
from affexion_core.types import Run


def report_of(store: Store, run: Run) -> Report:
    """Put together the report of a training, a cross-validation or a gap study.

    Raises
    ------
    ModelError
        If the run is of another kind, has not finished, or files of its folder are missing or damaged.
    """
    if run.kind == "gap":
        from affexion_core.report.of_gap import report_of_gap

        return report_of_gap(store, run)
    if run.kind in ("train", "cv"):
        from affexion_core.report.of_run import report_of_run

        return report_of_run(store, run)
    raise ModelError(f"There is no report of a {run.kind}; name a training, a cross-validation or a gap study.")

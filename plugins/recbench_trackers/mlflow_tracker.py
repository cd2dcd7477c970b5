"""The tracker `mlflow`: runs in MLflow's local store, or on its server."""

from __future__ import annotations

import contextlib
import getpass
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import recbench

from .facts import Point, flat, numbers, origin, parameters, title, training_name
from .tracker import Tracker, missing, require

LONGEST = 5000
"""Texts of parameters and tags are cut to this many characters, as MLflow allows no more."""

MOST = 100
"""How many entries a request may have."""

MOST_LETTERS, DIGEST = 250, 36
"""How many characters names and digests may have."""

EXTRA = ("mlflow", "sqlalchemy", "alembic")
"""Packages that the extra `mlflow` installs."""

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""How long MLflow waits for a server, unless the user has set it. Its own defaults are minutes."""

NOISY = ("mlflow", "alembic", "urllib3")
"""Loggers that tell how a store is made, and of each attempt to reach a server."""


class Mlflow(Tracker):
    """Runs in MLflow: one for each command, with a nested one for each model, dataset and seed.

    Parameters, metrics with their intervals, and the values that models report while they train are
    where MLflow has them; versions, data hashes, the machine and the command are tags that begin
    with `recbench.`. A model that fails has a failed run, and the tag `recbench.failure` the
    reason. The run of the command has the table as `table.md` and `table.html`, and all numbers as
    `results.csv`.

    Parameters
    ----------
    experiment : str, default: "recbench"
        Name of the experiment, which is made if it does not exist.
    uri : str or none, default: None
        Store or server, as in "http://host:5000" or "sqlite:///mlflow.db". None takes that of the
        variable MLFLOW_TRACKING_URI, or else MLflow's local store.
    name : str or none, default: None
        Name of the run of the command. None makes one of the date and time.

    Notes
    -----
    To install it: `pip install "recbench-toolkit[mlflow]"`. To look at the runs: `mlflow ui`, which
    needs the package mlflow. The active run and the settings of MLflow in this process stay as they
    are.
    """

    name: ClassVar = "mlflow"

    def __init__(
        self, experiment: str = "recbench", uri: str | None = None, name: str | None = None
    ) -> None:
        super().__init__()
        require("mlflow", "mlflow")
        if not experiment.strip():
            raise recbench.UsageError("mlflow: experiment must be a name, not an empty text")
        self.experiment, self._name_given, self._parent = experiment, name, ""
        try:
            import mlflow  # noqa: F401  it sets the levels of its loggers

            with _quiet_and_quick(), warnings.catch_warnings(action="ignore"):
                self._connect(uri)
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package in EXTRA:
                raise missing("mlflow", package) from error
            store = "its store" if uri is None else f"uri={_without_password(uri)}"
            raise recbench.UsageError(
                f"mlflow: {store} needs the package {package}, which is not installed; install it, "
                "or name another uri"
            ) from error

    def _connect(self, uri: str | None) -> None:
        """Find or make the experiment. Raises UsageError for a wrong one, or a wrong store."""
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            self._client = MlflowClient(tracking_uri=uri)
            self.uri = self._client.tracking_uri
            found = self._client.get_experiment_by_name(self.experiment) or self._made()
        except MlflowException as error:
            store = "its store" if uri is None else f"uri={_without_password(uri)}"
            if "Max retries exceeded" in str(error):
                raise recbench.RecbenchError(
                    f"mlflow: {store} does not answer; check that the server runs"
                ) from error
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise recbench.UsageError(
                f"mlflow: experiment={self.experiment} of {store} cannot be used: {error}"
            ) from error
        if found.lifecycle_stage == "deleted":
            raise recbench.UsageError(
                f"mlflow: experiment={self.experiment} is deleted; restore it with mlflow "
                f"experiments restore -x {found.experiment_id}, or name another"
            )
        self._experiment_id = str(found.experiment_id)

    def _made(self) -> Any:
        """Make the experiment, unless another process has just done so, and return it."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_experiment(self.experiment)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self._client.get_experiment_by_name(self.experiment)

    def _begin(self, cell: recbench.Result, began: float) -> str:
        with _quiet_and_quick():
            self._parent = self._parent or self._run(self._name_given or _name_of_now(), began, {})
            about = {"mlflow.parentRunId": self._parent, "recbench.key": cell.key}
            run = self._run(title(cell), began, about)
            self._log(run, params=parameters(cell))
            self._log_data(run, cell)
        return run

    def _run(self, name: str, began: float, tags: Mapping[str, str]) -> str:
        """Make a run, and return its id. The active run of this process stays what it is."""
        about = {"mlflow.source.name": "recbench", "mlflow.source.type": "LOCAL", **tags}
        with contextlib.suppress(OSError, KeyError):  # an account without a name
            about["mlflow.user"] = getpass.getuser()
        made = self._client.create_run(
            self._experiment_id,
            start_time=_milliseconds(began),
            tags=about,
            run_name=name[:MOST_LETTERS],
        )
        return str(made.info.run_id)

    def _log_data(self, run: str, cell: recbench.Result) -> None:
        """Record the dataset where MLflow shows which data a run has used."""
        from mlflow.entities import Dataset, DatasetInput

        setting = cell.setting
        source = json.dumps({"source": setting.source})
        name = recbench.printable(setting.dataset)[:MOST_LETTERS]
        digest = setting.dataset_sha256[:DIGEST]
        self._client.log_inputs(run, [DatasetInput(Dataset(name, digest, "recbench", source))])

    def _write(self, run: str, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        with _quiet_and_quick():
            self._log(
                run,
                metrics=[
                    Metric(training_name(point), point.value, _milliseconds(point.time), point.step)
                    for point in points
                ],
            )

    def _end(self, run: str, result: recbench.Result, ended: float) -> None:
        from mlflow.entities import Metric

        at = _milliseconds(ended)
        tags = {f"recbench.{key}": value for key, value in flat(origin(result)).items()}
        tags["recbench.status"] = "ok" if result.ok else "failed"
        if not result.ok:
            tags["recbench.failure"] = recbench.printable(result.failure)
            tags["mlflow.note.content"] = recbench.printable(result.failure)
        commits = result.provenance.get("commits", {})
        commit = commits.get(f"plugin {result.plugin}") or commits.get("recbench")
        if commit:
            tags["mlflow.source.git.commit"] = commit
        with _quiet_and_quick():
            self._log(
                run,
                metrics=[Metric(key, value, at, 0) for key, value in numbers(result).items()],
                tags=tags,
            )
            self._client.set_terminated(run, "FINISHED" if result.ok else "FAILED", at)

    def _interrupt(self, run: str) -> None:
        with _quiet_and_quick():
            self._log(run, tags={"recbench.status": "interrupted"})
            self._client.set_terminated(run, "KILLED")

    def _conclude(self, results: recbench.Results, *, interrupted: bool) -> str:
        run, self._parent = self._parent, ""
        settings = {(result.setting.dataset, result.setting.split) for result in results}
        with _quiet_and_quick():
            self._client.log_text(run, results.to_table("markdown"), "table.md")
            self._client.log_text(run, results.to_table("html"), "table.html")
            self._client.log_text(run, results.to_frame().to_csv(index=False), "results.csv")
            about = {
                "models": ", ".join(dict.fromkeys(result.model for result in results)),
                "datasets": ", ".join(sorted({dataset for dataset, _ in settings})),
                "splits": ", ".join(sorted({split for _, split in settings})),
            }
            self._log(run, params={key: recbench.printable(text) for key, text in about.items()})
            self._client.set_terminated(run, "KILLED" if interrupted else "FINISHED")
        uri = _without_password(self.uri)
        if uri.startswith("http"):
            look = f"{uri.rstrip('/')}/#/experiments/{self._experiment_id}"
        else:
            look = f"mlflow ui --backend-store-uri {uri}"
        return f"the experiment {self.experiment}; to look at them: {look}"

    def _log(
        self,
        run: str,
        metrics: Sequence[Any] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        """Record any number of entries."""
        from mlflow.entities import Param, RunTag

        noted = [Param(_key(key), _text(value)) for key, value in (params or {}).items()]
        marks = [RunTag(_key(key), _text(value)) for key, value in (tags or {}).items()]
        for first in range(0, max(len(metrics), len(noted), len(marks)), MOST):
            part = slice(first, first + MOST)
            self._client.log_batch(run, metrics[part], noted[part], marks[part])


def _key(text: str) -> str:
    """Return a name of a parameter or tag that MLflow allows."""
    return re.sub(r"[^\w. -]", "_", text)[:MOST_LETTERS]


def _text(value: Any) -> str:
    return str(value)[:LONGEST]


def _without_password(uri: str) -> str:
    """Return an address as it may be logged."""
    return re.sub(r"//[^/@]*@", "//", uri)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name_of_now() -> str:
    return f"recbench {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"


@contextlib.contextmanager
def _quiet_and_quick() -> Iterator[None]:
    """In this block, MLflow only logs errors, and does not wait for minutes."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    ours = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name in ours:
            os.environ.pop(name, None)

"""Steps 3 to 6 for one cell: fit a model, score with it, evaluate it, and store the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recbench.data.interactions import Columns
from recbench.experiment import Experiment, Host
from recbench.keeper import Keeper
from recbench.reported import Receive
from recbench.results.result import Result
from recbench.trial import Trial


@dataclass(frozen=True, eq=False)
class Task:
    """A cell that has to be run."""

    experiment: Experiment
    cell: Result

    def report(self, step: int, values: Mapping[str, float]) -> None:
        """Notify the plugins of values that the model reports while it trains."""
        self.experiment.plugins.notify(
            "recbench_progress", cell=self.cell, step=step, values=values
        )


def run_cell(
    task: Task, host: Host, keeper: Keeper, on_values: Receive | None = None
) -> tuple[Result, Columns]:
    """Run a cell, and return its result as it is stored, and its columns.

    on_values: receives what the model reports while it trains.
    """
    with Trial(task.experiment, task.cell, host, keeper.ks, on_values) as trial:
        trial.fit(keeper.checkpoint(task.cell))  # fit
        trial.score()  # score
        trial.evaluate()  # evaluate
        keeper.keep_numbers(trial.result, trial.columns)  # store
        trial.keep_model(keeper.store)
    return keeper.keep(trial.result, trial.columns), trial.columns


def run_here(task: Task, host: Host, keeper: Keeper) -> Result:
    """Run a cell for this process, notify the plugins, and return its result."""
    keeper.prepare(task.experiment)
    result, columns = run_cell(task, host, keeper, task.report)
    return keeper.show(task.experiment, result, columns)

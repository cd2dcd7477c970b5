"""Tuning: run the trials of one model until its budget is spent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from recbench.errors import UsageError, counted, describe_error
from recbench.experiment import Experiment, Host
from recbench.progress import Progress, log
from recbench.results.result import metric_and_k
from recbench.trial import judge
from recbench.tuning.search import Claim, Search
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED, Study, StudyTrial

POLL_SECONDS = 0.5
"""Interval between two looks at trials that run in other processes."""


@dataclass
class Tuner:
    """Runs trials on one experiment. device: the one that is asked for."""

    experiment: Experiment
    host: Host
    device: str

    def tune(self, search: Search) -> Study:
        """Run trials until the budget is spent, and return the study.

        Trials that run in other processes are waited for.
        """
        study = search.study
        if study.trials:
            log.info("%s: using %s", study.model, counted(len(study.trials), "stored trial"))
        total = study.max_trials if study.space else 1
        began = time.perf_counter()
        with Progress(study.model, total, "trial", len(study.trials)) as progress:
            while True:
                claim = search.claim()
                if claim is not None:
                    ended = self._run(search, claim, began)
                    began += ended.seconds
                    number = len(search.study.trials) - progress.done
                    progress.step(number, _state(search, ended))
                elif search.is_waiting():
                    progress.message = "waiting for trials of other processes"
                    time.sleep(POLL_SECONDS)
                    began = time.perf_counter()
                elif not search.has_budget():  # no trial of a killed process is to be run again
                    return search.study

    def _run(self, search: Search, claim: Claim, began: float) -> StudyTrial:
        """Run a trial that this process has claimed, and record how it ended.

        began: when the trial before it ended. So the time of the search counts too, and the seconds
        of a process's trials add up to the time that it has spent.
        """
        study = search.study
        if claim.same_as is not None:
            reason = f"same options as trial {claim.same_as.number}"
            seconds = time.perf_counter() - began
            return search.end(claim, OK, claim.same_as.value, seconds, reason)
        metric, k = metric_and_k(study.metric)
        left = search.seconds_left() if claim.number else math.inf
        try:
            cell = self.experiment.cell(
                claim.model, study.seed, self.device, isolated=self.host.isolates(claim.model)
            )
        except UsageError as error:  # the range has a value that the option does not take
            return self._failed(search, claim, describe_error(error), time.perf_counter() - began)
        started = time.perf_counter()
        with self.host.limited(left):
            result = judge(
                self.experiment,
                cell,
                self.host,
                [k],
                on_validation=lambda value, step: search.report(claim, value, step),
                quiet=True,
            )
        ended = time.perf_counter()
        seconds = ended - began
        if result.ok:
            value = result.value(metric, k).mean
            if math.isfinite(value):
                return search.end(claim, OK, value, seconds)
            return self._failed(search, claim, f"{study.label} could not be measured", seconds)
        self.experiment.check_source(cell)
        reason = result.status.removeprefix("failed: ")
        reason = reason.removeprefix(f"{cell.model} (plugin {cell.plugin}): ")
        if claim.pruned:
            return search.end(claim, PRUNED, math.nan, seconds, reason)
        if cell.isolated and ended - started >= left:
            reason = "not finished when the time was up"
            return search.end(claim, STOPPED, math.nan, seconds, reason)
        return self._failed(search, claim, reason, seconds)

    def _failed(self, search: Search, claim: Claim, reason: str, seconds: float) -> StudyTrial:
        """Record that a trial failed."""
        log.warning("%s failed: %s", claim.model, reason)
        return search.end(claim, FAILED, math.nan, seconds, reason)


def _state(search: Search, ended: StudyTrial) -> str:
    """Return how a trial ended, the best one so far, and how long the others may take."""
    study, best = search.study, search.study.best
    said = [f"{study.label} {ended.value:.4f}" if ended.state == OK else ended.state]
    left = _seconds_left(search)
    if math.isfinite(left) and left >= 1:
        said.append(f"{duration(left)} left")
    if best is not None:  # last, as a narrow terminal cuts the end
        options = ",".join(f"{key}={value}" for key, value in sorted(best.options.items()))
        found = "the default options" if best.number == 0 else options
        said.append(f"best {best.value:.4f} with {found}")
    return "; ".join(said)


def _seconds_left(search: Search) -> float:
    """Return how many seconds the trials that are left may take, if all run in this process."""
    study = search.study
    if not search.has_budget():
        return 0.0
    if study.max_seconds is not None:
        return search.seconds_left()
    return study.seconds / len(study.trials) * ((study.max_trials or 0) - len(study.trials))


def duration(seconds: float) -> str:
    """Return a number of seconds for people to read: `45 s`, `12 min` or `2 h 5 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"

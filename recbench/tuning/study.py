"""Tuning: the study of one model, with all its trials, as it is stored and shown."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recbench.results.result import Setting, Tuned, metric_and_k, metric_label

OK, FAILED, PRUNED, STOPPED = "ok", "failed", "pruned", "stopped"
"""How a trial can end: judged; failed; ended early because others were better at the same step;
or ended because the time was up."""

LAST_PART = 0.25
"""If the best trial is in this last share of the budget, more trials might find better ones."""


@dataclass(frozen=True)
class StudyTrial:
    """One trial of a study: a model with some options, judged on validation targets.

    Parameters
    ----------
    number : int
        From 0, the trial of the default options.
    model : str
        The model with all its options, as `recbench run` takes it.
    options : mapping of str to str
        The options that were tuned, with their values as users write them.
    state : {"ok", "failed", "pruned", "stopped"}
        How it ended. A pruned trial was worse than others at the same step of the training; a
        stopped one was not finished when the time was up.
    value : float, default: NaN
        The metric on the validation targets.
    seconds : float, default: NaN
        Seconds that the trial took.
    reason : str, default: ""
        Why it failed or was ended early, or what else is worth knowing.
    finished : str, default: ""
        When it ended, as an ISO time in UTC.
    """

    number: int
    model: str
    options: Mapping[str, str]
    state: str
    value: float = math.nan
    seconds: float = math.nan
    reason: str = ""
    finished: str = ""


@dataclass(frozen=True, repr=False)
class Study:
    """All trials of one model on one dataset and split, and what they have in common.

    Parameters
    ----------
    key : str
        sha256 (hex) of everything that decides the trials.
    model : str
        The model with the options that the user has fixed.
    model_version : str
        Version of the plugin, and a hash of its source.
    plugin : str
        Name of the plugin.
    setting : Setting
        The dataset and the split whose test targets tuned models are judged on.
    validation_sha256 : str
        Hash of the training data and the targets of all trials.
    n_cases : int
        Number of validation cases.
    metric : str
        The metric and cut-off that trials are compared by, such as "ndcg@10".
    better : {"higher", "lower"}
        Which values of it are better.
    space : mapping of str to str
        Option -> the range in which its best value was looked for; empty for a model that is not
        tuned.
    seed : int
        The seed of the search, and of models in trials.
    trials : tuple of StudyTrial, default: ()
        The trials that have ended, in order.
    max_trials : int or None, default: None
        The budget in trials; None if it is in time.
    max_seconds : float or None, default: None
        The budget in seconds of trials; None if it is a number of trials.
    exhausted : bool, default: False
        Whether all combinations of options were tried.
    device : str, default: ""
        The device that was asked for; empty for auto.
    timeout, memory : float or int or None, default: None
        The limits of a trial, in seconds and megabytes.
    isolated : bool, default: True
        Whether the model ran in a separate process.
    provenance : mapping of str to Any, default: {}
        Versions, commit, machine, threads and command.
    changed : str, default: ""
        When the study last changed, as an ISO time in UTC.
    """

    key: str
    model: str
    model_version: str
    plugin: str
    setting: Setting
    validation_sha256: str
    n_cases: int
    metric: str
    better: str
    space: Mapping[str, str]
    seed: int
    trials: tuple[StudyTrial, ...] = ()
    max_trials: int | None = None
    max_seconds: float | None = None
    exhausted: bool = False
    device: str = ""
    timeout: float | None = None
    memory: int | None = None
    isolated: bool = True
    provenance: Mapping[str, Any] = field(default_factory=dict)
    changed: str = ""

    def __repr__(self) -> str:
        return f"Study({self.model!r}, {self.setting.dataset_title!r}, {len(self.trials)} trials)"

    @property
    def label(self) -> str:
        """The metric and cut-off as tables show them: `NDCG@10`."""
        return metric_label(*metric_and_k(self.metric))

    @property
    def default(self) -> StudyTrial | None:
        """The trial of the default options; None if it has not ended."""
        return next((trial for trial in self.trials if trial.number == 0), None)

    @property
    def best(self) -> StudyTrial | None:
        """The best trial, the first of several that are equal; None if none was judged."""
        return max(
            self.judged, key=lambda trial: (self.sign * trial.value, -trial.number), default=None
        )

    @property
    def judged(self) -> list[StudyTrial]:
        """The trials with a value."""
        return [trial for trial in self.trials if trial.state == OK and math.isfinite(trial.value)]

    @property
    def sign(self) -> int:
        """1 if higher values are better, -1 if lower ones are."""
        return -1 if self.better == "lower" else 1

    @property
    def space_text(self) -> str:
        """The search space on one line: `decay 0.3..1, l2 1..2000:log`."""
        return ", ".join(f"{option} {values}" for option, values in self.space.items())

    def count(self, state: str) -> int:
        """Return how many trials ended in a state.

        Parameters
        ----------
        state : {"ok", "failed", "pruned", "stopped"}
            The state.

        Returns
        -------
        int
        """
        return sum(trial.state == state for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Seconds that all trials took together."""
        return _seconds(self.trials)

    @property
    def still_improving(self) -> bool:
        """Whether the best trial is in the last quarter of the budget, so more could be better."""
        best = self.best
        if best is None or best.number == 0 or self.exhausted or len(self.trials) < 4:
            return False
        if self.max_seconds is not None:
            before = [trial for trial in self.trials if trial.number <= best.number]
            return _seconds(before) > (1 - LAST_PART) * self.seconds
        return best.number >= (1 - LAST_PART) * len(self.trials)

    def first(self, n_trials: int) -> Study:
        """Return the study with its first trials only.

        Parameters
        ----------
        n_trials : int
            How many trials to keep.

        Returns
        -------
        Study
        """
        trials = self.trials[:n_trials]
        exhausted = self.exhausted and len(trials) == len(self.trials)
        return dataclasses.replace(self, trials=trials, exhausted=exhausted)

    @property
    def within_budget(self) -> Study:
        """The study with no more trials than its budget allows, though more may be stored.

        So all models of one call have the same budget.
        """
        if self.max_trials is not None:
            return self.first(self.max_trials)
        most = math.inf if self.max_seconds is None else self.max_seconds
        before = itertools.accumulate((_seconds([trial]) for trial in self.trials), initial=0.0)
        return self.first(sum(spent < most for spent in before))

    @property
    def tuned(self) -> Tuned | None:
        """What a result of the best options records; None if no trial was judged."""
        best = self.best
        if best is None:
            return None
        return Tuned(
            study=self.key,
            metric=self.metric,
            value=best.value,
            n_trials=len(self.trials),
            n_options=len(self.space),
            seed=self.seed,
        )


def _seconds(trials: Iterable[StudyTrial]) -> float:
    """Return how many seconds trials took together, as far as it is known."""
    return sum(trial.seconds for trial in trials if math.isfinite(trial.seconds))

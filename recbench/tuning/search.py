"""Tuning: ask optuna which options to try next, and record how each trial ends.

Any number of processes may work on one study. They share a journal, which optuna writes and reads,
and take turns under a lock to claim a trial. A process holds a lock of its own as long as it lives,
so others notice if it is killed, and run its trial again.

The options of trial n depend only on the seed, n, and the journal of the trials before it. So a
study that is killed and resumed has the same trials as one that is not. A journal that is lost is
written again from the stored trials, whose options are rounded, so later trials then differ.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recbench.errors import RecbenchError, describe_error
from recbench.files import locked
from recbench.progress import log
from recbench.space import Space, option_text
from recbench.spec import Spec
from recbench.store.layout import Layout, writing
from recbench.tuning.optuna_study import (
    RUNNING,
    WAITING,
    frozen,
    in_optuna,
    mend,
    n_combinations,
    open_journal,
    quiet_optuna,
    sampler,
    suggest,
    values_of,
)
from recbench.tuning.records import path_of, write_study
from recbench.tuning.study import FAILED, OK, Study, StudyTrial
from recbench.tuning.workers import Workers

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"

Combination = tuple[tuple[str, str], ...]
"""Values of all options that are tuned, by name."""

MOST_COMBINATIONS = 1000
"""Up to this many combinations of options, none is tried twice."""

MOST_REPORTS = 200
"""How many validation values of a trial are recorded."""

WARM_UP = 3
"""No trial is stopped by the first values that it reports."""


@dataclass(eq=False)
class Claim:
    """A trial that this process runs. number: from 0. same_as: a trial with the same options."""

    number: int
    model: str
    options: Mapping[str, str]
    trial: optuna.Trial
    same_as: StudyTrial | None = None
    pruned: bool = False
    reported: list[int] = field(default_factory=list)


class Search:
    """The trials of one study, which other processes may run too. Use as a context manager.

    ranges: where to look for the best value of each option. defaults: the values of the default
    options, as far as they are known and within the ranges.
    Raises RecbenchError if optuna is missing, or the folder cannot be used.
    """

    def __init__(
        self, store: Layout, study: Study, ranges: Space, defaults: Mapping[str, Any]
    ) -> None:
        self.study, self.ranges, self.defaults = study, ranges, defaults
        self._store, self._folder = store, path_of(store, study).parent.absolute()
        self._workers, self._stored = Workers(self._folder), study.trials
        self._journal: optuna.Study

    def __enter__(self) -> Self:
        with self._turn():
            self._workers.tidy()
            self._workers.join()
            self._journal = self._open_journal()
            self.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.leave()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """In this block, no other process uses the journal. Errors of files say what to do."""
        journal = self._folder / JOURNAL
        with writing(journal), locked(self._folder) as is_alone, quiet_optuna():
            if is_alone:  # optuna's own lock is then that of a killed process
                journal.with_name(f"{JOURNAL}.lock").unlink(missing_ok=True)
            if journal.exists():
                mend(journal)
            yield

    def claim(self) -> Claim | None:
        """Return the next trial to run; None if the budget is spent or claimed by others."""
        with self._turn():
            self.refresh()
            if not self.has_budget():
                return None
            running = self._running()
            taken = {trial.number for trial in self.study.trials}
            taken |= {trial["number"] for trial in running}
            tried = self._combinations(trial.options for trial in self.study.trials)
            tried |= self._combinations(trial["options"] for trial in running)
            is_enough = self.study.max_trials is not None and len(taken) >= self.study.max_trials
            if is_enough or len(tried) >= n_combinations(self.ranges):
                return None
            number = next(n for n in itertools.count() if n not in taken)
            return self._ask(number, tried)

    def has_budget(self) -> bool:
        """Whether another trial may be run, apart from those that run already."""
        study = self.study
        if not self.ranges:
            return not study.trials
        if self._is_exhausted():
            return False
        if study.max_seconds is not None:
            running = [trial["number"] for trial in self._running()]
            has_default = study.default is not None or 0 in running
            return not has_default or self.seconds_left() > 0
        return study.max_trials is None or len(study.trials) < study.max_trials

    def seconds_left(self) -> float:
        """Return how many seconds of trials are left, counting those that run now."""
        running: float = sum(time.time() - trial["began"] for trial in self._running())
        return (self.study.max_seconds or math.inf) - self.study.seconds - running

    def is_waiting(self) -> bool:
        """Whether trials run in other processes, which may still be the best or be lost."""
        with self._turn():
            self.refresh()
            return bool(self._running())

    def report(self, claim: Claim, value: float, step: int) -> None:
        """Record a validation value of a trial. Raises RecbenchError if the trial is not worth it.

        The trial of the default options always goes on. Values that are not finite say nothing.
        """
        is_new = step not in claim.reported and len(claim.reported) < MOST_REPORTS
        if not is_new or not math.isfinite(value):
            return
        claim.reported.append(step)
        with self._turn():
            claim.trial.report(self.study.sign * value, step)
            if claim.number and len(claim.reported) > WARM_UP and claim.trial.should_prune():
                claim.pruned = True
                raise RecbenchError(f"pruned at step {step}: other trials were better there")

    def end(
        self, claim: Claim, state: str, value: float, seconds: float, reason: str = ""
    ) -> StudyTrial:
        """Record how a trial ended, and return it."""
        ended = StudyTrial(
            claim.number,
            claim.model,
            claim.options,
            state,
            value,
            round(seconds, 3),
            reason,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        with self._turn():
            self._tell(claim.trial, ended)
            self.refresh()
        return ended

    def _tell(self, trial: optuna.Trial, ended: StudyTrial) -> None:
        trial.set_user_attr("ended", dataclasses.asdict(ended))
        value = ended.value if ended.state == OK else None
        self._journal.tell(trial, value, state=in_optuna(ended.state))

    def refresh(self) -> None:
        """Read the journal, give up the trials of killed processes, and store the trials."""
        for trial in self._journal.get_trials(deepcopy=False, states=[in_optuna(RUNNING)]):
            if not self._workers.is_alive(trial.user_attrs.get("worker", "")):
                self._journal.tell(trial.number, state=in_optuna(FAILED))
        trials = _ended(self._journal)
        study = dataclasses.replace(self.study, trials=trials)
        self.study = dataclasses.replace(study, exhausted=self._is_exhausted(study))
        if trials and trials != self._stored:
            self.study, self._stored = write_study(self._store, self.study), trials

    def _running(self) -> list[Mapping[str, Any]]:
        """Return the number and options of the trials that run now, and when each began."""
        running = self._journal.get_trials(deepcopy=False, states=[in_optuna(RUNNING)])
        return [trial.user_attrs for trial in running if "began" in trial.user_attrs]

    def _is_exhausted(self, study: Study | None = None) -> bool:
        """Whether all combinations of options were tried; never for ranges of fractions."""
        trials = (study or self.study).trials
        if not self.ranges:
            return False
        tried = self._combinations(trial.options for trial in trials)
        return len(tried) >= n_combinations(self.ranges)

    def _combinations(self, tried: Iterable[Mapping[str, str]]) -> set[Combination]:
        """Return which combinations were tried, without default options outside the ranges."""
        return {_combination(each) for each in tried if each.keys() == self.ranges.keys()}

    def _ask(self, number: int, tried: set[Combination]) -> Claim:
        """Return a new trial, whose options are chosen by what other trials have shown.

        tried: combinations of trials that have ended or run now.
        """
        seeds = np.random.SeedSequence([self.study.seed, number])
        self._journal.sampler = sampler(int(seeds.generate_state(1)[0]))
        if number == 0:
            claim = self._new(number, self.defaults)
            claim.model = self.study.model
            return claim
        claim = self._new(number, {})
        is_known = _combination(claim.options) in tried
        if is_known and n_combinations(self.ranges) <= MOST_COMBINATIONS:
            self._journal.tell(claim.trial, state=in_optuna(FAILED))  # not recorded as ended
            claim = self._new(number, self._untried(tried, np.random.default_rng(seeds)))
        return claim

    def _new(self, number: int, fixed: Mapping[str, Any]) -> Claim:
        """Begin a trial. fixed: values of options that are not left to optuna."""
        while self._journal.get_trials(deepcopy=False, states=[in_optuna(WAITING)]):
            lost = self._journal.ask()  # enqueued by a process that was killed before it asked
            self._journal.tell(lost, state=in_optuna(FAILED))
        if fixed:
            self._journal.enqueue_trial(dict(fixed))
        trial = self._journal.ask()
        trial.set_user_attr("worker", self._workers.name)
        asked = self.ranges if number else {name: self.ranges[name] for name in fixed}
        options = {name: suggest(trial, name, values) for name, values in asked.items()}
        options |= {name: option_text(value) for name, value in fixed.items()}  # not rounded
        base = Spec.parse(self.study.model)
        model = str(Spec(base.name, {**base.options, **options}))
        trial.set_user_attr("number", number)
        trial.set_user_attr("options", options)
        trial.set_user_attr("began", time.time())
        ended = [trial for trial in self.study.trials if trial.state == OK]
        same = next((trial for trial in ended if trial.options == options), None)
        return Claim(number, model, options, trial, same)

    def _untried(self, tried: set[Combination], rng: np.random.Generator) -> dict[str, Any]:
        """Return a combination of options that no trial has, drawn at random."""
        values = [values_of(given) for given in self.ranges.values()]
        every = [dict(zip(self.ranges, each, strict=True)) for each in itertools.product(*values)]
        left = [
            each
            for each in every
            if _combination({name: option_text(value) for name, value in each.items()}) not in tried
        ]
        return left[int(rng.integers(len(left)))]

    def _open_journal(self) -> optuna.Study:
        """Open the journal, and add the stored trials that it lacks; all if it is damaged."""
        path = self._folder / JOURNAL
        try:
            journal = open_journal(path, self.study.better)
        except OSError:
            raise
        except Exception as error:  # whatever reading a damaged file raises
            log.warning("%s is damaged (%s); it is written again", path, describe_error(error))
            path.unlink()
            journal = open_journal(path, self.study.better)
        known = {trial.number for trial in _ended(journal)}
        for trial in self.study.trials:
            if trial.number not in known:
                journal.add_trial(frozen(trial, self.ranges))
        return journal


def _combination(options: Mapping[str, str]) -> Combination:
    return tuple(sorted(options.items()))


def _ended(journal: optuna.Study) -> tuple[StudyTrial, ...]:
    """Return the trials in a journal that have ended, by number."""
    found = {}
    for trial in journal.get_trials(deepcopy=False):
        ended = trial.user_attrs.get("ended")
        if ended is not None and trial.state == in_optuna(ended["state"]):
            found[ended["number"]] = StudyTrial(**ended)
    return tuple(found[number] for number in sorted(found))

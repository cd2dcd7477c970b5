"""Tuning: studies, trials and ranges, as optuna has them, which is imported only here."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recbench.errors import RecbenchError
from recbench.evaluation.uncertainty import ROUNDING
from recbench.space import Choice, Float, Int, Range, Space, option_text, read_range
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED, Study, StudyTrial

if TYPE_CHECKING:
    import optuna

STUDY = "recbench"
"""The name of the only study in a journal."""

FEWEST_TRIALS = 5
"""With fewer judged trials, no importances are computed."""

DIRECTIONS: Mapping[str, Literal["minimize", "maximize"]] = {
    "higher": "maximize",
    "lower": "minimize",
}
"""Which values are better -> what optuna calls it."""

RUNNING, WAITING = "running", "waiting"
"""Further states of a trial, before it has ended."""


def mend(path: Path) -> None:
    """Remove a last line that was not written to its end, as on a full disk."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        if size and file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def open_journal(path: Path, better: str) -> optuna.Study:
    """Return the study in a journal, which is made if there is none."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    # an absolute path: optuna's lock is a link to the file, which it must be able to follow
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path.absolute()))),
        study_name=STUDY,
        direction=DIRECTIONS[better],
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        load_if_exists=True,
    )


def sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Return the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) of optuna."""
    import optuna

    return optuna.samplers.TPESampler(seed=seed, multivariate=False, constant_liar=True)


def in_memory(study: Study, ranges: Space) -> optuna.Study:
    """Return a study of optuna with the trials of a stored one."""
    import optuna

    made = optuna.create_study(direction=DIRECTIONS[study.better])
    for trial in study.trials:
        made.add_trial(frozen(trial, ranges))
    return made


def frozen(trial: StudyTrial, ranges: Space) -> optuna.trial.FrozenTrial:
    """Return a trial that has ended, as optuna stores it."""
    import optuna

    known = {name: values for name, values in ranges.items() if name in trial.options}
    return optuna.trial.create_trial(
        state=in_optuna(trial.state),
        value=trial.value if trial.state == OK else None,
        params={
            name: value_in_optuna(trial.options[name], values) for name, values in known.items()
        },
        distributions={name: _distribution(values) for name, values in known.items()},
        user_attrs={"ended": dataclasses.asdict(trial), "number": trial.number},
    )


def suggest(trial: optuna.Trial, name: str, values: Range) -> str:
    """Return the value that optuna suggests for an option, as users write it.

    Fractions have three digits, so that they can be read, typed and compared; or more, if the range
    is narrow, so that it has at least a hundred of them.
    """
    if isinstance(values, Choice):
        return str(trial.suggest_categorical(name, [option_text(each) for each in values.values]))
    if isinstance(values, Int):
        return str(trial.suggest_int(name, values.low, values.high, log=values.log))
    suggested = trial.suggest_float(name, values.low, values.high, log=values.log)
    size = math.floor(math.log10(abs(suggested))) if suggested else 0
    finest = math.floor(math.log10((values.high - values.low) / 100))
    rounded = float(f"{suggested:.{min(max(3, size - finest + 1), 15)}g}")
    return option_text(min(max(rounded, float(values.low)), float(values.high)))


def _distribution(values: Range) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(values, Choice):
        return CategoricalDistribution([option_text(value) for value in values.values])
    if isinstance(values, Float):
        return FloatDistribution(values.low, values.high, log=values.log)
    return IntDistribution(values.low, values.high, log=values.log)


def value_in_optuna(text: str, values: Range) -> Any:
    """Return the value of an option as optuna has it."""
    if isinstance(values, Choice):
        return text
    return float(text) if isinstance(values, Float) else int(text)


def ranges_of(study: Study) -> Space:
    """Return the ranges of a stored study, of which only the texts are stored.

    A range whose ends and values are all whole is read as one of whole numbers, and choices as
    texts.
    """
    found = {}
    for name, text in study.space.items():
        values = (trial.options[name] for trial in study.trials if name in trial.options)
        whole = all(re.fullmatch(r"-?\d+", value) for value in values)
        kind: Any = str if "|" in text else int | float if whole else float
        found[name] = read_range(f"{study.model}: {name}", text, kind)
    return found


def importances(study: Study) -> dict[str, float]:
    """Return the share of the differences between trials that is due to each option, by a fANOVA.

    Empty if there are too few judged trials with all options, or all have the same value.
    Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
    ICML 2014.
    """
    ranges = ranges_of(study)
    judged = tuple(
        trial
        for trial in study.trials
        if trial.state == OK and ranges.keys() <= trial.options.keys()
    )
    values = [trial.value for trial in judged]
    if not ranges or len(values) < FEWEST_TRIALS or max(values) - min(values) <= ROUNDING:
        return {}
    if len(ranges) == 1:
        return dict.fromkeys(ranges, 1.0)
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    found = get_param_importances(
        in_memory(dataclasses.replace(study, trials=judged), ranges),
        evaluator=FanovaImportanceEvaluator(seed=0),
    )
    return {name: float(share) for name, share in found.items()}


def values_of(values: Range) -> list[Any]:
    """Return all values of a range that has no fractions, as optuna has them."""
    if isinstance(values, Choice):
        return [option_text(value) for value in values.values]
    return list(range(int(values.low), int(values.high) + 1))


def n_combinations(ranges: Space) -> float:
    """Return how many combinations of options there are; infinite with a range of fractions."""
    return math.prod(map(_n_values, ranges.values()))


def _n_values(values: Range) -> float:
    if isinstance(values, Float):
        return math.inf
    return len(values.values) if isinstance(values, Choice) else values.high - values.low + 1


def known_defaults(ranges: Space, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default options that are known and in their ranges, as optuna has them."""
    return {
        name: value_in_optuna(option_text(defaults.get(name)), values)
        for name, values in ranges.items()
        if values.holds(defaults.get(name))
    }


def in_optuna(state: str) -> Any:
    """Return what optuna calls a state of a trial."""
    from optuna.trial import TrialState

    return {
        OK: TrialState.COMPLETE,
        FAILED: TrialState.FAIL,
        PRUNED: TrialState.PRUNED,
        STOPPED: TrialState.FAIL,
        RUNNING: TrialState.RUNNING,
        WAITING: TrialState.WAITING,
    }[state]


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep optuna from writing to the log what users cannot act on.

    Raises RecbenchError if it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise RecbenchError(
            "tuning needs the library optuna, which is not installed; run "
            'pip install "recbench-toolkit[tune]"'
        ) from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)

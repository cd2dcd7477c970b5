"""Studies: the best trial, the budget, and whether more trials could be better."""

import math

import pytest
from made_studies import KEY, made_study, made_trials

from recbench.tuning.study import FAILED, PRUNED, STOPPED


def _best(*values: float | str | None, better: str = "higher") -> int | None:
    best = made_study(made_trials(*values), better=better).best
    return None if best is None else best.number


def test_the_best_trial_is_the_first_of_equal_ones() -> None:
    assert _best(0.1, 0.3, 0.2, 0.3) == 1
    assert _best(0.3, 0.3) == 0
    assert _best(0.3, 0.1, 0.2, 0.1, better="lower") == 1
    assert _best(-0.3, -0.1, better="lower") == 0


def test_trials_without_a_value_are_never_the_best() -> None:
    assert _best(FAILED, PRUNED, 0.1, STOPPED) == 2
    assert _best(None, 0.1, None) == 1
    assert _best(None, 0.1, None, better="lower") == 1
    assert _best(math.inf, 0.1) == 1
    assert _best(FAILED, None) is None
    assert _best() is None


def test_a_study_without_a_best_trial_has_no_options() -> None:
    study = made_study(made_trials(FAILED))
    assert study.tuned is None
    assert study.count(FAILED) == 1
    assert study.default is study.trials[0]
    assert made_study(made_trials(0.1, 0.2)[1:]).default is None


def test_the_best_options_are_recorded_with_the_budget() -> None:
    study = made_study(made_trials(0.1, 0.3, FAILED), seed=7)
    tuned = study.tuned
    assert tuned is not None
    assert (tuned.study, tuned.metric, tuned.value) == (KEY, "ndcg@10", 0.3)
    assert (tuned.n_trials, tuned.n_options, tuned.seed) == (3, 1, 7)
    assert str(tuned) == "tuned: 3 trials"
    untuned = made_study(made_trials(0.1), space={}).tuned
    assert str(untuned) == "not tuned"


def test_seconds_leave_out_what_is_unknown() -> None:
    study = made_study(made_trials(0.1, FAILED, 0.2, seconds=[1.5, math.nan, 2]))
    assert study.seconds == 3.5


def test_a_budget_in_trials_leaves_later_trials_out() -> None:
    study = made_study(made_trials(0.1, 0.2, 0.3, 0.4), max_trials=2)
    within = study.within_budget
    assert [trial.number for trial in within.trials] == [0, 1]
    assert within.best is not None
    assert within.best.number == 1
    assert made_study(made_trials(0.1), max_trials=2).within_budget.trials == study.trials[:1]


@pytest.mark.parametrize(
    ("seconds", "n_trials"), [(4.0, 2), (4.1, 4), (0.1, 1), (100.0, 4), (None, 4)]
)
def test_a_budget_in_seconds_has_every_trial_that_began_within_it(
    seconds: float | None, n_trials: int
) -> None:
    trials = made_trials(0.1, 0.2, FAILED, 0.4, seconds=[2, 2, math.nan, 2])
    within = made_study(trials, max_seconds=seconds).within_budget
    assert len(within.trials) == n_trials


def test_only_a_study_with_all_its_trials_is_exhausted() -> None:
    study = made_study(made_trials(0.1, 0.2, 0.3), exhausted=True)
    assert study.first(3).exhausted
    assert study.first(9).exhausted
    assert not study.first(2).exhausted


def _improving(
    *values: float | str | None, seconds: tuple[float, ...] = (), **more: object
) -> bool:
    return made_study(made_trials(*values, seconds=seconds), **more).still_improving


def test_the_best_trial_in_the_last_quarter_means_still_improving() -> None:
    falling = [0.1] * 8
    for best in range(8):
        values = [*falling[:best], 0.2, *falling[best + 1 :]]
        assert _improving(*values) == (best >= 6)
    assert not _improving(0.1, 0.2, 0.3)  # too few to say
    assert not _improving(0.1, 0.2, 0.3, 0.4, exhausted=True)
    assert not _improving(FAILED, FAILED, FAILED, FAILED)


def test_with_a_budget_in_seconds_the_last_quarter_is_one_of_time() -> None:
    slow_end, slow_start = (1.0, 1.0, 1.0, 1.0, 16.0), (16.0, 1.0, 1.0, 1.0, 1.0)
    assert not _improving(0.1, 0.2, 0.2, 0.3, 0.1, seconds=slow_end, max_seconds=20.0)
    assert _improving(0.1, 0.2, 0.2, 0.3, 0.4, seconds=slow_end, max_seconds=20.0)
    assert _improving(0.1, 0.2, 0.1, 0.1, 0.1, seconds=slow_start, max_seconds=20.0)
    assert not _improving(0.1, 0.2, 0.1, 0.1, 0.1, seconds=slow_start)


def test_a_study_is_named_by_model_data_and_trials() -> None:
    study = made_study(made_trials(0.1, 0.2), metric="mrr@5")
    assert repr(study) == "Study('mine', 'data', 2 trials)"
    assert study.label == "MRR@5"

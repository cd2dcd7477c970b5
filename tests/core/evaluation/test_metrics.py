"""All metrics of a ranking: values, their uncertainty, and metrics that are left out."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import Ranking, RecbenchError, UsageError, Value, load_plugins
from recbench.evaluation.measure import measure
from recbench.evaluation.metrics import measure_all, no_values, valid_metrics
from recbench.evaluation.uncertainty import intervals, jackknife
from recbench.spec import Spec
from recbench.testing import example

RANDOM = np.random.default_rng(1)
ROWS = 60
USERS = np.repeat(np.arange(20), 3)
EACH = np.arange(ROWS)


def _ranking() -> Ranking:
    above = np.arange(ROWS) % 7
    lists = np.argsort(RANDOM.random((ROWS, 12)), axis=1).astype(np.int32)
    return Ranking(above, np.ones(ROWS, dtype=np.int64), None, lists, np.arange(12))


RANKING = _ranking()


def _hit(ranking: Ranking, k: int) -> Any:
    return ranking.expectation(np.ones(k))


def _share(ranking: Ranking, k: int) -> Any:
    """Return one number for all lists."""
    assert ranking.lists is not None
    return len(np.unique(ranking.lists[:, :k])) / 12


def test_a_value_has_a_mean_a_standard_error_and_an_interval_over_users() -> None:
    values, columns = measure_all({"hit": _hit}, RANKING, [1, 3], USERS, {})
    assert list(values) == list(columns) == ["hit@1", "hit@3"]
    expected = (np.arange(ROWS) % 7 < 3).astype(float)
    assert np.array_equal(columns["hit@3"], expected)
    low, high = intervals(expected[:, None], USERS)
    value = values["hit@3"]
    assert value.mean == pytest.approx(expected.mean())
    of_users = expected.reshape(20, 3).mean(axis=1)
    assert value.stderr == pytest.approx(of_users.std(ddof=1) / math.sqrt(20))
    assert (value.low, value.high) == pytest.approx((low[0], high[0]))


def test_a_metric_of_all_lists_has_a_jackknife_interval_and_no_column() -> None:
    values, columns = measure_all({"share": _share}, RANKING, [1], USERS, {})
    assert columns == {}
    value = values["share@1"]
    stderr = jackknife(lambda cases: _share(RANKING.take(cases), 1), USERS)
    assert value.mean == _share(RANKING, 1)
    assert value.stderr == stderr
    assert (value.low, value.high) == pytest.approx(
        (value.mean - 1.96 * stderr, value.mean + 1.96 * stderr)
    )


def test_stored_intervals_are_used_if_the_means_are_equal() -> None:
    fresh, _ = measure_all({"hit": _hit, "share": _share}, RANKING, [1, 3], USERS, {})
    stored = {key: Value(value.mean, 1.0, 2.0, 3.0) for key, value in fresh.items()}
    stored["hit@3"] = Value(0.123, 1.0, 2.0, 3.0)
    again, _ = measure_all({"hit": _hit, "share": _share}, RANKING, [1, 3], USERS, stored)
    assert again["hit@1"][2:] == (2.0, 3.0)
    assert again["hit@1"].stderr == fresh["hit@1"].stderr, "older versions stored another one"
    assert again["share@3"] == stored["share@3"]
    assert again["hit@3"] == fresh["hit@3"]


def _bounded(low: Any, high: Any = None, add: float = 0.0) -> Any:
    """Return a copy of `_share` with bounds."""

    def share(ranking: Ranking, k: int) -> Any:
        return _share(ranking, k) + add

    share.bounds = low if high is None else (low, high)  # type: ignore[attr-defined]
    return share


def test_intervals_end_at_the_bounds_of_the_metric() -> None:
    lists = np.maximum(np.arange(ROWS)[:, None] - 48, 0)  # eleven items are in one list each
    ranking = Ranking(RANKING.above, RANKING.tied, None, lists, RANKING.popularity)
    (free, _), (bounded, _) = (
        measure_all({"share": metric}, ranking, [1], EACH, {})
        for metric in (lambda ranking, k: _share(ranking, k) - 0.02, _bounded(0, 0.98, -0.02))
    )
    assert free["share@1"].low < free["share@1"].mean == pytest.approx(0.98)
    assert free["share@1"].high > 0.98
    assert bounded["share@1"] == (*free["share@1"][:3], 0.98)
    stored = {"share@1": free["share@1"]}  # as older versions stored it
    again, _ = measure_all({"share": _bounded(0, 0.98, -0.02)}, ranking, [1], EACH, stored)
    assert again == bounded


def test_values_beyond_the_bounds_by_rounding_are_set_to_the_bound() -> None:
    def hit(ranking: Ranking, k: int) -> Any:
        return _hit(ranking, k) * (1 + 1e-15)

    hit.bounds = (0, 1)  # type: ignore[attr-defined]
    values, columns = measure_all({"hit": hit}, RANKING, [9], USERS, {})
    assert columns["hit@9"].tolist() == [1.0] * ROWS
    assert values["hit@9"] == (1, 0, 1, 1)


@pytest.mark.parametrize(
    "error", [ValueError("no luck"), SystemExit(3), MemoryError(), "wrong shape", "not finite"]
)
def test_a_metric_that_fails_on_the_data_is_left_out_at_every_k(
    error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(ranking: Ranking, k: int) -> Any:
        if k < 3:
            return _share(ranking, k)
        if isinstance(error, BaseException):
            raise error
        return np.ones(3) if error == "wrong shape" else np.full(len(ranking), np.nan)

    values, columns = measure_all({"bad": fails, "hit": _hit}, RANKING, [1, 3], USERS, {})
    assert list(values) == list(columns) == ["hit@1", "hit@3"]
    assert caplog.text.count("metric bad is left out: ") == 1


def test_a_metric_that_fails_in_the_jackknife_is_left_out() -> None:
    def fails(ranking: Ranking, k: int) -> Any:
        if len(ranking) < ROWS:
            raise ZeroDivisionError
        return 0.5

    assert measure_all({"bad": fails}, RANKING, [1], USERS, {}) == ({}, {})


def test_a_metric_that_changes_the_ranking_does_not_affect_other_metrics() -> None:
    def garbles(ranking: Ranking, k: int) -> Any:
        for array in (ranking.above, ranking.lists, ranking.popularity):
            assert array is not None
            base = array if array.base is None else array.base
            base.flags.writeable = True
            base[:] = 3
        return np.zeros(len(ranking))

    before, _ = measure_all({"hit": _hit, "share": _share}, RANKING, [3], USERS, {})
    after, _ = measure_all({"a": garbles, "hit": _hit, "share": _share}, RANKING, [3], USERS, {})
    assert {key: value for key, value in after.items() if key != "a@3"} == before
    assert RANKING.above[4] == 4


def _worse_is_better(ranking: Ranking, k: int) -> Any:
    return k - _hit(ranking, k)


def _per_target(ranking: Ranking, k: int) -> Any:
    """Return one value per target instead of one per case."""
    return (ranking.above < k).astype(float)


def _writes(ranking: Ranking, k: int) -> Any:
    ranking.above[0] = 0
    return _hit(ranking, k)


def _unlocks_and_writes(ranking: Ranking, k: int) -> Any:
    ranking.tied.base.flags.writeable = True  # type: ignore[union-attr]
    ranking.tied.base[:] = 1  # type: ignore[index]
    return _hit(ranking, k)


def _exits(ranking: Ranking, k: int) -> Any:
    raise SystemExit(0)


def _strings(ranking: Ranking, k: int) -> Any:
    return ["much"] * len(ranking)


def _random(ranking: Ranking, k: int) -> Any:
    return RANDOM.random(len(ranking))


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (_worse_is_better, "a better rank must never lower the value"),
        (_per_target, "it returned an array of shape (15,)"),
        (_writes, "read-only"),
        (_unlocks_and_writes, "a metric must not change the ranking"),
        (_exits, "SystemExit: 0"),
        (_strings, "it must return numbers"),
        (_random, "the same ranking must always get the same values"),
        (_bounded(0, 0.1), "its bounds are 0 and 0.1"),
        (_bounded(1, 0), "its bounds must be the lowest and the highest value, not (1, 0)"),
        (_bounded(3), "its bounds must be the lowest and the highest value, not 3"),
        (_bounded((0, None)), "its bounds must be the lowest and the highest value, not (0, None)"),
    ],
)
def test_a_metric_that_breaks_the_contract_is_left_out_with_the_reason(
    metric: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load_plugins(bad=plugin(metrics={"bad": metric}))
    trusted = valid_metrics(plugins, example())
    assert set(trusted) == set(plugins.metrics()) - {"bad", "calibration"}  # which needs genres
    assert "metric bad (plugin bad) is left out: " in caplog.text
    assert reason in caplog.text
    assert "AssertionError" not in caplog.text


def test_a_failed_cell_has_every_metric_at_every_k() -> None:
    nothing = no_values({"hit": _hit}, [1, 3])
    assert list(nothing) == ["hit@1", "hit@3"]
    assert all(math.isnan(number) for value in nothing.values() for number in value)


def test_an_option_that_a_metric_refuses_is_wrong_usage() -> None:
    def refuses(ranking: Ranking, k: int, share: float = 0.5) -> Any:
        if share > 1:
            raise UsageError(f"metric picky: share={share:g} must be at most 1")
        return _hit(ranking, k)

    plugins = load_plugins(picky=plugin(metrics={"picky": refuses}))
    plugins.measured = [Spec("picky", {"share": "0.7"})]
    assert {"picky", "picky:share=0.7"} <= valid_metrics(plugins, example()).keys()
    plugins.measured = [Spec("picky", {"share": "2"})]
    with pytest.raises(UsageError, match="share=2 must be at most 1"):
        valid_metrics(plugins, example())


@pytest.mark.parametrize("better", ["up", 1, None])
def test_a_direction_that_is_none_is_an_error(better: Any) -> None:
    def metric(ranking: Ranking, k: int) -> Any:
        return _hit(ranking, k)

    metric.better = better  # type: ignore[attr-defined]
    with pytest.raises(RecbenchError, match="must be 'higher' or 'lower', not"):
        measure(RANKING, "it", metric, [3])


def test_a_metric_is_checked_once_for_data_with_the_same_features() -> None:
    calls: list[int] = []

    def counted(ranking: Ranking, k: int) -> Any:
        calls.append(k)
        return ranking.expectation(np.ones(k))

    plugins = load_plugins(mine=plugin(metrics={"counted": counted}))
    assert "counted" in valid_metrics(plugins, example())
    n_calls = len(calls)
    assert n_calls
    assert "counted" in valid_metrics(plugins, example())
    assert len(calls) == n_calls


def test_why_a_metric_is_left_out_is_told_each_time(caplog: pytest.LogCaptureFixture) -> None:
    def wrong(ranking: Ranking, k: int) -> Any:
        return "no number"

    plugins = load_plugins(mine=plugin(metrics={"wrong": wrong}))
    for _ in range(2):
        assert "wrong" not in valid_metrics(plugins, example())
    assert caplog.text.count("metric wrong (plugin mine) is left out") == 2

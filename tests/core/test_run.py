"""Complete runs, with models that work and models that fail."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from made_tuning import fits, write_log, write_model

import recbench
from recbench import Interactions, RecbenchError, Results, Store, UsageError, load_plugins
from recbench.results.frame import COLUMNS
from recbench_popular import Popular

FITS: list[str] = []


class Counting(Popular):
    """Popularity that counts how often it is fitted."""

    def __init__(self, seed: int = 0, name: str = "counting") -> None:
        super().__init__()
        self.seed, self.name = seed, name

    def fit(self, train: Interactions) -> Any:
        FITS.append(f"{self.name} {self.seed}")
        return super().fit(train)


class TopList:
    """A model that returns lists only."""

    def fit(self, train: Interactions) -> "TopList":
        self.order_ = np.argsort(-np.bincount(train.items, minlength=train.n_items), kind="stable")
        return self

    def recommend(self, history: Interactions, k: int) -> Any:
        lists = np.full((len(history), k), -1)
        for row, items in enumerate(history.sequences()):
            best = self.order_[~np.isin(self.order_, items)][:k]
            lists[row, : len(best)] = best
        return lists


class Raises(Popular):
    """A model that fails in fit."""

    def fit(self, train: Interactions) -> Any:
        raise ZeroDivisionError("in fit")


class RaisesInScore(Popular):
    """A model that exits in score."""

    def score(self, history: Interactions) -> Any:
        raise SystemExit(7)


class Nan(Popular):
    """A model that returns invalid scores."""

    def score(self, history: Interactions) -> Any:
        return np.full((len(history), history.n_items), np.nan)


class Forgot:
    """A model without score and recommend."""

    def fit(self, train: Interactions) -> "Forgot":
        return self


class Writes(Popular):
    """A model that tries to write into train."""

    def fit(self, train: Interactions) -> Any:
        train.items[0] = 0
        return self


MODELS = {
    "counting": Counting,
    "top-list": TopList,
    "raises": Raises,
    "raises-in-score": RaisesInScore,
    "nan": Nan,
    "forgot": Forgot,
    "writes": Writes,
}
PLUGINS = load_plugins(mine=plugin(models=MODELS))
METRICS = {*PLUGINS.metrics()} - {"calibration"}  # which needs categories of items


def _run(models: list[str], dataset: Any, **more: Any) -> Results:
    """Run models in separate processes, as by default."""
    return recbench.run(models, dataset, plugins=PLUGINS, **more)


def _run_here(models: list[str], dataset: Any, **more: Any) -> Results:
    """Run models in this process, where their fits are counted."""
    FITS.clear()
    return _run(models, dataset, in_process=True, **more)


def test_results_become_a_tidy_frame(tiny: str) -> None:
    frame = _run(["popular", "counting"], tiny, ks=(1, 3)).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert tuple(frame) == COLUMNS
    first = ["model", "dataset", "split", "seed", "users", "metric", "k", "value", "stderr"]
    assert list(frame)[: len(first)] == first
    assert list(frame)[-2:] == ["status", "remark"]
    assert len(frame) == 2 * len(METRICS) * 2
    seeds = frame.groupby("model")["seed"].first()
    assert pd.isna(seeds["popular"])
    assert seeds["counting"] == 0
    assert set(frame["users"]) == {6}
    ours = frame[frame["model"] == "counting"]["value"].to_numpy()
    assert np.array_equal(ours, frame[frame["model"] == "popular"]["value"].to_numpy())


def test_each_of_several_datasets_is_evaluated(tiny: str, busy: str) -> None:
    both = _run(["popular", "counting"], [tiny, Path(busy), f"./{Path(tiny).name}"], results=None)
    assert [(result.setting.dataset, result.model) for result in both] == [
        ("tiny.csv", "popular"),
        ("tiny.csv", "counting"),
        ("busy.csv", "popular"),
        ("busy.csv", "counting"),
    ]
    alone = _run(["popular"], busy, results=None)[0]
    assert both[2].values == alone.values
    assert [section.title for section in both.sections()] == [
        "tiny.csv, leave-last-out",
        "busy.csv, leave-last-out",
    ]


def test_all_datasets_are_loaded_before_a_model_is_trained(tiny: str) -> None:
    Path("broken.csv").write_text("user,item,time\na,x,1\na,y,soon\n")
    for broken, match in (("broken.csv", "soon"), ("gone.csv", "no dataset or file 'gone.csv'")):
        with pytest.raises(RecbenchError, match=match):
            _run_here(["counting"], [tiny, broken])
        assert FITS == []
    with pytest.raises(UsageError, match="name at least one dataset"):
        _run(["popular"], [])
    with pytest.raises(UsageError, match="--recs are recommendations for one dataset"):
        _run([], [tiny, "synthetic"], recs={"mine": tiny})


def test_lists_and_scores_of_the_same_order_agree(tiny: str) -> None:
    listed, counted = _run(["top-list", "counting"], tiny, ks=(7,))
    assert listed.ok
    assert listed.depth == 7
    assert 0 < listed.value("hit", 7)[0] == counted.value("hit", 7)[0] == 1


def test_stored_results_are_not_run_again(tiny: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    first = _run_here(["counting"], tiny)
    assert FITS == ["counting 0"]
    assert list(_run_here(["counting"], tiny)) == list(first)
    assert FITS == []
    assert "using the stored result" in caplog.text
    _run_here(["counting"], tiny, force=True)
    assert FITS == ["counting 0"]
    _run_here(["counting"], tiny, seed=1)
    assert FITS == ["counting 1"]
    _run_here(["counting:seed=1"], tiny)
    assert FITS == ["counting 1"]
    _run_here(["counting"], f"{tiny}:min_item_interactions=2")
    assert FITS == ["counting 0"]


def test_further_ks_are_computed_from_stored_ranks(tiny: str) -> None:
    _run_here(["counting"], tiny, ks=(1,))
    more = _run_here(["counting"], tiny, ks=(1, 4))
    assert FITS == []
    fresh = _run_here(["counting"], tiny, ks=(1, 4), results=None)
    assert FITS == ["counting 0"]
    assert more[0].values == fresh[0].values
    assert "ndcg@4" in Store("results").case_columns(more[0])


def test_lists_that_are_too_short_for_a_larger_k_run_again(tiny: str) -> None:
    assert _run(["top-list"], tiny, ks=(1,))[0].depth == 1
    assert _run(["top-list"], tiny, ks=(3,))[0].depth == 3


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("raises", "fit raised ZeroDivisionError: in fit"),
        ("raises-in-score", "score raised SystemExit: 7 (test_run.py, line "),
        (
            "nan",
            (
                "score returned nan for item number 0; all scores must be finite "
                "(first affected: user u0)"
            ),
        ),
        (
            "forgot",
            (
                "a model needs fit(train), and score(history) or recommend(history, k); "
                "Forgot has fit"
            ),
        ),
        ("writes", "fit raised ValueError: assignment destination is read-only"),
    ],
)
@pytest.mark.parametrize("in_process", [False, True])
def test_a_failure_is_a_result_and_the_other_models_still_run(
    tiny: str, model: str, reason: str, in_process: bool
) -> None:
    results = _run(["popular", model, "counting"], tiny, in_process=in_process)
    assert [result.ok for result in results] == [True, False, True]
    failed = results.failed[0]
    assert failed.status.startswith(f"failed: {model} (plugin mine): {reason}"), failed.status
    frame = results.to_frame()
    assert frame[frame["model"] == model]["value"].isna().all()
    assert len(frame[frame["model"] == model]) == 3 * len(METRICS)
    assert set(frame[frame["model"] == model]["status"]) == {failed.status}


def test_a_failed_model_runs_again(tiny: str) -> None:
    _run(["raises"], tiny)
    assert _run(["raises"], tiny).failed
    assert len(Store("results").all()) == 1


def test_without_a_store_nothing_is_written(tiny: str) -> None:
    _run(["popular"], tiny, results=None)
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("models", "more", "match"),
    [
        ([], {}, "name at least one model"),
        (["popula"], {}, "did you mean 'popular'"),
        (["popular:rule=best"], {}, "rule=best is not allowed"),
        (["popular"], {"split": "leave-last"}, "did you mean 'leave-last-out'"),
        (["popular"], {"split": "windows:length=x"}, "must be a whole number"),
        (["popular"], {"ks": (0,)}, "must be 1 or more, not 0"),
        (["popular"], {"timeout": 0}, "--timeout must be above 0 and at most"),
        (["popular"], {"memory": -5}, "--memory must be 1 or more, not -5"),
        (["popular"], {"dataset": "none.csv"}, "there is no dataset or file"),
    ],
)
def test_usage_errors_are_reported_before_anything_runs(
    tiny: str, models: list[str], more: dict[str, Any], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        _run_here(["counting", *models] if models else [], **{"dataset": tiny, **more})
    assert FITS == []


def _nan(ranking: recbench.Ranking, k: int) -> Any:
    return np.full(len(ranking), np.nan)


def _exits(ranking: recbench.Ranking, k: int) -> Any:
    raise SystemExit(3)


def _writes_and_prints(ranking: recbench.Ranking, k: int) -> Any:
    print("garbage")
    ranking.above.base.flags.writeable = True  # type: ignore[union-attr]
    ranking.above.base[:] = 0  # type: ignore[index]
    return np.ones(len(ranking))


def _decreases(ranking: recbench.Ranking, k: int) -> Any:
    return -ranking.expectation(np.ones(k))


def _fails_late(ranking: recbench.Ranking, k: int) -> Any:
    if len(ranking) == 6:  # as many cases as in tiny; the contract checks use other numbers
        raise KeyError("late")
    return ranking.expectation(np.ones(k))


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (_nan, "must be finite"),
        (_exits, "SystemExit: 3"),
        (_writes_and_prints, "a metric must not change the ranking"),
        (_decreases, "a better rank must never lower the value"),
        (_fails_late, "KeyError: 'late'"),
    ],
)
def test_a_broken_metric_does_not_affect_the_others(
    tiny: str, caplog: pytest.LogCaptureFixture, metric: Any, reason: str
) -> None:
    plugins = load_plugins(bad=plugin(metrics={"a-bad": metric}, models=MODELS))
    results = recbench.run(["popular", "random"], tiny, plugins=plugins)
    reference = _run(["popular", "random"], tiny, results=None)
    assert [result.values for result in results] == [result.values for result in reference]
    assert set(results.to_frame()["metric"]) == METRICS
    assert re.search(r"metric a-bad (\(plugin bad\) )?is left out: ", caplog.text)
    assert reason in caplog.text


def test_a_metric_that_breaks_the_contract_is_reported_once(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load_plugins(bad=plugin(metrics={"bad": _decreases}, models=MODELS))
    recbench.run(["popular", "random", "raises"], tiny, plugins=plugins)
    assert caplog.text.count("metric bad (plugin bad) is left out") == 1


def test_a_broken_splitter_is_named(tiny: str) -> None:
    class Wrong:
        def split(self, interactions: Interactions) -> Any:
            return interactions.nothing  # type: ignore[attr-defined]

    plugins = load_plugins(bad=plugin(splitters={"wrong": Wrong}))
    with pytest.raises(RecbenchError, match=r"splitter wrong \(plugin bad\) failed: AttributeE"):
        recbench.run(["popular"], tiny, split="wrong", plugins=plugins)


def test_nothing_is_masked_if_repeats_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "again.csv"
    path.write_text("user,item,time\na,x,1\na,y,2\na,x,3\nb,x,1\nb,y,2\nb,x,3\n")
    result = _run(["counting"], f"{path}:repeats=keep", ks=(1,))[0]
    assert result.value("hit", 1)[0] == pytest.approx(0.5)  # x and y are tied: two each in train
    merged = _run(["counting"], str(path), ks=(1,))[0]
    assert merged.value("hit", 1)[0] == 1  # y is the only item left to recommend
    note = "2 repeated interactions (same user and item) were merged into the first one"
    assert note in merged.setting.notes


def test_an_interrupted_run_keeps_finished_results(tiny: str) -> None:
    class Stops(Popular):
        def fit(self, train: Interactions) -> Any:
            raise KeyboardInterrupt

    plugins = load_plugins(mine=plugin(models={"stops": Stops}))
    with pytest.raises(KeyboardInterrupt):
        recbench.run(["popular", "stops"], tiny, plugins=plugins, in_process=True)
    assert [result.model for result in Store("results").all()] == ["popular"]


def test_an_edited_metric_is_computed_again_without_fitting(tiny: str) -> None:
    for value in (1.0, 0.25):
        mine = plugin(
            models=MODELS, metrics={"mine": lambda ranking, k, v=value: np.full(len(ranking), v)}
        )
        FITS.clear()
        plugins = load_plugins(mine=mine)
        result = recbench.run(["counting"], tiny, plugins=plugins, in_process=True)[0]
        assert result.value("mine", 3).mean == value
        assert (["counting 0"] if value == 1 else []) == FITS


def test_two_plugins_with_a_metric_of_the_same_name_are_an_error(tiny: str) -> None:
    rival = plugin(metrics={"ndcg": lambda ranking, k: np.ones(len(ranking))})
    with pytest.raises(UsageError, match="metric 'ndcg' is offered by the plugins"):
        recbench.run(["popular"], tiny, plugins=load_plugins(rival=rival))


def test_unknown_users_are_stored_with_an_empty_id(tiny: str) -> None:
    class Cold:
        def split(self, log: Interactions) -> recbench.Split:
            history = Interactions(np.array([-1, 0, -1]), np.array([0, 1, 2]), range(4), 6, 7)  # type: ignore[arg-type]
            return recbench.Split(log, history, np.array([3, 4, 5]))

    plugins = load_plugins(cold=plugin(splitters={"cold": Cold}))
    result = recbench.run(["popular"], tiny, split="cold", plugins=plugins)[0]
    assert Store("results").case_columns(result)["user"].tolist() == ["", "u0", ""]
    assert (result.setting.n_judged_users, result.setting.n_cases) == (3, 3)


def test_a_failed_rerun_does_not_replace_a_good_result(tiny: str) -> None:
    class Flaky(Popular):
        def fit(self, train: Interactions) -> Any:
            if Path("broken").exists():
                raise MemoryError
            return super().fit(train)

    plugins = load_plugins(mine=plugin(models={"flaky": Flaky}))
    assert recbench.run(["flaky"], tiny, plugins=plugins)[0].ok
    Path("broken").touch()
    assert not recbench.run(["flaky"], tiny, plugins=plugins, force=True)[0].ok
    assert [result.status for result in Store("results").all()] == ["ok"]


def test_an_unusable_store_is_reported_before_anything_runs(tiny: str) -> None:
    Path("file").write_text("")
    with pytest.raises(RecbenchError, match="cannot use file for results: it is not a folder"):
        _run_here(["counting"], tiny, results="file")
    assert FITS == []


def test_with_a_full_disk_all_models_still_run_and_return_results(
    tiny: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert all(result.ok for result in _run(["popular", "counting"], tiny))
    assert caplog.text.count("NOT STORED") == 2


def test_results_are_ordered_by_a_k_that_all_have(tiny: str) -> None:
    few = _run(["popular"], tiny, ks=(1, 3))
    many = _run(["random"], tiny, ks=(3, 7))
    at_3 = {result.model: result.value("ndcg", 3)[0] for result in (*few, *many)}
    order = [result.model for result in Results([*few, *many]).sections()[0].results]
    assert order == sorted(at_3, key=lambda name: -at_3[name])


def test_models_in_separate_processes_get_the_same_numbers(tiny: str) -> None:
    isolated = _run(["counting", "random"], tiny, results=None)
    assert FITS == []
    here = _run_here(["counting", "random"], tiny, results=None)
    assert FITS == ["counting 0"]
    assert [result.values for result in isolated] == [result.values for result in here]
    assert all(result.peak_memory for result in isolated)


def test_models_with_a_seed_run_once_per_seed(tiny: str) -> None:
    models = ["counting", "popular", "counting:seed=7"]
    results = _run_here(models, tiny, seed=(0, 1, 0, 2))
    assert FITS == ["counting 0", "counting 1", "counting 2", "counting 7"]
    cells = [(result.model, result.seed) for result in results]
    assert cells == [
        *(("counting", seed) for seed in (0, 1, 2)),
        ("popular", None),
        ("counting:seed=7", 7),
    ]
    rows = {row.model: row for row in results.sections()[0].rows}
    assert rows["counting"].seeds == [0, 1, 2]
    assert rows["counting"].spread("ndcg", 3) == 0, "the model does not depend on its seed"
    assert np.isnan(rows["popular"].spread("ndcg", 3))
    _run_here(["counting"], tiny, seed=(1, 3))
    assert FITS == ["counting 3"]


def test_seeds_have_their_mean_and_spread(tiny: str) -> None:
    results = _run(["random"], tiny, seed=(0, 1, 2, 3), ks=(1, 3))
    (row,) = results.sections()[0].rows
    means = [result.value("ndcg", 3).mean for result in results]
    assert len(set(means)) > 1
    assert row.value("ndcg", 3).mean == pytest.approx(np.mean(means))
    assert row.spread("ndcg", 3) == pytest.approx(np.std(means, ddof=1))
    stored = Store("results").all().sections()[0].rows[0]
    assert stored.value("ndcg", 3) == row.value("ndcg", 3)
    assert stored.spread("ndcg", 3) == row.spread("ndcg", 3)


@pytest.mark.parametrize("order", [["temporal", "leave-last-out"], ["leave-last-out", "temporal"]])
def test_splits_are_in_the_requested_order(tiny: str, order: list[str]) -> None:
    results = _run(["popular", "counting"], tiny, split=",".join([*order, order[0]]))
    assert [result.setting.split for result in results.sections()] == order
    assert [(result.setting.split, result.model) for result in results] == [
        (split, model) for split in order for model in ("popular", "counting")
    ]
    stored = [result.setting.split for result in Store("results").all().sections()]
    assert stored == ["leave-last-out", "temporal"]


def test_an_impossible_split_is_reported_before_anything_runs(tiny: str) -> None:
    with pytest.raises(RecbenchError, match="windows of 99 interactions"):
        _run_here(["counting"], tiny, split="leave-last-out,windows:length=99")
    assert FITS == []


def test_datasets_can_be_tables_and_have_names(tiny: str) -> None:
    frame = pd.read_csv(tiny)
    data = {"first": frame, "second": recbench.load_dataset(tiny), "third": tiny}
    results = recbench.run("popular", data, results=None, in_process=True)
    assert [result.setting.dataset for result in results] == ["first", "second", "third"]
    assert results[0].values == results[1].values == results[2].values
    single = recbench.run("popular", frame, results=None, in_process=True)
    both = recbench.run("popular", [frame, tiny, tiny], results=None, in_process=True)
    assert [len(single), len(both)] == [1, 2]
    assert single[0].values == results[0].values


def test_a_dataset_has_a_name_that_tables_can_show(tiny: str) -> None:
    for name in ("a b", "a:b=c", ""):
        with pytest.raises(UsageError, match="a name has 1 to 100 letters"):
            recbench.run("popular", {name: tiny}, results=None)


def test_what_is_no_dataset_is_refused_without_a_print_of_it(tiny: str) -> None:
    for wrong in (None, 3, [pd.read_csv(tiny), object()]):
        with pytest.raises(UsageError) as error:
            recbench.run("popular", wrong, results=None)
        assert len(str(error.value)) < 300


def test_the_best_options_that_tune_has_found_are_run(tiny: str) -> None:
    log, mine = write_log(), write_model()
    tuning = recbench.tune(mine, log, trials=4, in_process=True)
    results = recbench.run([mine, "popular"], log, tuned=True, in_process=True)
    assert [result.model for result in results] == [tuning.best["Mine"], "popular"]
    assert [None if each.tuned is None else each.tuned.n_trials for each in results] == [4, 0]
    assert "Mine" in str(results)
    assert "(tuned: 4 trials)" in str(results)
    assert "popular (not tuned)" in str(results)
    given = recbench.run([mine], log, tuned=tuning.studies, results=None, in_process=True)
    assert given[0].values["ndcg@10"] == results[0].values["ndcg@10"]
    assert given[0].tuned == results[0].tuned
    plain = recbench.run([mine], log, in_process=True)
    assert plain[0].tuned is None
    shown = str(recbench.table())
    assert shown.count("(tuned: 4 trials)") == 1
    with pytest.raises(UsageError, match=r"Mine is not tuned on tiny.csv, leave-last-out; run: "):
        recbench.run([mine], [log, tiny], tuned=True, in_process=True)
    with pytest.raises(UsageError, match=r"Mine:n=1 is not tuned on log.csv"):
        recbench.run(["mine.py:Mine:n=1"], log, tuned=True, in_process=True)
    with pytest.raises(UsageError, match="tuned=True needs a folder of results"):
        recbench.run([mine], log, tuned=True, results=None)


def test_options_of_several_datasets_and_seeds_are_found(tiny: str) -> None:
    logs, mine = [write_log(), write_log("other.csv", users=30)], write_model()
    best = [recbench.tune(mine, log, trials=3, in_process=True).best["Mine"] for log in logs]
    n_fits = len(fits())
    results = recbench.run([mine], logs, tuned=True, seed=(0, 1), in_process=True)
    assert [result.model for result in results] == [best[0], best[0], best[1], best[1]]
    assert len(fits()) == n_fits + 2

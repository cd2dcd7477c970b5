"""Recommendations made elsewhere: a round trip through files, and the errors for wrong ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, Result, Store, UsageError, load_plugins
from recbench.cli.main import main
from recbench.export import export_split


class TopList:
    """A model of lists, in order of training interactions and then of item number."""

    def fit(self, train: Interactions) -> "TopList":
        self.order_ = np.argsort(-np.bincount(train.items, minlength=train.n_items), kind="stable")
        return self

    def recommend(self, history: Interactions, k: int) -> Any:
        lists = np.full((len(history), k), -1)
        for row, items in enumerate(history.sequences()):
            best = self.order_[~np.isin(self.order_, items)][:k]
            lists[row, : len(best)] = best
        return lists


def _popular(folder: Path, form: str = "parquet") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each case with its user, and each item with its count in train; in pandas only."""
    read = pd.read_parquet if form == "parquet" else pd.read_csv
    train, history = read(folder / f"train.{form}"), read(folder / f"history.{form}")
    targets = read(folder / f"targets.{form}")
    items = sorted({*train["item"], *history["item"], *targets["item"]})
    counts = train["item"].value_counts().reindex(items, fill_value=0)
    return targets[["row", "user"]].drop_duplicates(), counts.rename("score").reset_index()


def _scores(folder: Path, form: str = "parquet") -> pd.DataFrame:
    rows, counts = _popular(folder, form)
    return rows.merge(counts, how="cross")


def _lists(folder: Path, k: int) -> pd.DataFrame:
    rows, counts = _popular(folder)
    history = pd.read_parquet(folder / "history.parquet").groupby("row")["item"].agg(set)
    order = counts.sort_values("score", ascending=False, kind="stable")["item"]
    lines = [
        (row, user, item, rank)
        for row, user in rows.itertuples(index=False)
        for rank, item in enumerate([i for i in order if i not in history[row]][:k], 1)
    ]
    return pd.DataFrame(lines, columns=["row", "user", "item", "rank"])


def _judged(path: Path | str, dataset: str = "synthetic", **more: Any) -> Result:
    result: Result = recbench.run([], dataset, recs={"mine": path}, **more)[0]
    return result


@pytest.mark.parametrize(
    "split",
    ["leave-last-out", "temporal:targets=all", "leave-last-basket", "windows:length=5"],
)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_scores_from_a_file_get_the_values_of_the_model(busy: str, split: str, form: str) -> None:
    export_split(busy, split=split, output="split")
    scores = _scores(Path("split"), form).sample(frac=1, random_state=0)
    scores = scores.drop(columns="user" if split.startswith("windows") else "row")
    getattr(scores, f"to_{form}")(f"mine.{form}", index=False)
    model, external = recbench.run(
        ["popular"], busy, split=split, ks=(1, 3, 10, 30), recs={"mine": f"mine.{form}"}
    )
    assert external.ok, external.status
    assert external.setting.n_cases > 10
    assert repr(external.values) == repr(model.values)
    store = Store("results")
    for name in ("above", "tied", "lists", "segment", "history"):
        assert repr(store.case_columns(external)[name]) == repr(store.case_columns(model)[name])


@pytest.mark.parametrize("split", ["leave-last-out", "temporal:targets=all", "windows:length=5"])
def test_lists_from_a_file_get_the_values_of_a_model_of_lists(busy: str, split: str) -> None:
    export_split(busy, split=split, output="split")
    _lists(Path("split"), 12).to_csv("mine.csv", index=False)
    plugins = load_plugins(top=plugin(models={"top-list": TopList}))
    model, external = recbench.run(
        ["top-list"], busy, split=split, ks=(5, 12), recs={"mine": "mine.csv"}, plugins=plugins
    )
    assert external.ok, external.status
    assert external.setting.n_cases > 10
    assert repr(external.values) == repr(model.values)
    assert (external.depth, external.model_version != model.model_version) == (12, True)


def test_seen_items_can_be_listed_if_repeats_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "user,item,time\n" + "".join(f"u{u},i{t % 3},{t}\n" for u in "ab" for t in range(4))
    )
    recs = tmp_path / "recs.csv"
    recs.write_text(
        "user,item,rank\n" + "".join(f"u{u},i{t},{t}\n" for u in "ab" for t in range(3))
    )
    result = _judged(recs, f"{log}:repeats=keep", ks=[3])
    assert result.value("hit", 3).mean == 1
    assert result.value("mrr", 3).mean == 1
    assert "and seen items are masked" in _judged(recs, str(log), ks=[1]).status


@pytest.fixture
def split(tiny: str) -> pd.DataFrame:
    """Export the split of `tiny`, and return lists of all items that its users have not seen."""
    export_split(tiny, output="split")
    return _lists(Path("split"), 7).drop(columns="row")


def test_a_user_with_several_cases_needs_a_column_row(tiny: str, split: pd.DataFrame) -> None:
    split.to_csv("mine.csv", index=False)
    status = _judged("mine.csv", tiny, split="windows:length=2,step=1,test=0.9").status
    assert "a user has several cases. Add a column `row`" in status


def test_items_that_are_not_listed_rank_below_all_others(
    tiny: str, split: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    targets = pd.read_csv("split/targets.csv").set_index("user")["item"]
    listed = split[split["user"].isin(["u0", "u1"])]
    listed = listed[(listed["user"] == "u0") | (listed["item"] != targets["u1"])]
    listed.to_csv("mine.csv", index=False)
    result = _judged("mine.csv", tiny, ks=[7])
    assert result.ok
    rank = split.set_index(["user", "item"])["rank"]["u0", targets["u0"]]
    assert result.value("mrr", 7).mean == pytest.approx(1 / rank / 6)
    assert "5 of 6 cases have fewer than 7 items, and 4 have none" in caplog.text


def test_equal_scores_count_as_ties(tiny: str, split: pd.DataFrame) -> None:
    split.assign(score=1).drop(columns="rank").to_csv("mine.csv", index=False)
    result = _judged("mine.csv", tiny, ks=[1, 3, 7])
    room = split.groupby("user").size()
    assert result.value("hit", 1).mean == pytest.approx((1 / room).mean())
    assert result.value("hit", 7).mean == 1


def test_results_of_a_file_are_stored_shown_and_compared_like_those_of_models(
    tiny: str, split: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    split.to_csv("mine.csv", index=False)

    def call(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(args)
        return int(stop.value.code or 0), *capsys.readouterr()

    code, out, _ = call("run", "popular", "--recs", "mine=mine.csv", "--dataset", tiny)
    assert code == 0
    assert call("table")[1] == out
    assert "mine" in out
    assert "mine" in call("compare", "mine", "popular")[1]
    assert "\nmine\n" in call("inspect", "--user", "u1", "--dataset", tiny)[1]
    assert call("verify", "results")[0] == 0
    before = Store("results").all()
    split[::-1].to_csv("mine.csv", index=False)
    assert call("verify", "results")[0] == 1
    call("run", "--recs", "mine=mine.csv", "--dataset", tiny)
    keys = {cell.key for cell in Store("results").all()}
    assert len(keys - {cell.key for cell in before}) == 1
    assert len(keys) == 2
    Path("mine.csv").write_text("user,item,rank\nu1,i99,1\n")
    code, out, _ = call("run", "popular", "--recs", "mine=mine.csv", "--dataset", tiny)
    assert code == 1
    assert "mine.csv: none of its item ids is in tiny.csv" in " ".join(out.split())
    assert "popular" in out


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("popular", "a model has this name"),
        ("random", "a model has this name"),
        ("a:b", "without ':' or '='"),
        ("", "1 to 100 characters"),
    ],
)
def test_names_that_are_taken_or_invalid_are_refused(tiny: str, name: str, problem: str) -> None:
    Path("mine.csv").write_text("")
    with pytest.raises(UsageError, match=problem):
        recbench.run(["popular"], tiny, recs={name: "mine.csv"})


def test_a_missing_file_and_sampled_candidates_are_failed_results(
    tiny: str, split: pd.DataFrame
) -> None:
    assert "cannot read gone.csv: No such file" in _judged("gone.csv", tiny).status
    split.to_csv("mine.csv", index=False)
    assert "Leave one out" in _judged("mine.csv", tiny, candidates=2).status

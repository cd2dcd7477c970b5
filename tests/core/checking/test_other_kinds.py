"""Datasets, splitters, tables and trackers that break one rule each fail this rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import recbench
from recbench.checking import datasets, splitters, tables, trackers
from recbench.checking.made_results import situations
from recbench.checking.rule import outcomes
from recbench.testing import check_dataset, check_metric, check_model, check_table, check_tracker
from recbench_metrics.ranks import ndcg
from recbench_splitters import LeaveLastOut
from recbench_tables import recbench_tables


def broken(rules: Any, subject: Any) -> dict[str, str]:
    return {
        rule: detail for rule, outcome, detail in outcomes(rules, subject) if outcome == "failed"
    }


def shop(**changed: Any) -> recbench.Dataset:
    """Return a dataset that keeps every rule, with these changes."""
    log = {"users": [0, 0, 1, 1], "items": [0, 1, 1, 2], "times": [5, 9, 7, 8]}
    log |= {name: changed.pop(name) for name in list(changed) if name in ("times", "time_unit")}
    fields = {
        "interactions": recbench.Interactions.from_log(**log),
        "user_ids": np.array(["ann", "bob"]),
        "item_ids": np.array([10, 20, 30]),
        "titles": np.array(["Heat", "", "Ran"], dtype=object),
        "item_features": {"year": np.array([1995, np.nan, 1985])},
        "source": "a till",
    }
    return recbench.Dataset("shop", **{**fields, **changed})


def unsorted() -> recbench.Interactions:
    return recbench.Interactions(
        [0, 1], [0, 1, 1, 2], [0, 2, 4], n_users=2, n_items=3, times=[9, 5, 7, 8]
    )


def test_a_good_dataset_passes() -> None:
    check_dataset(shop)
    assert broken(datasets.RULES, datasets.LoadedTwice(shop, shop)) == {}


@pytest.mark.parametrize(
    ("load", "rule", "detail"),
    [
        (lambda: 3, "the factory returns a Dataset with interactions", "must return a .*, not int"),
        (
            lambda: shop(user_ids=np.array(["ann"])),
            "the factory returns a Dataset with interactions",
            "user_ids has 1 entries, but the interactions have 2 users",
        ),
        (
            lambda: shop(item_ids=np.random.default_rng().permutation(10**6)[:3]),
            "the same options give the same content",
            "must give the same dataset, but its ids differ",
        ),
        (
            lambda: shop(titles=np.array([str(np.random.random()), "b", "c"])),  # noqa: NPY002
            "the same options give the same content",
            "must give the same dataset, but titles differ",
        ),
        (
            lambda: shop(interactions=unsorted()),
            "interactions are in the order of users and times",
            "user 0 has time 9 before 5; sort them",
        ),
        (
            lambda: shop(interactions=shop().interactions.take([1, 0])),
            "interactions are in the order of users and times",
            r"one sequence per user, .* belong to the users \[1, 0\]",
        ),
        (
            lambda: shop(times=[1_600_000_000_000] * 4),
            "times are plausible",
            "the latest time, 1600000000000, is in the year 52,6.* state its unit",
        ),
        (
            lambda: shop(item_ids=np.array([10, 20, 10])),
            "ids are known and unique",
            "ids must be unique, but items 0 and 2 have the id '10'",
        ),
        (
            lambda: shop(user_ids=np.array(["ann", ""])),
            "ids are known and unique",
            "every user needs an id, but user 1 has ''",
        ),
        (
            lambda: shop(titles=np.array(["Heat", None, "Ran"], dtype=object)),
            "titles are texts, and some are known",
            "titles must be texts, '' where unknown, but item 1 has None",
        ),
        (
            lambda: shop(titles=np.array(["", " ", ""])),
            "titles are texts, and some are known",
            "no item has a title",
        ),
        (
            lambda: shop(item_features={"year": np.array([np.nan] * 3)}),
            "features are known for some users or items",
            "the item feature 'year' is unknown everywhere",
        ),
        (lambda: shop(source=""), "the source is stated", "must state its source"),
    ],
)
def test_a_dataset_that_breaks_a_rule(load: Callable[[], Any], rule: str, detail: str) -> None:
    found = broken(datasets.RULES, datasets.LoadedTwice(load, load))
    assert list(found) == [rule]
    with pytest.raises((AssertionError, ValueError), match=detail):
        check_dataset(load)


class Wrong(LeaveLastOut):
    """A splitter with a change of what it returns."""

    changes: Callable[[recbench.Split], Any]

    def split(self, interactions: Any) -> Any:
        return type(self).changes(super().split(interactions))


def splitter(change: Callable[[recbench.Split], Any]) -> type:
    return type("Wrong", (Wrong,), {"changes": staticmethod(change)})


def _first_seen(split: recbench.Split) -> recbench.Split:
    seen = split.history.items[split.history.offsets[:-1]]
    return recbench.Split(split.train, split.history, seen)


def _by_chance(split: recbench.Split) -> recbench.Split:
    targets = np.where(np.random.default_rng().random(len(split.targets)) < 0.5, split.targets, -1)
    return recbench.Split(split.train, split.history, targets)


@pytest.mark.parametrize(
    ("change", "rules", "detail"),
    [
        (lambda split: 3, ["split returns a Split"], "must return a recbench.Split, not .*int"),
        (
            lambda split: recbench.Split(split.train, split.history, split.targets * 0 - 1),
            ["at least one history is judged"],
            "must judge at least one history",
        ),
        (_by_chance, ["the same options and data give the same split"], r"the targets are \["),
        (
            lambda split: dataclasses.replace(
                split,
                **{
                    name: dataclasses.replace(getattr(split, name), time_unit="s")
                    for name in ("train", "history")
                },
            ),
            ["numbers of users and items, and units, are kept"],
            "train must have the same time_unit as the data, ms, not s",
        ),
        (
            _first_seen,
            ["no target is in its history", "targets are held out of the training data"],
            r"target of row 0 must not be in its history, but item \[12\] is in \[12, 13",
        ),
        (
            lambda split: dataclasses.replace(
                split, times=split.times + 1 if split.times is not None else None
            ),
            ["times of targets are those of the data"],
            r"the target item \d+ of user 0 is at \d+, not at",
        ),
    ],
)
def test_a_splitter_that_breaks_a_rule(change: Any, rules: list[str], detail: str) -> None:
    found = broken(splitters.RULES, splitters.Splitting(splitter(change)))
    assert list(found) == rules
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rules[0]])


def test_a_splitter_that_changes_its_data_or_cannot_do_without_times_is_found() -> None:
    class Writes(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            object.__setattr__(interactions, "items", interactions.items[::-1])
            return super().split(interactions)

    found = broken(splitters.RULES, splitters.Splitting(Writes))
    assert found["the interactions stay unchanged"] == "split must not change the interactions"

    class NeedsTimes(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            interactions.times.max()
            return super().split(interactions)

    found = broken(splitters.RULES, splitters.Splitting(NeedsTimes))
    assert list(found) == ["data without times are split, or refused clearly"]


MARKDOWN = recbench_tables()["markdown"]


@pytest.mark.parametrize("name", ["csv", "json"])
def test_shipped_tables_pass(name: str) -> None:
    check_table(recbench_tables()[name])


def _without_failed(results: recbench.Results) -> str:
    return MARKDOWN(recbench.Results(results[:1], results.read_columns, results.metrics))


def _changes(results: recbench.Results) -> str:
    text = MARKDOWN(results)
    for result in results:
        object.__setattr__(result, "model", "mine")
    return text


@pytest.mark.parametrize(
    ("table", "rule", "detail"),
    [
        (
            lambda results: print(MARKDOWN(results)),
            "a table returns text for all results",
            "for one model it returned an object of type NoneType",
        ),
        (
            lambda results: f"{MARKDOWN(results)}{results[0].model}",
            "a table returns text for all results",
            "for no result it raised IndexError",
        ),
        (_without_failed, "every model is in the table", "mine is not: two models"),
        (
            lambda results: " ".join(result.model for result in results),
            "every value is in the table",
            r"the ndcg@10 of popular, 0\.\d+, is not: one model",
        ),
        (
            lambda results: f"{MARKDOWN(results)}{np.random.random()}",  # noqa: NPY002
            "the same results give the same text",
            "for one model a line is",
        ),
        (_changes, "the results stay unchanged", "it changes mine: one model"),
    ],
)
def test_a_table_that_breaks_a_rule(table: Any, rule: str, detail: str) -> None:
    found = broken(tables.RULES, tables.Shown(table))
    assert rule in found
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_the_situations_are_what_tables_can_meet() -> None:
    made = situations()
    assert [result.ok for result in made["a model that failed"]] == [True, True, True, False]
    assert len(made["two datasets"].sections()) == 2
    assert len(made["no result"]) == 0


@pytest.mark.parametrize(
    ("tracker", "rule", "detail"),
    [
        (
            lambda result: int(result.seed),
            "takes the result of a model that ran",
            "for a model that ran it raised TypeError",
        ),
        (
            lambda result: round(result.values["ndcg@5"].mean),
            "takes the result of a model that failed",
            "for a model that failed it raised ValueError: cannot convert float NaN",
        ),
        (
            lambda result: result.model.encode("ascii"),
            "takes odd characters in options",
            "it raised UnicodeEncodeError",
        ),
        (
            lambda result: result.values.clear(),
            "the result stays unchanged",
            "it changes values",
        ),
        (lambda result: 1, "returns nothing", "returned an object of type int"),
    ],
)
def test_a_tracker_that_breaks_a_rule(tracker: Any, rule: str, detail: str) -> None:
    found = broken(trackers.RULES, tracker)
    assert rule in found
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_the_checks_say_what_they_take() -> None:
    for check, takes in (
        (check_metric, r"check_metric takes a function of \(ranking, k\), not 'ndcg'"),
        (check_model, "check_model takes a class or a function that builds a model, not 'ndcg'"),
        (check_tracker, r"check_tracker takes a function of \(result\), not 'ndcg'"),
    ):
        with pytest.raises(recbench.UsageError, match=takes):
            check("ndcg")


def test_a_metric_is_checked_with_its_options() -> None:
    def shifted(ranking: Any, k: int, *, by: float = 0.0) -> Any:
        return by - ndcg(ranking, k) if by else ndcg(ranking, k)

    check_metric(shifted)
    with pytest.raises(
        AssertionError, match="a better rank must never lower the value: at k=2 it is 0 at rank 1"
    ):
        check_metric(shifted, by=1.0)

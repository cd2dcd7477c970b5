"""Datasets that break one rule each fail this rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import recbench
from recbench.checking import datasets
from recbench.checking.rule import outcomes
from recbench.testing import check_dataset


def broken(rules: Any, subject: Any) -> dict[str, str]:
    return {
        rule: detail for rule, outcome, detail in outcomes(rules, subject) if outcome == "failed"
    }


def shop(**changed: Any) -> recbench.Dataset:
    """Return a dataset that keeps every rule, with these changes."""
    log: dict[str, Any] = {"users": [0, 0, 1, 1], "items": [0, 1, 1, 2], "times": [5, 9, 7, 8]}
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
    users, items, offsets = map(np.array, ([0, 1], [0, 1, 1, 2], [0, 2, 4]))
    times = np.array([9, 5, 7, 8])
    return recbench.Interactions(users, items, offsets, n_users=2, n_items=3, times=times)


def test_a_good_dataset_passes() -> None:
    check_dataset(shop)
    assert broken(datasets.RULES, datasets.LoadedTwice(shop, shop)) == {}


@pytest.mark.parametrize(
    ("load", "rule", "detail"),
    [
        (lambda: 3, "the factory returns a Dataset with interactions", "must return a .*, not int"),
        (
            lambda: shop(interactions=recbench.Interactions.from_log([], [], n_users=2, n_items=3)),
            "the factory returns a Dataset with interactions",
            "a dataset needs interactions",
        ),
        (
            lambda: shop(titles=np.array(["Heat"] * 3)),
            "titles are texts, and some are known",
            "titles must tell items apart, but all 3 are 'Heat'",
        ),
        (
            lambda: shop(user_ids=np.array(["ann"])),
            "the factory returns a Dataset with interactions",
            "user_ids has 1 entries, but the interactions have 2 users",
        ),
        (
            lambda: shop(item_ids=np.random.default_rng().permutation(10**6)[:3]),
            "the same options give the same content",
            "must give the same dataset: its ids differ",
        ),
        (
            lambda: shop(titles=np.array([str(np.random.random()), "b", "c"])),  # noqa: NPY002
            "the same options give the same content",
            "must give the same dataset: titles differ",
        ),
        (
            lambda: shop(interactions=unsorted()),
            "interactions are sorted by user and time",
            "user 0 has time 9 before 5; sort them",
        ),
        (
            lambda: shop(interactions=shop().interactions.take([1, 0])),
            "interactions are sorted by user and time",
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

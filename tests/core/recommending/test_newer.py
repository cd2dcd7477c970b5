"""Newer interactions: how they are read, joined to those of the dataset, and counted."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import recbench
from recbench import Dataset, Interactions, RecbenchError, UsageError, load_plugins
from recbench.recommending.newer import load_newer, with_newer

LOG = "buyer,sku,day,kind\n007,a,10,buy\n007,b,30,buy\nann@x.org,b,20,buy\nann@x.org,c,21,view\n"
OPTIONS = "user=buyer,item=sku,time=day,where=kind=buy"


def _shop(more: str = "") -> Dataset:
    Path("shop.csv").write_text(LOG)
    return recbench.load_dataset(f"shop.csv:{OPTIONS}{more}")


def _newer(dataset: Dataset, data: Any) -> Dataset:
    return load_newer(load_plugins(), data, dataset, None)


def _sequences(dataset: Dataset) -> dict[str, list[str]]:
    log = dataset.interactions
    return {
        str(dataset.user_ids[user]): dataset.item_ids[items].tolist()
        for user, items in zip(log.users, log.sequences(), strict=True)
    }


def test_a_newer_log_is_read_with_the_options_of_the_dataset() -> None:
    shop = _shop(",min_user_interactions=1")
    more = "buyer,sku,day,kind\n007,c,40,view\n007,a,15,buy\nzoe,b,50,buy\n"
    Path("more.csv").write_text(more)
    newer = _newer(shop, "more.csv")
    assert newer.interactions.n_interactions == 2
    frame = pd.read_csv("more.csv", dtype=str)
    assert _sequences(_newer(shop, frame)) == _sequences(newer)
    assert _newer(shop, newer) is newer


def test_its_own_options_are_used_instead() -> None:
    Path("more.csv").write_text("who,what,when,kind\n007,b,40,view\n")
    newer = _newer(_shop(), "more.csv:user=who,item=what,time=when")
    assert _sequences(newer) == {"007": ["b"]}


def test_an_error_tells_whose_options_are_used() -> None:
    Path("more.csv").write_text("who,what\n007,b\n")
    words = r"user=buyer: .*dataset \(.*time=day,.*: --new more.csv:user=NAME,item=NAME"
    with pytest.raises(UsageError, match=words):
        _newer(_shop(), "more.csv")
    with pytest.raises(UsageError, match=r"write all of them: load_dataset\(more, user=NAME\)"):
        _newer(_shop(), pd.read_csv("more.csv"))
    with pytest.raises(UsageError, match=r"check the path, or see: recbench datasets$"):
        _newer(_shop(), "gone.csv")


def test_minima_of_the_dataset_do_not_apply() -> None:
    shop = recbench.load_dataset("synthetic:min_user_interactions=3")
    Path("more.csv").write_text("user,item,time\n1,5,1\n")
    assert _newer(shop, "more.csv").interactions.n_interactions == 1


def test_newer_interactions_are_joined_in_order_of_time() -> None:
    shop = recbench.load_dataset(f"{_path()}:{OPTIONS}")
    frame = pd.DataFrame(
        {
            "buyer": ["zoe", "007", "007", "007", "zoe"],
            "sku": ["b", "b", "zz", "a", "a"],
            "day": [50, 20, 60, 30, 5],
            "kind": "buy",
        }
    )
    joined, users, notes = with_newer(shop, _newer(shop, frame))
    assert _sequences(joined) == {"007": ["a", "b"], "ann@x.org": ["b"], "zoe": ["a", "b"]}
    assert sorted(users) == ["007", "zoe"]
    assert joined.interactions.times is not None
    assert joined.interactions.times.tolist() == [10, 20, 20, 5, 50]
    (note,) = notes
    assert re.fullmatch(
        r"1 of 5 interactions of \S+ is with items that shop.csv does not have, such as 'zz', and "
        "was left out",
        note,
    )


def _path() -> str:
    Path("shop.csv").write_text(LOG)
    return "shop.csv"


def test_repeats_are_kept_if_the_dataset_keeps_them() -> None:
    shop = _shop(",repeats=keep")
    Path("more.csv").write_text("buyer,sku,day,kind\n007,b,30,buy\n007,a,30,buy\n")
    joined, _, _ = with_newer(shop, _newer(shop, "more.csv"))
    assert _sequences(joined)["007"] == ["a", "b", "b", "a"]


def test_without_times_newer_interactions_come_last() -> None:
    shop = _shop()
    Path("more.csv").write_text("buyer,sku\n007,c\nann@x.org,a\n")
    newer = load_newer(load_plugins(), "more.csv:user=buyer,item=sku", shop, None)
    words = r"no item of the newer log more.csv.* is in shop.csv.*: 'c'.*look like: 'a', 'b'"
    with pytest.raises(RecbenchError, match=words):
        with_newer(shop, recbench.load_dataset("more.csv:user=buyer,item=sku,where=sku=c"))
    joined, _, _ = with_newer(shop, newer)
    assert _sequences(joined) == {"007": ["a", "b"], "ann@x.org": ["b", "a"]}
    assert joined.interactions.times is None


def test_times_and_ratings_keep_the_form_that_the_model_was_fitted_on() -> None:
    log = Interactions.from_log([0, 0], [0, 1], [1.5, 3.25], [5, 3], features={"price": [1, 2]})
    shop = Dataset("shop", log, np.array([10]), np.array(["a", "b"]), repeats="keep")
    more = Interactions.from_log([0, 1, 1], [0, 0, 1], [2, 7, 8])
    newer = Dataset("more", more, np.array([10, 11]), np.array(["a", "b"]), repeats="keep")
    joined, users, _ = with_newer(shop, newer)
    made = joined.interactions
    assert made.times is not None
    assert made.ratings is not None
    assert (made.time_unit, made.times.tolist()) == ("ms", [1500, 2000, 3250, 7000, 8000])
    assert np.array_equal(made.ratings, [5, np.nan, 3, np.nan, np.nan], equal_nan=True)
    price = made.features["price"]
    assert np.array_equal(price, [1, np.nan, 2, np.nan, np.nan], equal_nan=True)
    assert joined.user_ids.tolist() == [10, 11]
    assert users == ["10", "11"]


def test_ids_become_text_if_a_new_one_is_no_number() -> None:
    shop = recbench.load_dataset("synthetic:users=5,items=20,interactions=50")
    Path("more.csv").write_text("user,item,time\nzoe,5,1\n2,5,1\n")
    joined, users, _ = with_newer(shop, _newer(shop, "more.csv"))
    assert joined.user_ids.tolist() == ["1", "2", "3", "4", "5", "zoe"]
    assert sorted(users) == ["2", "zoe"]

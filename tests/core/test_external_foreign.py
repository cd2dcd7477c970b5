"""Files of recommendations with items and users that the dataset does not have."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import recbench
from recbench import Result, Store
from recbench.export import export_split

SHOP = "user,item,time\n" + "".join(f"u{u},i{t},{t}\n" for u in "abcd" for t in range(5))
"""Four users with the history i0 to i3, and the target i4."""


def _judged(lines: str, ks: tuple[int, ...] = (1, 2, 3), log: str = SHOP) -> Result:
    Path("shop.csv").write_text(log)
    Path("recs.csv").write_text(lines)
    result: Result = recbench.run([], "shop.csv", ks=ks, recs={"mine": "recs.csv"})[0]
    return result


def _columns(result: Result) -> Any:
    return Store("results").case_columns(result)


def test_a_foreign_item_keeps_its_place_in_a_list(caplog: pytest.LogCaptureFixture) -> None:
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abc") + "ud,i4,1\nud,y,2\n"
    result = _judged(f"user,item,rank\n{lists}")
    assert result.ok, result.status
    assert (
        "mine: 4 of 8 rows recommend items that are not in shop.csv, such as 'x'; they keep their "
        "places and count as wrong"
    ) in caplog.text
    assert _columns(result)["above"].tolist() == [1, 1, 1, 0]
    assert result.value("hit", 1).mean == 0.25
    assert result.value("mrr", 2).mean == (3 / 2 + 1) / 4


def test_metrics_of_lists_count_only_the_items_that_the_dataset_has() -> None:
    """With one item left to recommend, of five, and a foreign one above it for three users."""
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abc") + "ud,i4,1\n"
    result = _judged(f"user,item,rank\n{lists}")
    assert _columns(result)["lists"][:, :2].tolist() == [[-1, 4]] * 3 + [[4, -1]]
    for metric, at_1, at_2 in (
        ("coverage", 0.2, 0.2),
        ("gini", 0.8, 0.8),
        ("popularity", 0, 0),
        ("novelty", np.log2(21) / 4, np.log2(21)),  # 16 training interactions and 5 items
    ):
        assert result.value(metric, 1).mean == pytest.approx(at_1), metric
        assert result.value(metric, 2).mean == pytest.approx(at_2), metric


@pytest.mark.parametrize(
    ("score", "above", "tied"), [(2, 1, 1), (1, 0, 2), (0, 0, 1)], ids=["above", "tied", "below"]
)
def test_a_foreign_item_is_ranked_by_its_score(score: int, above: int, tied: int) -> None:
    result = _judged("user,item,score\n" + "".join(f"u{u},i4,1\nu{u},x,{score}\n" for u in "abcd"))
    columns = _columns(result)
    assert columns["above"].tolist() == [above] * 4
    assert columns["tied"].tolist() == [tied] * 4
    assert result.value("hit", 1).mean == (0 if above else 1 / tied)


def test_ranks_with_foreign_items_are_those_counted_by_hand(busy: str) -> None:
    export_split(busy, output="split")
    random = np.random.default_rng(5)
    targets = pd.read_csv("split/targets.csv").set_index("user")["item"]
    seen = pd.read_csv("split/history.csv").groupby("user")["item"].agg(set)
    lines = [
        (user, item, score)
        for user in targets.index
        for item, score in zip(range(50), random.integers(0, 9, 50), strict=True)  # 40 to 49: no
        if random.random() < 0.8
    ]
    scores = pd.DataFrame(lines, columns=["user", "item", "score"])
    scores.to_csv("recs.csv", index=False)
    result = recbench.run([], busy, ks=[3], recs={"mine": "recs.csv"})[0]
    columns = _columns(result)
    unseen = {
        user: group.set_index("item")["score"].drop(seen[user], errors="ignore")
        for user, group in scores.groupby("user")
    }
    n_found = 0
    for row, user in enumerate(columns["user"]):
        found = unseen[user].get(targets[user])
        if found is None:
            assert columns["above"][row] > 1000
            continue
        n_found += 1
        assert columns["above"][row] == (unseen[user] > found).sum()
        assert columns["tied"][row] == (unseen[user] == found).sum()
        best = sorted(unseen[user].index, key=lambda item: (-unseen[user][item], item))
        width = columns["lists"].shape[1]
        expected = [item if item < 40 else -1 for item in best[:width]]
        assert columns["lists"][row][: len(expected)].tolist() == expected
        assert (columns["lists"][row][len(expected) :] == -1).all()
    assert n_found > 20


def test_a_list_is_long_enough_with_foreign_items(caplog: pytest.LogCaptureFixture) -> None:
    log = SHOP + "ua,i5,-1\nua,i6,-2\nue,i7,1\n"  # i5, i6 and i7 are left to recommend to most
    lists = "".join(f"u{u},x,1\nu{u},y,2\nu{u},i4,3\n" for u in "abcd")
    result = _judged(f"user,item,rank\n{lists}", (3,), log)
    assert (result.ok, result.depth) == (True, 3)
    assert "fewer" not in caplog.text
    result = _judged(f"user,item,rank\n{lists}", (4,), log)
    assert "the longest has 3 items" in result.status


def test_a_list_of_all_items_is_complete_with_foreign_items_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lists = "".join(f"u{u},x,1\nu{u},i4,2\n" for u in "abcd")
    result = _judged(f"user,item,rank\n{lists}", (1, 2, 5, 100))
    assert (result.ok, result.depth) == (True, 5)
    assert "fewer" not in caplog.text
    assert result.value("hit", 100).mean == 1
    assert result.value("coverage", 100).mean == 0.2


def test_foreign_items_alone_do_not_make_a_list_complete() -> None:
    lists = "".join(f"u{u},{item},1\n" for u, item in zip("abcd", "xxyy", strict=True))
    assert "its item ids is in shop.csv" in _judged(f"user,item,rank\n{lists}").status
    result = _judged(f"user,item,rank\n{lists}ua,i4,2\n", (1, 2))
    assert (result.ok, result.depth) == (True, 2)
    assert result.value("hit", 2).mean == 0.25


def test_foreign_users_are_counted_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    lists = "".join(f"u{u},i4,1\n" for u in "abcd")
    result = _judged(f"user,item,rank\nyou,i4,1\n{lists}me,x,1\n")
    assert result.value("hit", 1).mean == 1
    assert (
        "recs.csv: 2 of 6 rows are for users who are not in shop.csv, such as 'you', and are "
        "ignored"
    ) in caplog.text
    assert "recommend items" not in caplog.text

"""What `recommend` returns for many users: frame, text, HTML and files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbench import Dataset, Interactions, Recommendation, Recommendations
from recbench.recommending import recommendations


def _dataset(titles: Any = None) -> Dataset:
    log = Interactions.from_log([0, 1, 1], [0, 1, 2])
    return Dataset("shop", log, np.array(["007", "b"]), np.array([10, 20, 30]), titles)


def _found(**more: Any) -> Recommendations:
    users = np.array(["007", "b"], dtype=object)
    items, scores = np.array([[2, 1], [0, -1]]), np.array([[2.0, 1], [0.5, np.nan]])
    given = {"scores": scores, "origin": "a model", "notes": ["a note"], **more}
    return Recommendations(given.pop("dataset", _dataset()), users, items, **given)


def test_the_frame_has_a_row_per_user_and_item() -> None:
    frame = _found().to_frame()
    assert frame.to_dict("list") == {
        "user": ["007", "007", "b"],
        "item": [30, 20, 10],
        "rank": [1, 2, 1],
        "score": [2, 1, 0.5],
    }
    titled = _found(dataset=_dataset(np.array(["A", "B", ""])), scores=None).to_frame()
    assert titled.columns.tolist() == ["user", "item", "title", "rank"]
    assert titled["title"].tolist() == ["", "B", "A"]
    assert len(_found()) == 2


def test_the_text_shows_the_first_users_and_how_to_write_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = str(_found())
    assert text.startswith("Recommendations for 2 users of shop by a model\n")
    assert text.endswith("a note")
    assert "more user" not in text
    monkeypatch.setattr(recommendations, "SHOWN", 2)
    text = str(_found())
    assert "1 more user is not shown. Write all lists with -o recs.csv" in text
    assert "007" in text
    assert "\nb " not in text
    assert "<table" in _found()._repr_html_()


def test_the_text_of_written_lists_says_how_to_read_them() -> None:
    text = str(_found(written="recs.csv"))
    assert "The lists are in recs.csv" in text
    assert "pandas.read_csv('recs.csv', dtype={'user': str}" in text
    assert "dtype" not in str(_found(written="recs.parquet"))


def test_lists_are_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendations, "CHUNK", 1)
    _found().write("recs.parquet")
    read = pd.read_parquet("recs.parquet")
    assert read.to_dict("list") == _found().to_frame().to_dict("list")


def test_one_list_is_written_with_its_user() -> None:
    listed = Recommendation(
        _dataset(), "user 007", np.array([0]), np.array([2]), np.array([0.5]), "a model", "007"
    )
    listed.write("one.csv")
    assert Path("one.csv").read_text() == "user,item,rank,score\n007,30,1,0.5\n"
    assert str(listed).startswith("The items of user 007 in shop, oldest first\n")
    assert "1 recommendation by a model" in str(listed)

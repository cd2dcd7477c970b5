"""Files of work done elsewhere: the forms they may have, and what is said of broken ones."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import recbench
from recbench import Result
from recbench.export import export_split


def _judged(files: list[str], dataset: str, **more: Any) -> Mapping[str, Result]:
    """What comes of each file."""
    found = recbench.run([], dataset, recs={one.replace(":", " "): one for one in files}, **more)
    return {one.model: one for one in found}


def _lists(dataset: str, k: int) -> pd.DataFrame:
    """Each row with its user and up to k items that it has not seen, by their id."""
    export_split(dataset, output="split")
    history = pd.read_parquet("split/history.parquet")
    items = sorted({*history["item"], *pd.read_parquet("split/targets.parquet")["item"]})
    found = [
        (row, user, item, rank)
        for (row, user), seen in history.groupby(["row", "user"])["item"]
        for rank, item in enumerate([i for i in items if i not in set(seen)][:k], 1)
    ]
    return pd.DataFrame(found, columns=["row", "user", "item", "rank"])


@pytest.fixture
def lists(tiny: str) -> pd.DataFrame:
    """All four items that each of the six users of `tiny` has not seen: u1's are lines 4 to 7."""
    return _lists(tiny, 7)[["user", "item", "rank"]]


def test_other_separators_names_and_ends_of_lines(tiny: str, lists: pd.DataFrame) -> None:
    lists.to_csv("plain.csv", index=False)
    for name, separator, columns in (
        ("tab.tsv", "\t", ("user_id", "item_id", "rank")),
        ("semicolon.txt", ";", ("User", "ITEM", "Rank")),
        ("bar", "|", ("userId", "itemId", "rank")),
    ):
        lists.set_axis(columns, axis=1).to_csv(name, sep=separator, index=False)
    text = Path("plain.csv").read_text()
    Path("packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    Path("windows.csv").write_bytes("\ufeff{}".format(text.replace("\n", "\r\n\r\n")).encode())
    Path("unended.csv").write_text(text.rstrip())
    lists.assign(title="x, y; z", more=1).to_csv("more.csv", index=False)
    lists.sample(frac=1, random_state=1).to_csv("mixed.csv", index=False)
    lists.assign(score=-lists["rank"]).drop(columns="rank").to_csv("scores.csv", index=False)
    lists.assign(score=1).to_csv("rank_counts.csv", index=False)
    files = [str(path) for path in Path().iterdir() if path.is_file() and str(path) != "tiny.csv"]
    assert len(files) == 11
    found = _judged(files, tiny)
    assert {one.status for one in found.values()} == {"ok"}
    assert all(one.values == found["plain.csv"].values for one in found.values())


def test_ids_of_any_type(busy: str) -> None:
    """Whole numbers, what pandas makes of them, and text, in Parquet and in CSV."""
    lists = _lists(busy, 10)[["user", "item", "rank"]]
    for number, types in enumerate(
        (
            {"user": "int64", "item": "int32"},
            {"user": "float64", "item": "float64", "rank": "float32"},
            {"user": "str", "item": "str", "rank": "str"},
            {"user": "category", "item": "category"},
            {"user": "string", "item": "Int64", "rank": "Int64"},
        )
    ):
        lists.astype(types).to_parquet(f"{number}.parquet")
        lists.astype(types).to_csv(f"{number}.csv", index=False)
    found = _judged(
        [f"{number}.{form}" for number in range(5) for form in ("csv", "parquet")], busy
    )
    assert {one.status for one in found.values()} == {"ok"}
    assert all(one.values == found["0.csv"].values for one in found.values())


def _broken(lists: pd.DataFrame) -> dict[str, tuple[int | None, str, pd.DataFrame]]:
    """Name -> which line is wrong, what is said of it, and the lists broken so."""

    def changed(line: int, column: str, value: Any) -> pd.DataFrame:
        other = lists.astype({column: object})
        other.loc[line, column] = value
        return other.astype(str) if isinstance(value, str) else other.astype({column: float})

    finite = "is no finite number"
    columns = "wanted user (or row), item, and rank or score"
    unknown = "in tiny.csv; its"
    return {
        "item": (4, f"no item 'i99' {unknown} item ids look like: i0", changed(4, "item", "i99")),
        "user": (4, f"no user 'me' {unknown} user ids look like: u0", changed(4, "user", "me")),
        "twice": (5, "item i0 of user u1 is listed twice, first at", changed(5, "item", "i0")),
        "rank": (5, "item i4 of user u1 has the rank 1, as at", changed(5, "rank", 1)),
        "seen": (4, "item i1 of user u1 is listed, but was seen already", changed(4, "item", "i1")),
        "text": (4, f"rank 'first' {finite}", changed(4, "rank", "first")),
        "nan": (4, finite, changed(4, "rank", float("nan"))),
        "infinite": (4, finite, changed(4, "rank", float("inf"))),
        "short": (None, "the longest has 1 items", lists[lists["rank"] == 1]),
        "no-item": (None, f"has the columns 'user, rank'; {columns}", lists.drop(columns="item")),
        "no-rank": (None, f"has the columns 'user, item'; {columns}", lists.drop(columns="rank")),
        "no-user": (None, f"has the columns 'item, rank'; {columns}", lists.drop(columns="user")),
        "no-line": (None, "has no line for any judged user of tiny.csv", lists[:0]),
    }


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_broken_file_is_a_failed_row_and_the_others_stand(
    tiny: str, lists: pd.DataFrame, form: str
) -> None:
    broken = _broken(lists)
    lists.to_csv("good", index=False)
    for name, (_, _, frame) in broken.items():
        path = f"{name}.{form}"
        frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path)
    files = {name: f"{name}.{form}" for name in broken}
    results = recbench.run(["popular"], tiny, ks=[1, 3], recs={**files, "good": "good"})
    found = {one.model: one.status for one in results}
    assert found.pop("popular") == found.pop("good") == "ok"
    for name, (line, said, _) in broken.items():
        place = ""
        if line is not None:
            place = f" line {line + 2}:" if form == "csv" else f" row {line + 1}:"
        status = found[name]
        of = "" if name == "short" else f"{name}.{form}{place} "
        assert status.startswith(f"failed: {name}: {of}"), status
        assert said in status, status
    assert "and --k asks for 3; list more, or ask for less" in found["short"]


def test_rubbish_is_said_in_one_line(tiny: str, lists: pd.DataFrame) -> None:
    unread = "cannot be read as CSV or Parquet"
    text = lists.to_csv(index=False)
    rubbish = {
        "nothing": (b"", "is empty"),
        "blank": (b"\n\n", "is empty"),
        "binary": (b"\x00\xff\xfe\x01" * 500, f"{unread}|has the columns"),
        "half-parquet": (b"PAR1 and then nothing", unread),
        "half-gzip": (b"\x1f\x8b and then nothing", unread),
        "two-items": (b"user,item,item,rank\nu1,i5,i5,1\n", "has the column 'item' twice"),
        "latin-1": (b"user,item,rank\nu1,i5,1\n\nu1,i\xff,2\n", unread),
        "headless": (text.partition("\n")[2].encode(), "has the columns 'u0, "),
        "ragged": (text.replace("u1,i5,3", "u1,i5").encode(), f"{unread} .*Expected 3 columns"),
        "no-folder": (b"", ""),
    }
    for name, (data, _) in rubbish.items():
        Path(name).write_bytes(data)
    Path("no-folder").unlink()
    Path("no-folder").mkdir()
    for name, one in _judged(list(rubbish), tiny, ks=[1]).items():
        assert one.status.startswith(f"failed: {name}: "), one.status
        assert re.search(rubbish[name][1], one.status), one.status
        assert name in one.status.removeprefix(f"failed: {name}: "), one.status
        assert "\n" not in one.status
        assert len(one.status) < 500
        assert one.status.isprintable()


def test_lines_are_counted_as_an_editor_does(tiny: str) -> None:
    Path("mine.csv").write_text("\nuser,item,rank\n\nu1,i5,1\n\n\nu1,i66,2\n")
    status = _judged(["mine.csv"], tiny, ks=[1])["mine.csv"].status
    assert "mine.csv line 7: no item 'i66'" in status


def test_rows_and_users_must_fit(tiny: str) -> None:
    lists = _lists(tiny, 7)
    lists.to_csv("both", index=False)
    lists.drop(columns="user").to_csv("rows", index=False)
    lists.drop(columns="row").to_csv("users", index=False)
    wrong: dict[str, Any] = {"above": 6, "below": -1, "between": 0.5, "text": "x"}
    for name, row in wrong.items():
        changed = lists.drop(columns="user").astype({"row": object})
        changed.loc[4, "row"] = row
        changed.to_csv(name, index=False)
    lists.loc[4, "user"] = "u0"
    lists.to_csv("other", index=False)
    found = _judged(["both", "rows", "users", "other", *wrong], tiny)
    assert found["users"].ok
    assert found["both"].values == found["rows"].values == found["users"].values
    assert "other line 6: row 1 is not of user 'u0'" in found["other"].status
    for name, row in wrong.items():
        assert f"{name} line 6: there is no row '{row}'" in found[name].status

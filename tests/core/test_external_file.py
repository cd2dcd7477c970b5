"""Files of recommendations made elsewhere: accepted forms, and the errors for wrong ones."""

import bz2
import dataclasses
import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, Result, load_plugins
from recbench.experiment import Experiment
from recbench.export import export_split
from recbench.external_file import read_lines
from recbench.plugins import Plugins


def _judged(files: list[str], dataset: str, **more: Any) -> Mapping[str, Result]:
    """Return the result of each file."""
    results = recbench.run([], dataset, recs={name: name for name in files}, **more)
    return {result.model: result for result in results}


def _lists(dataset: str, k: int) -> pd.DataFrame:
    """Return up to k unseen items for each history, in the order of their ids."""
    export_split(dataset, output="split")
    history = pd.read_parquet("split/history.parquet")
    items = sorted({*history["item"], *pd.read_parquet("split/targets.parquet")["item"]})
    lines = [
        (row, user, item, rank)
        for (row, user), seen in history.groupby(["row", "user"])["item"]
        for rank, item in enumerate([i for i in items if i not in set(seen)][:k], 1)
    ]
    return pd.DataFrame(lines, columns=["row", "user", "item", "rank"])


@pytest.fixture
def lists(tiny: str) -> pd.DataFrame:
    """Return the four unseen items of each of the six users of `tiny`; u1 has lines 4 to 7."""
    return _lists(tiny, 7)[["user", "item", "rank"]]


def test_separators_column_names_and_line_ends_may_differ(tiny: str, lists: pd.DataFrame) -> None:
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
    results = _judged(files, tiny)
    assert {result.status for result in results.values()} == {"ok"}
    assert all(result.values == results["plain.csv"].values for result in results.values())


def test_ids_of_any_type(busy: str) -> None:
    """Whole numbers, floats as pandas writes them, and text, in Parquet and in CSV."""
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
    results = _judged(
        [f"{number}.{form}" for number in range(5) for form in ("csv", "parquet")], busy
    )
    assert {result.status for result in results.values()} == {"ok"}
    assert all(result.values == results["0.csv"].values for result in results.values())


def _broken(lists: pd.DataFrame) -> dict[str, tuple[int | None, str, pd.DataFrame]]:
    """Return, by name, the wrong line, its error, and the lists with the mistake."""

    def changed(line: int, column: str, value: Any) -> pd.DataFrame:
        wrong = lists.astype({column: object})
        wrong.loc[line, column] = value
        return wrong.astype(str) if isinstance(value, str) else wrong.astype({column: float})

    finite = "is not a finite number"
    columns = "Expected a header with the columns user (or row), item, and rank or score"
    unknown = "is not in tiny.csv, whose"
    return {
        "item": (4, f"item 'i99' {unknown} item ids look like: i0", changed(4, "item", "i99")),
        "user": (4, f"user 'me' {unknown} user ids look like: u0", changed(4, "user", "me")),
        "twice": (5, "item i0 of user u1 is listed twice, first at", changed(5, "item", "i0")),
        "rank": (5, "item i4 of user u1 has rank 1, like the item at", changed(5, "rank", 1)),
        "seen": (
            4,
            "item i1 of user u1 is in the history, and seen items are masked",
            changed(4, "item", "i1"),
        ),
        "text": (4, f"rank 'first' {finite}", changed(4, "rank", "first")),
        "nan": (4, finite, changed(4, "rank", float("nan"))),
        "infinite": (4, finite, changed(4, "rank", float("inf"))),
        "short": (None, "the longest has 1 item that", lists[lists["rank"] == 1]),
        "no-item": (None, f"has the columns 'user, rank'. {columns}", lists.drop(columns="item")),
        "no-rank": (None, f"has the columns 'user, item'. {columns}", lists.drop(columns="rank")),
        "no-user": (None, f"has the columns 'item, rank'. {columns}", lists.drop(columns="user")),
        "no-line": (None, "has no row for any judged user of tiny.csv", lists[:0]),
    }


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_broken_file_is_a_failed_result_and_the_others_are_evaluated(
    tiny: str, lists: pd.DataFrame, form: str
) -> None:
    broken = _broken(lists)
    lists.to_csv("good", index=False)
    for name, (_, _, frame) in broken.items():
        path = f"{name}.{form}"
        frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path)
    files = {name: f"{name}.{form}" for name in broken}
    results = recbench.run(["popular"], tiny, ks=[1, 3], recs={**files, "good": "good"})
    statuses = {result.model: result.status for result in results}
    assert statuses.pop("popular") == statuses.pop("good") == "ok"
    for name, (line, problem, _) in broken.items():
        place = ""
        if line is not None:
            place = f" line {line + 2}:" if form == "csv" else f" row {line + 1}:"
        status = statuses[name]
        start = "" if name == "short" else f"{name}.{form}{place} "
        assert status.startswith(f"failed: {name}: {start}"), status
        assert problem in status, status
    assert "and --k needs 3. List more items, or lower --k" in statuses["short"]


def test_unreadable_files_are_reported_in_one_line(tiny: str, lists: pd.DataFrame) -> None:
    text = lists.to_csv(index=False)
    expected = "[.] Expected a header with the columns user \\(or row\\), item, and rank or score$"
    unreadable = {
        "nothing": (b"", f"is empty; check.*{expected}"),
        "blank": (b"\n\n", f"is empty; check.*{expected}"),
        "binary": (b"\x00\xff\xfe\x01" * 500, f"contains NUL bytes.*{expected}"),
        "half-parquet": (b"PAR1 and then nothing", f"is damaged or not a Parquet file.*{expected}"),
        "half-gzip": (b"\x1f\x8b and then nothing", f"is truncated or damaged.*{expected}"),
        "two-items": (b"user,item,item,rank\nu1,i5,i5,1\n", "has the column 'item' twice"),
        "latin-1": (
            b"user,item,rank\nu1,i5,1\n\nu1,i\xff,2\n",
            f"line 4: item .* is not UTF-8.*{expected}",
        ),
        "headless": (text.partition("\n")[2].encode(), "has the columns 'u0, "),
        "ragged": (
            text.replace("u1,i5,3", "u1,i5").encode(),
            f"line 8: 2 fields, but the header has 3: 'u1,i5'.*{expected}",
        ),
        "no-folder": (b"", ""),
    }
    for name, (data, _) in unreadable.items():
        Path(name).write_bytes(data)
    Path("no-folder").unlink()
    Path("no-folder").mkdir()
    for name, result in _judged(list(unreadable), tiny, ks=[1]).items():
        status = result.status
        assert status.startswith(f"failed: {name}: "), status
        assert re.search(unreadable[name][1], status), status
        assert name in status.removeprefix(f"failed: {name}: "), status
        assert "\n" not in status
        assert len(status) < 500
        assert status.isprintable()


def test_line_numbers_are_those_of_an_editor(tiny: str) -> None:
    Path("mine.csv").write_text("\nuser,item,rank\n\nu1,i5,1\n\n\nu1,i66,2\n")
    status = _judged(["mine.csv"], tiny, ks=[1])["mine.csv"].status
    assert "mine.csv line 7: item 'i66' is not in tiny.csv" in status


def test_rows_and_users_must_agree(tiny: str) -> None:
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
    lists.to_csv("unlike", index=False)
    results = _judged(["both", "rows", "users", "unlike", *wrong], tiny)
    assert results["users"].ok
    assert results["both"].values == results["rows"].values == results["users"].values
    assert "unlike line 6: row 1 does not belong to user 'u0'" in results["unlike"].status
    for name, row in wrong.items():
        assert f"{name} line 6: row '{row}' does not exist" in results[name].status


def test_line_numbers_with_quoted_line_breaks_and_compression(tiny: str) -> None:
    text = '"user","title","item","rank"\n"u1","a\n,""b""",i5,1\n\n"u1",c,i66,2\n'
    Path("mine.csv").write_text(text)
    Path("mine.bz2").write_bytes(bz2.compress(text.encode()))
    for name, result in _judged(["mine.csv", "mine.bz2"], tiny, ks=[1]).items():
        assert f"{name} line 5: item 'i66' is not in tiny.csv" in result.status


def test_scores_are_ignored_if_there_are_ranks(tiny: str, lists: pd.DataFrame) -> None:
    lists.to_csv("plain.csv", index=False)
    lists.assign(score="none").to_csv("words.csv", index=False)
    results = _judged(["plain.csv", "words.csv"], tiny)
    assert results["words.csv"].values == results["plain.csv"].values


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "--recs needs the plugin of the dataset `file`: no dataset 'file'"),
        ({"files": plugin(datasets=ValueError("no"))}, r"may belong to a broken plugin \(files\)"),
        (
            {"mine": plugin(datasets={"file": lambda path: path})},
            "--recs needs dataset file, but that of plugin mine has no `open_table`",
        ),
    ],
)
def test_the_plugin_that_reads_files_is_missing_or_broken(
    tiny: str, given: dict[str, Any], problem: str
) -> None:
    experiment = Experiment.prepare(load_plugins(), tiny, "leave-last-out")
    plugins = Plugins()
    for name, module in given.items():
        plugins.add(name, "0", lambda module=module: module)
    experiment = dataclasses.replace(experiment, plugins=plugins)
    with pytest.raises(RecbenchError, match=problem):
        read_lines(experiment, Path("mine.csv"), b"user,item,rank\nu1,i5,1\n")

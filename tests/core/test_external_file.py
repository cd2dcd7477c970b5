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
        ("shop.csv", ",", ("CustomerID", "StockCode", "Ranking")),
        ("spaced.csv", ",", (" User-ID ", " movie id", " RANK ")),
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
    assert len(files) == 13
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
    return {
        "items": (
            None,
            (
                "none of its item ids is in tiny.csv. They look like: 'i3x', 'i4x', 'i5x', 'i6x', "
                "'i0x'; those of tiny.csv look like: 'i0', 'i1', 'i2', 'i3', 'i4'"
            ),
            lists.assign(item=lists["item"] + "x"),
        ),
        "users": (
            None,
            (
                "none of its user ids is in tiny.csv. They look like: 'U0', 'U1', 'U2', 'U3', "
                "'U4'; those of tiny.csv look like: 'u0', 'u1', 'u2', 'u3', 'u4'"
            ),
            lists.assign(user=lists["user"].str.upper()),
        ),
        "twice": (5, "item 'i0' of user 'u1' is listed twice, first", changed(5, "item", "i0")),
        "foreign": (
            9,
            "item 'x' of user 'u2' is listed twice, first",
            lists.assign(item=lists["item"].where(~lists.index.isin([8, 9]), "x")),
        ),
        "rank": (5, "item 'i4' of user 'u1' has rank 1, like the item at", changed(5, "rank", 1)),
        "seen": (
            4,
            "item 'i1' of user 'u1' is in the history, and seen items are masked",
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
        place = ":" if name in ("items", "users") else ""
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
        "two-items": (
            b"user,item,item,rank\nu1,i5,i5,1\n",
            f"several columns could be the item: 'item', 'item'. Rename all but one{expected}",
        ),
        "two-ranks": (b"user,item,rank,rank\nu1,i5,1,1\n", "has the column 'rank' twice"),
        "latin-1": (
            b"user,item,rank\nu1,i5,1\n\nu1,i\xff,2\n",
            f"line 4: item .* is not UTF-8.*{expected}",
        ),
        "no-names": (b"me,you\nu1,i5\n", "has the columns 'me, you'"),
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
    Path("mine.csv").write_text("\nuser,item,rank\n\nu1,i5,1\n\n\nu1,i1,2\n")
    status = _judged(["mine.csv"], tiny, ks=[1])["mine.csv"].status
    assert "mine.csv line 7: item 'i1' of user 'u1' is in the history" in status


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
    text = '"user","title","item","rank"\n"u1","a\n,""b""",i5,1\n\n"u1",c,i1,2\n'
    Path("mine.csv").write_text(text)
    Path("mine.bz2").write_bytes(bz2.compress(text.encode()))
    for name, result in _judged(["mine.csv", "mine.bz2"], tiny, ks=[1]).items():
        assert f"{name} line 5: item 'i1' of user 'u1' is in the history" in result.status


def test_scores_may_have_the_names_that_libraries_give_them(
    tiny: str, lists: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    lists.to_csv("plain.csv", index=False)
    scores = lists.assign(value=-lists["rank"]).drop(columns="rank")
    scores.set_axis(["userId", "movieId", "prediction"], axis=1).assign(rating=5).to_csv(
        "spark.csv", index=False
    )
    scores.set_axis(["user", "item", "Predicted Rating"], axis=1).to_csv("words.csv", index=False)
    nested = "".join(
        f'{{"userId": "{user}", "recommendations": [%s]}}\n'
        % ", ".join(
            f'{{"movieId": "{item}", "rating": {value}}}'
            for item, value in zip(group["item"], group["value"], strict=True)
        )
        for user, group in scores.groupby("user")
    )
    Path("nested.jsonl").write_text(nested)
    results = _judged(["plain.csv", "spark.csv", "words.csv", "nested.jsonl"], tiny)
    assert {result.status for result in results.values()} == {"ok"}
    assert all(result.values == results["plain.csv"].values for result in results.values())
    assert "spark.csv was read with user=userId, item=movieId, score=prediction" in caplog.messages


def test_several_columns_for_the_user_are_an_error_that_names_them(tiny: str) -> None:
    Path("mine.csv").write_text("userId,visitor_id,item,score\nu1,u1,i5,1\n")
    status = _judged(["mine.csv"], tiny)["mine.csv"].status
    assert "several columns could be the user: 'userId', 'visitor_id'. Rename all but" in status


@pytest.mark.parametrize("ids", ["10 11 12 13 14", "a10 a11 a12 a13 a14"])
def test_ids_are_compared_without_spaces_around_them(tmp_path: Path, ids: str) -> None:
    """As written with a comma and a space, in the log, in the recommendations or in both."""
    items = ids.split()
    for name, separator in (("plain.csv", ","), ("spaced.csv", ", ")):
        lines = [
            separator.join(("user", "item", "time")),
            *(
                separator.join((f"{u}", items[(u + t) % 5], f"{t}"))
                for u in range(4)
                for t in range(4)
            ),
        ]
        Path(name).write_text("\n".join(lines))
        recs = [separator.join(("user", "item", "score"))]
        recs += [separator.join((f"{u}", items[(u + 3) % 5], "1")) for u in range(4)]
        Path(f"recs-{name}").write_text("\n".join(recs))
    for log in ("plain.csv", "spaced.csv"):
        results = _judged(["recs-plain.csv", "recs-spaced.csv"], log, ks=[1])
        assert [result.value("hit", 1).mean for result in results.values()] == [1, 1]


def test_only_whole_numbers_may_be_written_as_fractions(tmp_path: Path) -> None:
    log = "user,item,time\n" + "".join(f"u{u},{t}{{}},{t}\n" for u in "ab" for t in range(3))
    recs = "user,item,score\nua,2.0,1\nub,2,1\n"
    Path("recs.csv").write_text(recs)
    Path("whole.csv").write_text(log.replace("{}", ""))
    Path("text.csv").write_text(log.replace("{}", "") + "uc,x,1\n")
    for name, hits in (("whole.csv", 1), ("text.csv", 0.5)):
        assert _judged(["recs.csv"], name, ks=[1])["recs.csv"].value("hit", 1).mean == hits


def test_words_such_as_na_are_ids_here(tmp_path: Path) -> None:
    log = "user,item,time\n" + "".join(f"u{u},{i},{t}\n" for u in "ab" for t, i in enumerate("xy"))
    Path("log.csv").write_text(log + "ua,NA,9\nub,NA,9\n")
    Path("recs.csv").write_text("user,item,score\nua,NA,1\nub,NA,1\n")
    result = _judged(["recs.csv"], "log.csv:missing=keep", ks=[1])["recs.csv"]
    assert result.value("hit", 1).mean == 1


@pytest.mark.parametrize("separator", ["\t", ",", ";", "|"])
def test_stray_quotes_swallow_no_lines(tiny: str, lists: pd.DataFrame, separator: str) -> None:
    """Perfect lists with titles, two of which begin with a quotation mark, get 1."""
    targets = pd.read_csv("split/targets.csv").assign(title="plain", score=1)
    targets.loc[[1, 4], "title"] = '"Weird Al'
    names = ["user", "title", "item", "score"]
    lines = [names, *targets[names].astype(str).to_numpy().tolist()]
    Path("mine").write_text("".join(f"{separator.join(line)}\n" for line in lines))
    assert _judged(["mine"], tiny, ks=[1])["mine"].value("hit", 1).mean == 1


def test_long_ids_are_cut_in_errors(tiny: str) -> None:
    for place, line in {"user": "X,i5,1", "item": "u1,X,1"}.items():
        Path(place).write_text("user,item,rank\n" + line.replace("X", "x" * 999))
    for place, result in _judged(["user", "item"], tiny, ks=[1]).items():
        assert f"none of its {place} ids is in tiny.csv. They look like: '{'x' * 57}...'" in (
            result.status
        )
        assert len(result.status) < 300


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

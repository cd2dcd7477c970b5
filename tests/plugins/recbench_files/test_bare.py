"""Files of recommendations without a header."""

import bz2
import gzip
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import recbench
from recbench import Result, UsageError
from recbench.export import export_split
from recbench.external_file import kind_of_value
from recbench_files.formats import is_row


def _judged(dataset: str, *files: str) -> dict[str, Result]:
    results = recbench.run([], dataset, ks=[1, 2, 3, 4], recs={name: name for name in files})
    return {result.model: result for result in results}


@pytest.fixture
def lists(tiny: str) -> pd.DataFrame:
    """Return lists of the four unseen items of each user, in a random order."""
    export_split(tiny, output="split")
    seen = pd.read_csv("split/history.csv").groupby("user")["item"].agg(set)
    random = np.random.default_rng(1)
    lines = [
        (user, item, rank)
        for user in seen.index
        for rank, item in enumerate(
            random.permutation(sorted({*"0123456"} - {i[1] for i in seen[user]})), 1
        )
    ]
    frame = pd.DataFrame(lines, columns=["user", "item", "rank"])
    return frame.assign(item="i" + frame["item"], score=1 / frame["rank"])


def _rows(frame: pd.DataFrame, separator: str) -> str:
    return str(frame.to_csv(index=False, header=False, sep=separator))


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", " ", "::"])
def test_rows_without_a_header_get_the_values_of_those_with_one(
    tiny: str, lists: pd.DataFrame, separator: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    lists.to_csv("named.csv", index=False)
    files = {
        "ranks": lists[["user", "item", "rank"]],
        "from-0": lists[["user", "item", "rank"]].assign(rank=lists["rank"] - 1),
        "mixed": lists[["user", "item", "rank"]].sample(frac=1, random_state=1),
        "scores": lists[["user", "item", "score"]].sample(frac=1, random_state=1),
        "points": lists[["user", "item"]].assign(points=40 - 7 * lists["rank"]),
        "order": lists[["user", "item"]],
    }
    for name, frame in files.items():
        rows = _rows(frame, ",").replace(",", separator)
        Path(name).write_text(rows)
    results = _judged(tiny, "named.csv", *files)
    assert {result.status for result in results.values()} == {"ok"}
    assert all(result.values == results["named.csv"].values for result in results.values())
    for name, form in {
        "ranks": "user, item, rank",
        "mixed": "user, item, rank",
        "scores": "user, item, score",
        "points": "user, item, score",
        "order": "user, item, in order of rank",
    }.items():
        assert f"{name}: {name} was read without a header: {form}" in caplog.messages


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/recs.txt", content)
        archive.writestr("__MACOSX/inside/._recs.txt", b"\0")
    return packed.getvalue()


def test_lists_on_a_line_and_compressed_files(tiny: str, lists: pd.DataFrame) -> None:
    lists.to_csv("named.csv", index=False)
    lines = "".join(f"{user} {' '.join(group['item'])} \n" for user, group in lists.groupby("user"))
    rows = _rows(lists[["user", "item", "rank"]], ",")
    files = {
        "lines.txt": lines.encode(),
        "tab-then-spaces": re.sub(r"(?m)^(u\d) ", r"\1\t", lines).encode(),
        "lines.tsv": lines.replace(" \n", "\n").replace(" ", "\t").encode(),
        "rows.gz": gzip.compress(rows.encode()),
        "rows.bz2": bz2.compress(rows.encode()),
        "rows.zst": pa.compress(rows.encode(), "zstd", asbytes=True),
        "rows.zip": _zip(rows.encode()),
        "named.zip": _zip(Path("named.csv").read_bytes()),
        "lines.gz": gzip.compress(lines.encode()),
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    results = _judged(tiny, "named.csv", *files)
    assert {result.status for result in results.values()} == {"ok"}
    assert all(result.values == results["named.csv"].values for result in results.values())


def test_lines_of_numbers_are_located(tiny: str) -> None:
    Path("lists.txt").write_text("u0 i5 i6\n\nu1 i5 i1 i6\n")
    Path("rows.txt").write_text("u0,i5,1\n\nu1,i5,1\nu1,i1,2\n")
    problem = "item 'i1' of user 'u1' is in the history"
    results = _judged(tiny, "lists.txt", "rows.txt")
    assert f"lists.txt line 3: {problem}" in results["lists.txt"].status
    assert f"rows.txt line 4: {problem}" in results["rows.txt"].status


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("u0,i5,1\nu0,i6,x\n", "rows line 2: rank or score 'x' is not a finite number"),
        ("u0,i5,1\nu0,i6\nu0,i0,3\n", "rows line 2: 2 fields, but "),
        ("u0,i5,1,0.5\nu0,i6,2,0.4\n", "line 1, 'u0,i5,1,0.5', is neither a user and an item"),
        ("u0 i5 1 0.5\nu1 i6 1 0.4\n", "but '0.5' is not an id"),
        ("1 5\n2 4 7\n3\n", "but a line has no items"),
        ("1,5,7\n2,5,9\n", "may be a user, an item and a rank or score, or a user and two items"),
        ("u0,i5,3\nu0,i6,1\nu1,i5,9\nu1,i0,40\n", "may be a rank or a score, as in '3'"),
        ("u0,i5,1\nu0,,2\n", "rows line 2: the item is missing"),
        ("u0,i5,1\nu0,i6,2\n,i5,2\n", "rows line 3: the user is missing"),
        ("u0,i5,2020-01-01\nu1,i6,b\n", "line 1: rank or score '2020-01-01' is not a finite"),
        ("u0,i5,1\nu0,i6,nan\n", "rows line 2: rank or score 'nan' is not a finite number"),
    ],
)
def test_what_is_unclear_is_refused(tiny: str, rows: str, problem: str) -> None:
    Path("rows").write_text(rows)
    assert problem in _judged(tiny, "rows")["rows"].status


def test_a_first_row_is_told_from_names_of_columns_by_what_it_holds() -> None:
    assert is_row([["ann", "9"], ["bob", "8"]])
    assert is_row([["ann", " 2020-01-02"], ["bob", "later"]])
    assert is_row([["ann", "x"], ["bob", "y"], ["ann", "z"]])
    assert not is_row([["ann", ""], ["bob", ""]])
    assert not is_row([["ann", "bob"], ["bob", "ann"]])
    Path("log.csv").write_text('"ann"\t"milk"\t"x"\n"ann"\t"bread"\t"y"\n')  # also in quotes
    with pytest.raises(UsageError, match=r"log\.csv has no header"):
        recbench.load_dataset("log.csv")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1, 2, 3], [1, 2]], "rank"),
        ([[0, 1, 2], [0]], "rank"),
        ([[3, 1, 2], [1, 2]], "rank"),
        ([[3, 2, 1], [2, 1]], ""),  # points from best to worst, or ranks from worst to best
        ([[1, 2, 4], [1, 2]], ""),  # a gap
        ([[9, 5, 1], [7, 7]], "score"),
        ([[5, 9, 1], [7, 7]], ""),
        ([[1, 1, 1], [1, 1]], "score"),
        ([[0.9, 0.1], [0.5]], "score"),
        ([[0.1, 0.9], [0.5, 0.2]], "score"),
        ([[0.1, 0.9], [0.2, 0.5]], ""),  # distances, or from worst to best
        ([[1], [1]], "rank"),
        ([[4], [9]], "score"),
        ([[0.5], [0.7]], "score"),
    ],
)
def test_values_are_ranks_or_scores_or_unclear(values: list[list[float]], kind: str) -> None:
    users = np.repeat([1, 0], [len(values[0]), len(values[1])])
    flat = np.concatenate(values).astype(float)
    assert kind_of_value(users, flat) == kind
    alternate = np.argsort(np.concatenate([np.arange(len(part)) for part in values]), kind="stable")
    assert kind_of_value(users[alternate], flat[alternate]) == kind

"""Time reading and splitting a log: recbench and the notebook, and recbench on 32 million rows.

    python benchmarks/loading.py -o benchmarks/loading.md

Both logs are synthetic and are written to a temporary folder. The second part needs 1 GB of disk
space and takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from recbench_files import read_file
from recbench_splitters import LeaveLastOut

USERS, ITEMS = 200_948, 87_585  # of MovieLens 32M


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each reader; the table has the medians"
    )
    parser.add_argument(
        "--million", type=float, default=32, help="rows of the large log, in millions"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # for the script's own calls
    options = parser.parse_args()
    if options.measure:
        print_cost(options.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            "# Loading a log",
            "",
            f"    python {shlex.join(sys.argv)}",
            "",
            (
                f"{os.cpu_count()} cores, {platform.machine()}, "
                f"Python {platform.python_version()}, numpy {np.__version__}, "
                f"pandas {pd.__version__}, pyarrow {pa.__version__}. "
                "Time from the file to the leave-last-out split; "
                f"medians of {options.runs} runs."
            ),
            "",
            *compare_with_notebook(Path(folder) / "ratings.dat", options.runs),
            "",
            *time_large_log(Path(folder) / "ratings.csv", int(options.million * 1e6), options.runs),
        ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def compare_with_notebook(path: Path, runs: int) -> list[str]:
    """Read a million rows of ratings.dat as the notebook does and with recbench, in turn."""
    write_dat(path, rows=1_000_000, users=6_040, items=3_706)
    seconds: dict[str, list[float]] = {"notebook": [], "recbench": []}
    held_out: dict[str, Any] = {}
    for _ in range(runs):
        for name, load in (("notebook", load_as_notebook), ("recbench", load_by_recbench)):
            duration, targets = timed(load, str(path))
            seconds[name].append(duration)
            held_out[name] = targets
        if not np.array_equal(held_out["notebook"], held_out["recbench"]):
            raise SystemExit("the two readers hold out different items; they must be the same")
    slow, fast = (statistics.median(seconds[name]) for name in ("notebook", "recbench"))
    return [
        "| 1,000,000 rows of `ratings.dat` | seconds | speed-up |",
        "|---|---:|---:|",
        f'| the notebook: `pd.read_csv(sep="::", engine="python")`, groupby | {slow:.2f} | 1 |',
        f"| recbench | {fast:.3f} | {slow / fast:.0f} |",
    ]


def load_as_notebook(path: str) -> Any:
    """Read and split as the notebook does: with pandas and a list per user."""
    names = ["user_id", "movie_id", "rating", "timestamp"]
    frame = pd.read_csv(path, sep="::", engine="python", names=names)
    frame = frame.sort_values("timestamp")
    sequences = frame.groupby("user_id")["movie_id"].apply(list)
    train, targets = [], []
    for items in sequences:
        train.append(items[:-1])
        targets.append(items[-1])
    return np.asarray(targets)


def load_by_recbench(path: str) -> Any:
    dataset = read_file(path)
    split = LeaveLastOut().split(dataset.interactions)
    return dataset.item_ids[split.targets]


def time_large_log(path: Path, rows: int, runs: int) -> list[str]:
    """Read a log of the size of MovieLens 32M; each run has its own process, for its memory."""
    write_csv(path, rows)
    command = [sys.executable, __file__, "--measure", str(path)]
    costs = [json.loads(subprocess.check_output(command)) for _ in range(runs)]  # noqa: S603
    seconds = [cost["seconds"] for cost in costs]
    size = path.stat().st_size / 1e6
    peak = max(cost["bytes"] for cost in costs) / 1e9
    middle, slowest = statistics.median(seconds), max(seconds)
    return [
        f"| {rows:,} rows of CSV ({size:,.0f} MB) | seconds | slowest | peak memory |",
        "|---|---:|---:|---:|",
        f"| recbench | {middle:.1f} | {slowest:.1f} | {peak:.2f} GB |",
    ]


def print_cost(path: str) -> None:
    """Load and split once, and print seconds and peak memory as JSON."""
    duration, targets = timed(load_by_recbench, path)
    if len(targets) != USERS:
        raise SystemExit(f"{len(targets)} users were read, but {USERS} were written")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps({"seconds": duration, "bytes": peak * (1 if sys.platform == "darwin" else 1024)})
    )


def timed(load: Callable[[str], Any], path: str) -> tuple[float, Any]:
    began = time.perf_counter()
    result = load(path)
    return time.perf_counter() - began, result


def write_dat(path: Path, rows: int, users: int, items: int) -> None:
    """Write rows sorted by user; the times of a user are all different, in random order."""
    random = np.random.default_rng(1)
    user = np.sort(np.concatenate([np.arange(users), random.integers(0, users, rows - users)]))
    item = popular_first(random, rows, items)
    second = 950_000_000 + random.permutation(rows) * 60
    rating = random.integers(1, 6, rows)
    with path.open("w") as file:
        columns = (column.tolist() for column in (user + 1, item + 1, rating, second))
        file.writelines("::".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def write_csv(path: Path, rows: int, chunk: int = 4_000_000) -> None:
    """Write rows sorted by user, with every user and item; a user's times span some months."""
    random = np.random.default_rng(1)
    weights = random.lognormal(0, 1.2, USERS)
    counts = np.maximum(1, (weights / weights.sum() * (rows - USERS)).astype(np.int64))
    counts[0] += rows - counts.sum()
    user = np.repeat(np.arange(1, USERS + 1, dtype=np.int32), counts)
    begin = random.integers(800_000_000, 1_690_000_000, USERS + 1)
    schema = pa.schema(
        [
            ("userId", pa.int32()),
            ("movieId", pa.int64()),
            ("rating", pa.string()),
            ("timestamp", pa.int64()),
        ]
    )
    stars = pa.array([f"{n / 2:.1f}" for n in range(1, 11)])
    header = csv.WriteOptions(quoting_style="none")
    with csv.CSVWriter(path, schema, write_options=header) as writer:
        for start in range(0, rows, chunk):
            users = user[start : start + chunk]
            item = popular_first(random, len(users), ITEMS)
            if not start:
                item[:ITEMS] = np.arange(ITEMS)
            columns = [
                pa.array(users),
                pa.array(item + 1),
                stars.take(pa.array(random.integers(0, 10, len(users)))),
                pa.array(begin[users] + random.integers(0, 10_000_000, len(users))),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def popular_first(random: np.random.Generator, rows: int, items: int) -> Any:
    """Draw item numbers, low ones far more often than high ones."""
    return (items * random.random(rows) ** 3).astype(np.int64)


if __name__ == "__main__":
    main()

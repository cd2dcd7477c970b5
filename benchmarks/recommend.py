"""Measure the time and memory that lists for all users take with the model `rules`.

    python benchmarks/recommend.py sasrec-ml-1m.txt -o benchmarks/recommend.md

The command `recbench recommend rules --users all -o recs.csv` runs twice on each log: it fits the
model and stores it, and then loads it. The logs are MovieLens 1M and a synthetic one with many
users and items. Memory is that of all processes together, sampled four times a second. The script
runs on Linux only.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

INTERVAL = 0.25
"""Seconds between two samples of memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="MovieLens 1M, as a name or path of `recbench --dataset`")
    parser.add_argument("--users", type=int, default=100_000, help="users of the synthetic log")
    parser.add_argument("--items", type=int, default=100_000, help="items of the synthetic log")
    parser.add_argument("--interactions", type=int, default=2_000_000, help="its interactions")
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.csv"
        synthetic(options.users, options.items, options.interactions).to_csv(large, index=False)
        rows = [
            row
            for name, data in (("MovieLens 1M", options.data), ("synthetic", str(large)))
            for row in measured(name, data, Path(folder) / name)
        ]
    lines = [
        "# Lists for all users",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores. Ten items for each user, by `rules`, written as CSV. Seconds "
            "are those of the whole command, which also reads the log."
        ),
        "",
        "| log | users | items | model | seconds | peak GB of all processes |",
        "|---|---:|---:|---|---:|---:|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def measured(name: str, data: str, folder: Path) -> list[str]:
    """Return a row for a model that is fitted, and one for the same model when it is loaded."""
    folder.mkdir()
    recs, rows = folder / "recs.csv", []
    command = [sys.executable, "-m", "recbench", "recommend", "rules", "--dataset", data]
    command += ["--users", "all", "-o", str(recs), "--results", str(folder / "results")]
    for how in ("fitted", "loaded"):
        began, peak = time.perf_counter(), 0
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
            while process.poll() is None:
                peak = max(peak, memory(process.pid))
                time.sleep(INTERVAL)
        if process.returncode:
            sys.exit(process.returncode)
        seconds = time.perf_counter() - began
        lists = pd.read_csv(recs)
        users, items = lists["user"].nunique(), count_items(data)
        rows.append(
            f"| {name} | {users:,} | {items:,} | {how} | {seconds:.1f} | {peak / 1e9:.2f} |"
        )
    return rows


def memory(pid: int) -> int:
    """Return the bytes that a process and its descendants use, shared ones counted once."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.NoSuchProcess:  # it has ended meanwhile
        pass
    return total


def count_items(data: str) -> int:
    """Return the size of a log's catalogue."""
    import recbench

    return recbench.load_dataset(data).interactions.n_items


def synthetic(users: int, items: int, interactions: int) -> pd.DataFrame:
    """Return a synthetic log: low item numbers are popular, and close numbers follow each other."""
    rng = np.random.default_rng(0)
    user = np.sort(rng.integers(users, size=interactions))
    user[:users] = np.arange(users)  # each has at least one
    user.sort()
    start = (items * rng.random(users) ** 2).astype(np.int64)
    item = (start[user] + rng.integers(-200, 200, size=interactions)) % items
    popular = rng.random(interactions) < 0.3
    item[popular] = (items * rng.random(int(popular.sum())) ** 4).astype(np.int64)
    item[rng.permutation(interactions)[:items]] = np.arange(items)  # each occurs
    return pd.DataFrame({"user": user, "item": item, "time": np.arange(interactions)})


if __name__ == "__main__":
    main()

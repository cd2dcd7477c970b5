"""Time the bootstrap over users: recbench and scipy.stats.bootstrap.

    python benchmarks/uncertainty.py -o benchmarks/uncertainty.md

The values are synthetic, with one row per user and as many users as MovieLens 1M has. The script
takes about ten seconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import stats

from recbench.evaluation.uncertainty import RESAMPLES, intervals

USERS = 6_040  # of MovieLens 1M
FEW, MANY = 10, 200  # columns: the metrics of one model, and those of twenty models
BATCH = 64  # resamples per batch of scipy; the fastest of 16, 64, 256 and 1,000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each side; the table has the medians"
    )
    options = parser.parse_args()
    lines = [
        "# Intervals",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {platform.machine()}, "
            f"Python {platform.python_version()}, numpy {np.__version__}, "
            f"scipy {scipy.__version__}. "
            f"{RESAMPLES:,} resamples of {USERS:,} users; medians of {options.runs} runs."
        ),
        "",
        *table(options.runs),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def table(runs: int) -> list[str]:
    """Time all three in turn, so that a busy machine slows down all of them."""
    values = np.random.default_rng(1).exponential(size=(USERS, MANY))
    contestants: dict[str, tuple[int, Callable[[Any], Any]]] = {
        f"`scipy.stats.bootstrap`, percentile, vectorized, batches of {BATCH}": (1, theirs),
        f"recbench, {FEW} columns": (FEW, ours),
        f"recbench, {MANY} columns": (MANY, ours),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    bounds: dict[str, Any] = {}
    for _ in range(runs):
        for name, (columns, interval) in contestants.items():
            copy = values[:, :columns].copy()  # scipy takes twice as long on a strided column
            began = time.perf_counter()
            bounds[name] = interval(copy)
            seconds[name].append(time.perf_counter() - began)
    peer = next(iter(contestants))
    first = {name: np.array([low[0], high[0]]) for name, (low, high) in bounds.items()}
    for name in contestants:
        if np.abs(first[name] - first[peer]).max() > np.ptp(first[peer]) / 20:
            raise SystemExit(f"the interval of {name} differs from the one of scipy")
    a_column = {
        name: statistics.median(seconds[name]) / columns
        for name, (columns, _) in contestants.items()
    }
    return [
        "| | seconds | seconds per column | speed-up per column |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {a_column[name] * columns:.2f} | {a_column[name]:.4f} "
            f"| {a_column[peer] / a_column[name]:.1f} |"
            for name, (columns, _) in contestants.items()
        ),
    ]


def ours(values: Any) -> Any:
    return intervals(values, np.arange(USERS))


def theirs(values: Any) -> Any:
    """Return the interval of the only column."""
    result = stats.bootstrap(
        (values[:, 0],),
        np.mean,
        n_resamples=RESAMPLES,
        batch=BATCH,
        vectorized=True,
        method="percentile",
    )
    low, high = result.confidence_interval
    return np.array([low]), np.array([high])


if __name__ == "__main__":
    main()

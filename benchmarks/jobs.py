"""Measure what `--jobs` gains on this machine, and what shares of the cores are for.

    python benchmarks/jobs.py -o benchmarks/jobs.md

The command `recbench run` runs several lists of models on MovieLens 100K with one job, with two,
and with `--jobs auto`. Then two commands train a transformer each at the same time, with all cores
for both, and with one thread for each. The script runs on Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from recbench.jobs.threads import VARIABLES

TRANSFORMER = "transformer:epochs=3"

SHORT = (
    *("popular", "personal-popular", "recent-popular", "random", "rules", "markov", "item-knn"),
    *("user-knn", "ease", "slim"),
)

MIXES = {
    "ten models without training": SHORT,
    "two transformers": (TRANSFORMER, "--seeds", "0,1"),
    "one transformer and the ten": (TRANSFORMER, *SHORT),
}
"""What the lists of models are called -> arguments of `recbench run`."""

JOBS = ("1", "2", "auto")

METRIC = "ndcg@10"

AFTER_THE_OTHER = "one after the other, all cores for each"

Values = Mapping[str, float]
"""Model and seed -> its value of the metric."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--dataset", default="ml-100k", help="as in `recbench run`")
    parser.add_argument("--runs", type=int, default=3, help="runs of each kind, for medians")
    parser.add_argument("-o", "--output", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    lines = [
        "# Jobs",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
            f"Python {platform.python_version()}, numpy {np.__version__}. Seconds of the whole "
            f"command, with imports and reading {options.dataset}: medians of {options.runs} runs "
            "in alternating order. No variable limits the threads, unless a row says so."
        ),
        "",
        "| models | cells | `--jobs 1` | `--jobs 2` | share | `--jobs auto` | share | difference |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(row(name, MIXES[name], options.dataset, options.runs) for name in MIXES),
        "",
        (
            "Shares are of the time with one job. With one job, a transformer trains with the "
            "threads of all cores, with two jobs with its share of them, so its numbers can differ "
            f"in the last digits: the last column has the largest difference in {METRIC.upper()}. "
            "The values of all others are equal."
        ),
        "",
        "## Without shares",
        "",
        (
            f"Two commands at the same time, each with `{TRANSFORMER}` and a seed of its own, "
            "until both have ended."
        ),
        "",
        "| run | seconds | share of one after the other |",
        "|---|---:|---:|",
        *pair_rows(options.dataset, options.runs),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def row(name: str, models: Sequence[str], dataset: str, runs: int) -> str:
    """Return the row of the table for a list of models."""
    seconds: dict[str, list[float]] = defaultdict(list)
    values: dict[str, Values] = {}
    for number in range(runs):
        for jobs in JOBS if number % 2 == 0 else reversed(JOBS):
            with tempfile.TemporaryDirectory() as results:
                arguments = [*models, "--dataset", dataset, "--jobs", jobs, "--results", results]
                seconds[jobs].append(together([arguments], {}))
                values[jobs] = stored(Path(results))
    alone, two, auto = (statistics.median(seconds[jobs]) for jobs in JOBS)
    differences = {
        cell: max(abs(values[jobs][cell] - value) for jobs in JOBS)
        for cell, value in values["1"].items()
    }
    for cell, difference in differences.items():
        if difference and not cell.startswith(TRANSFORMER):
            sys.exit(f"{cell}: its {METRIC} differs by {difference}")
    largest = max(differences.values())
    return (
        f"| {name} | {len(values['1'])} | {alone:.1f} | {two:.1f} | {two / alone:.2f} "
        f"| {auto:.1f} | {auto / alone:.2f} | {largest:.6f} |"
    )


def pair_rows(dataset: str, runs: int) -> list[str]:
    """Return a row for two commands one after the other, and rows for two at the same time."""

    def commands(folder: str) -> list[list[str]]:
        return [[*command, "--seeds", seed, "--results", folder] for seed in ("0", "1")]

    def both(folder: str) -> list[str]:
        return [*command, "--seeds", "0,1", "--jobs", "2", "--results", folder]

    command, threads = [TRANSFORMER, "--dataset", dataset], dict.fromkeys(VARIABLES, "1")
    kinds = {
        AFTER_THE_OTHER: lambda folder: sum(together([each], {}) for each in commands(folder)),
        "at the same time, all cores for each": lambda folder: together(commands(folder), {}),
        "at the same time, `OMP_NUM_THREADS=1`": lambda folder: together(commands(folder), threads),
        "one command with `--jobs 2`": lambda folder: together([both(folder)], {}),
    }
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(runs):
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            with tempfile.TemporaryDirectory() as folder:
                seconds[kind].append(kinds[kind](folder))
    base = statistics.median(seconds[AFTER_THE_OTHER])
    medians = {kind: statistics.median(seconds[kind]) for kind in kinds}
    return [f"| {kind} | {took:.1f} | {took / base:.2f} |" for kind, took in medians.items()]


def together(commands: Sequence[Sequence[str]], variables: Mapping[str, str]) -> float:
    """Run commands of recbench at the same time, and return the seconds until all have ended."""
    environment = {name: text for name, text in os.environ.items() if name not in VARIABLES}
    began = time.perf_counter()
    processes = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "recbench", "run", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environment, **variables},
        )
        for command in commands
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        sys.exit(f"recbench run ended with {codes}: {commands}")
    return time.perf_counter() - began


def stored(folder: Path) -> Values:
    """Return the values of the stored results."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*/*/*.json"))]
    return {
        f"{result['model']}, {result['seed']}": result["values"][METRIC][0] for result in results
    }


if __name__ == "__main__":
    main()

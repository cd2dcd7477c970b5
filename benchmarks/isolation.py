"""Measure what it costs to run each model in its own process.

    python benchmarks/isolation.py -o benchmarks/isolation.md

The script runs two small models with isolation and with `in_process=True`. It installs them in a
temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import recbench

DATASET = "synthetic:users=1000,items=1000,interactions=20000"

PLUGIN = """
import time

import recbench
from recbench_popular import Popular

ENDS = []


class Trivial(Popular):
    def __init__(self, seed=0):
        super().__init__()


@recbench.hookimpl
def recbench_models():
    return {"trivial": Trivial}


@recbench.hookimpl
def recbench_run_finished(result):
    ENDS.append(time.perf_counter())
"""

WITH_TORCH = """
import recbench
from recbench_timed import Trivial


class Torch(Trivial):
    def fit(self, train):
        import torch

        self.weight_ = torch.ones(200, 200) @ torch.ones(200, 200)
        return super().fit(train)


@recbench.hookimpl
def recbench_models():
    return {"with-torch": Torch}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each kind; the table has the medians"
    )
    parser.add_argument("--cells", type=int, default=5, help="results per run, one seed each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        rows = [row(model, options.runs, options.cells) for model in ("trivial", "with-torch")]
    lines = [
        "# Isolation",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
            f"Python {platform.python_version()}, numpy {np.__version__}. Seconds for each seed "
            "after the first one, and for a whole run, on a synthetic log of 1,000 users. "
            "With isolation, torch is imported in each run; in process, only in the first. "
            f"Medians of {options.runs} runs with {options.cells} seeds each; isolated runs and "
            "runs in process take turns."
        ),
        "",
        "| model | one seed, isolated | in process | difference | run, isolated | in process |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def install(folder: Path) -> None:
    """Install the two models in this folder."""
    for name, text in (("recbench_timed", PLUGIN), ("recbench_with_torch", WITH_TORCH)):
        (folder / f"{name}.py").write_text(text)
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[recbench]\n{name} = {name}\n")
    sys.path.insert(0, str(folder))


def row(model: str, runs: int, cells: int) -> str:
    """Return the row of the table for one model."""
    seconds_of = {inside: ([], []) for inside in (False, True)}
    for _ in range(runs):
        for inside, (later_cells, whole_runs) in seconds_of.items():
            later, whole = timed(model, cells, inside)
            later_cells.extend(later)
            whole_runs.append(whole)
    (cell, run), (cell_inside, run_inside) = (
        map(statistics.median, seconds_of[inside]) for inside in (False, True)
    )
    numbers = (cell, cell_inside, cell - cell_inside, run, run_inside)
    return f"| {model} | {' | '.join(f'{seconds:.3f}' for seconds in numbers)} |"


def timed(model: str, cells: int, inside: bool) -> tuple[list[float], float]:
    """Return the seconds of each seed except the first, and of the whole run."""
    import recbench_timed

    recbench_timed.ENDS.clear()
    began = time.perf_counter()
    results = recbench.run([model], DATASET, seed=range(cells), results=None, in_process=inside)
    took = time.perf_counter() - began
    if results.failed:
        raise SystemExit(results.failed[0].status)
    return np.diff(recbench_timed.ENDS).tolist(), took


if __name__ == "__main__":
    main()

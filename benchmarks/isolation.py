"""Time what it costs to run each cell in a process of its own, beside running it inside.

    python benchmarks/isolation.py -o benchmarks/isolation.md

The models are installed, for as long as this runs, in a temporary folder.
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
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind (medians count)")
    parser.add_argument("--cells", type=int, default=5, help="cells of a run")
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
            f"Python {platform.python_version()}, numpy {np.__version__}. Seconds for a cell after "
            "the first, and for a whole run; on a log of 1,000 users, made up. Isolated, torch is "
            f"imported in each run, inside only in the first. Medians of {options.runs} runs of "
            f"{options.cells} cells each, isolated and inside in turn."
        ),
        "",
        "| model | a cell, isolated | inside | more | the run, isolated | inside |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def install(folder: Path) -> None:
    """Let the entry points of the models be found from this folder."""
    for name, text in (("recbench_timed", PLUGIN), ("recbench_with_torch", WITH_TORCH)):
        (folder / f"{name}.py").write_text(text)
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[recbench]\n{name} = {name}\n")
    sys.path.insert(0, str(folder))


def row(model: str, runs: int, cells: int) -> str:
    """The line of the table for one model."""
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
    """Seconds of every cell but the first, and of the whole run."""
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

"""Write cluster.md: what `cluster.py` has measured, and what `leaderboard.py` makes of it."""

from __future__ import annotations

import os
import platform
import statistics
from importlib import metadata

import leaderboard
import numpy as np
from cluster_found import Found
from leaderboard import Model, RunCosts, hours, sizes_of

NFS_BYTES = 100e6
"""Assumption: bytes that a shared folder takes in a second."""

NFS_CALLS = 1000
"""Assumption: calls that the server of a shared folder answers in a second."""

SLURM_STARTS = 100
"""Assumption: jobs that SLURM starts in a minute; `default_queue_depth` is 100."""

MINUTE = 60

CELL_SECONDS = (1, 10, 100, 1000)
"""Lengths of cells in the table of limits."""


def page(found: Found, command: str) -> str:
    """Return the whole page."""
    sections = [
        ["# Cells on a cluster", "", f"    {command}", "", machine(found)],
        two_workers(found),
        costs_of_a_cell(found),
        check(found),
        on_many_workers(found),
        limits(found),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def machine(found: Found) -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, numpy {np.__version__}, "
        f"distributed {metadata.version('distributed')}, submitit {metadata.version('submitit')}. "
        "Every process has one thread for computations (`OMP_NUM_THREADS=1`), and the scheduler is "
        f"in the process that submits. Seconds are medians of {found.n_runs} runs of each kind, "
        "in alternating order; the rows with a start are single runs."
    )


def two_workers(found: Found) -> list[str]:
    """Return the section on the runs on one and two workers."""
    base, n_cells = found.seconds("warm 1"), found.n_cells
    rows = [
        f"| {name} | {found.seconds(kind):.1f} | {found.seconds(kind) / n_cells:.3f} "
        f"| {found.seconds(kind) / base:.3f} |"
        for name, kind in (
            ("without a cluster, one cell after the other", "plain"),
            ("one worker", "warm 1"),
            ("two workers", "warm 2"),
            ("two workers, `--shared-results`", "shared 2"),
            ("one worker, with its start", "cold 1"),
            ("two workers, with their start", "cold 2"),
        )
    ]
    ratio = found.seconds("warm 2") / base
    cold = found.seconds("cold 2") / found.seconds("cold 1")
    return [
        "## Two workers",
        "",
        (
            f"{n_cells} cells of `popular` and `rules` on {found.data}, split by "
            "`leave-n-out`. All runs have the same values."
        ),
        "",
        "| run | seconds | per cell | share of one worker |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        (
            f"Two workers take {ratio:.3f} of the time of one, and {cold:.3f} if both begin with "
            "their start. The aim is below 0.6."
        ),
    ]


def costs_of_a_cell(found: Found) -> list[str]:
    """Return the section on what a cell costs besides its work."""
    costs = found.costs
    calls = [f"{n:.0f} {name}" for name, n in costs.written.items() if name != "bytes"]
    rows = (
        ("a cell on a warm Dask worker, beyond its own work", f"{found.overhead:.3f} s"),
        ("an empty task of Dask, there and back", f"{1000 * costs.round_trip:.1f} ms"),
        ("empty tasks of Dask, many at once", f"{costs.tasks_per_second:,.0f} in a second"),
        ("start of a worker, its imports, data and splits", f"{found.start:.1f} s"),
        ("a job of `slurm:cluster=local`, beyond its own work", f"{found.overhead_of_job:.2f} s"),
        ("sent to the worker", f"{costs.order_bytes / 1e3:,.1f} kB"),
        ("returned by the worker", f"{costs.answer_bytes / 1e6:,.2f} MB"),
        ("of these, the fitted model", f"{costs.model_bytes / 1e6:,.2f} MB"),
        ("to store what was returned, in the process that submits", f"{costs.keep:.3f} s"),
        ("written to the folder of results", f"{costs.written['bytes'] / 1e6:,.2f} MB"),
        ("calls to the file system for that", ", ".join(calls)),
    )
    return [
        "## What a cell costs besides its work",
        "",
        (
            "Own work is what a cell takes in a run without a cluster: process, fit, score, "
            "evaluation and storage. The aim for the first row is below 0.3 s."
        ),
        "",
        "| cost | of one cell |",
        "|---|---:|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        (
            "A job of a cluster is one cell: it starts Python and loads and splits the data for "
            f"it. Means of {len(found.runs['jobs'][0].ends)} jobs, one at a time. With "
            "`--shared-results`, the workers write to the folder themselves. Numbers are written "
            "twice, before and after the process of the model has ended."
        ),
    ]


def check(found: Found) -> list[str]:
    """Return the section that compares the simulation with the run on two workers."""
    measured = found.seconds("warm 2")
    difference = found.predicted / measured - 1
    return [
        "## Check of the simulation",
        "",
        (
            f"The simulation takes the seconds of each cell from the run on one worker. For two "
            f"workers it says {found.predicted:.1f} s; measured are {measured:.1f} s. The "
            f"simulated time differs by {difference:+.1%}. It does not know that the process that "
            "submits, the scheduler and two workers share the cores of this machine."
        ),
    ]


def on_many_workers(found: Found) -> list[str]:
    """Return the section on the leaderboard."""
    models = leaderboard.committed_models()
    sizes = leaderboard.datasets(sizes_of(models))
    cells = leaderboard.leaderboard(models, sizes, [at(found, size, "rest") for size in sizes])
    costs = RunCosts(
        cell=max(0.0, found.overhead),
        keep=found.costs.keep,
        start=max(0.0, found.start),
        load=[at(found, size, "load") for size in sizes],
    )
    short = [cell for cell in cells if not cell.model.startswith("transformer")]
    longest = max(cells, key=lambda cell: cell.seconds)
    work, measured = sum(cell.seconds for cell in cells), len(sizes_of(models))
    head = [
        (
            "| workers | longest first, hours | efficiency | loads of data | limited by "
            "| as submitted, hours | loads | random order, hours |"
        ),
        "|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    n_models = len(models) + len(leaderboard.SECOND_SETTINGS)
    return [
        "## A leaderboard on 1, 10 and 100 workers",
        "",
        (
            f"{n_models} models x {len(sizes)} datasets x {leaderboard.N_SEEDS} seeds. Models "
            f"without a seed run once per dataset, so {n_models * len(sizes) * 5:,} cells become "
            f"{len(cells):,}. A worker is a machine like the one above."
        ),
        "",
        "Where the times come from:",
        "",
        (
            f"- Measured: fit and score of {len(models)} models on {measured} datasets, from the "
            "committed results (medians over seeds, with the threads that they had: the "
            "defaults had 2, the presets and the variants of the transformer mostly 1)."
        ),
        (
            f"- Measured here: the rest of a cell, {found.costs.small.rest:.2f} s with "
            f"{found.costs.small.interactions:,} interactions and {found.costs.large.rest:.2f} s "
            f"with {found.costs.large.interactions:,}; to load and split the data, "
            f"{found.costs.small.load:.2f} s and {found.costs.large.load:.2f} s; and the costs of "
            "the table above."
        ),
        (
            f"- Extrapolated: the other {len(sizes) - measured} datasets have "
            f"{leaderboard.SIZES[0]:,} to {leaderboard.SIZES[1]:,} interactions, evenly spaced on "
            "a logarithmic scale. Each time there is a power law of the number of interactions, "
            "fitted to the measured ones. Times that depend on the number of items, as those of "
            f"`ease`, are rough. {len(leaderboard.SECOND_SETTINGS)} models count twice, for a "
            "second setting that takes as long."
        ),
        "",
        (
            "| model | "
            + " | ".join(f"s with {size:,}" for size in sizes_of(models))
            + f" | exponent | s with {leaderboard.SIZES[1]:,}, extrapolated |"
        ),
        "|---|" + "---:|" * (measured + 2),
        *leaderboard.model_rows(models),
        "",
        (
            f"All cells together are {hours(work)} hours of work. The longest one, `"
            f"{longest.model}` on the largest dataset, takes {hours(longest.seconds)} hours. A "
            f"hundredth of the work is {hours(work / 100)} hours, so "
            + (
                "with 100 workers this cell decides."
                if longest.seconds > work / 100
                else "no single cell decides with 100 workers."
            )
        ),
        "",
        *head,
        *leaderboard.schedule_rows(cells, costs),
        "",
        (
            f"The same without the transformers: {len(short):,} cells, of "
            f"{statistics.median(cell.seconds for cell in short):.1f} s each (median)."
        ),
        "",
        *head,
        *leaderboard.schedule_rows(short, costs),
        "",
        (
            "Each cell goes to the worker that is free first. recbench submits dataset by dataset, "
            "in the order of the arguments. The random order is the median of "
            f"{leaderboard.N_DRAWS} draws. A worker keeps the {leaderboard.MOST_DATASETS} datasets "
            "that it has loaded last. Efficiency is the share of the workers' time in which cells "
            "do their own work."
        ),
    ]


def at(found: Found, size: int, name: str) -> float:
    """Return what a dataset of this size costs, by the power law of the two that were measured."""
    points = {
        each.interactions: getattr(each, name) for each in (found.costs.small, found.costs.large)
    }
    return Model(name, points, has_seed=False).seconds(size)


def limits(found: Found) -> list[str]:
    """Return the sections on what ends the gain, and on what follows."""
    costs, written = found.costs, found.costs.written
    calls = sum(number for name, number in written.items() if name != "bytes")
    rates = {
        "scheduler of Dask (measured here)": costs.tasks_per_second,
        "process that submits, which stores what is returned (measured here)": 1 / costs.keep,
        f"shared folder, {NFS_BYTES / 1e6:.0f} MB a second (assumed)": NFS_BYTES / written["bytes"],
        f"shared folder, {NFS_CALLS:,} calls a second (assumed)": NFS_CALLS / calls,
        f"SLURM, {SLURM_STARTS} starts a minute (assumed)": SLURM_STARTS / MINUTE,
    }
    rows = [
        f"| {name} | {rate:,.1f} | "
        + " | ".join(f"{rate * seconds:,.0f}" for seconds in CELL_SECONDS)
        + " |"
        for name, rate in rates.items()
    ]
    wait = found.overhead_of_job
    return [
        "## Limits",
        "",
        (
            "How many cells end in a second at most, and how many workers that keeps busy. The "
            f"cells are those of the first table: {written['bytes'] / 1e6:.2f} MB and {calls:.0f} "
            "calls each. SLURM takes at most 1,000 jobs in an array, unless MaxArraySize is "
            "larger, so recbench submits in arrays of 1,000."
        ),
        "",
        (
            "| limit | cells in a second | "
            + " | ".join(f"workers, cells of {seconds:,} s" for seconds in CELL_SECONDS)
            + " |"
        ),
        "|---|---:|" + "---:|" * len(CELL_SECONDS),
        *rows,
        "",
        "## What to take from it",
        "",
        (
            f"- Many short cells on one machine: `--jobs`. It needs no cluster, and loads the data "
            f"once. On a Dask worker a cell costs {found.overhead:.3f} s more than without one, "
            f"and a new worker {found.start:.1f} s."
        ),
        (
            f"- Many short cells on several machines: Dask. A job of SLURM costs {wait:.1f} s "
            f"before its cell begins, besides the queue. Less than a tenth is lost from "
            f"{9 * wait:.0f} s per cell on."
        ),
        (
            "- Few long cells, and GPUs that others use too: SLURM. The queue decides when each "
            "begins, and the costs of recbench do not matter."
        ),
        (
            "- More workers do not help once the longest cell takes longer than the share of work "
            "of a worker. Name slow models and large datasets first: recbench submits in the order "
            "of the arguments. With few workers or short cells, keep the cells of a dataset "
            "together, because every worker loads its data."
        ),
        (
            f"- Results that are returned are stored by a single process, {1 / costs.keep:,.0f} in "
            f"a second here. That is enough for {MINUTE / costs.keep:,.0f} workers if cells take "
            "a minute. Beyond that, or if models are large, use `--shared-results`: the workers "
            "write to the folder themselves, and can resume a training that another one has begun."
        ),
    ]

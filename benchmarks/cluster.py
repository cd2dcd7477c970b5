"""Measure cells on one and on two Dask workers, and simulate a leaderboard on up to a hundred.

    python benchmarks/cluster.py sasrec-ml-1m.txt -o benchmarks/cluster.md

The log is split in four ways, and `popular` and nine settings of `rules` run on each: 40 cells.
Every process may use one thread for computations. The workers stay on between runs, so that the
runs that are compared do not include their start, which is measured apart. `leaderboard.py` has
the simulation, and `cluster_page.py` writes the page. The script runs on Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import shlex
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import cluster_page
from cluster_found import Costs, Found, OfDataset, Timed

import recbench
from recbench.jobs.threads import VARIABLES
from recbench.jobs.worker import write_files
from recbench.keeper import Keeper
from recbench.store.format import unpacked
from recbench.store.store import Store
from recbench_dask import dask
from recbench_splitters import LeaveLastOut

RULES = [f"rules:window={window}" for window in range(2, 20, 2)]

MODELS = ["popular", *RULES]

SPLITS = [f"leave-n-out:n={n}" for n in range(1, 5)]

SMALL = "ml-100k"
"""A dataset with few interactions, for costs that grow with their number."""

N_TASKS = 3000
"""How many empty tasks the scheduler gets at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="MovieLens 1M, as a name or path of `recbench --dataset`")
    parser.add_argument("--splits", type=int, default=len(SPLITS), help="of 10 cells each")
    parser.add_argument("--runs", type=int, default=3, help="runs of each kind, for medians")
    parser.add_argument("-o", "--output", type=Path, help="also write the page to this file")
    options = parser.parse_args()
    os.environ |= dict.fromkeys(VARIABLES, "1")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.data, SPLITS[: options.splits], options.runs, Path(folder))
    text = cluster_page.page(found, f"python {shlex.join(sys.argv)}")
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def measure(data: str, splits: Sequence[str], n_runs: int, folder: Path) -> Found:
    """Return all that is measured."""
    runs: dict[str, list[Timed]] = defaultdict(list)
    cells = Cells(data, splits, folder)
    with contextlib.ExitStack() as ending:
        clusters = {}
        for n_workers in (1, 2):
            began = time.perf_counter()
            clusters[n_workers] = ending.enter_context(cluster(n_workers))
            started = time.perf_counter() - began
            cold = cells.run(clusters[n_workers].executor)
            runs[f"cold {n_workers}"].append(cold.later(started))
        for number in range(n_runs):
            kinds = ["plain", "warm 1", "warm 2", "shared 2"]
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                executor = None if kind == "plain" else clusters[int(kind[-1])].executor
                runs[kind].append(cells.run(executor, is_shared=kind == "shared 2"))
        round_trip, tasks_per_second = empty_tasks(clusters[2].client)
        answers = clusters[1].executor.answers[-len(cells.last) :]
        orders = clusters[1].executor.orders[-len(cells.last) :]
    jobs = f"slurm:cluster=local,at_once=1,folder={folder / 'jobs'}"
    runs["jobs"].append(Cells(data, splits[:1], folder, cells.last).run(jobs))
    keep = keeping(answers, folder)
    returned = [len(pickle.dumps(answer)) for answer in answers]
    costs = Costs(
        round_trip=round_trip,
        tasks_per_second=tasks_per_second,
        order_bytes=statistics.fmean(len(pickle.dumps(order)) for order in orders),
        answer_bytes=statistics.fmean(returned),
        model_bytes=statistics.fmean(sum(map(len, answer["model"].values())) for answer in answers),
        keep=keep,
        written=written(data, splits[0], folder),
        small=of_dataset(SMALL, folder),
        large=of_dataset(data, folder),
    )
    return Found(Path(data).name, len(cells.last), n_runs, runs, costs)


@dataclass
class Cells:
    """The cells that run again and again. last: the results of the last run."""

    data: str
    splits: Sequence[str]
    folder: Path
    last: list[Any] = field(default_factory=list)

    def run(self, executor: Any = None, *, is_shared: bool = False) -> Timed:
        """Run all cells, and return when each has ended. Stop the script if a value differs."""
        with tempfile.TemporaryDirectory(dir=self.folder) as results:
            ends = Ends()
            began = time.perf_counter()
            found = recbench.run(
                MODELS,
                self.data,
                split=self.splits,
                executor=executor,
                shared_results=is_shared,
                track=ends,
                results=results,
            )
            took = time.perf_counter() - began
        before = {result.key: result.values for result in self.last}
        for result in found:
            if not result.ok or before.get(result.key, result.values) != result.values:
                sys.exit(f"{result.label}: {result.status}, or other values than before")
        self.last = list(found)
        first = began if executor is None else getattr(executor, "began", began)
        return Timed(took, first - began, [end - first for end in ends.times], ends.inside)


class Ends:
    """A tracker that knows when each cell has ended, and the seconds inside its model."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.inside: list[float] = []

    @recbench.hookimpl
    def recbench_run_finished(self, result: recbench.Result) -> None:
        self.times.append(time.perf_counter())
        self.inside.append(result.fit_seconds + result.score_seconds)


class Recording(Executor):
    """Passes functions on to an executor, and records what goes there and what comes back.

    began: when the first function of the latest run was submitted.
    """

    def __init__(self, inner: Executor) -> None:
        self._inner, self._n_open = inner, 0
        self.orders: list[Mapping[str, Any]] = []
        self.answers: list[Mapping[str, Any]] = []
        self.began = 0.0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self._n_open:
            self.began = time.perf_counter()
        self._n_open += 1
        self.orders.append(args[0])
        future = self._inner.submit(fn, *args, **kwargs)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: Future[Any]) -> None:
        self._n_open -= 1
        self.answers.append(future.result())


@dataclass(frozen=True)
class Cluster:
    """Workers that are running. client: of Dask. executor: that of recbench."""

    client: Any
    executor: Recording


@contextlib.contextmanager
def cluster(n_workers: int) -> Iterator[Cluster]:
    """Start workers with one thread each, and end them afterwards."""
    executor: Any = dask(workers=n_workers)
    executor.client.wait_for_workers(n_workers)
    yield Cluster(executor.client, Recording(executor))
    executor.shutdown()


def empty_tasks(client: Any) -> tuple[float, float]:
    """Return the seconds of an empty task, and how many end in a second if there are many."""
    seconds = []
    for _ in range(200):
        began = time.perf_counter()
        client.submit(int, pure=False).result()
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    client.gather([client.submit(int, pure=False) for _ in range(N_TASKS)])
    return statistics.median(seconds), N_TASKS / (time.perf_counter() - began)


def keeping(answers: Sequence[Mapping[str, Any]], folder: Path) -> float:
    """Return the seconds that the process that submits needs to store what a worker returned."""
    store = Store(folder / "kept").ready()
    keeper = Keeper(store, (3, 5, 10), ("ndcg",), force=False)
    seconds = []
    for answer in answers:
        began = time.perf_counter()
        result, columns = unpacked(answer["result"], answer["cases"])
        keeper.keep(result, columns)
        model = answer["model"]
        if model:
            store.keep_model(result, lambda place, model=model: write_files(model, place))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def written(data: str, split: str, folder: Path) -> Mapping[str, float]:
    """Return what the process that stores a cell does in the folder, per cell: calls and bytes.

    The workers do the same with `--shared-results`.
    """
    results = folder / "counted"
    counts: Counter[str] = Counter()

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        name = NAMES.get(event)
        path = str(arguments[0]) if arguments else ""
        if name and (event == "fcntl.flock" or path.startswith(str(results))):
            counts[name] += 1
            if event == "os.rename":
                counts["bytes"] += size(Path(path))

    def fsync(descriptor: int) -> None:
        counts["fsync"] += 1
        synced(descriptor)

    synced = os.fsync
    recbench.run("popular", data, split=split, results=results)  # makes the folder
    sys.addaudithook(count)
    counts.clear()
    with mock.patch("os.fsync", fsync):
        recbench.run(RULES, data, split=split, results=results)
    found = dict(counts)
    return {name: number / len(RULES) for name, number in sorted(found.items())}


NAMES = {
    "open": "open",
    "os.rename": "rename",
    "os.mkdir": "mkdir",
    "os.remove": "remove",
    "os.rmdir": "rmdir",
    "os.listdir": "list",
    "os.scandir": "list",
    "fcntl.flock": "lock",
}
"""Audit events of Python -> what a file server is asked for."""


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def of_dataset(data: str, folder: Path) -> OfDataset:
    """Return what a dataset costs."""
    recbench.load_dataset(SMALL)  # imports what reads files
    began = time.perf_counter()
    interactions = recbench.load_dataset(data).interactions
    LeaveLastOut().split(interactions)
    load = time.perf_counter() - began
    models = ["random", "popular", "markov", "rules"]  # the first one starts processes
    ends = Ends()
    with tempfile.TemporaryDirectory(dir=folder) as results:
        recbench.run(models, data, track=ends, results=results)
    timed = Timed(0, 0, ends.times, ends.inside)
    return OfDataset(interactions.n_interactions, load, statistics.median(timed.rest[1:]))


if __name__ == "__main__":
    main()

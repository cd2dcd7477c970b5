"""Jobs, engines: where the cells of a command run: here, side by side, or on an executor."""

from __future__ import annotations

import contextlib
import inspect
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbench.arguments import check_whole
from recbench.cell import Task, run_here
from recbench.data.load import Data
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Host
from recbench.given.services import with_executor
from recbench.isolation.memory import free_memory
from recbench.isolation.runner import AVAILABLE
from recbench.jobs.auto import most_jobs, pays, uses_torch
from recbench.jobs.collect import Collector
from recbench.jobs.order import Loading, Order, Storing
from recbench.jobs.pool import ForkedPool
from recbench.jobs.worker import WORKER
from recbench.keeper import Keeper
from recbench.plugins import Plugins
from recbench.progress import Bar, log
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.layout import writing

AUTO = "auto"

MOST_JOBS = 1024

Ended = Iterator[tuple[Task, Result]]


@dataclass(frozen=True)
class Where:
    """Where the cells of a command run.

    jobs: how many run side by side on this machine; "auto" decides. executor: None runs them on
    this machine. is_shared: whether the processes of the executor store results themselves.
    """

    jobs: int | str
    executor: Any
    is_shared: bool

    def checked(
        self, plugins: Plugins, results: str | Path | None, *, in_process: bool
    ) -> tuple[Plugins, Where]:
        """Return plugins with the executor of a file, and the same with the number of jobs.

        Raises UsageError for values that make no sense, alone or together.
        """
        jobs = self.jobs
        if jobs != AUTO:
            with contextlib.suppress(ValueError):
                jobs = int(jobs) if isinstance(jobs, str) else jobs
            if isinstance(jobs, str):
                raise UsageError(f"--jobs must be a whole number or auto, not {jobs!r}")
            check_whole("--jobs", jobs, 1, MOST_JOBS)
            jobs = int(jobs)
        executor = self.executor
        if executor is None and self.is_shared:
            raise UsageError("--shared-results is for --executor; leave it out")
        if self.is_shared and results is None:
            raise UsageError("--shared-results needs a folder of results; name one")
        if executor is not None and jobs not in (1, AUTO):
            raise UsageError(
                "give --jobs or --executor, not both; the number of workers is an option of the "
                "executor, as in dask:workers=2"
            )
        if in_process and (executor is not None or jobs not in (1, AUTO)):
            raise UsageError("--in-process runs one model at a time, in this process; leave it out")
        if inspect.isclass(executor):
            raise UsageError(
                f"the executor is the class {executor.__name__}; give an object of it, as in "
                f"{executor.__name__}()"
            )
        if executor is not None and not callable(getattr(executor, "submit", None)):
            plugins, executor = with_executor(plugins, executor)
            plugins.check("executors", Spec.parse(executor))
        if in_process:
            jobs = 1
        return plugins, Where(jobs, executor, self.is_shared)

    def n_jobs(self, tasks: Iterable[Task]) -> int:
        """Return how many jobs share the work of these and further cells on this machine."""
        n_jobs, tasks = self.jobs, list(tasks)
        if not isinstance(n_jobs, int):
            n_jobs, why = most_jobs(tasks)
            if why:
                log.debug("--jobs auto: one at a time, because %s", why)
        if n_jobs > 1 and not AVAILABLE:
            log.warning("models run side by side on Linux only, so --jobs has no effect")
            n_jobs = 1
        return n_jobs


@dataclass
class Engine:
    """Runs the cells of a command.

    host: runs models one after the other. end_host: ends it, before other processes begin.
    timeout, memory: the limits of a cell, in seconds and megabytes.
    loaded: comparison key -> the name that the user has given to the dataset, or None, and what it
    was loaded from. data_dir: the folder that the user has named.
    """

    where: Where
    host: Host
    end_host: Callable[[], None]
    keeper: Keeper
    timeout: float | None
    memory: int | None
    loaded: Mapping[Any, tuple[str | None, Data]]
    data_dir: str | None

    def run(self, tasks: Sequence[Task], bar: Bar) -> Ended:
        """Run cells, and yield each with its result. bar: shows which are running."""
        if self.where.executor is not None:
            yield from self._on_executor(tasks, bar) if tasks else ()
            return
        n_jobs = self.where.n_jobs(tasks)
        if self.where.jobs == AUTO and n_jobs > 1 and not any(map(uses_torch, tasks)):
            began = time.perf_counter()
            yield from self._here(tasks[:1], bar)
            tasks = tasks[1:]  # which may be too short for several processes
            if not pays(time.perf_counter() - began, len(tasks), n_jobs):
                log.debug("--jobs auto: one at a time, because the models are short")
                n_jobs = 1
        n_jobs = min(n_jobs, len(tasks))
        yield from self._side_by_side(tasks, n_jobs, bar) if n_jobs > 1 else self._here(tasks, bar)

    def _here(self, tasks: Sequence[Task], bar: Bar) -> Ended:
        for task in tasks:
            bar.step(0, task.cell.label)
            yield task, run_here(task, self.host, self.keeper)

    def _side_by_side(self, tasks: Sequence[Task], n_jobs: int, bar: Bar) -> Ended:
        if self.memory and n_jobs * self.memory * 2**20 > free_memory():
            log.warning(
                "%d models of %d MB (--memory) need more than is free; run fewer side by side",
                n_jobs,
                self.memory,
            )
        self.end_host()
        WORKER.inherit(task.experiment for task in tasks)
        pool = ForkedPool(n_jobs)
        try:
            storing, level = self._storing(is_shared=True), log.getEffectiveLevel()
            collector = Collector(
                pool,
                self.keeper,
                lambda task: Order.of_forked(task, storing, level).plain(),
                pool.receiver,
            )
            yield from collector.run(tasks, bar)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            WORKER.inherit([])

    def _on_executor(self, tasks: Sequence[Task], bar: Bar) -> Ended:
        plugins = tasks[0].experiment.plugins
        storing = self._storing(
            is_shared=self.where.is_shared, token=f".shared-{secrets.token_hex(8)}"
        )
        loading = Loading.of(plugins, self.loaded, self.data_dir, self.keeper.metrics)
        level = log.getEffectiveLevel()
        orders = {task: loading.order(task, storing, level).plain() for task in tasks}
        self.end_host()
        with _sharing(storing), contextlib.ExitStack() as opened:

            def make() -> Executor:
                return opened.enter_context(self._executor(plugins))

            renew = make if isinstance(self.where.executor, str) else None
            collector = Collector(make(), self.keeper, orders.__getitem__, renew=renew)
            try:
                yield from collector.run(tasks, bar)
            finally:
                WORKER.close()  # an executor may have run models in this process
                if renew is None:  # it is not shut down
                    collector.cancel()

    def _storing(self, *, is_shared: bool, token: str = "") -> Storing:
        store = self.keeper.store
        return Storing(
            ks=tuple(self.keeper.ks),
            timeout=self.timeout,
            memory=self.memory,
            force=self.keeper.force,
            results=None if store is None else str(store.folder.absolute()),
            is_shared=is_shared,
            token=token if is_shared else "",
        )

    @contextlib.contextmanager
    def _executor(self, plugins: Plugins) -> Iterator[Executor]:
        """Make the executor, and end it afterwards unless it was given as an object."""
        given = self.where.executor
        if not isinstance(given, str):
            yield given
            return
        spec = Spec.parse(given)
        offer = plugins.find("executors", spec.name)
        executor = offer.build(spec.options, {})
        if not callable(getattr(executor, "submit", None)):
            raise RecbenchError(
                f"{offer.where} returned an object of type {type(executor).__name__}; it must "
                "return a concurrent.futures.Executor"
            )
        try:
            yield executor
        finally:
            try:
                executor.shutdown(wait=False, cancel_futures=True)
            except Exception as error:  # of the executor's library
                log.warning("%s could not be ended: %s", offer.where, describe_error(error))


@contextlib.contextmanager
def _sharing(storing: Storing) -> Iterator[None]:
    """In this block, other processes can see by a file that they share a folder with this one."""
    if storing.results is None or not storing.token:
        yield
        return
    place = Path(storing.results, storing.token)
    with writing(place):
        place.touch()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            place.unlink()

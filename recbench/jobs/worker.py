"""Jobs, worker: the process that runs cells for another one, perhaps on another machine.

It loads a dataset once, and keeps the processes that start models, for the cells that follow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import socket
import tempfile
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recbench.cell import Task, run_cell
from recbench.code.python_file import is_python_file
from recbench.code.source import has_source
from recbench.data.dataset import Dataset
from recbench.data.interactions import Columns
from recbench.data.load import find_dataset
from recbench.errors import RecbenchError, describe_error
from recbench.experiment import Experiment, Host, model_host
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.jobs.order import Order, core_version
from recbench.jobs.passing import Passing, Sharing
from recbench.keeper import Keeper
from recbench.plugins import Plugins, current_plugins, load_plugins
from recbench.progress import log
from recbench.reported import Receive
from recbench.results.result import Result
from recbench.results.shown import with_shown_metrics
from recbench.spec import Spec
from recbench.store.format import packed
from recbench.store.store import Store

MOST_DATASETS, MOST_LOADED = 2, 4
"""How many datasets, and how many splits of them, a process keeps for the next cells."""

MOST_HOSTS = 8
"""How many hosts that run no cell a process keeps."""

MOST_MESSAGES = 100
"""How many warnings and errors of one cell are returned."""

LARGEST_MODEL = 512 * 2**20
"""The largest fitted model that is returned, in bytes."""


def work(order: Mapping[str, Any]) -> dict[str, Any]:
    """Run a cell, and return its result; what an executor calls in its processes. Never raises.

    order: of `Order.plain`. Returns a dict: `result` and `cases` as `unpacked` takes them, `stored`
    (whether the result is in the shared folder), `reported` (whether its failure was logged),
    `model` (the files of the fitted model: path -> content), `messages` (level and text of
    warnings), `worker` (the name of this process); or `refused` (why the cell cannot be run here)
    and `worker`.
    """
    messages: list[tuple[int, str]] = []
    try:
        with _collecting(messages):
            _check_core(order.get("recbench"))
            answer = WORKER.run(Order.of_plain(order))
    except BaseException as error:  # it must not end the process, which runs other cells too
        return {"refused": describe_error(error), "worker": process_name()}
    return {**answer, "messages": messages, "worker": process_name()}


def process_name() -> str:
    """Return the name of this process among those of several machines."""
    return f"{socket.gethostname()}, process {os.getpid()}"


@contextlib.contextmanager
def _collecting(messages: list[tuple[int, str]]) -> Iterator[None]:
    """Collect the warnings and errors that this thread logs, unless another process hears them."""
    if WORKER.begin is not None:
        yield
        return
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and len(messages) < MOST_MESSAGES:
                messages.append((record.levelno, record.getMessage()))

    collector = Collector(logging.WARNING)
    log.addHandler(collector)
    try:
        yield
    finally:
        log.removeHandler(collector)


class Worker:
    """What this process keeps for the cells that follow. Several threads can use it.

    begin: in a process whose messages another one gets as they are logged, what is called with each
    cell; it returns what receives the values that its model reports.
    """

    def __init__(self) -> None:
        self.begin: Callable[[Result], Receive] | None = None
        self._lock = threading.Lock()
        self._plugins: Plugins | None = None
        self._files: dict[Path, types.ModuleType] = {}
        self._datasets: OrderedDict[Any, Dataset] = OrderedDict()
        self._loaded: OrderedDict[Any, Experiment] = OrderedDict()
        self._hosts: list[tuple[Any, Host]] = []

    def forked(self, begin: Callable[[Result], Receive]) -> None:
        """In a forked process: leave the hosts of the other one alone, and be heard by it."""
        self._hosts, self._lock = [], threading.Lock()
        self.begin = begin

    def inherit(self, experiments: Iterable[Experiment]) -> None:
        """Keep experiments for processes that are forked from this one."""
        self._loaded = OrderedDict((each.setting.comparison_key, each) for each in experiments)

    def run(self, order: Order) -> dict[str, Any]:
        """Run a cell. Raises RecbenchError if it would not be the same here."""
        cell = order.result
        log.setLevel(order.log_level)
        if order.dataset:
            experiment = self._same_experiment(order, cell)
        else:
            experiment = self._loaded[cell.setting.comparison_key]
        task = Task(experiment, cell)
        on_values = None if self.begin is None else self.begin(cell)
        with _keeper(order) as keeper:
            with self._host(experiment.plugins, order) as host:
                result, columns = run_cell(task, host, keeper, on_values)
            answer = _packed(experiment, result, columns, keeper)
            answer["reported"] = isinstance(keeper, Sharing)
            answer["stored"] = isinstance(keeper, Sharing) and not keeper.not_stored
            answer["model"] = {}
            if isinstance(keeper, Passing) and result.ok:
                answer["model"] = _model_files(keeper.model_folder(result), result)
        return answer

    def _same_experiment(self, order: Order, cell: Result) -> Experiment:
        """Return the experiment of an order, loaded here. Raises RecbenchError if it differs."""
        with self._lock:
            experiment = self._loaded.get(order.content) or self._load(order)
            why = _difference(experiment, order, cell)
            if why:  # perhaps files have changed since
                self._files.clear()
                self._datasets.clear()
                self._loaded.clear()
                experiment = self._load(order)
                why = _difference(experiment, order, cell)
        if why:
            raise RecbenchError(why)
        return experiment

    def _load(self, order: Order) -> Experiment:
        """Load a dataset, unless it is loaded already, and split it."""
        if self._plugins is None:
            self._plugins = load_plugins()
        plugins = current_plugins(self._plugins)
        plugins.files = self._files  # each is loaded once, for all cells
        plugins, _ = with_models(plugins, order.model)
        plugins, split = with_splitter(plugins, order.split)
        _check_metrics(order, plugins)
        plugins, _ = with_shown_metrics(plugins, list(order.metrics))
        folder = order.data_dir
        place = folder if folder is not None and Path(folder).is_dir() else None
        named = order.dataset, order.name, place
        if named not in self._datasets:
            dataset = find_dataset(plugins, order.dataset, place).load()
            if order.name is not None:
                dataset = dataclasses.replace(dataset, name=order.name)
            _keep(self._datasets, named, dataset, MOST_DATASETS)
        dataset = self._datasets[named]
        experiment = Experiment.of(plugins, dataset, split, order.candidates, order.dataset)
        _keep(self._loaded, order.content, experiment, MOST_LOADED)
        return experiment

    @contextlib.contextmanager
    def _host(self, plugins: Plugins, order: Order) -> Iterator[Host]:
        """Yield a host, which is kept for the next cell with the same limits and plugins."""
        limits, isolated = (order.storing.timeout, order.storing.memory), order.cell["isolated"]
        is_installed = bool(order.dataset) and not order.is_of_file
        kind = 0 if is_installed else id(plugins), limits, isolated
        with self._lock:
            kept = next((pair for pair in self._hosts if pair[0] == kind), None)
            if kept is not None:
                self._hosts.remove(kept)
        host = kept[1] if kept else model_host(plugins, *limits, in_process=not isolated)
        if kept is None:
            host.__enter__()
        try:
            yield host
        finally:
            with self._lock:
                self._hosts.append((kind, host))
                old = [self._hosts.pop(0) for _ in self._hosts[MOST_HOSTS:]]
            for _, each in old:
                each.__exit__(None, None, None)

    def close(self) -> None:
        """End the processes that start models."""
        with self._lock:
            hosts, self._hosts = self._hosts, []
        for _, host in hosts:
            host.__exit__(None, None, None)


WORKER = Worker()
"""That of this process."""


def _check_core(here: str | None) -> None:
    """Raise RecbenchError if another version of recbench has made an order."""
    if here and here != core_version():
        raise RecbenchError(_other_version("recbench", core_version(), here))


def _check_metrics(order: Order, plugins: Plugins) -> None:
    """Raise RecbenchError if a metric that is asked for belongs to a plugin that is missing."""
    known = plugins.names("metrics")
    for metric in order.metrics:
        name = Spec.parse(metric).name
        if not is_python_file(name) and name not in known:
            here = order.metric_versions.get(name, "installed")
            raise RecbenchError(_other_version(f"metric {name}", "missing", here))


def _difference(experiment: Experiment, order: Order, cell: Result) -> str:
    """Return how data or code differ from those of a cell; "" if they are the same."""
    for part in ("dataset", "split", "candidates"):
        field = f"{part}_sha256"
        there, here = getattr(experiment.setting, field), getattr(cell.setting, field)
        if there != here:
            return (
                f"the {part} {getattr(cell.setting, part)} has other content: its sha256 is "
                f"{there[:12]}... there, and {here[:12]}... here; use the same files on all "
                "machines"
            )
    plugins, spec = experiment.plugins, Spec.parse(cell.model)
    if cell.plugin not in plugins.infos:
        return _other_version(f"plugin {cell.plugin}", "missing", cell.model_version)
    missing = plugins.why_missing(spec.name)
    if missing:
        return missing
    offer = plugins.check("models", spec)
    source = offer.source
    version = offer.version_of(source)
    if (offer.plugin, version) != (cell.plugin, cell.model_version):
        return _other_version(f"plugin {cell.plugin}", version, cell.model_version)
    for name, here in order.metric_versions.items():
        there = experiment.metric_versions.get(name, "missing")
        if there != here:
            return _other_version(f"metric {name}", there, here)
    experiment.code[offer.name] = source.code_digest()  # a worker may live longer than the code
    device = cell.device or "auto"
    key = experiment.cell(cell.model, cell.seed or 0, device, isolated=cell.isolated).key
    if key != cell.key and has_source(version):  # else it is different every time
        return (
            f"the key of {cell.label} is {key[:12]}... there, and {cell.key[:12]}... here; install "
            "the same versions on all machines"
        )
    return ""


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Keep a value, and the latest others of these."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)


def _other_version(what: str, there: str, here: str) -> str:
    return (
        f"{what} is {there} there, and {here} here; install the same version on all machines, and "
        "restart the workers"
    )


def _check_shared(folder: Path, token: str) -> None:
    """Raise RecbenchError unless this machine shares a folder with the one that runs the command.

    token: the name of a file that the other one has written into the folder.
    """
    if not (folder / token).is_file():
        raise RecbenchError(
            f"its folder {folder} is another one than here; name a folder with --results that all "
            "machines share, or leave out --shared-results"
        )


@contextlib.contextmanager
def _keeper(order: Order) -> Iterator[Keeper]:
    """Yield what stores the result of a cell, or what keeps it until it has been returned."""
    storing = order.storing
    if storing.results is None:
        yield Keeper(None, storing.ks, (), storing.force, made=order.made, is_last=False)
    elif storing.is_shared:
        if storing.token:
            _check_shared(Path(storing.results), storing.token)
        yield Sharing(Store(storing.results), storing.ks, (), storing.force, made=order.made)
    else:
        with tempfile.TemporaryDirectory(prefix="recbench-") as folder:
            yield Passing(Store(folder), storing.ks, (), storing.force, made=order.made)


def _packed(
    experiment: Experiment, result: Result, columns: Columns, keeper: Keeper
) -> dict[str, Any]:
    try:
        text, cases = packed(result, columns)
    except RecbenchError as error:
        result = experiment.failed(result, describe_error(error), keeper.ks)
        text, cases = packed(result, {})
    return {"result": text, "cases": cases}


def _model_files(folder: Path, result: Result) -> dict[str, bytes]:
    """Return the files of a fitted model, with its checksums, by their paths in the folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    size = sum(file.stat().st_size for file in files)
    if size > LARGEST_MODEL:
        log.warning(
            "%s: the fitted model was not returned, because it has %d MB; --shared-results "
            "stores models of any size",
            result.label,
            size // 2**20,
        )
        return {}
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files that `work` has returned. Raises ValueError for a path outside the folder."""
    for name, data in files.items():
        place = (folder / name).resolve()
        if not place.is_relative_to(folder.resolve()):
            raise ValueError(f"{name!r} is not a path in the folder of the model")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

"""Jobs, order: everything that another process needs to run a cell, as plain values."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from recbench.cell import Task
from recbench.code.installed import DISTRIBUTION
from recbench.code.python_file import file_and_member, is_python_file
from recbench.data.load import Data, find_dataset, text_of
from recbench.errors import UsageError
from recbench.given.collect import as_typed
from recbench.plugins import Plugins
from recbench.results.json_form import from_json, plain, read_as, to_json
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.provenance import command


@dataclass(frozen=True)
class Storing:
    """How another process runs cells and stores their results.

    timeout, memory: the limits of a cell, in seconds and megabytes. force: whether checkpoints are
    not used. results: the folder of results; None if nothing is stored. is_shared: whether the
    other process stores results there; else it returns them. token: the name of a file in this
    folder by which it knows that it sees the same one; "" if it does.
    """

    ks: tuple[int, ...]
    timeout: float | None
    memory: int | None
    force: bool
    results: str | None
    is_shared: bool
    token: str


@dataclass(frozen=True)
class Order:
    """A cell that another process is to run.

    cell: the result without numbers, as JSON. model, split, dataset, candidates, metrics: as texts
    that load them, or empty if the process has been forked from this one, with all that is loaded.
    name: that the user has given to the dataset. recbench, metric_versions: the version of the
    core, and of the code of each metric. made: what the provenance of the result says of this
    process. log_level: of this process.
    """

    cell: Mapping[str, Any]
    storing: Storing
    log_level: int
    model: str = ""
    split: str = ""
    dataset: str = ""
    name: str | None = None
    data_dir: str | None = None
    candidates: str | None = None
    metrics: tuple[str, ...] = ()
    recbench: str = ""
    metric_versions: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_forked(cls, task: Task, storing: Storing, log_level: int) -> Order:
        """Return the order of a cell for a process that has been forked from this one."""
        return cls(to_json(task.cell), storing, log_level)

    def plain(self) -> dict[str, Any]:
        """Return the order as texts, numbers, lists and dicts."""
        found: dict[str, Any] = plain({**vars(self), "storing": vars(self.storing)})
        return found

    @classmethod
    def of_plain(cls, data: Mapping[str, Any]) -> Order:
        """Invert `plain`. Raises ValueError for the order of another version of recbench."""
        order: Order = read_as(Order, data)
        return order

    @property
    def content(self) -> Any:
        """What has to be loaded; the same for cells that share it. It can be a key of a dict."""
        named = self.dataset, self.name, self.data_dir, self.split, self.candidates
        return named, self.metrics, Spec.parse(self.model).name if self.is_of_file else ""

    @property
    def is_of_file(self) -> bool:
        """Whether the model is in a .py file, and not in a plugin."""
        return bool(self.model) and is_python_file(Spec.parse(self.model).name)

    @property
    def result(self) -> Result:
        """The cell, before it is run."""
        return from_json(self.cell)


@dataclass(frozen=True)
class Loading:
    """How another process loads what cells need, from texts.

    datasets: comparison key -> the name that the user has given to the dataset, and its text.
    metrics: those that are measured besides all others.
    """

    plugins: Plugins
    datasets: Mapping[Any, tuple[str | None, str]]
    data_dir: str | None
    metrics: tuple[str, ...]

    @classmethod
    def of(
        cls,
        plugins: Plugins,
        loaded: Mapping[Any, tuple[str | None, Data]],
        data_dir: str | None,
        metrics: Iterable[str],
    ) -> Loading:
        """Return it for data that this process has loaded.

        loaded: comparison key -> the name of the dataset, and what it was loaded from. data_dir:
        that the user has named. Raises UsageError for what is not text.
        """
        folder = data_dir or os.environ.get("RECBENCH_DATA")
        return cls(
            plugins,
            {key: (name, loadable_dataset(plugins, data)) for key, (name, data) in loaded.items()},
            None if folder is None else os.path.abspath(os.path.expanduser(folder)),
            tuple(loadable(plugins, "metrics", metric) for metric in metrics),
        )

    def order(self, task: Task, storing: Storing, log_level: int) -> Order:
        """Return the order of a cell. Raises UsageError for what is not text."""
        experiment = task.experiment
        name, dataset = self.datasets[experiment.setting.comparison_key]
        return Order(
            cell=to_json(task.cell),
            storing=storing,
            log_level=log_level,
            model=loadable(self.plugins, "models", task.cell.model),
            split=loadable(self.plugins, "splitters", experiment.setting.split),
            dataset=dataset,
            name=name,
            data_dir=self.data_dir,
            candidates=experiment.setting.candidates or None,
            metrics=self.metrics,
            recbench=core_version(),
            metric_versions=experiment.metric_versions,
            made={
                "dataset": experiment.dataset_text or experiment.dataset.name,
                "split": experiment.split_text,
                "command": command(),
            },
        )


def loadable(plugins: Plugins, kind: str, text: str) -> str:
    """Return the text of a model, splitter or metric that another process can load.

    Files have absolute paths. Raises UsageError for what was given as a Python object.
    """
    typed = as_typed(plugins, kind, text)
    spec = Spec.parse(typed)
    if is_python_file(spec.name):
        return str(Spec(_absolute(spec.name), spec.options))
    offer = plugins.find(kind, spec.name)
    if offer.plugin in plugins.given:
        raise UsageError(
            f"{offer.what} is given as a Python object, which an executor cannot send to other "
            "machines; put it in a .py file or install it as a plugin, and name it"
        )
    return typed


def loadable_dataset(plugins: Plugins, data: Data) -> str:
    """Return the text of a dataset that another process can load, with absolute paths.

    Raises UsageError for data that were given as an object.
    """
    text = text_of(data)
    if not text:
        raise UsageError(
            f"the dataset is given as a {type(data).__name__}, which an executor cannot send to "
            "other machines; write it to a file, and give its path"
        )
    find_dataset(plugins, data)
    spec = Spec.parse(text)
    if spec.name in plugins.names("datasets"):
        return text
    paths = [_absolute(path) for path in spec.name.split(",")]
    return str(Spec(",".join(paths), spec.options))


def _absolute(path: str) -> str:
    file, member = file_and_member(path) if is_python_file(path) else (path, "")
    place = os.path.abspath(os.path.expanduser(file))
    return f"{place}:{member}" if member else place


@functools.cache
def core_version() -> str:
    """Return the version of recbench, and a digest of its code."""
    folder, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return f"{metadata.version(DISTRIBUTION)}+{digest.hexdigest()[:8]}"

"""Tuning: the training data and validation targets of trials, without the targets of the test.

The data are loaded and split in a process of its own, which returns only the training part. So the
targets that tuned models are judged on are never in a process that runs trials.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from recbench.data.dataset import Dataset
from recbench.data.load import Data, text_of
from recbench.data.make_split import with_inner_validation
from recbench.data.split import Split
from recbench.data.validation_split import make_validation_split, of_validation
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment, load_and_log
from recbench.isolation.processes import die_with_parent, fork
from recbench.isolation.runner import AVAILABLE
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.result import Setting

T = TypeVar("T")


@dataclass(frozen=True)
class HeldOut:
    """What models are tuned for and on.

    test: describes the split that tuned models are judged on. validation: where trials run.
    """

    test: Setting
    validation: Experiment


def prepare(
    plugins: Plugins, dataset: Data, split: str, data_dir: str | None, metric: str
) -> HeldOut:
    """Load and split a dataset, and hold out validation targets in its training part.

    split: the splitter, as text. metric: the only one that trials are measured by.

    Raises UsageError for wrong names, and RecbenchError for broken data or too few cases.
    """

    def load() -> tuple[Setting, Dataset, str, Split]:
        data = load_and_log(plugins, dataset, data_dir, log_notes=False)
        name, test, validation = make_validation_split(plugins, data, split)
        setting = Experiment.of_split(plugins, data, name, test, None, text_of(dataset)).setting
        return setting, dataclasses.replace(data, interactions=test.train), name, validation

    setting, data, name, validation = _in_own_process(load) if AVAILABLE else load()
    data, validation = _read_only(data, validation)
    validation = with_inner_validation(plugins, data, split, validation)
    try:
        experiment = Experiment.of_split(
            plugins, data, name, validation, None, text_of(dataset), frozenset({metric})
        )
    except RecbenchError as error:
        raise RecbenchError(of_validation(error)) from error
    return HeldOut(setting, experiment)


def _read_only(data: Dataset, split: Split) -> tuple[Dataset, Split]:
    """Return the same with arrays that nobody can change, which pickling does not keep."""
    train = history = dataclasses.replace(split.train)
    if split.history is not split.train:
        history = dataclasses.replace(split.history)
    interactions = dataclasses.replace(data.interactions)
    return (
        dataclasses.replace(data, interactions=interactions),
        dataclasses.replace(split, train=train, history=history),
    )


def _in_own_process(work: Callable[[], T]) -> T:
    """Return what a function returns in a process of its own, from which nothing else comes back.

    Raises the UsageError or RecbenchError that it raises; other errors become a RecbenchError.
    """
    with tempfile.TemporaryFile() as handed:
        _flush()
        pid = fork()
        if pid == 0:
            _work_and_exit(work, handed)
        try:
            _, status = os.waitpid(pid, 0)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        code = os.waitstatus_to_exitcode(status)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            ended = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
            raise RecbenchError(
                f"the process that loads and splits the data {ended}; check the code of the "
                "dataset and of the splitter, which must not end it"
            )
        if not handed.seek(0, os.SEEK_END):
            raise RecbenchError("the process that loads and splits the data ended without a result")
        handed.seek(0)
        kind, answer = pickle.load(handed)  # noqa: S301  written by the process that was forked
    if kind is not None:
        raise kind(answer)
    return answer  # type: ignore[no-any-return]


_INTERRUPTED = 130


def _work_and_exit(work: Callable[[], Any], handed: IO[bytes]) -> None:
    """Write what a function returns or raises to a file, and end this process."""
    code = 1
    try:
        die_with_parent()
        try:
            pickle.dump((None, work()), handed, protocol=5)
        except Exception as error:  # also of pickle
            log.debug("loading failed", exc_info=True)
            kind = UsageError if isinstance(error, UsageError) else RecbenchError
            text = str(error) if isinstance(error, RecbenchError) else describe_error(error)
            handed.seek(0)
            handed.truncate()
            pickle.dump((kind, text), handed, protocol=5)
        handed.flush()
        code = 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    finally:
        with contextlib.suppress(BaseException):  # nothing may keep this process from ending
            _flush()
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()

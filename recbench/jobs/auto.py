"""Jobs, auto: how many cells run side by side, if `--jobs auto` leaves it to recbench."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence

from recbench.cell import Task
from recbench.isolation.memory import free_memory
from recbench.isolation.runner import AVAILABLE
from recbench.jobs.threads import usable_cores
from recbench.spec import Spec

START_SECONDS = 1.0
"""About how long it takes until processes have begun to work."""

LEAST_MEMORY = 2**30
"""How much memory each cell must have at least, in bytes, besides copies of the data."""

BYTES_PER_INTERACTION = 100
"""How much memory a cell may need for each interaction of its dataset."""


def most_jobs(tasks: Sequence[Task]) -> tuple[int, str]:
    """Return how many cells can run side by side, and what limits them if only one can."""
    if not AVAILABLE:
        return 1, "cells run side by side on Linux only"
    if len(tasks) < 2:
        return 1, "there is only one cell to run"
    if usable_cores() < 2:
        return 1, "there is only one core"
    if _has_gpu() and any(map(uses_torch, tasks)):
        return 1, "the models would share a GPU"
    largest = max(task.experiment.dataset.interactions.n_interactions for task in tasks)
    room = int(0.9 * free_memory() / (LEAST_MEMORY + BYTES_PER_INTERACTION * largest))
    if room < 2:
        return 1, "there is too little memory for several"
    return min(len(tasks), usable_cores(), room), ""


def pays(seconds: float, n_left: int, n_jobs: int) -> bool:
    """Return whether it pays to start processes. seconds: about what each cell takes."""
    return seconds * n_left * (1 - 1 / min(n_jobs, max(n_left, 1))) > START_SECONDS


def uses_torch(task: Task) -> bool:
    """Return whether a cell's model uses torch, so that it takes a time and may use a GPU."""
    plugins, name = task.experiment.plugins, Spec.parse(task.cell.model).name
    if plugins.why_missing(name):
        return False
    return "torch" in plugins.find("models", name).source.libraries


@functools.cache
def _has_gpu() -> bool:
    """Return whether this machine has a GPU that torch can use; without loading torch, if not."""
    if shutil.which("nvidia-smi") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())

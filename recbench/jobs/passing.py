"""Jobs, passing: what a worker stores of a cell, and what it keeps until it has returned it."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from recbench.code.source import has_source
from recbench.data.interactions import Columns
from recbench.errors import RecbenchError
from recbench.keeper import Keeper
from recbench.models import checkpoint
from recbench.results.result import Result
from recbench.store.store import Store


@dataclass(eq=False)
class Sharing(Keeper):
    """Stores the result of a cell in a shared folder.

    If it cannot, the process that gets the result tries again, and reports it.
    """

    def report_not_stored(self, result: Result, error: RecbenchError) -> None:  # noqa: ARG002
        """Remember that a result could not be stored."""
        self.not_stored.append(result)


@dataclass(eq=False)
class Passing(Keeper):
    """Keeps the checkpoint of a cell on this machine, and its fitted model in a folder of its own.

    The result is not stored here. store: of the folder with the model.
    """

    def model_folder(self, result: Result) -> Path:
        """Return where the fitted model of a result is, if it has been kept."""
        assert self.store is not None  # noqa: S101  it is made with a folder
        return self.store.model_folder(result)

    def checkpoint(self, cell: Result) -> Path | None:
        """Return the folder for a checkpoint, which later cells of this machine find again."""
        if not has_source(cell.model_version):
            return None
        place = _checkpoints().checkpoint(cell)
        return None if self.force and not checkpoint.remove(place) else place

    def keep_numbers(self, result: Result, columns: Columns) -> None:
        """Do nothing: the numbers are returned."""

    def keep(self, result: Result, columns: Columns) -> Result:  # noqa: ARG002
        """Return the result, and remove a checkpoint that is not needed any more."""
        place = _checkpoints().checkpoint(result)
        if result.ok or not checkpoint.can_resume(place):
            checkpoint.remove(place)
        return self._with_origin(result)


@functools.cache
def _checkpoints() -> Store:
    """Return where this machine keeps checkpoints.

    If there is no place for the user's files, it is a folder that only this process knows.
    """
    import pooch

    try:
        return Store(Path(pooch.os_cache("recbench")) / "worker").ready()
    except RecbenchError:
        return Store(tempfile.mkdtemp(prefix="recbench-"))

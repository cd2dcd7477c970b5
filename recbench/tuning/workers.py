"""Tuning: the processes that work on a study, and which of them are alive.

Each holds the lock of a folder of its own as long as it works. The lock of a killed process is
free, on whatever machine it ran.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path

from recbench.files import delete, locked
from recbench.progress import log


class Workers:
    """The processes that work on a study. name: that of this process.

    folder: of the study. `join` and `tidy` must be called under the study's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._folder, self._held = folder / "workers", contextlib.ExitStack()
        self._can_lock = True

    def join(self) -> None:
        """Start working. Raises OSError if the folder cannot be written."""
        place = self._folder / self.name
        place.mkdir(parents=True)
        self._can_lock = self._held.enter_context(locked(place, patience=0))
        if not self._can_lock:
            log.warning(
                "%s is on a file system without locks, so only one process at a time may use it",
                self._folder.parent,
            )

    def leave(self) -> None:
        """Stop working."""
        self._held.close()
        shutil.rmtree(self._folder / self.name, ignore_errors=True)

    def is_alive(self, name: str) -> bool:
        """Whether a process still works on the study; what a dead one has left is removed."""
        place = self._folder / name
        if name == self.name:
            return True
        if not name or not self._can_lock or not place.is_dir():
            return False
        with locked(place, patience=0) as is_free:
            pass
        if is_free:
            with contextlib.suppress(OSError):
                delete(place)
        return not is_free

    def tidy(self) -> None:
        """Remove what dead processes have left."""
        for place in [*self._folder.glob("*/")]:
            self.is_alive(place.name)

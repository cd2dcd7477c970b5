"""Step 3, fit: checkpoints, so that an interrupted training resumes in the next run.

The checkpoint of a cell is the folder `model-seed-key.checkpoint/`. It contains a lock file and the
folder `kept`, which the model writes to. The process in which the model runs takes the lock, so the
lock is held as long as that process may write there.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbench.files import DAY, LOCK, locked
from recbench.spec import parameters

SUFFIX = ".checkpoint"

EXPIRY = 30 * DAY
"""Seconds after which an unused checkpoint is removed."""


def takes_checkpoint(model: Any) -> bool:
    """Whether the model's `fit` has a parameter `checkpoint`."""
    try:
        return "checkpoint" in parameters(model.fit)[0]
    except (TypeError, ValueError):  # a callable without a signature
        return False


@contextlib.contextmanager
def folder_for(model: Any, place: Path | None) -> Iterator[Path | None]:
    """Hold the folder that a model's `fit` gets as its checkpoint while it trains.

    place: the cell's checkpoint, or None. Yields None if there is no place, `fit` has no parameter
    `checkpoint`, the folder cannot be created, or another run is training with it.
    """
    if place is None or not takes_checkpoint(model):
        yield None
        return
    with contextlib.ExitStack() as held:
        folder, kept = None, place / "kept"
        with contextlib.suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            if held.enter_context(locked(place, patience=0)):
                kept.mkdir(exist_ok=True)
                folder = kept
            else:
                place.rmdir()  # where locks do not work; fails if another run uses it
        yield folder


def remove(place: Path) -> bool:
    """Remove a checkpoint unless a run is training with it. Return whether it is gone."""
    if not place.exists():
        return True
    with contextlib.suppress(OSError):
        with locked(place, patience=0) as alone:
            if alone:
                if (place / "kept").exists():
                    shutil.rmtree(place / "kept")
                with contextlib.suppress(PermissionError):  # Windows removes it on release
                    (place / LOCK).unlink()
        if alone:
            place.rmdir()  # fails if another run has started there
    return not place.exists()


def can_resume(place: Path) -> bool:
    """Whether the checkpoint contains files to resume from."""
    try:
        return any((place / "kept").iterdir())
    except OSError:
        return False


def remove_stale(folder: Path) -> None:
    """Remove the checkpoints in a folder that have not changed for EXPIRY seconds."""
    for place in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            touched = max(path.lstat().st_mtime for path in (place, *place.rglob("*")))
            if time.time() - touched > EXPIRY:
                remove(place)

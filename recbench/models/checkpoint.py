"""Step 3, model: training that goes on where an earlier try was interrupted.

A cell's checkpoint is `model-seed-key.checkpoint/`: the lock of whoever trains with it, and `kept`,
the folder that the model is given. The lock is taken where the model runs, so that it lasts exactly
as long as there is somebody who may write.
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
"""Seconds after which nobody is expected to come back for a checkpoint."""


def takes_checkpoint(model: Any) -> bool:
    """Whether the model's `fit` has a parameter of that name."""
    try:
        return "checkpoint" in parameters(model.fit)[0]
    except (TypeError, ValueError):  # a callable without a signature
        return False


@contextlib.contextmanager
def folder_for(model: Any, place: Path | None) -> Iterator[Path | None]:
    """The folder that a model's `fit` is given, for as long as it trains.

    place: the cell's checkpoint. None where there is no place, the model takes no checkpoint, the
    folder cannot be made, or another run trains with it.
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
                place.rmdir()  # where there are no locks; it is not empty if another run has it
        yield folder


def remove(place: Path) -> bool:
    """Remove a checkpoint unless somebody trains with it; gives whether there is none any more."""
    if not place.exists():
        return True
    with contextlib.suppress(OSError):
        with locked(place, patience=0) as alone:
            if alone:
                if (place / "kept").exists():
                    shutil.rmtree(place / "kept")
                with contextlib.suppress(PermissionError):  # Windows removes it when it is let go
                    (place / LOCK).unlink()
        if alone:
            place.rmdir()  # unless another run has begun anew there
    return not place.exists()


def can_resume(place: Path) -> bool:
    """Whether a model has left something there to go on from."""
    try:
        return any((place / "kept").iterdir())
    except OSError:
        return False


def remove_stale(folder: Path) -> None:
    """Remove the checkpoints in a folder that nobody has touched for long."""
    for place in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            touched = max(path.lstat().st_mtime for path in (place, *place.rglob("*")))
            if time.time() - touched > EXPIRY:
                remove(place)

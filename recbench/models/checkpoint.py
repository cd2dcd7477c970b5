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

from recbench.data.interactions import Interactions
from recbench.files import DAY, locked
from recbench.models.answers import call
from recbench.spec import parameters

SUFFIX = ".checkpoint"


UNTOUCHED = 30 * DAY
"""Seconds after which nobody is expected to come back for a checkpoint."""


def fit(model: Any, train: Interactions, place: Path | None) -> float:
    """Train, with a checkpoint in `place` where the model takes one and it can be had.

    Gives the seconds that it took: NaN where earlier tries, which nobody timed, left something.
    Raises RecbenchError as `call` does.
    """
    with contextlib.ExitStack() as held:
        folder = None
        if place is not None and takes_checkpoint(model):
            folder = held.enter_context(_alone_in(place))
        goes_on = folder is not None and holds_something(place)
        given = {} if folder is None else {"checkpoint": folder}
        began = time.perf_counter()
        call("fit", model.fit, train, **given)
        return float("nan") if goes_on else time.perf_counter() - began


def takes_checkpoint(model: Any) -> bool:
    """Whether the model's `fit` has a parameter of that name."""
    try:
        return "checkpoint" in parameters(model.fit)[0]
    except (TypeError, ValueError):  # a callable without a signature
        return False


@contextlib.contextmanager
def _alone_in(place: Path) -> Iterator[Path | None]:
    """The folder for the model; None where it cannot be made, or while another run has it."""
    with contextlib.ExitStack() as held:
        folder = None
        with contextlib.suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            if held.enter_context(locked(place, patience=0)):
                kept = place / "kept"
                kept.mkdir(exist_ok=True)
                folder = kept
            else:
                place.rmdir()  # where there are no locks; it is not empty if another run has it
        yield folder


def forget(place: Path) -> bool:
    """Remove a checkpoint unless somebody trains with it; gives whether there is none any more."""
    if not place.exists():
        return True
    with contextlib.suppress(OSError), locked(place, patience=0) as alone:
        if alone:
            if (place / "kept").exists():
                shutil.rmtree(place / "kept")
            (place / ".lock").unlink()  # last: who finds another one here begins anew
            place.rmdir()
    return not place.exists()


def holds_something(place: Path | None) -> bool:
    """Whether a model has left something there to go on from."""
    try:
        return place is not None and any((place / "kept").iterdir())
    except OSError:
        return False


def sweep(folder: Path) -> None:
    """Remove the checkpoints in a folder that nobody has touched for long."""
    for place in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            touched = max(one.lstat().st_mtime for one in (place, *place.rglob("*")))
            if time.time() - touched > UNTOUCHED:
                forget(place)

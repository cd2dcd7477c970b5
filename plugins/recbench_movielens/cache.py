"""Step 1, dataset: the cache of downloads, in which nothing half done is ever found."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import recbench

Fetch = Callable[[Path, Path], None]
"""fetch(work, into): work in one folder, which will be thrown away, and fill the other."""

_UNDER_WAY = ".under-way-"
_STALE = 24 * 3600


def home(name: str) -> Path:
    """The folder of one dataset, whether it is there or not."""
    import pooch

    return Path(pooch.os_cache("recbench")) / name


def fill(name: str, fetch: Fetch, sound: Callable[[Path], bool]) -> None:
    """Let `fetch` fill a temporary folder beside the dataset's own, then rename it into place.

    Where another process was faster, its folder stays and ours is thrown away.
    """
    final = home(name)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final.parent)
        with tempfile.TemporaryDirectory(
            prefix=_UNDER_WAY, dir=final.parent, ignore_cleanup_errors=True
        ) as temporary:
            work, made = Path(temporary) / "work", Path(temporary) / "made"
            work.mkdir()
            made.mkdir()
            fetch(work, made)
            if not sound(made):
                raise recbench.RecbenchError("what came is not the published data")
            _place(made, final, sound)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise recbench.RecbenchError(f"the cache cannot be written ({why})") from error


def _place(made: Path, final: Path, sound: Callable[[Path], bool]) -> None:
    """Rename, unless something sound is there already; something damaged is moved away."""
    if sound(final):
        return
    if final.exists():
        final.rename(made.with_name("damaged"))
    try:
        made.rename(final)
    except OSError:
        if not sound(final):
            raise


def _sweep(folder: Path) -> None:
    """Remove what killed processes left, but nothing that a living one may be working in."""
    for left in folder.glob(f"{_UNDER_WAY}*"):
        try:
            stale = time.time() - left.stat().st_mtime > _STALE
        except OSError:
            continue
        if stale:
            shutil.rmtree(left, ignore_errors=True)

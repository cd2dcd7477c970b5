"""Step 3, fit: checkpoints, so that an interrupted training resumes in the next run.

The checkpoint of a cell is the folder `model-seed-key.checkpoint/`. It contains a lock file and the
folder `kept`, which the model writes to. The process in which the model runs takes the lock, so the
lock is held as long as that process may write there. Links are removed, never followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbench.files import DAY, LOCK, UNFINISHED, atomic, delete, locked, read
from recbench.models.protocols import Resumable
from recbench.progress import log

SUFFIX = ".checkpoint"
KEPT = "kept"

CURVES = "curves.jsonl"
"""The learning curves of the training so far, which recbench writes beside the folder."""

FILE = "state"
DIGEST_SIZE = hashlib.sha256().digest_size

EXPIRY = 30 * DAY
"""Seconds after which an unused checkpoint is removed."""


@contextlib.contextmanager
def folder_for(model: Any, place: Path | None) -> Iterator[Path | None]:
    """Hold the folder that a model's `fit` gets as its checkpoint while it trains.

    place: the cell's checkpoint, or None. Yields None if there is no place, `fit` has no parameter
    `checkpoint`, the folder cannot be created, or another run is training with it.
    """
    if place is None or not isinstance(model, Resumable):
        yield None
        return
    with contextlib.ExitStack() as held:
        folder, kept = None, place / KEPT
        with contextlib.suppress(OSError):
            _remove_link(place)
            place.mkdir(parents=True, exist_ok=True)
            if held.enter_context(locked(place, patience=0)):
                _remove_link(kept)
                kept.mkdir(exist_ok=True)
                folder = kept
            else:
                place.rmdir()  # where locks do not work; fails if another run uses it
        yield folder


def _remove_link(path: Path) -> None:
    if path.is_symlink():
        log.warning("%s is a link, not a checkpoint; the link is removed", path)
        path.unlink()


def write_checkpoint(folder: Path | None, content: bytes) -> None:
    """Store the state of a training in its checkpoint folder, in place of the state before.

    Parameters
    ----------
    folder : pathlib.Path or None
        The folder that `fit` was given. With None, nothing is written.
    content : bytes
        Everything that a later call of `fit` needs to resume.

    Notes
    -----
    The folder holds the old or the new state, whenever the training is killed. If the state cannot
    be written, for example on a full disk, the training goes on without it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recbench.write_checkpoint(Path(folder), b"after epoch 3")
    ...     recbench.read_checkpoint(Path(folder))
    b'after epoch 3'
    """
    if folder is None:
        return
    try:
        with atomic(folder / FILE) as file:
            file.write(_digest(folder, content))
            file.write(content)
    except OSError as error:
        log.debug("cannot write a checkpoint to %s: %s", folder, error)


def read_checkpoint(folder: Path | None) -> bytes | None:
    """Return the state that `write_checkpoint` stored last.

    Parameters
    ----------
    folder : pathlib.Path or None
        The folder that `fit` was given.

    Returns
    -------
    bytes or None
        None if there is none. A state that was changed, or that belongs to another training, is
        removed with a warning.

    Examples
    --------
    >>> import recbench
    >>> recbench.read_checkpoint(None) is None
    True
    """
    if folder is None:
        return None
    path = folder / FILE
    with contextlib.suppress(OSError):
        for unfinished in folder.glob(f"{UNFINISHED}*"):  # of a run that was killed
            delete(unfinished)
    if not path.is_symlink() and not path.exists():
        return None
    with contextlib.suppress(OSError):
        data = read(path)
        digest, content = data[:DIGEST_SIZE], data[DIGEST_SIZE:]
        if digest == _digest(folder, content):
            return content
    log.warning("%s is damaged or of another training; training starts from the beginning", path)
    with contextlib.suppress(OSError):
        delete(path)
    return None


def _digest(folder: Path, content: bytes) -> bytes:
    """Return the checksum of a state and of the training that it belongs to."""
    digest = hashlib.sha256(f"{folder.parent.name}\0".encode(errors="surrogateescape"))
    digest.update(content)
    return digest.digest()


def remove(place: Path) -> bool:
    """Remove a checkpoint unless a run is training with it. Return whether it is gone."""
    with contextlib.suppress(OSError):
        _remove_link(place)
    if not place.exists():
        return True
    with contextlib.suppress(OSError):
        with locked(place, patience=0) as alone:
            if alone:
                delete(place / KEPT)
                delete(place / CURVES)
                with contextlib.suppress(PermissionError):  # Windows removes it on release
                    (place / LOCK).unlink()
        if alone:
            place.rmdir()  # fails if another run has started there
    return not place.exists()


def can_resume(place: Path) -> bool:
    """Whether the checkpoint contains files to resume from."""
    try:
        return any((place / KEPT).iterdir())
    except OSError:
        return False


def remove_stale(folder: Path) -> None:
    """Remove the checkpoints in a folder that have not changed for EXPIRY seconds."""
    for place in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError):
            inside = [] if place.is_symlink() else place.rglob("*")
            touched = max(path.lstat().st_mtime for path in (place, *inside))
            if time.time() - touched > EXPIRY:
                remove(place)

"""Every step: files and folders that are whole or not there, and one writer at a time."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from recbench.errors import UsageError

PATIENCE = 60.0
"""Seconds to wait for another writer, who needs some milliseconds unless he is stopped."""

DAY = 24 * 3600
"""Seconds after which nobody can be writing a file any more that is still unfinished."""

LOCK = ".lock"
"""The file in a folder that whoever writes there has locked."""

_UNFINISHED, _REPLACED = ".writing-", ".replaced-"
"""What the names of files and folders begin with that wait for their own, or to be removed."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[io.BufferedWriter]:
    """A file open for writing that takes its name when it is whole, and leaves nothing if not.

    Whatever happens, `path` is what it was or all that was written. Raises OSError.
    """
    handle, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    with contextlib.suppress(OSError):  # the name outlives a power cut too, where it can be made to
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write(path: Path, data: bytes) -> None:
    """Put a file in place in one go. Raises OSError; then `path` is what it was."""
    with atomic(path) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes its name when it is whole; until then what is there stays.

    Raises OSError. No folder can be renamed over another: a kill between two renamings leaves the
    earlier one under another name, and `remove_leftovers` puts it back.
    """
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
    replaced = folder.with_name(f"{_REPLACED}{folder.name}")
    try:
        yield unfinished
        unfinished.chmod(0o755)
        with locked(folder.parent):
            _put_back(replaced)
            try:
                if folder.exists():
                    folder.rename(replaced)
                unfinished.rename(folder)
            finally:
                _put_back(replaced)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_back(replaced: Path) -> None:
    """Give a replaced folder its name again, if it has no successor; else remove it."""
    folder = replaced.with_name(replaced.name.removeprefix(_REPLACED))
    if folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)
    elif replaced.exists():
        replaced.rename(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove, or put back, what killed writers left. What cannot be removed stays."""
    for unfinished in folder.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if is_stale(unfinished):
                shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
    for replaced in folder.glob(f"{_REPLACED}*.model"):
        with contextlib.suppress(OSError), locked(folder):
            _put_back(replaced)


def is_stale(path: Path) -> bool:
    """Whether nobody can be at it any more. Raises OSError."""
    return time.time() - path.stat().st_mtime > DAY


@contextlib.contextmanager
def locked(folder: Path, patience: float | None = None) -> Iterator[bool]:
    """Alone among the writers of a folder; where it cannot be locked, or after PATIENCE, not alone.

    patience: other seconds than PATIENCE. Gives whether it is alone. A process that is killed lets
    go. Threads exclude each other as well; a nested lock waits.
    """
    from filelock import FileLock

    timeout = PATIENCE if patience is None else patience
    alone = False
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # another has it; or there is no room, or no locks
            lock = FileLock(folder / LOCK, fallback_to_soft=False)
            held.enter_context(lock.acquire(timeout=timeout, poll_interval=0.01))
            alone = True
        yield alone


def output_file(output: str | None) -> Path | None:
    """The file, seen to be writable before anything long is done for it; None if none is wanted.

    Raises UsageError where it cannot be written.
    """
    if not output:
        return None
    path = Path(output)
    file = path.resolve()
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UsageError(f"cannot write -o {output}; name a file in a folder that can be written")
    return path


def write_output(path: Path, data: bytes) -> None:
    """Write the file in one go, where its links end; a pipe or a device keeps its place."""
    file = path.resolve()
    if file.exists() and not file.is_file():
        file.write_bytes(data)
    else:
        write(file, data)

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


_PASSING, _REPLACED = ".writing-", ".replaced-"


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[io.BufferedWriter]:
    """A file open for writing that takes its name when it is whole, and leaves nothing if not.

    Whatever happens, `path` is what it was or all that was written. Raises OSError.
    """
    handle, passing = tempfile.mkstemp(prefix=_PASSING, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(passing, 0o644)
        os.replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(passing)
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
    earlier one under another name, and `sweep` puts it back.
    """
    passing = Path(tempfile.mkdtemp(prefix=_PASSING, dir=folder.parent))
    replaced = folder.with_name(f"{_REPLACED}{folder.name}")
    try:
        yield passing
        passing.chmod(0o755)
        with locked(folder.parent):
            _put_back(replaced)
            try:
                if folder.exists():
                    folder.rename(replaced)
                passing.rename(folder)
            finally:
                _put_back(replaced)
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _put_back(replaced: Path) -> None:
    """Give a replaced folder its name again, if it has no successor; else remove it."""
    folder = replaced.with_name(replaced.name.removeprefix(_REPLACED))
    if folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)
    elif replaced.exists():
        replaced.rename(folder)


def sweep(folder: Path) -> None:
    """Remove, or put back, what killed writers left. What cannot be removed stays."""
    for left in folder.glob(f"{_PASSING}*"):
        with contextlib.suppress(OSError):
            if is_stale(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    for left in folder.glob(f"{_REPLACED}*.model"):
        with contextlib.suppress(OSError), locked(folder):
            _put_back(left)


def is_stale(path: Path) -> bool:
    """Whether nobody can be at it any more. Raises OSError."""
    return time.time() - path.stat().st_mtime > DAY


@contextlib.contextmanager
def locked(folder: Path, patience: float | None = None) -> Iterator[bool]:
    """Alone among the writers of a folder; where it cannot be locked, or after PATIENCE, not alone.

    patience: other seconds than PATIENCE. Gives whether it is alone. A process that is killed lets
    go. Threads exclude each other as well; a nested lock waits.
    """
    alone = False
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, ImportError):  # no room, no locks or no fcntl there
            import fcntl

            path = folder / ".lock"
            until = time.monotonic() + (PATIENCE if patience is None else patience)
            file = held.enter_context(open(path, "ab"))
            while not alone:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                        break  # it was removed meanwhile, and made anew by somebody else
                    alone = True
                except BlockingIOError:
                    if time.monotonic() > until:
                        break
                    time.sleep(0.01)
        yield alone


def output_file(output: str | None) -> Path | None:
    """The file, seen to be writable before anything long is done for it; None if none is wanted.

    Raises UsageError where it cannot be written.
    """
    if not output:
        return None
    path = Path(output)
    end = path.resolve()
    if end.is_dir() or not os.access(end if end.exists() else end.parent, os.W_OK):
        raise UsageError(f"cannot write -o {output}; name a file in a folder that can be written")
    return path


def put(path: Path, data: bytes) -> None:
    """Write the file in one go, where its links end; a pipe or a device keeps its place."""
    end = path.resolve()
    if end.exists() and not end.is_file():
        end.write_bytes(data)
    else:
        write(end, data)

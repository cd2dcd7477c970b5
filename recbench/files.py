"""Every step: write files and folders completely or not at all, with one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from recbench.errors import UsageError
from recbench.progress import log

PATIENCE = 60.0
"""Seconds to wait for another writer. It takes milliseconds unless it is suspended."""

DAY = 24 * 3600
"""Seconds after which an unfinished file is considered abandoned by its writer."""

LOCK = ".lock"
"""Name of the file that a writer locks in the folder where it writes."""

UNFINISHED, _REPLACED = ".writing-", ".replaced-"
"""Prefixes of unfinished files and folders, and of folders that are being replaced."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[io.BufferedWriter]:
    """Open a temporary file for writing and rename it to `path` once it is complete.

    `path` holds either its previous content or all of the new content, whatever happens, and keeps
    its permissions. If writing fails, the temporary file is removed. Raises OSError.
    """
    unfinished = _unfinished(path)
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            unfinished.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    # Make the new name survive a power cut, where the file system supports it.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _unfinished(path: Path) -> Path:
    """Return a new name for what becomes `path`."""
    return path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")


def write(path: Path, data: bytes) -> None:
    """Write a file atomically. Raises OSError, in which case `path` is unchanged."""
    with atomic(path) as file:
        file.write(data)


def read(path: Path) -> bytes:
    """Read a regular file. Raises OSError for anything else; a pipe is not waited for."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file")
    return path.read_bytes()


def delete(path: Path) -> None:
    """Remove a file, or a folder with its content; of a link only the link. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill, and rename it to `folder` once it is complete.

    Raises OSError. A folder cannot be renamed over another one, so this takes two renames. If the
    process is killed between them, the previous folder is left under a temporary name, and
    `remove_leftovers` restores it.
    """
    unfinished, replaced = _unfinished(folder), folder.with_name(f"{_REPLACED}{folder.name}")
    try:
        unfinished.mkdir()
        yield unfinished
        with locked(folder.parent):
            _put_back(replaced)
            try:
                if os.path.lexists(folder):
                    folder.rename(replaced)
                unfinished.rename(folder)
            finally:
                _put_back(replaced)
    finally:
        with contextlib.suppress(OSError):
            delete(unfinished)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill, and rename it to `folder`, which must not exist yet.

    If filling it fails, nothing is left. Raises OSError.
    """
    unfinished = _unfinished(folder)
    try:
        unfinished.mkdir()
        yield unfinished
        if os.path.lexists(folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
        unfinished.rename(folder)
    finally:
        with contextlib.suppress(OSError):
            delete(unfinished)


def _put_back(replaced: Path) -> None:
    """Rename a replaced folder back if its successor is missing; otherwise remove it."""
    folder = replaced.with_name(replaced.name.removeprefix(_REPLACED))
    if os.path.lexists(folder) or replaced.is_symlink():
        with contextlib.suppress(OSError):
            delete(replaced)
    elif replaced.exists():
        replaced.rename(folder)


def remove_leftovers(folder: Path) -> None:
    """Clean up after killed writers, as far as possible: remove or restore what they left."""
    for unfinished in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if is_stale(unfinished):
                delete(unfinished)
    for replaced in folder.glob(f"{_REPLACED}*.model"):
        with contextlib.suppress(OSError), locked(folder):
            _put_back(replaced)


def is_stale(path: Path) -> bool:
    """Whether a file or folder is too old to be in use. Raises OSError."""
    return time.time() - path.lstat().st_mtime > DAY


@contextlib.contextmanager
def locked(folder: Path, patience: float | None = None) -> Iterator[bool]:
    """Hold the lock of a folder, and yield whether it was obtained.

    The block also runs without the lock, if the folder cannot be locked or another writer holds
    the lock for longer than `patience` seconds (default: PATIENCE). A killed process releases its
    lock. The lock also works between threads, and a nested lock waits for the outer one.
    """
    from filelock import FileLock, Timeout

    timeout, path = PATIENCE if patience is None else patience, folder / LOCK
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path)):
        log.warning("%s is not a regular file, so this folder cannot be locked", path)
        yield False
        return
    alone = False
    with contextlib.ExitStack() as held:
        try:
            lock = FileLock(path, fallback_to_soft=False)
            held.enter_context(lock.acquire(timeout=timeout, poll_interval=0.01))
            alone = True
        except Timeout:
            if timeout:
                log.warning("%s has been locked by another process for %g s", folder, timeout)
        except OSError:  # the disk may be full, or locks may not be supported
            pass
        yield alone


def output_file(output: str | None) -> Path | None:
    """Return the path of an output file, or None if no output was requested.

    Raises UsageError if it cannot be written, before any long work starts.
    """
    if not output:
        return None
    path = Path(output)
    file = path.resolve()
    if file.is_dir() or not os.access(path if path.exists() else file.parent, os.W_OK):
        raise UsageError(f"cannot write -o {output}: {_why_not(file)}")
    return path


def check_not_read(output: str | Path, inputs: Mapping[str, Iterable[str]]) -> None:
    """Raise UsageError if an output file would replace a file that is read.

    inputs: option -> what may be the path of a file.
    """
    for option, texts in inputs.items():
        for path in filter(os.path.isfile, texts if os.path.exists(output) else ()):
            if os.path.samefile(path, output):
                raise UsageError(
                    f"cannot write -o {output}: {option} reads this file; choose another file"
                )


def _why_not(file: Path) -> str:
    """Why a file cannot be written, and what to do."""
    if file.is_dir():
        return "it is a folder. Add a file name"
    if file.exists():
        return "the file is write-protected. Choose another file"
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}. Create it, or choose another folder"
    return f"the folder {file.parent} is write-protected. Choose another folder"


@contextlib.contextmanager
def opened_output(path: Path) -> Iterator[io.BufferedWriter]:
    """Open the file as `atomic` does, following links; open a pipe or device directly."""
    with path.open("wb") if _is_stream(path) else atomic(path.resolve()) as file:
        yield file


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()


def write_output(path: Path, data: bytes) -> None:
    """Write the file atomically, following links; write into a pipe or device directly."""
    with opened_output(path) as file:
        file.write(data)

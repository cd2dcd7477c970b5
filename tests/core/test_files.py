"""Files that are complete or absent, and locks that a killed process releases."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from recbench import UsageError
from recbench.files import (
    atomic,
    atomic_folder,
    delete,
    locked,
    new_folder,
    output_file,
    read,
    remove_leftovers,
    write,
    write_output,
)

fcntl = pytest.importorskip("fcntl", reason="needs POSIX locks")


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_unchanged_until_the_new_content_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, b"old")

    def fail() -> None:
        with atomic(path) as file:
            file.write(b"half")
            file.flush()
            assert path.read_bytes() == b"old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"old"
    assert _left(tmp_path) == {"file"}
    write(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_new_files_follow_the_umask_and_existing_ones_keep_their_permissions(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "new", b"")
        (tmp_path / "private").touch(0o600)
        write(tmp_path / "private", b"")
        with atomic_folder(tmp_path / "a.model") as unfinished:
            (unfinished / "w").touch()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {
        "new": 0o666 & ~umask,
        "private": 0o600 & ~umask,
        "a.model": 0o777 & ~umask,
        ".lock": 0o666 & ~umask,
    }


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    write(tmp_path / "file", b"text")
    (tmp_path / "link").symlink_to("file")
    assert read(tmp_path / "file") == read(tmp_path / "link") == b"text"
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(OSError, match="it is not a regular file"):
            read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    for folder in (outside, inside, inside / "folder"):
        folder.mkdir()
        (folder / "kept").touch()
    for name in ("folder/link", ".writing-link", ".replaced-a.model", ".replaced-b.model"):
        (inside / name).symlink_to(outside)
        os.utime(inside / name, (0, 0), follow_symlinks=False)
    (inside / "b.model").symlink_to(outside)
    delete(inside / "folder")
    remove_leftovers(inside)
    assert _left(inside) == {"kept", "b.model", ".lock"}
    with atomic_folder(inside / "b.model") as unfinished:
        (unfinished / "w").touch()
    assert _left(inside) == {"kept", "b.model", ".lock"}
    assert _left(inside / "b.model") == {"w"}
    assert _left(outside) == {"kept"}


def test_a_folder_is_unchanged_until_the_new_content_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "a.model"

    def fill(text: str, error: type[Exception] | None = None) -> None:
        with atomic_folder(folder) as unfinished:
            (unfinished / "w").write_text(text)
            if error:
                raise error

    fill("old")
    with pytest.raises(ZeroDivisionError):
        fill("half", ZeroDivisionError)
    assert (folder / "w").read_text() == "old"
    fill("new")
    assert (folder / "w").read_text() == "new"
    assert _left(tmp_path) == {"a.model", ".lock"}


def test_a_new_folder_is_there_when_it_is_complete_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(FileNotFoundError), new_folder(folder) as unfinished:
        _ = [(unfinished / "file").touch(), (unfinished / "missing").read_text()]
    assert list(tmp_path.iterdir()) == []
    with new_folder(folder) as unfinished:
        assert not folder.exists()
        (unfinished / "file").touch()
    assert list(tmp_path.rglob("*")) == [folder, folder / "file"]
    folder.joinpath("file").unlink()
    with pytest.raises(FileExistsError), new_folder(folder) as unfinished:
        (unfinished / "other").touch()
    assert list(tmp_path.rglob("*")) == [folder]


def test_leftovers_of_killed_writers_are_removed_after_a_day_or_restored(tmp_path: Path) -> None:
    for name in ("old", "new", "old-folder/x"):
        (tmp_path / f".writing-{name}").parent.mkdir(exist_ok=True)
        (tmp_path / f".writing-{name}").write_text("half")
    for path in tmp_path.glob(".writing-old*"):
        os.utime(path, (0, 0))
    for name in ("a", "b"):
        (tmp_path / f".replaced-{name}.model").mkdir()
    (tmp_path / "b.model").mkdir()
    remove_leftovers(tmp_path)
    assert _left(tmp_path) == {".writing-new", "a.model", "b.model", ".lock"}


def test_output_follows_links_and_can_be_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    write_output(tmp_path / "link", b"text")
    assert (tmp_path / "folder" / "file").read_bytes() == b"text"
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_output(tmp_path / "pipe", b"text")
    assert os.read(reading, 9) == b"text"
    os.close(reading)
    assert output_file(None) is None
    for wrong in (tmp_path, tmp_path / "nowhere" / "file"):
        with pytest.raises(UsageError, match="cannot write -o"):
            output_file(str(wrong))


# locks


def test_a_nested_lock_waits_and_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path) as alone:
        began = time.monotonic()
        with locked(tmp_path, patience=0.2) as nested:
            assert (alone, nested) == (True, False)
        assert time.monotonic() - began >= 0.2
        with locked(tmp_path, patience=0) as nested:
            assert not nested
    with locked(tmp_path, patience=0) as alone:
        assert alone


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(5):
            with locked(tmp_path) as alone:
                assert alone
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


HOLD = """
import sys, time
from pathlib import Path
from recbench.files import locked
with locked(Path(sys.argv[1])) as alone:
    print(alone, flush=True)
    time.sleep(1000)
"""


def test_a_killed_process_releases_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with locked(tmp_path, patience=0) as alone:
            assert not alone
        holder.kill()
        with locked(tmp_path, patience=30) as alone:
            assert alone


def _fork_and_wait(tmp_path: Path) -> int:
    """Fork this process under the lock; the child process keeps running."""
    with locked(tmp_path) as alone:
        assert alone
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
            os._exit(0)
        return pid


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_does_not_hold_the_lock(tmp_path: Path) -> None:
    pid = _fork_and_wait(tmp_path)
    try:
        with locked(tmp_path, patience=0) as alone:
            assert alone
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_does_not_release_the_lock(tmp_path: Path) -> None:
    pid = 0
    try:
        with locked(tmp_path) as alone:
            assert alone
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                with locked(tmp_path, patience=0) as other:
                    assert not other
    finally:
        if pid == 0:  # the child process, after it has left the lock
            os._exit(0)


def test_a_lock_file_that_is_removed_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = fcntl.flock, []

    def replaced(file: Any, how: int) -> None:
        real(file, how)
        calls.append(how)
        if len(calls) == 1:  # after the lock, before its holder checks the file
            (tmp_path / ".lock").unlink()

    monkeypatch.setattr(fcntl, "flock", replaced)
    with locked(tmp_path, patience=5) as alone:
        assert alone
        assert len(calls) >= 2
        monkeypatch.setattr(fcntl, "flock", real)
        with locked(tmp_path, patience=0) as other:  # the new lock file is locked
            assert not other


def test_without_locks_the_block_runs_without_exclusive_access(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):

        def no_locks(*_: object, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patched:
            patched.setattr(fcntl, "flock", no_locks)
            with locked(tmp_path, patience=10**6) as alone:
                assert not alone


def make_link(path: Path) -> None:
    path.with_name("elsewhere").write_text("text")
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, make_link])
def test_a_lock_that_is_not_a_regular_file_is_reported(
    tmp_path: Path, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / ".lock")
    with locked(tmp_path) as alone:
        assert not alone
    assert f"{tmp_path / '.lock'} is not a regular file" in caplog.text
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_text() == "text"


def test_without_a_lock_file_the_block_runs_without_exclusive_access(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with locked(tmp_path / "file") as alone:
        assert not alone
    if os.geteuid():  # root can write anywhere
        tmp_path.chmod(0o500)
        with locked(tmp_path) as alone:
            assert not alone
        tmp_path.chmod(0o700)


def test_exceptions_under_a_lock_are_passed_on(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="mine"), locked(tmp_path):
        raise FileNotFoundError("mine")
    with locked(tmp_path, patience=0) as alone:
        assert alone

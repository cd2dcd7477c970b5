"""Steps 3 and 4, fit and score: the fork server, from which the process of each cell is forked.

The fork server has every plugin loaded, and torch once a model has needed it. It never sees a
dataset. For each cell it forks a watcher, and the watcher forks the cell, monitors it and cleans
up after it. A model that kills its parent process kills only the watcher.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recbench.isolation.processes import (
    adopt_orphans,
    blank_files,
    descendants,
    die_with_parent,
    fork,
    kill_descendants,
    memory_used,
)
from recbench.isolation.wire import WireError
from recbench.isolation.worker import PATIENCE, serve
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log

POLL_SECONDS = 0.05
"""Interval between two checks of a cell's memory."""

CONNECTION_LOST = 70
"""Exit code of a cell whose connection was closed."""

KILL, END = b"k", b"e"
"""Commands to a watcher: kill the cell now; or give it PATIENCE seconds to exit."""


@dataclass(frozen=True)
class CellEnd:
    """How a cell ended.

    status: its exit code, or minus the number of the signal that killed it.
    reason: "" if it exited by itself; `asked` if it was killed on command; `memory` if it exceeded
        its memory limit; `unwatched` if its watcher died.
    peak_memory: bytes. left_processes: the processes that it left running.
    """

    status: int = -9  # SIGKILL, a name that Windows does not have
    reason: str = ""
    peak_memory: int | None = None
    left_processes: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        """Return the message to the launcher."""
        return json.dumps(dataclasses.asdict(self)).encode()


UNWATCHED = CellEnd(reason="unwatched")


def main(fd: int) -> None:
    """Run the fork server in a fresh interpreter, with the installed plugins.

    fd: file descriptor of the socket to the launcher.
    """
    blank_files(but=fd)
    sys.argv[:] = ["recbench"]
    log.setLevel(logging.ERROR)  # the main process has already reported broken plugins
    run(socket.socket(fileno=fd), load_plugins())


def run(commands: socket.socket, plugins: Plugins) -> None:
    """Fork one cell at a time on request, and exit when the launcher closes the connection."""
    with _exiting():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        adopt_orphans()
        while True:
            text, fds, _, _ = socket.recv_fds(commands, 1 << 16, 2)
            if not text:
                break
            if text in (KILL, END):  # meant for a cell that has ended already
                continue
            order = json.loads(text)
            for name in order.get("import", ()):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            if fds:
                _run_cell(commands, plugins, fds, order["memory"])


def _run_cell(commands: socket.socket, plugins: Plugins, fds: list[int], limit: int) -> None:
    """Run one cell under its watcher until it ends, and make sure that its end is reported.

    fds: file descriptors of the cell's connection to the referee and of its output.
    limit: memory limit in bytes.
    """
    gc.freeze()  # these objects stay alive, so no cell has to scan them
    watcher = fork()
    if watcher == 0:
        _watch_cell(commands, plugins, fds, limit)
    for fd in fds:
        os.close(fd)
    _, status = os.waitpid(watcher, 0)
    kill_descendants(patience=0)
    if status:
        commands.sendall(UNWATCHED.to_json())


def _watch_cell(commands: socket.socket, plugins: Plugins, fds: list[int], limit: int) -> None:
    """In the watcher: fork the cell, wait for it, clean up, report how it ended, and exit."""
    with _exiting():
        die_with_parent()
        adopt_orphans()
        cell = fork()
        if cell == 0:
            _become_cell(commands, plugins, *fds)
        for fd in fds:
            os.close(fd)
        reason, peak = _await_end(commands, cell, limit)
        _, status, usage = os.wait4(cell, 0)
        left = kill_descendants(patience=0 if reason else PATIENCE)
        peak = max(peak, usage.ru_maxrss * 1024)
        end = CellEnd(os.waitstatus_to_exitcode(status), reason, peak, left)
        commands.sendall(end.to_json())


def _await_end(commands: socket.socket, cell: int, limit: int) -> tuple[str, int]:
    """Wait until the cell ends, or kill it. Return why it was killed, and its peak memory."""
    ending = os.pidfd_open(cell)
    poll = select.poll()
    poll.register(ending, select.POLLIN)
    poll.register(commands, select.POLLIN)
    peak, until = 0, float("inf")
    while True:
        ready = dict(poll.poll(POLL_SECONDS * 1000))
        if ending in ready:
            return "", peak
        used = memory_used([cell, *descendants(cell)], limit)
        peak = max(peak, used)
        if commands.fileno() in ready:
            command = b""
            with contextlib.suppress(OSError):
                command = commands.recv(16)
            if command == END:
                until = time.monotonic() + PATIENCE
                continue
        elif used <= limit and time.monotonic() < until:
            continue
        os.kill(cell, signal.SIGKILL)
        return "memory" if used > limit else "asked", peak


def _become_cell(commands: socket.socket, plugins: Plugins, wire: int, output: int) -> None:
    """In the cell: set up streams, signals and logging, serve the referee, and exit."""
    with _exiting():
        die_with_parent()
        commands.close()
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        devnull = os.open(os.devnull, os.O_RDONLY)
        for fd, place in ((devnull, 0), (output, 1), (output, 2)):
            os.dup2(fd, place)
        os.close(devnull)
        os.close(output)
        out, err = (
            open(fd, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
            for fd in (1, 2)
        )
        sys.stdout, sys.stderr = out, err
        if faulthandler.is_enabled():
            faulthandler.enable(err)
        log.handlers[:] = [logging.StreamHandler(err)]
        log.propagate = False
        with socket.socket(fileno=wire) as referee:
            serve(referee, plugins)
        for stream in (out, err):
            with contextlib.suppress(Exception):
                stream.flush()


@contextlib.contextmanager
def _exiting() -> Iterator[None]:
    """Run the body, then exit without the cleanup of the process that this one was forked from."""
    code = CONNECTION_LOST
    try:
        yield
        code = 0
    except (OSError, WireError):  # the other end is gone
        log.debug("the connection was closed", exc_info=True)
    except BaseException:
        log.exception("one of recbench's own processes failed")
    finally:
        os._exit(code)

"""Steps 3 and 4, fit and score: the fork server, from which the process of each cell is forked.

The fork server is a fresh interpreter, which never sees a dataset and loads no plugin. It loads
packages such as torch once a model has needed them. For each cell it forks a watcher, and the
watcher forks the cell, monitors it and cleans up after it. A model that kills its parent process
kills only the watcher.

The launcher, the fork server and the watcher share one connection. The launcher sends
{"import": packages}, {"start": cell, "memory": bytes} with two descriptors, {"kill": cell}, or
{"end": cell}: give the cell PATIENCE seconds to exit. It gets {"started": cell} and
{"ended": cell, ...} with the fields of `CellEnd`. Whichever of the two reads a message that is not
about its current cell ignores it, so a late message about one cell does not affect the next.
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
from typing import Any

from recbench.code.installed import Installed, installed_plugins
from recbench.isolation.memory import LIMIT
from recbench.isolation.processes import (
    MEMORY,
    adopt_orphans,
    blank_files,
    descendants,
    die_with_parent,
    fork,
    kill_descendants,
    limits,
    memory_used,
)
from recbench.isolation.wire import WireError
from recbench.isolation.worker import PATIENCE, serve
from recbench.progress import log

POLL_SECONDS = 0.05
"""Interval between two checks of a cell's memory."""

CONNECTION_LOST = 70
"""Exit code of a cell whose connection was closed."""

MAX_MESSAGE = 1 << 16
"""The largest message between the launcher, the fork server and the watcher, in bytes."""


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


UNWATCHED = CellEnd(reason="unwatched")


def main(fd: int) -> None:
    """Run the fork server in a fresh interpreter, until the launcher closes the connection.

    fd: file descriptor of the socket to the launcher.
    """
    with _exiting():
        blank_files(but=fd)
        MEMORY.hide()
        adopt_orphans()
        sys.argv[:] = ["recbench"]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        importlib.import_module("numpy.ma")  # numpy postpones it, and every cell needs it
        installed = installed_plugins()
        own_limits = limits()
        commands = socket.socket(fileno=fd)
        while True:
            text, fds, _, _ = socket.recv_fds(commands, MAX_MESSAGE, 2)
            if not text:
                return
            order = json.loads(text)
            for name in order.get("import", ()):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            if "start" in order:
                if limits() != own_limits:
                    return  # a cell has changed them; the launcher starts another fork server
                _run_cell(commands, fds, installed, order["start"], order["memory"])


def _run_cell(
    commands: socket.socket, fds: list[int], installed: Installed, cell: int, memory: int
) -> None:
    """Run one cell under its watcher until it ends, and make sure that its end is reported.

    fds: file descriptors of the cell's connection to the referee and of its output.
    cell: its number. memory: its limit in bytes.
    """
    gc.freeze()  # these objects stay alive, so no cell has to scan them
    watcher = fork()
    if watcher == 0:
        _watch_cell(commands, fds, installed, cell, memory)
    _tell(commands, started=cell)
    for fd in fds:
        os.close(fd)
    _, status = os.waitpid(watcher, 0)
    kill_descendants(patience=0)
    if status:
        _tell(commands, ended=cell, **dataclasses.asdict(UNWATCHED))


def _tell(commands: socket.socket, **message: Any) -> None:
    commands.sendall(json.dumps(message).encode())


def _watch_cell(
    commands: socket.socket, fds: list[int], installed: Installed, cell: int, memory: int
) -> None:
    """In the watcher: fork the cell, wait for it, clean up, report how it ended, and exit."""
    with _exiting():
        die_with_parent()
        adopt_orphans()
        pid = fork()
        if pid == 0:
            _become_cell(commands, installed, memory, *fds)
        for fd in fds:
            os.close(fd)
        reason, peak = _await_end(commands, cell, pid, memory)
        _, status, usage = os.wait4(pid, 0)
        left = kill_descendants(patience=0 if reason else PATIENCE)
        peak = max(peak, usage.ru_maxrss * 1024)
        end = CellEnd(os.waitstatus_to_exitcode(status), reason, peak, left)
        _tell(commands, ended=cell, **dataclasses.asdict(end))


def _await_end(commands: socket.socket, cell: int, pid: int, memory: int) -> tuple[str, int]:
    """Wait until the cell ends, or kill it. Return why it was killed, and its peak memory."""
    ending = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ending, select.POLLIN)
    poll.register(commands, select.POLLIN)
    peak, until, reason = 0, float("inf"), ""
    while not reason:
        ready = dict(poll.poll(POLL_SECONDS * 1000))
        if ending in ready:
            return "", peak
        if commands.fileno() in ready:
            text = commands.recv(MAX_MESSAGE)
            order = json.loads(text or "{}")
            if order.get("end") == cell:
                until = time.monotonic() + PATIENCE
            elif order.get("kill") == cell or not text:  # or the launcher has ended
                reason = "asked"
        used = memory_used([pid, *descendants(pid)], memory)
        peak = max(peak, used)
        if used > memory:
            reason = "memory"
        elif time.monotonic() >= until:
            reason = "asked"
    os.kill(pid, signal.SIGKILL)
    return reason, peak


def _become_cell(
    commands: socket.socket, installed: Installed, memory: int, wire: int, output: int
) -> None:
    """In the cell: set up streams, signals and logging, serve the referee, and exit."""
    with _exiting():
        die_with_parent()
        MEMORY.show()  # else its watcher could not measure it
        commands.close()
        os.environ[LIMIT] = str(memory)
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
            serve(referee, installed)
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

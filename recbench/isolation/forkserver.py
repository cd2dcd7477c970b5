"""Steps 3 and 4, the process that models' processes are forked from.

It has every plugin loaded, torch once a model has needed it, and never sees a dataset. Between it
and each cell stands a watcher, which watches the cell and cleans up after it; a model that kills
its parent kills only that.
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
"""Between two looks at the memory of a cell."""

NOBODY_LISTENS = 70
"""Exit code of a cell that has nobody to talk to any more."""

KILL, END = b"k", b"e"
"""Words to a watcher: the cell is to be killed; or it should be ending by itself now."""


@dataclass(frozen=True)
class CellEnd:
    """How a cell ended.

    status: its exit code, or minus a signal. reason: why it was killed: `asked`, `memory` or, if
    nobody is left who watched it, `unwatched`; else "". peak_memory: bytes. left_processes: what
    it left behind.
    """

    status: int = -9  # SIGKILL, which not every system knows by that name
    reason: str = ""
    peak_memory: int | None = None
    left_processes: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        """The message that says so."""
        return json.dumps(dataclasses.asdict(self)).encode()


UNWATCHED = CellEnd(reason="unwatched")


def main(fd: int) -> None:
    """Serve the other end of a socket, in a fresh interpreter, with what is installed."""
    blank_files(but=fd)
    sys.argv[:] = ["recbench"]
    log.setLevel(logging.ERROR)  # the referee's process has said what there is to say of plugins
    run(socket.socket(fileno=fd), load_plugins())


def run(commands: socket.socket, plugins: Plugins) -> None:
    """Fork a cell whenever asked to, one at a time, until the other end hangs up; then exit."""
    with _exiting():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        adopt_orphans()
        while True:
            text, fds, _, _ = socket.recv_fds(commands, 1 << 16, 2)
            if not text:
                break
            if text in (KILL, END):  # for a cell that has ended already
                continue
            order = json.loads(text)
            for name in order.get("import", ()):
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            if fds:
                _run_cell(commands, plugins, fds, order["memory"])


def _run_cell(commands: socket.socket, plugins: Plugins, fds: list[int], limit: int) -> None:
    """Run one cell, below its watcher, to its end, and see that the end is reported.

    fds: of the cell's connection to the referee, and of what it prints to. limit: bytes.
    """
    gc.freeze()  # what is here stays, and no cell needs to look through it
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
    """The watcher: fork the cell, wait for its end, clean up, say how it ended, and exit."""
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
    """Wait for the cell's end, or bring it about. Why, if so, and the most memory it had."""
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
            word = b""
            with contextlib.suppress(OSError):
                word = commands.recv(16)
            if word == END:
                until = time.monotonic() + PATIENCE
                continue
        elif used <= limit and time.monotonic() < until:
            continue
        os.kill(cell, signal.SIGKILL)
        return "memory" if used > limit else "asked", peak


def _become_cell(commands: socket.socket, plugins: Plugins, wire: int, output: int) -> None:
    """The cell: put everything in its place, serve, and exit."""
    with _exiting():
        die_with_parent()
        commands.close()
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, place in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(fd, place)
        os.close(nothing)
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
    """What a process does until it exits, without a look back at what it was forked from."""
    code = NOBODY_LISTENS
    try:
        yield
        code = 0
    except (OSError, WireError):  # nobody is left at the other end
        log.debug("nobody listens any more", exc_info=True)
    except BaseException:
        log.exception("a process of recbench's own failed")
    finally:
        os._exit(code)

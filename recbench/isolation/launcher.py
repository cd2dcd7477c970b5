"""Steps 3 and 4, the referee's end of the process that cells are forked from."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable

from recbench.data.interactions import Interactions
from recbench.isolation import forkserver
from recbench.isolation.forkserver import CellEnd
from recbench.isolation.processes import blank_files, fork, free_memory
from recbench.isolation.wire import SharedInteractions
from recbench.plugins import Plugins

HANGS = 30.0
"""Seconds after which the process that cells are forked from is taken for hanging."""

_AFRESH = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from recbench.isolation.forkserver import main; main(int(sys.argv[1]))"
)


class Launcher:
    """Starts the process that cells are forked from, and orders one cell at a time from it.

    A plugin that is installed is loaded afresh in a new interpreter; one that was given as an
    object can only be had by forking this process.

    timeout: seconds that a cell may take for fit and score together. memory: bytes that it may
    have; None is what is free. memory_limit: those that the cell that runs now may have.
    """

    def __init__(
        self, plugins: Plugins, timeout: float | None = None, memory: int | None = None
    ) -> None:
        self.plugins, self.timeout, self.memory = plugins, timeout, memory
        self.memory_limit = 0
        self._commands: socket.socket | None = None
        self._pid = 0
        self._imported: set[str] = set()
        self._shared: tuple[Interactions, SharedInteractions] | None = None

    def start(self) -> socket.socket:
        """Start the process that cells are forked from; gives our end of its connection."""
        self._commands, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._commands.settimeout(HANGS)
        self._imported = set()
        with theirs:
            if self.plugins.installed:
                theirs.set_inheritable(True)
                self._pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-c", _AFRESH, str(theirs.fileno()), *sys.path],
                    os.environ,
                    file_actions=[
                        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_DUP2, 2, 1),
                    ],
                    setsid=True,
                )
            else:
                self._pid = fork()
                if self._pid == 0:
                    blank_files(but=theirs.fileno())
                    os.setsid()
                    forkserver.run(theirs, self.plugins)
        return self._commands

    def stop(self) -> None:
        """End that process, and with it whatever it has started; let go of the training data."""
        self._stop_process()
        self._release()

    def _stop_process(self) -> None:
        if self._commands is None:
            return
        self._commands.close()
        self._commands = None
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            ending = os.pidfd_open(self._pid)
            if not select.select([ending], [], [], HANGS)[0]:
                os.kill(self._pid, signal.SIGKILL)
            os.close(ending)
            os.waitpid(self._pid, 0)

    def start_cell(self, wire: int, output: int) -> None:
        """Have a cell forked; afresh where a model has killed what forks them.

        wire, output: the files that it talks to the referee by, and prints to.
        """
        self.memory_limit = self.memory or int(0.9 * free_memory())
        order = json.dumps({"memory": self.memory_limit}).encode()
        try:
            socket.send_fds(self._commands or self.start(), [order], [wire, output])
        except OSError:
            self._stop_process()
            socket.send_fds(self.start(), [order], [wire, output])

    def kill_cell(self) -> None:
        """End the cell that runs now."""
        self._send(forkserver.KILL)

    def end_cell(self, *, kill: bool) -> CellEnd:
        """How the cell ended, once it has; kill: now, else by itself."""
        self._send(forkserver.KILL if kill else forkserver.END)
        with contextlib.suppress(OSError):
            text = self._commands.recv(1 << 16) if self._commands else b""
            if text:
                return CellEnd(**json.loads(text))
        self._stop_process()
        return forkserver.UNWATCHED

    def import_ahead(self, packages: Iterable[str]) -> None:
        """Have in memory, for cells from the next one on, what takes long to import."""
        new = sorted(set(packages) - self._imported)
        if new:
            self._imported.update(new)
            self._send(json.dumps({"import": new}).encode())

    def share(self, train: Interactions) -> SharedInteractions:
        """The training data where cells can map it; kept for the next cell."""
        if self._shared is None or self._shared[0] is not train:
            self._release()
            self._shared = train, SharedInteractions(train)
        return self._shared[1]

    def _release(self) -> None:
        if self._shared is not None:
            self._shared[1].close()
            self._shared = None

    def _send(self, word: bytes) -> None:
        if self._commands is not None:
            with contextlib.suppress(OSError):
                self._commands.sendall(word)

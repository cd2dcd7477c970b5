"""Steps 3 and 4, fit and score: the launcher, which starts the fork server and orders cells."""

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
"""Seconds without an answer after which the fork server counts as stuck."""

_FORKSERVER = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from recbench.isolation.forkserver import main; main(int(sys.argv[1]))"
)


class Launcher:
    """Starts the fork server, and orders one cell at a time from it.

    With installed plugins the fork server is a new interpreter, which loads them again. A plugin
    that was given as an object exists only in this process, so the fork server is forked from it.

    timeout: time limit of a cell, in seconds, for fit and score together. memory: memory limit of
    a cell in bytes; None means what is free. memory_limit: the limit of the current cell, in bytes.
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
        """Start the fork server, and return this end of the connection to it."""
        self._commands, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._commands.settimeout(HANGS)
        self._imported = set()
        with theirs:
            if self.plugins.installed:
                theirs.set_inheritable(True)
                self._pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-c", _FORKSERVER, str(theirs.fileno()), *sys.path],
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
        """End the fork server and all that it started, and release the training data."""
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
        """Have a cell forked; start a new fork server first if a model has killed it.

        wire, output: file descriptors of the cell's connection to the referee and of its output.
        """
        self.memory_limit = self.memory or int(0.9 * free_memory())
        order = json.dumps({"memory": self.memory_limit}).encode()
        try:
            socket.send_fds(self._commands or self.start(), [order], [wire, output])
        except OSError:
            self._stop_process()
            socket.send_fds(self.start(), [order], [wire, output])

    def kill_cell(self) -> None:
        """Kill the current cell."""
        self._send(forkserver.KILL)

    def end_cell(self, *, kill: bool) -> CellEnd:
        """Wait until the cell has ended, and return how. kill: do not let it exit by itself."""
        self._send(forkserver.KILL if kill else forkserver.END)
        with contextlib.suppress(OSError):
            text = self._commands.recv(1 << 16) if self._commands else b""
            if text:
                return CellEnd(**json.loads(text))
        self._stop_process()
        return forkserver.UNWATCHED

    def import_ahead(self, packages: Iterable[str]) -> None:
        """Import packages that load slowly in the fork server, for the next cells."""
        new = sorted(set(packages) - self._imported)
        if new:
            self._imported.update(new)
            self._send(json.dumps({"import": new}).encode())

    def share(self, train: Interactions) -> SharedInteractions:
        """Return the training data in shared memory; it stays there for the next cell."""
        if self._shared is None or self._shared[0] is not train:
            self._release()
            self._shared = train, SharedInteractions(train)
        return self._shared[1]

    def _release(self) -> None:
        if self._shared is not None:
            self._shared[1].close()
            self._shared = None

    def _send(self, command: bytes) -> None:
        if self._commands is not None:
            with contextlib.suppress(OSError):
                self._commands.sendall(command)

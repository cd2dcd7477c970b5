"""Steps 3 and 4, fit and score: the launcher, which starts the fork server and orders cells."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any

from recbench.code.python_file import FILES
from recbench.data.interactions import Interactions
from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError
from recbench.isolation import forkserver
from recbench.isolation.forkserver import MAX_MESSAGE, CellEnd
from recbench.isolation.memory import free_memory, jobs
from recbench.isolation.packing import Packed, pack
from recbench.isolation.processes import descendants
from recbench.isolation.wire import SharedInteractions

STARTUP = 120.0
"""Seconds within which a cell must have started; torch may have to be imported first."""

STOPPED = 0.5
"""Seconds without an answer after which helper processes are continued; a model may have stopped
them."""

HANGS = 30.0
"""Seconds without an answer after which the fork server counts as stuck."""

_FORKSERVER = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); "  # PR_SET_PDEATHSIG, SIGKILL
    "parent, own, *path = sys.argv[2:]; os.getppid() == int(parent) or os._exit(1); "
    "n = int(own); sys.path[:] = path[n:] + path[:n]; "
    "from recbench.isolation.forkserver import main; sys.path[:] = path; main(int(sys.argv[1]))"
)
"""What the fork server runs. The folders of files that were named, which are the first `own` of the
path, are the last at first: a `random.py` in them must not take the place of the real one. From its
first moment on, it ends with the thread that has started it."""


class Launcher:
    """Starts the fork server, and orders one cell at a time from it.

    The fork server is a new interpreter, so nothing of this process is in its memory.

    timeout: time limit of a cell, in seconds, for fit and score together. memory: memory limit of
    a cell in bytes; None means what is free, or the share of each if several run side by side.
    memory_limit: the limit of the current cell, in bytes. jobs: how many run side by side.
    """

    def __init__(self, timeout: float | None = None, memory: int | None = None) -> None:
        self.timeout, self.memory = timeout, memory
        self.memory_limit, self.jobs = 0, jobs()
        self._share = int(0.9 * free_memory() / self.jobs)  # as long as no model runs yet
        self._cell = 0  # the number of the current cell
        self._commands: socket.socket | None = None
        self._pid = 0
        self._imported: set[str] = set()
        self._shared: tuple[Interactions, SharedInteractions] | None = None
        self._packed: dict[tuple[Metadata, str], Packed] = {}

    def start(self) -> socket.socket:
        """Start the fork server, and return this end of the connection to it."""
        folders = {str(file.parent) for file in FILES.values()}
        own = len(list(itertools.takewhile(folders.__contains__, sys.path)))
        self._commands, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._imported = set()
        with theirs:
            theirs.setblocking(True)  # whatever socket.setdefaulttimeout says
            theirs.set_inheritable(True)
            self._pid = os.posix_spawn(
                sys.executable,
                [
                    *(sys.executable, "-c", _FORKSERVER),
                    *(str(theirs.fileno()), str(os.getpid()), str(own), *sys.path),
                ],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGCHLD],
            )
        return self._commands

    def stop(self) -> None:
        """End the fork server and all that it started, and release the training data."""
        try:
            self._stop_process()
        finally:
            self._release()

    def _stop_process(self, patience: float = HANGS) -> None:
        """End the fork server; kill it and all that it started if it does not end in time."""
        if self._commands is None:
            return
        self._commands.close()
        self._commands = None
        self._signal_all(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            ending = os.pidfd_open(self._pid)
            ended = False
            try:
                ended = bool(select.select([ending], [], [], patience)[0])
            finally:  # also if the user interrupts for a second time
                if not ended:
                    self._signal_all(signal.SIGKILL)
                os.close(ending)
                os.waitpid(self._pid, 0)

    def _signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the fork server and all that it started.

        SIGCONT continues those that a model has stopped.
        """
        for pid in [*descendants(self._pid), self._pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def start_cell(self, wire: int, output: int) -> None:
        """Have a cell forked; start a new fork server first if a model has ended it.

        wire, output: file descriptors of the cell's connection to the referee and of its output.

        Raises RecbenchError if there is no fork server that does it.
        """
        self._cell += 1
        self.memory_limit = self.memory or self._free_share()
        order = json.dumps({"start": self._cell, "memory": self.memory_limit}).encode()
        for _ in range(2):
            with contextlib.suppress(OSError):
                commands = self._commands or self.start()
                socket.send_fds(commands, [order], [wire, output])
                if self._hear("started", STARTUP) is not None:
                    return
            self._stop_process()
        raise RecbenchError(
            f"its process did not start within {STARTUP:g} s. Run it again when the machine is "
            "less busy"
        )

    def _free_share(self) -> int:
        """Return the memory that a cell may use if there is no limit, in bytes."""
        return self._share if self.jobs > 1 else int(0.9 * free_memory())

    def kill_cell(self) -> None:
        """Kill the current cell."""
        self._signal_all(signal.SIGCONT)
        self._send(kill=self._cell)

    def end_cell(self, *, kill: bool) -> CellEnd:
        """Wait until the cell has ended, and return how. kill: do not let it exit by itself."""
        if kill:
            self.kill_cell()
        else:
            self._send(end=self._cell)
        end = self._hear("ended", HANGS)
        if end is None:
            self._stop_process(patience=0)
            return forkserver.UNWATCHED
        return CellEnd(**end)

    def _hear(self, what: str, patience: float) -> dict[str, Any] | None:
        """Wait for a message about the current cell; None if there is none."""
        until = time.monotonic() + patience
        with contextlib.suppress(OSError):
            while self._commands is not None:
                self._commands.settimeout(max(min(until - time.monotonic(), STOPPED), 0.001))
                try:
                    text = self._commands.recv(MAX_MESSAGE)
                except TimeoutError:
                    if time.monotonic() >= until:
                        break
                    self._signal_all(signal.SIGCONT)
                    continue
                message: dict[str, Any] = json.loads(text or "null")
                if message is None or message.pop(what, None) == self._cell:
                    return message
        return None

    def import_ahead(self, packages: Iterable[str]) -> None:
        """Import packages that load slowly in the fork server, for the next cells."""
        new = sorted(set(packages) - self._imported)
        if new:
            self._imported.update(new)
            self._send(**{"import": new})

    def share(self, train: Interactions) -> SharedInteractions:
        """Return the training data in shared memory; it stays there for the next cell."""
        if self._shared is None or self._shared[0] is not train:
            self._release()
            self._shared = train, SharedInteractions(train)
        return self._shared[1]

    def encode(self, metadata: Metadata, name: str) -> Packed:
        """Return the array of a name of the metadata, packed; it is kept for the next cells."""
        if (metadata, name) not in self._packed:
            self._packed[metadata, name] = pack(metadata[name])
        return self._packed[metadata, name]

    def _release(self) -> None:
        if self._shared is not None:
            self._shared[1].close()
            self._shared = None

    def _send(self, **command: Any) -> None:
        if self._commands is not None:
            with contextlib.suppress(OSError):
                self._commands.settimeout(HANGS)
                self._commands.sendall(json.dumps(command).encode())

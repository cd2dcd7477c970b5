"""Steps 3 and 4, the referee's end: each cell's model in a process of its own.

What a model does to its process (exit, hang, eat memory, flood the terminal, leave things behind)
ends with that process, and becomes the error that says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from recbench.data.interactions import Interactions
from recbench.isolation import forkserver as zygote
from recbench.isolation.processes import blank_files, fork, free_memory
from recbench.isolation.proxy import ModelProxy
from recbench.isolation.wire import SharedInteractions
from recbench.isolation.worker import heavy
from recbench.plugins import Plugins
from recbench.spec import Spec

AVAILABLE = hasattr(os, "pidfd_open") and hasattr(os, "memfd_create")
"""Whether this system has what isolation is made of: Linux does."""


HANGS = 30.0
"""Seconds after which the process that cells are forked from is taken for hanging."""


_AFRESH = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from recbench.isolation.forkserver import main; main(int(sys.argv[1]))"
)


@dataclass(frozen=True)
class Limits:
    """What a cell may take. timeout: seconds for fit and score together. memory: bytes."""

    timeout: float | None = None
    memory: int | None = None


class IsolatedHost:
    """Where models run. Start it before any data is loaded, so that no target is in its memory.

    Use as a context manager. A plugin that is installed is loaded afresh in a new interpreter;
    one that was given as an object can only be had by forking this process.

    bound: bytes that the cell that runs now may have.
    """

    def __init__(self, plugins: Plugins, limits: Limits) -> None:
        self.plugins, self.limits = plugins, limits
        self.bound = 0
        self._commands: socket.socket | None = None
        self._zygote = 0
        self._imported: set[str] = set()
        self._shared: tuple[Interactions, SharedInteractions] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._let_go()

    def _start(self) -> socket.socket:
        """Start the process that cells are forked from."""
        self._commands, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._commands.settimeout(HANGS)
        self._imported = set()
        with theirs:
            if self.plugins.installed:
                theirs.set_inheritable(True)
                self._zygote = os.posix_spawn(
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
                self._zygote = fork()
                if self._zygote == 0:
                    blank_files(but=theirs.fileno())
                    os.setsid()
                    zygote.run(theirs, self.plugins)
        return self._commands

    def _stop(self) -> None:
        """End it, and with it whatever it has started."""
        if self._commands is None:
            return
        self._commands.close()
        self._commands = None
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            ending = os.pidfd_open(self._zygote)
            if not select.select([ending], [], [], HANGS)[0]:
                os.kill(self._zygote, signal.SIGKILL)
            os.close(ending)
            os.waitpid(self._zygote, 0)

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelProxy]:
        """A model in a process that lives as long as the context.

        Raises UsageError for wrong options and RecbenchError for everything that goes wrong in
        there, also for what is only found out at the end: threads and processes left behind.
        """
        self.have_imported(heavy(self.plugins.find("models", Spec.parse(model).name)))
        remote = ModelProxy(self)
        try:
            remote.build(model, filled)
            yield remote
            remote.finish()
        finally:
            remote.close()

    def shared(self, train: Interactions) -> SharedInteractions:
        """The training data where cells can map it; kept for the next cell."""
        if self._shared is None or self._shared[0] is not train:
            self._let_go()
            self._shared = train, SharedInteractions(train)
        return self._shared[1]

    def _let_go(self) -> None:
        if self._shared is not None:
            self._shared[1].close()
            self._shared = None

    def start_cell(self, wire: int, output: int) -> None:
        """Have a cell forked; afresh where a model has killed what forks them."""
        self.bound = self.limits.memory or int(0.9 * free_memory())
        order = json.dumps({"memory": self.bound}).encode()
        try:
            socket.send_fds(self._commands or self._start(), [order], [wire, output])
        except OSError:
            self._stop()
            socket.send_fds(self._start(), [order], [wire, output])

    def kill_cell(self) -> None:
        """End the cell that runs now."""
        self._say(zygote.KILL)

    def end_cell(self, *, kill: bool) -> dict[str, Any]:
        """How the cell ended (`zygote.report`), once it has; kill: now, else by itself."""
        self._say(zygote.KILL if kill else zygote.END)
        with contextlib.suppress(OSError):
            text = self._commands.recv(1 << 16) if self._commands else b""
            if text:
                return dict(json.loads(text))
        self._stop()
        return zygote.report(reason="keeper")

    def have_imported(self, names: list[str]) -> None:
        """Have in memory, for cells from the next one on, what takes long to import."""
        new = sorted(set(names) - self._imported)
        if new:
            self._imported.update(new)
            self._say(json.dumps({"import": new}).encode())

    def _say(self, word: bytes) -> None:
        if self._commands is not None:
            with contextlib.suppress(OSError):
                self._commands.sendall(word)

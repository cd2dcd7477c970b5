"""Steps 3 and 4, the referee's end: each cell's model in a process of its own.

What a model does to its process (exit, hang, eat memory, flood the terminal, leave things behind)
ends with that process, and becomes the error that says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from . import zygote
from .errors import RecbenchError, UsageError
from .interactions import Array, Interactions
from .plugins import Plugins
from .progress import log
from .wire import Broken, Message, Shared, columns, receive, send, sizes
from .worker import HEAVY

FLOOD = 8 * 2**20
"""Bytes that a model may print."""

AVAILABLE = hasattr(os, "fork") and hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")
"""Whether this system has what isolation is made of: Linux does."""


_AFRESH = "from recbench.zygote import main; main()"


@dataclass(frozen=True)
class Limits:
    """What a cell may take. timeout: seconds for fit and score together. memory: bytes."""

    timeout: float | None = None
    memory: int | None = None


@dataclass
class Costs:
    """What a cell took. peak_memory: bytes. parameters: numbers learned, None if not known."""

    fit_seconds: float = float("nan")
    peak_memory: int | None = None
    parameters: int | None = None


class Isolation:
    """Where models run. Start it before any data is loaded, so that no target is in its memory.

    Use as a context manager. A plugin that is installed is loaded afresh in a new interpreter;
    one that was given as an object can only be had by forking this process.
    """

    def __init__(self, plugins: Plugins, limits: Limits) -> None:
        self.plugins, self.limits = plugins, limits
        self._commands: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | int | None = None
        self._shared: tuple[Interactions, Shared] | None = None
        self._imported: set[str] = set()
        self.bound = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._shared is not None:
            self._shared[1].close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        if self.plugins.installed:
            fd = theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603  this Python, this package
                [sys.executable, "-c", _AFRESH, str(fd)],
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stdout=2,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        else:
            self._process = os.fork()
            if self._process == 0:
                try:
                    ours.close()
                    os.setsid()
                    zygote.run(theirs, self.plugins)
                finally:
                    os._exit(0)
        theirs.close()
        self._commands = ours

    def _stop(self) -> None:
        if self._commands is not None:
            self._commands.close()
            self._commands = None
        if isinstance(self._process, int):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._process, 0)
        elif self._process is not None:
            self._process.wait()
        self._process = None

    def shared(self, train: Interactions) -> Shared:
        """The training data where cells can map it; kept for the next cell."""
        if self._shared is None or self._shared[0] is not train:
            if self._shared is not None:
                self._shared[1].close()
            self._shared = train, Shared(train)
        return self._shared[1]

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[Remote]:
        """A model in a process that lives as long as the context.

        Raises UsageError for wrong options and RecbenchError for everything that goes wrong in
        there, also for what is only found out at the end: threads and processes left behind.
        """
        remote = Remote(self)
        try:
            remote.build(model, filled)
            yield remote
            remote.finish()
        finally:
            remote.close()
        if remote.report["left"]:
            raise RecbenchError(f"it left processes behind: {', '.join(remote.report['left'])}")

    def start_cell(self, wire: int, output: int) -> None:
        """Fork a cell, again from the start where the process that does so was killed."""
        self.bound = self.limits.memory or int(0.9 * _free())
        order = json.dumps({"do": "cell", "memory": self.bound}).encode()
        for attempt in range(2):
            try:
                assert self._commands is not None  # noqa: S101
                socket.send_fds(self._commands, [order], [wire, output])
            except OSError:
                if attempt:
                    raise
                self._stop()
                self._start()
            else:
                return

    def kill_cell(self) -> None:
        """End the cell that runs now."""
        if self._commands is not None:
            with contextlib.suppress(OSError):
                self._commands.send(b"k")

    def report(self) -> dict[str, Any]:
        """How the cell ended, once it has."""
        assert self._commands is not None  # noqa: S101
        with contextlib.suppress(OSError):
            text = self._commands.recv(1 << 20)
            if text:
                return dict(json.loads(text))
        self._stop()
        self._start()
        return {"status": -signal.SIGKILL, "reason": "", "peak": None, "left": []}

    def imported(self, names: list[str]) -> None:
        """Have what a cell needed in memory for the next one."""
        new = sorted(set(names) - self._imported)
        if new and self._commands is not None:
            self._imported.update(new)
            with contextlib.suppress(OSError):
                self._commands.sendall(json.dumps({"do": "import", "names": new}).encode())


class Remote:
    """A model in another process, with the methods that the referee calls."""

    def __init__(self, home: Isolation) -> None:
        self.home = home
        self.costs = Costs()
        self.report: dict[str, Any] = {}
        self.doing = "building it"
        timeout = home.limits.timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._wire, theirs = socket.socketpair()
        self._flooded = False
        self._imports: list[str] = []
        reading, writing = _pipe()
        home.start_cell(theirs.fileno(), writing)
        theirs.close()
        os.close(writing)
        self._pump = threading.Thread(target=self._forward, args=(reading,), daemon=True)
        self._pump.start()

    def build(self, model: str, filled: dict[str, Any]) -> None:
        """Call the factory. Afterwards `score` or `recommend` is there, as in the model."""
        head, _ = self._ask("building it", {"do": "build", "model": model, "filled": filled})
        self.keeps = bool(head["keeps"])
        if head["scores"]:
            self.score = self._score
        else:
            self.recommend = self._recommend

    def fit(self, train: Interactions) -> Self:
        """Train, on memory that both processes see and neither can write."""
        shared = self.home.shared(train)
        head, _ = self._ask("fit", {"do": "fit", "train": shared.head}, fd=shared.fd)
        self.costs.fit_seconds = float(head["seconds"])
        parameters = head["parameters"]
        self.costs.parameters = None if parameters is None else int(parameters)
        return self

    def _score(self, history: Interactions) -> Array:
        head = {"do": "score", **sizes(history)}
        most = len(history) * history.n_items * 16
        return self._ask("score", head, columns(history), most)[1]["answer"]

    def _recommend(self, history: Interactions, k: int) -> Array:
        head = {"do": "recommend", "k": k, **sizes(history)}
        return self._ask("recommend", head, columns(history), len(history) * k * 8)[1]["answer"]

    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""
        self._ask("save", {"do": "save", "folder": str(folder)})

    def finish(self) -> None:
        """Let the model go. Raises RecbenchError where it leaves threads behind."""
        head, _ = self._ask("ending", {"do": "finish"})
        if head["threads"]:
            raise RecbenchError(f"it left threads behind: {', '.join(map(str, head['threads']))}")

    def _gone(self) -> RecbenchError:
        """The error for a process that ended, or that talks nonsense."""
        self.close()
        limits, status = self.home.limits, self.report["status"]
        if self._flooded:
            return RecbenchError(f"{self.doing} printed more than {FLOOD // 2**20} MB")
        if self.report["reason"] == "memory":
            set_by = "--memory allows" if limits.memory else "is free (--memory MB sets the bound)"
            bound = f"{self.home.bound // 2**20} MB"
            return RecbenchError(f"{self.doing} took more memory than the {bound} that {set_by}")
        if status < 0:
            name = signal.Signals(-status).name
            why = {"SIGSEGV": ", as writing into train or history by force does"}.get(name, "")
            return RecbenchError(f"its process was killed by {name} in {self.doing}{why}")
        return RecbenchError(f"its process ended in {self.doing}, with exit code {status}")

    def close(self) -> None:
        """End the process, wherever it is, and wait until nothing is left of it."""
        if self.report:
            return
        self._wire.close()
        self.home.kill_cell()
        self.report = self.home.report()
        self.costs.peak_memory = self.report["peak"]
        self._pump.join(timeout=5)
        self.home.imported(self._imports)

    def _ask(
        self,
        doing: str,
        head: dict[str, Any],
        arrays: dict[str, Array] | None = None,
        most: int = 0,
        fd: int | None = None,
    ) -> Message:
        """Send, wait, and raise what the other end says is wrong."""
        self.doing = doing
        try:
            send(self._wire, {**head, "level": log.getEffectiveLevel()}, arrays or {})
            if fd is not None:
                socket.send_fds(self._wire, [b"."], [fd])
            answer, found = receive(self._wire, most, self._deadline)
        except TimeoutError as error:
            bound = self.home.limits.timeout
            raise RecbenchError(f"{doing} did not end within the --timeout of {bound} s") from error
        except (Broken, OSError) as error:
            raise self._gone() from error
        self._imports = [one for one in HEAVY if one in answer.get("imported", ())]
        if "error" in answer:
            raise (UsageError if answer.get("usage") else RecbenchError)(str(answer["error"]))
        return answer, found

    def _forward(self, reading: int) -> None:
        """Pass on to stderr what the model prints, up to a bound."""
        done = 0
        while True:
            try:
                data = os.read(reading, 1 << 16)
            except OSError:  # how a terminal says that it is closed
                data = b""
            if not data:
                break
            done += len(data)
            if done <= FLOOD:
                sys.stderr.write(data.decode(errors="replace"))
                sys.stderr.flush()
            elif not self._flooded:
                self._flooded = True
                self.home.kill_cell()
        os.close(reading)


def _pipe() -> tuple[int, int]:
    """Two ends for what a model prints; a terminal's, where stderr is one, so that bars move."""
    if not sys.stderr.isatty():
        return os.pipe()
    import pty
    import termios

    reading, writing = pty.openpty()
    size = shutil.get_terminal_size()
    termios.tcsetwinsize(writing, (size.lines, size.columns))
    return reading, writing


def _free() -> int:
    """Bytes of memory that are free on this machine."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2**62

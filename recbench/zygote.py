"""Steps 3 and 4, the process that models' processes are forked from, and that cleans up after them.

It has every plugin loaded, torch once a model has needed it, and never sees a dataset. It outlives
neither the run that started it nor any cell's leftovers.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import logging
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from .plugins import Plugins, load_plugins
from .progress import log
from .worker import PATIENCE, serve

POLL = 0.05
"""Seconds between two looks at the memory of a cell."""

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # prctl(2)


def run(commands: socket.socket, plugins: Plugins) -> None:
    """Fork a cell whenever asked to, one at a time, until the other end hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_SUBREAPER, 1)  # what a cell leaves behind becomes a child of this process
    while True:
        try:
            text, fds, _, _ = socket.recv_fds(commands, 1 << 16, 2)
        except OSError:
            return
        if not text:
            return
        if text == b"k":  # for a cell that has ended already
            continue
        asked = json.loads(text)
        if asked["do"] == "import":
            for name in asked["names"]:
                importlib.import_module(name)
        elif asked["do"] == "cell":
            report = _cell(commands, plugins, fds, asked["memory"])
            if report is None:
                return
            with contextlib.suppress(OSError):
                commands.sendall(json.dumps(report).encode())


def _cell(
    commands: socket.socket, plugins: Plugins, fds: list[int], memory: int | None
) -> dict[str, Any] | None:
    """Run one cell to its end and say how that was; None where nobody is left to be told."""
    wire, output = fds
    child = os.fork()
    if child == 0:
        _become_cell(commands, plugins, wire, output)
    os.close(wire)
    os.close(output)
    ending = os.pidfd_open(child)
    peak, reason, listening = 0, "", True
    while listening:
        readable, _, _ = select.select([commands, ending], [], [], POLL)
        if ending in readable:
            break
        used = sum(map(_memory, [child, *_descendants(child)]))
        peak = max(peak, used)
        if commands in readable:
            listening = bool(commands.recv(1))
            reason = reason or "asked"
        elif memory and used > memory:
            reason = reason or "memory"
        if reason:
            os.kill(child, signal.SIGKILL)
    os.close(ending)
    _, status, usage = os.wait4(child, 0)
    left = _sweep(kill_at_once=bool(reason))
    if not listening:
        return None
    return {
        "status": os.waitstatus_to_exitcode(status),
        "reason": reason,
        "peak": max(peak, usage.ru_maxrss * 1024),
        "left": left,
    }


def _become_cell(commands: socket.socket, plugins: Plugins, wire: int, output: int) -> None:
    """The forked process: never returns."""
    code = 0
    try:
        _prctl(_DEATH_SIGNAL, signal.SIGKILL)
        commands.close()
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, place in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(fd, place)
        sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
        log.handlers[:] = [logging.StreamHandler(sys.stderr)]
        log.propagate = False
        with socket.socket(fileno=wire) as parent:
            serve(parent, plugins)
    except BaseException:
        log.exception("the cell's own process failed")
        code = 70
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _sweep(*, kill_at_once: bool) -> list[str]:
    """Kill what the cell left behind, and say what did not end by itself."""
    left: list[str] = []
    patient_until = time.monotonic() + (0 if kill_at_once else PATIENCE)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for pid in _descendants(os.getpid()):
            command = _command(pid)
            if command and time.monotonic() > patient_until:
                left.append(f"{command} (process {pid})")
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        time.sleep(0.005)
    return list(dict.fromkeys(left))


def _descendants(of: int) -> list[int]:
    """Every process below this one."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{of}/task"):
            text = Path(f"/proc/{of}/task/{task}/children").read_text(encoding="ascii")
            for child in map(int, text.split()):
                found += [child, *_descendants(child)]
    return found


def _command(pid: int) -> str:
    """What a process is called, or "" where it has ended already."""
    with contextlib.suppress(OSError, IndexError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        if state not in "ZX":
            text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            return text.decode(errors="replace").strip()[:60] or "a process"
    return ""


def _memory(pid: int) -> int:
    """Bytes that a process has for itself."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _prctl(option: int, value: int) -> None:
    """Ask the kernel for something that only Linux has."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main() -> None:
    """Serve the other end of the socket whose number is the argument, with what is installed."""
    run(socket.socket(fileno=int(sys.argv[1])), load_plugins())

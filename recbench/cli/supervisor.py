"""The command line, supervisor: a process that waits for the one that runs the command.

If code of a plugin ends that process, this one says so. A plugin whose import does so is broken:
the command starts again without it.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from recbench import guard
from recbench.cli.streams import show_error
from recbench.isolation.processes import die_with_parent, fork

_FROM_KERNEL = 0x80
"""The `si_code` of signals that all processes of a terminal get (sigaction(2))."""


def supervise() -> None:
    """Fork, and return in the child, which runs the command; in the parent, wait for it and exit.

    Linux only: on other systems, libraries that are loaded may not work in a forked process.
    """
    if sys.platform != "linux":
        return
    passed_on = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*passed_on, signal.SIGCHLD})
    parent = os.getpid()
    gc.freeze()  # then the child uses most of this memory without a copy
    while True:
        guard.write(guard.Note())
        child = fork()
        if child == 0:
            die_with_parent()
            if os.getppid() != parent:  # it ended before that
                os._exit(1)
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, interrupt_once())
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return
        status, got = _wait_for(child, {*passed_on, signal.SIGCHLD})
        note = guard.read()
        if note.code is not None:
            os._exit(note.code)
        if -status in got:  # end as the command did
            signal.signal(-status, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.kill(parent, -status)
        how = f"exit code {status}" if status >= 0 else _signal_name(-status)
        if note.importing and note.importing not in guard.CRASHED:
            guard.CRASHED[note.importing] = f"importing it ended the process with {how}"
            continue
        if note.where:
            remedy = "Repair or uninstall its plugin"
            show_error(f"Error: {note.where} ended the command with {how}. {remedy}")
        else:
            show_error(f"Error: the command ended with {how} before it had finished")
        os._exit(128 - status if status < 0 else 1)


def _wait_for(child: int, signals: set[signal.Signals]) -> tuple[int, set[int]]:
    """Wait until the child ends. Return its exit code, and the signals that this process got.

    The exit code is minus the number of the signal that ended the child. Signals that only this
    process got are passed on to it.
    """
    got: set[int] = set()
    while True:
        info = signal.sigwaitinfo(signals)
        got.add(info.si_signo)
        if info.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status), got
        elif info.si_code != _FROM_KERNEL:
            os.kill(child, info.si_signo)


def interrupt_once() -> Callable[[int, Any], None]:
    """Return a handler that raises KeyboardInterrupt, but not twice within a second.

    If a program interrupts a whole process group, the command gets the signal twice: from there and
    from its supervisor. A second KeyboardInterrupt would end the clean-up.
    """
    latest = -math.inf

    def interrupt(_: int, __: Any) -> None:
        nonlocal latest
        if time.monotonic() - latest > 1:
            latest = time.monotonic()
            raise KeyboardInterrupt

    return interrupt


def _signal_name(number: int) -> str:
    """Return the name of a signal; real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

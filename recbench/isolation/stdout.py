"""Steps 3 and 4, fit and score: pass the output of a model on to stderr, up to a limit."""

from __future__ import annotations

import codecs
import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable


class OutputRelay:
    """A thread that copies a model's stdout and stderr to this process's stderr.

    writing: the file descriptor that the model writes to. flooded: whether the model has exceeded
    the limit; `stop` is called when it does.
    """

    MAX_BYTES = 32 * 2**20
    """How many bytes a model may print."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.flooded = False
        self._stop = stop
        self._reading, self.writing = _pipe()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def start(self) -> None:
        """Start copying; it ends when no process has the writing end open."""
        os.close(self.writing)
        self._thread.start()

    def join(self) -> None:
        """Wait until all output is copied."""
        self._thread.join(timeout=5)

    def _pass_on(self) -> None:
        n_bytes = 0
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                data = os.read(self._reading, 1 << 16)
            except OSError:  # a pseudo-terminal reports that it is closed by this
                data = b""
            if not data:
                break
            n_bytes += len(data)
            if n_bytes <= self.MAX_BYTES:
                with contextlib.suppress(OSError, ValueError, AttributeError):  # stderr is closed
                    sys.stderr.write(decoder.decode(data))
                    sys.stderr.flush()
            elif not self.flooded:
                self.flooded = True
                self._stop()
        os.close(self._reading)


def _pipe() -> tuple[int, int]:
    """Return a pipe; a pseudo-terminal if stderr is a terminal, so that progress bars work."""
    if sys.stderr is None or not sys.stderr.isatty():
        return os.pipe()
    import pty
    import termios

    reading, writing = pty.openpty()
    size = shutil.get_terminal_size()
    termios.tcsetwinsize(writing, (size.lines, size.columns))
    return reading, writing

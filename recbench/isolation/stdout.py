"""Steps 3 and 4: what a model prints, passed on to stderr up to a bound."""

from __future__ import annotations

import codecs
import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Callable


class OutputRelay:
    """A thread between a model's stdout and stderr, and ours.

    writing: the end that the model gets. flooded: whether it printed more than it may; then `stop`
    was called.
    """

    MAX_BYTES = 32 * 2**20
    """Bytes that a model may print."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.flooded = False
        self._stop = stop
        self._reading, self.writing = _pipe()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def start(self) -> None:
        """Pass on, until nobody has the other end any more."""
        os.close(self.writing)
        self._thread.start()

    def join(self) -> None:
        """Wait until everything is passed on."""
        self._thread.join(timeout=5)

    def _pass_on(self) -> None:
        n_bytes = 0
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                data = os.read(self._reading, 1 << 16)
            except OSError:  # how a terminal says that it is closed
                data = b""
            if not data:
                break
            n_bytes += len(data)
            if n_bytes <= self.MAX_BYTES:
                with contextlib.suppress(OSError, ValueError):  # ours is closed
                    sys.stderr.write(decoder.decode(data))
                    sys.stderr.flush()
            elif not self.flooded:
                self.flooded = True
                self._stop()
        os.close(self._reading)


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

"""The command line, streams: stdout and stderr, and the one place where each is written."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any, TextIO

import click

from recbench.errors import RecbenchError, printable


def open_streams() -> None:
    """Open the standard streams that the caller closed, and make stderr one that never fails.

    A closed stream is replaced by the null device, so that no other file gets its number. Writing
    to a closed stdout still fails.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file to be opened gets this number
            opened = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            os.set_inheritable(opened, True)
    if sys.stdout is sys.__stdout__:  # otherwise a test or a notebook has replaced it
        sys.stdout = _Stdout(*_file(sys.__stdout__, 1))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Stream(*_file(sys.__stderr__, 2))


def _file(stream: TextIO | None, number: int) -> tuple[Any, str]:
    """Return the file behind a stream, and its encoding."""
    if stream is None:
        return open(number, "wb", closefd=False), "utf-8"
    return stream.buffer, stream.encoding


class _Stream(io.TextIOWrapper):
    """Drops what cannot be written, as is right for stderr: no message is worth a failure."""

    def __init__(self, file: Any, encoding: str) -> None:
        super().__init__(file, encoding, errors="replace", line_buffering=True)

    def failed(self, error: OSError) -> None:
        """Do nothing about an error."""

    def write(self, text: str) -> int:
        try:
            super().write(text)
        except OSError as error:
            self.failed(error)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.failed(error)


class _Stdout(_Stream):
    """Says that something could not be written. A closed pipe is an error that click handles."""

    def failed(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        raise RecbenchError(f"cannot write to stdout: {error.strerror}") from error


class LogHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes log messages to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        self.setStream(sys.stderr)  # it changes while a terminal shows bars
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def show(text: str) -> None:
    """Write text to stdout."""
    click.echo(printable(text), nl=False)


def show_error(text: str) -> None:
    """Write text and a line break to stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def close_streams() -> None:
    """Flush stdout, or drop what cannot be written, which would change the exit code."""
    try:
        sys.stdout.flush()
    except (OSError, RecbenchError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

"""Every step: run code of plugins, and note which, so that none can end a command silently.

The note is in memory that a process shares with those forked from it. The process that supervises
a command (`cli/supervisor.py`) reads there what the command was doing when it ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass

from recbench.code.raised import describe_raised
from recbench.errors import RecbenchError, describe_error

CRASHED: dict[str, str] = {}
"""Plugins that must not be imported again, because that has ended the process -> the reason."""

_memory = mmap.mmap(-1, 1 << 16)


@dataclass(frozen=True)
class Note:
    """What a command is doing.

    where: the code of a plugin that runs, such as "metric ndcg (plugin metrics)"; "" for recbench's
        own code. importing: the plugin that is being imported, or "". code: the exit code of the
        command, once it has reached its end.
    """

    where: str = ""
    importing: str = ""
    code: int | None = None


def detach() -> None:
    """In a forked process: leave the note of the process that it was forked from as it is."""
    global _memory  # noqa: PLW0603
    _memory = mmap.mmap(-1, 1 << 16)


def read() -> Note:
    """Return the latest note."""
    text, _, _ = _memory[:].partition(b"\0")
    return Note(**json.loads(text)) if text else Note()


def write(note: Note) -> None:
    """Replace the note."""
    text = json.dumps(dataclasses.asdict(note)).encode() + b"\0"
    _memory[: len(text)] = text


@contextlib.contextmanager
def noted(where: str, importing: str = "") -> Iterator[None]:
    """Note what runs in this block; after a KeyboardInterrupt, the note says what it has ended."""
    before = read()
    write(Note(where, importing))
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        describe_error(error)  # its text may come from code of the plugin, and end the process
        write(before)
        raise
    write(before)


@contextlib.contextmanager
def guarded(where: str) -> Iterator[None]:
    """Run code of a plugin. Whatever it raises becomes a RecbenchError, if it is not one.

    where: which code of which plugin, such as "splitter windows (plugin splitters)".
    """
    try:
        with noted(where):
            yield
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        raise RecbenchError(f"{where} failed: {describe_raised(error)}") from error

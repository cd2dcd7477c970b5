"""Beside the flow: the file that -o names."""

from __future__ import annotations

import os
from pathlib import Path

from .atomic import write
from .errors import UsageError


def output_file(output: str | None) -> Path | None:
    """The file, seen to be writable before anything long is done for it; None if none is wanted.

    Raises UsageError where it cannot be written.
    """
    if not output:
        return None
    path = Path(output)
    end = path.resolve()
    if end.is_dir() or not os.access(end if end.exists() else end.parent, os.W_OK):
        raise UsageError(f"cannot write -o {output}; name a file in a folder that can be written")
    return path


def put(path: Path, data: bytes) -> None:
    """Write the file in one go, where its links end; a pipe or a device keeps its place."""
    end = path.resolve()
    if end.exists() and not end.is_file():
        end.write_bytes(data)
    else:
        write(end, data)

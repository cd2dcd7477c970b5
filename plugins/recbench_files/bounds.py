"""Bounds on what a file may unpack to, and on a line: a broken or hostile file ends with words."""

from __future__ import annotations

import io
from typing import Any

import recbench

LONGEST = 1 << 26
"""Characters of a line that is read."""

_ALWAYS = 1 << 28  # bytes that any file may unpack to
_TIMES = 200  # logs compress 5 to 50 times


def refuse_bomb(file: str, packed: int, unpacked: int) -> None:
    """Raise RecbenchError if a file unpacks to more than logs do. Sizes are in bytes."""
    if unpacked > max(_ALWAYS, _TIMES * packed):
        raise recbench.RecbenchError(
            f"{file} unpacks to more than {_TIMES} times its {packed:,} bytes. Write it again, or, "
            "if it is right, unpack it first"
        )


def too_long(file: str, line: int) -> recbench.RecbenchError:
    """Return the error for a line of more than LONGEST characters."""
    return recbench.RecbenchError(
        f"{file} line {line}: the line has more than {LONGEST:,} characters. Write one row per line"
    )


class Bounded(io.RawIOBase):
    """The bytes of a compressed file, up to the bound.

    packed: the size of the file, in bytes.
    """

    def __init__(self, raw: Any, file: str, packed: int) -> None:
        self.raw, self.file, self.packed = raw, file, packed
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = bytes(self.raw.read(size))
        self._unpacked += len(block)
        refuse_bomb(self.file, self.packed, self._unpacked)
        return block

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self.raw.close()
        super().close()

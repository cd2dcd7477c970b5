"""The bytes that pyarrow reads of a text file, with a check of their quotation marks."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from recbench_files.bounds import LONGEST
from recbench_files.layout import Layout

from .lines import SAMPLE, squeeze_bytes

_QUOTE, _CR, _LF, _SPACE = (ord(letter) for letter in '"\r\n ')
_LINE = rb"[^\r\n]*(?:\r\n|\r|\n)"
_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 24
_WIDE = (b"  ", b"\t", b" \n", b"\n ", b" \r", b"\r ")


def open_lines(layout: Layout) -> Any:
    """Return the decompressed bytes, with one space between two fields if they are separated so."""
    raw = layout.open()
    return Squeezed(raw) if layout.wide else raw


class Squeezed(io.RawIOBase):
    """Bytes of text of which the fields may be separated by any spaces and tabs."""

    def __init__(self, raw: Any) -> None:
        self.raw, self._ready, self._rest = raw, io.BytesIO(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, but at the end of the file."""
        view, size = memoryview(buffer), 0
        while size < len(view):
            read = self._ready.readinto(view[size:])
            size += read
            if not (read or self._load()):
                break
        return size

    def _load(self) -> bool:
        """Read some more lines. Returns False at the end of the file."""
        block = self.raw.read(_BLOCK)
        lines = self._rest + block
        whole = not block or len(lines) > LONGEST  # which is too long, so reading it ends
        end = len(lines) if whole else max(lines.rfind(b"\n"), lines.rfind(b"\r")) + 1
        lines, self._rest = lines[:end], lines[end:]
        wide = lines.startswith(b" ") or lines.endswith(b" ") or any(w in lines for w in _WIDE)
        self._ready = io.BytesIO(squeeze_bytes(lines) if wide else lines)
        return bool(block or lines)


class TextStream(io.RawIOBase):
    """The bytes below the skipped lines.

    If fields may be in quotes, it finds out how quotation marks are used: pyarrow reads a mark that
    opens a field and is never closed as one field up to the end of the file, without an error.

    starts: whether a field starts with a mark. stray: whether marks are anywhere else than where a
        field starts or ends, or doubled. breaks: number of line breaks between marks.

    No block ends between CR and LF: pyarrow would drop that LF, even inside quotes. An error while
    reading ends the bytes, and the end of `with` raises it: after an error in a file of Python,
    threads of pyarrow may keep the process from exiting.
    """

    def __init__(self, layout: Layout, raw: Any) -> None:
        self.raw, self.check = raw, layout.quoted
        self._error: Exception | None = None
        self.starts = self.stray = False
        self.breaks = 0
        self._open = False  # whether the last byte that was checked is between marks
        self._seen = b"\n\n\n"  # the last bytes; all but the very last are checked
        self._edge = np.zeros(256, dtype=bool)
        self._edge[[*layout.delimiter.encode(), _CR, _LF]] = True
        head = bytes(raw.read(SAMPLE)).removeprefix(_BOM)
        above = re.match(_LINE * layout.skip, head)
        self._held = head[above.end() :] if above else head

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block, self._held = self._held[:size], self._held[size:]
        try:
            while len(block) < size and (chunk := self.raw.read(size - len(block))):
                block += chunk
        except Exception as error:
            self._error = error
            return b""
        if len(block) > 1 and block.endswith(b"\r"):
            block, self._held = block[:-1], b"\r" + self._held
        if self.check:
            self._inspect(block)
        return block

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._error is not None:
            raise self._error

    def is_plain(self) -> bool:
        """Whether every mark of the file, which was read, encloses a field or is doubled."""
        if not self.check:
            return True
        self._inspect(b"\n")
        return not (self.stray or self._open)

    def _inspect(self, block: bytes) -> None:
        """Check the marks whose next byte is known."""
        if b'"' not in block and not self._open and self._seen[-1] != _QUOTE:
            self._seen = (self._seen + block[-3:])[-3:]
            return
        window = np.frombuffer(self._seen + block, dtype=np.uint8)
        marks = np.flatnonzero(window[2:-1] == _QUOTE) + 2
        before = window[marks - 1]
        at_edge = self._edge[before]
        if not self.starts:
            spaced = self._edge[window[marks[before == _SPACE] - 2]]
            self.starts = bool(at_edge.any() or spaced.any())
        first = int(self._open)
        opening, closing = slice(first, None, 2), slice(1 - first, None, 2)
        opens = at_edge[opening] | (before[opening] == _QUOTE)
        after = window[marks[closing] + 1]
        closes = self._edge[after] | (after == _QUOTE)
        self.stray = self.stray or not (opens.all() and closes.all())
        is_end = window[2:-1] == _LF
        if b"\r" in block or self._seen[-1] == _CR:
            is_end |= (window[2:-1] == _CR) & (window[3:] != _LF)
        ends = np.flatnonzero(is_end) + 2
        inside = (np.searchsorted(marks, ends) + first) % 2
        self.breaks += int(inside.sum())
        self._open = (len(marks) + first) % 2 == 1
        self._seen = (self._seen + block[-3:])[-3:]

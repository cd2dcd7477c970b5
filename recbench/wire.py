"""Steps 3 and 4, between processes: JSON with arrays behind it, over a socket. Never pickle.

What a model's process says is not trusted: nothing that is read here can run code, and sizes are
bounded by who reads.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import socket
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .interactions import Array, Interactions

_HEAD = 1 << 20
"""Bytes that the JSON of a message may have."""

COLUMNS = ("users", "items", "offsets", "times", "ratings")

Message = tuple[dict[str, Any], dict[str, Array]]


class Broken(Exception):  # noqa: N818  it is what the other end is
    """The other end is gone, or what it says makes no sense."""


def send(to: socket.socket, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Send a message. Raises Broken where nobody listens any more."""
    plain = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    shapes = {name: (one.dtype.str, one.shape) for name, one in plain.items()}
    text = json.dumps({**head, "arrays": shapes}).encode()
    try:
        to.sendall(len(text).to_bytes(8, "little") + text)
        for one in plain.values():
            if one.size:
                to.sendall(memoryview(one).cast("B"))
    except OSError as error:
        raise Broken(str(error)) from error


def receive(sender: socket.socket, most: int, deadline: float | None = None) -> Message:
    """The next message; arrays are read-only for good.

    most: bytes that its arrays may have. deadline: by time.monotonic(), None waits for ever.
    Raises Broken where the other end is gone or talks nonsense, TimeoutError at the deadline.
    """
    size = int.from_bytes(_read(sender, 8, deadline), "little")
    if size > _HEAD:
        raise Broken(f"a message of {size} bytes")
    try:
        head = json.loads(bytes(_read(sender, size, deadline)))
        shapes = {
            str(name): (_dtype(kind), tuple(int(one) for one in shape))
            for name, (kind, shape) in head.pop("arrays").items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken("a message that is no message") from error
    sizes = {name: math.prod(shape) * kind.itemsize for name, (kind, shape) in shapes.items()}
    if min(sizes.values(), default=0) < 0 or sum(sizes.values()) > most:
        raise Broken(f"arrays of {sum(sizes.values())} bytes, where {most} are enough")
    arrays = {}
    for name, (kind, shape) in shapes.items():
        data = np.frombuffer(_read(sender, sizes[name], deadline), dtype=kind).reshape(shape)
        data.flags.writeable = False
        arrays[name] = data
    return head, arrays


def _dtype(text: Any) -> np.dtype[Any]:
    kind = np.dtype(str(text))
    if kind.kind not in "fiu":
        raise ValueError(kind)
    return kind


def _read(sender: socket.socket, size: int, deadline: float | None) -> memoryview:
    data = memoryview(bytearray(size))
    done = 0
    while done < size:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        sender.settimeout(left)
        try:
            got = sender.recv_into(data[done:])
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error)) from error
        if not got:
            raise Broken("gone")
        done += got
    return data


def columns(interactions: Interactions) -> dict[str, Array]:
    """The arrays of interactions, for a message; `sizes` goes into its head."""
    given = {name: getattr(interactions, name) for name in COLUMNS}
    return {name: one for name, one in given.items() if one is not None}


def sizes(interactions: Interactions) -> dict[str, int]:
    """What interactions are besides their arrays."""
    return {"n_users": interactions.n_users, "n_items": interactions.n_items}


class Shared:
    """Interactions in memory that other processes can map and nobody can write.

    fd: of the memory. head: what `mapped` needs to know besides.
    """

    def __init__(self, interactions: Interactions) -> None:
        places: dict[str, tuple[int, int, str]] = {}
        if hasattr(os, "memfd_create"):
            self.fd = os.memfd_create("recbench", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            with tempfile.TemporaryFile() as file:
                self.fd = os.dup(file.fileno())
        with open(self.fd, "wb", closefd=False) as out:
            for name, array in columns(interactions).items():
                places[name] = (out.tell(), len(array), array.dtype.str)
                out.write(np.ascontiguousarray(array).data)
                out.write(bytes(-out.tell() % 8))
            out.write(bytes(8))  # memory of no bytes cannot be mapped
        self.head = {"places": places, **sizes(interactions)}
        self._seal()

    def _seal(self) -> None:
        try:
            import fcntl

            all_ = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, all_)
        except (ImportError, AttributeError, OSError):
            pass  # other systems know no seals; the mapping is read-only there too

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.fd)


def mapped(fd: int, head: Mapping[str, Any]) -> Interactions:
    """The interactions of a `Shared`: read-only pages, which no flag can make writeable."""
    pages = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    arrays = {
        name: np.frombuffer(pages, dtype=kind, count=count, offset=offset)
        for name, (offset, count, kind) in head["places"].items()
    }
    return Interactions(n_users=head["n_users"], n_items=head["n_items"], **arrays)

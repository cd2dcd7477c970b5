"""Steps 3 and 4, between processes: JSON with arrays behind it, over a socket. Never pickle.

What a model's process says is not trusted: nothing that is read here can run code, and sizes are
bounded by who reads.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Interactions

_HEAD = 1 << 20
"""Bytes that the JSON of a message may have."""


_NUMBERS = re.compile(r"[<>|][fiu]\d{1,2}")
"""The types that an array may have, as numpy writes them."""


Message = tuple[dict[str, Any], dict[str, Array]]


class WireError(Exception):
    """The other end is gone, or what it says makes no sense."""


class ConnectionClosedError(WireError):
    """The other end has closed the connection, as processes do that end."""


def send(
    to: socket.socket,
    head: Mapping[str, Any],
    arrays: Mapping[str, Array] | None = None,
    fd: int | None = None,
) -> None:
    """Send a message, and a file's number behind it. Raises Broken where nobody listens."""
    plain = {name: np.ascontiguousarray(one) for name, one in (arrays or {}).items()}
    shapes = {name: (one.dtype.str, one.shape) for name, one in plain.items()}
    text = json.dumps({**head, "arrays": shapes}).encode()
    try:
        to.sendall(len(text).to_bytes(8, "little") + text)
        for one in plain.values():
            if one.size:
                to.sendall(one.data.cast("B"))
        if fd is not None:
            socket.send_fds(to, [b"."], [fd])
    except OSError as error:
        raise ConnectionClosedError(str(error)) from error


def receive(sender: socket.socket, most: int, deadline: float | None = None) -> Message:
    """The next message.

    most: bytes that its arrays may have. deadline: by time.monotonic(), None waits for ever.
    Raises Broken where the other end is gone or talks nonsense, TimeoutError at the deadline.
    """
    size = int.from_bytes(_read(sender, 8, deadline), "little")
    if size > _HEAD:
        raise WireError(f"a message of {size} bytes")
    text = bytes(_read(sender, size, deadline))
    try:
        head = json.loads(text)
        kinds = {name: _number(kind) for name, (kind, _) in head["arrays"].items()}
        shapes = {name: [int(one) for one in shape] for name, (_, shape) in head["arrays"].items()}
        del head["arrays"]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as e:
        raise WireError("a message that is no message") from e
    sizes = {name: math.prod(shape) * kinds[name].itemsize for name, shape in shapes.items()}
    if min((one for shape in shapes.values() for one in shape), default=0) < 0 or (
        sum(sizes.values()) > most
    ):
        raise WireError(f"arrays of {sum(sizes.values())} bytes, where {most} are enough")
    return head, {
        name: np.frombuffer(_read(sender, sizes[name], deadline), kinds[name]).reshape(shape)
        for name, shape in shapes.items()
    }


def _number(text: Any) -> np.dtype[Any]:
    if not _NUMBERS.fullmatch(str(text)):
        raise ValueError(text)
    return np.dtype(str(text))


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
            raise ConnectionClosedError(str(error)) from error
        if not got:
            raise ConnectionClosedError("gone")
        done += got
    return data


class SharedInteractions:
    """Interactions in memory that other processes can map and nobody can write.

    fd: of the memory. head: what `mapped` needs to know besides.
    """

    def __init__(self, interactions: Interactions) -> None:
        import fcntl

        places: dict[str, tuple[int, int, str]] = {}
        self.fd = os.memfd_create("recbench", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with open(self.fd, "wb", closefd=False) as out:
            for name in ("users", "items", "offsets", "times", "ratings"):
                array = getattr(interactions, name)
                if array is not None:
                    places[name] = (out.tell(), len(array), array.dtype.str)
                    out.write(np.ascontiguousarray(array).data)
                    out.write(bytes(-out.tell() % 8))
            out.write(bytes(8))  # memory of no bytes cannot be mapped
        self.head = {
            "places": places,
            "n_users": interactions.n_users,
            "n_items": interactions.n_items,
        }
        for_good = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, for_good)

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.fd)


def map_shared(sender: socket.socket, head: Mapping[str, Any]) -> Interactions:
    """The `Shared` behind a message: read-only pages, which no flag can make writeable."""
    _, (fd, *_), _, _ = socket.recv_fds(sender, 1, 1)
    pages = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    os.close(fd)
    arrays = {
        name: np.frombuffer(pages, dtype=kind, count=count, offset=offset)
        for name, (offset, count, kind) in head["places"].items()
    }
    return Interactions(n_users=head["n_users"], n_items=head["n_items"], **arrays)

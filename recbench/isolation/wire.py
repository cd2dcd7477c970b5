"""Steps 3 and 4, fit and score: messages between processes, as JSON and arrays over a socket.

The model's process is not trusted. Messages are never pickled, so reading one cannot run code, and
the reader limits their size.
"""

from __future__ import annotations

import functools
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
from recbench.data.metadata import Features, Metadata
from recbench.errors import RecbenchError
from recbench.isolation.packing import pack, unpack

_MAX_HEAD = 1 << 20
"""The largest JSON of a message, in bytes."""

_NUMBER_TYPES = re.compile(r"[<>|][fiu]\d{1,2}")
"""The types that an array may have, as numpy spells them."""

COLUMNS = ("users", "items", "offsets", "times", "ratings", "parts")
"""The columns of interactions, besides their features."""

Message = tuple[dict[str, Any], dict[str, Array]]


class WireError(Exception):
    """The connection is closed, or the other end sent an invalid message."""


class ConnectionClosedError(WireError):
    """The other end closed the connection, as it does when its process ends."""


class TooLargeError(WireError):
    """A message holds larger arrays than the reader allows. shapes: of these arrays."""

    def __init__(self, n_bytes: int, max_bytes: int, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__(f"arrays of {n_bytes} bytes; the limit is {max_bytes}")
        self.shapes = shapes


def send(
    receiver: socket.socket,
    head: Mapping[str, Any],
    arrays: Mapping[str, Array] | None = None,
    fd: int | None = None,
    deadline: float | None = None,
) -> None:
    """Send a message, and a file descriptor after it.

    deadline: a time of time.monotonic(); None waits without limit.
    Raises ConnectionClosedError if the other end has closed the connection, and TimeoutError at the
    deadline.
    """
    plain = {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()}
    described = {name: (array.dtype.str, array.shape) for name, array in plain.items()}
    text = json.dumps({**head, "arrays": described}).encode()
    receiver.settimeout(_patience(deadline))
    try:
        receiver.sendall(len(text).to_bytes(8, "little") + text)
        for array in plain.values():
            if array.size:
                receiver.sendall(array.data.cast("B"))
        if fd is not None:
            socket.send_fds(receiver, [b"."], [fd])
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectionClosedError(str(error)) from error


def receive(sender: socket.socket, max_bytes: int, deadline: float | None = None) -> Message:
    """Return the next message.

    max_bytes: the largest total size of its arrays. deadline: a time of time.monotonic(); None
    waits without limit.
    Raises ConnectionClosedError if the other end has closed the connection, WireError for an
    invalid message, TooLargeError for larger arrays, and TimeoutError at the deadline.
    """
    size = int.from_bytes(_read(sender, 8, deadline), "little")
    if size > _MAX_HEAD:
        raise WireError(f"the head of a message has {size} bytes; the limit is {_MAX_HEAD}")
    text = bytes(_read(sender, size, deadline))
    try:
        head = json.loads(text)
        described = head.pop("arrays").items()
        types = {name: _number_type(text) for name, (text, _) in described}
        shapes = {name: tuple(map(int, shape)) for name, (_, shape) in described}
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as e:
        raise WireError("invalid head of a message") from e
    if not all(_is_shape(shape) for shape in shapes.values()):
        raise WireError("invalid shape of an array")
    sizes = {name: math.prod(shape) * types[name].itemsize for name, shape in shapes.items()}
    if sum(sizes.values()) > max_bytes:
        raise TooLargeError(sum(sizes.values()), max_bytes, shapes)
    return head, {
        name: np.frombuffer(_read(sender, sizes[name], deadline), types[name]).reshape(shape)
        for name, shape in shapes.items()
    }


def _number_type(text: Any) -> np.dtype[Any]:
    if not _NUMBER_TYPES.fullmatch(str(text)):
        raise ValueError(text)
    return np.dtype(str(text))


def _is_shape(shape: tuple[int, ...]) -> bool:
    """Whether numpy can make an array of this shape."""
    return len(shape) <= 64 and all(0 <= length < 2**63 for length in shape)


def _read(sender: socket.socket, size: int, deadline: float | None) -> memoryview:
    data = memoryview(bytearray(size))
    done = 0
    while done < size:
        sender.settimeout(_patience(deadline))
        try:
            received = sender.recv_into(data[done:])
        except TimeoutError:
            raise
        except OSError as error:
            raise ConnectionClosedError(str(error)) from error
        if not received:
            raise ConnectionClosedError("closed by the other end")
        done += received
    return data


def _patience(deadline: float | None) -> float | None:
    """Return the seconds until a deadline. Raises TimeoutError if it has passed."""
    patience = None if deadline is None else deadline - time.monotonic()
    if patience is not None and patience <= 0:
        raise TimeoutError
    return patience


class SharedInteractions:
    """Interactions in sealed memory, which other processes can map and none can write.

    fd: file descriptor of the memory. head: its layout, for `map_shared`. metadata: those of the
    interactions, which are not in the memory.

    Raises RecbenchError if there is no memory for them.
    """

    def __init__(self, interactions: Interactions) -> None:
        self.metadata = interactions.metadata
        self.fd = os.memfd_create("recbench", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            self._fill(interactions)
        except OSError as error:
            self.close()
            raise RecbenchError(
                f"cannot copy the interactions to shared memory: {error.strerror or error}. Free "
                "some memory, and check the limit on file sizes (ulimit -f)"
            ) from error

    def _fill(self, interactions: Interactions) -> None:
        """Copy the arrays to the memory, and seal it."""
        import fcntl

        columns = {name: getattr(interactions, name) for name in COLUMNS}
        for nth, values in enumerate(interactions.features.values()):
            packed = pack(values, distinct=True)
            columns |= {f"{nth} {part}": array for part, array in packed.items()}
        places: dict[str, tuple[int, int, str]] = {}
        with open(self.fd, "wb", closefd=False) as out:
            for name, array in columns.items():
                if array is not None:
                    places[name] = (out.tell(), len(array), array.dtype.str)
                    out.write(np.ascontiguousarray(array).data)
                    out.write(bytes(-out.tell() % 8))
            out.write(bytes(8))  # empty memory cannot be mapped
        self.head = {
            "places": places,
            "features": list(interactions.features),
            "n_users": interactions.n_users,
            "n_items": interactions.n_items,
            "time_unit": interactions.time_unit,
        }
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)

    def close(self) -> None:
        """Release the memory."""
        os.close(self.fd)


def map_shared(
    sender: socket.socket, head: Mapping[str, Any], metadata: Metadata | None = None
) -> Interactions:
    """Map the `SharedInteractions` of a message, on pages that cannot be made writable.

    metadata: what the interactions know of users and items.
    """
    _, (fd, *_), _, _ = socket.recv_fds(sender, 1, 1)
    pages = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    os.close(fd)
    arrays = {
        name: np.frombuffer(pages, dtype=kind, count=count, offset=offset)
        for name, (offset, count, kind) in head["places"].items()
    }
    columns = {name: arrays.pop(name) for name in COLUMNS if name in arrays}
    names: list[str] = head["features"]

    @functools.cache
    def load(name: str) -> Array:
        prefix = f"{names.index(name)} "
        own = {key: array for key, array in arrays.items() if key.startswith(prefix)}
        return unpack({key.removeprefix(prefix): array for key, array in own.items()})

    return Interactions(
        n_users=head["n_users"],
        n_items=head["n_items"],
        time_unit=head["time_unit"],
        features=Features("interaction", names, load),
        metadata=metadata,
        **columns,
    )

"""Messages between processes: valid ones arrive unchanged, and invalid ones are refused."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from recbench import Interactions, RecbenchError
from recbench.isolation.runner import AVAILABLE
from recbench.isolation.wire import (
    ConnectionClosedError,
    SharedInteractions,
    TooLargeError,
    WireError,
    map_shared,
    receive,
    send,
)

resource = pytest.importorskip("resource", reason="needs limits of POSIX")

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<f2", ">f8", "<i8", "<u1", np.longdouble])
def test_arrays_arrive_unchanged(pair: Any, kind: Any) -> None:
    array = np.arange(12).reshape(3, 4).astype(kind)
    send(pair[0], {"word": "é"}, {"a": array.T, "none": array[:0]})
    head, found = receive(pair[1], array.nbytes)
    assert head == {"word": "é"}
    assert found["a"].dtype == array.dtype
    assert found["none"].shape == (0, 4)
    np.testing.assert_array_equal(found["a"], array.T)


def test_a_scalar_keeps_its_shape(pair: Any) -> None:
    send(pair[0], {}, {"a": np.array(2.5)})
    found = receive(pair[1], 8)[1]["a"]
    assert (found.shape, found.item()) == ((), 2.5)


def test_a_message_above_the_limit_is_refused_without_reading_it(pair: Any) -> None:
    send(pair[0], {}, {"a": np.zeros((2, 3))})
    with pytest.raises(TooLargeError, match="48 bytes; the limit is 47") as raised:
        receive(pair[1], 47)
    assert raised.value.shapes == {"a": (2, 3)}


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"times": [3, 4, 5], "ratings": [1.0, 2.0, 3.5]},
        {"times": [3, 4, 5], "time_unit": "ns", "parts": [0, 1, 2]},
        {"features": {"price": [1.5, 2, 3], "genre": ["a", "été", "a"], "year": [1, 2, 3]}},
    ],
)
def test_interactions_arrive_unchanged_and_read_only(pair: Any, columns: Any) -> None:
    given = Interactions(
        users=[0, 2], items=[4, 1, 4], offsets=[0, 1, 3], n_users=3, n_items=5, **columns
    )
    with contextlib.closing(SharedInteractions(given)) as shared:
        send(pair[0], {"given": shared.head}, fd=shared.fd)
    received = map_shared(pair[1], receive(pair[1], 0)[0]["given"])
    assert received.fingerprint() == given.fingerprint()
    assert received.time_unit == given.time_unit
    assert list(received.features) == list(given.features)
    for name, values in given.features.items():
        assert received.features[name].dtype == values.dtype
        assert received.features[name].tolist() == values.tolist()
    for array in (
        received.users,
        received.items,
        received.offsets,
        received.times,
        received.ratings,
        received.parts,
    ):
        if array is not None:
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True


def test_empty_interactions_arrive_unchanged(pair: Any) -> None:
    given = Interactions(users=[], items=[], offsets=[0], n_users=0, n_items=5)
    with contextlib.closing(SharedInteractions(given)) as shared:
        send(pair[0], {"given": shared.head}, fd=shared.fd)
    assert map_shared(pair[1], receive(pair[1], 0)[0]["given"]).fingerprint() == given.fingerprint()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"arrays": 3}',
        b'{"arrays": []}',
        b'{"arrays": {"a": 3}}',
        b'{"arrays": {"a": ["<f8"]}}',
        b'{"arrays": {"a": ["<f8", 3]}}',
        b'{"arrays": {"a": ["<f8", ["x"]]}}',
        b'{"arrays": {"a": ["<f8", [Infinity]]}}',
        b'{"arrays": {"a": ["<f8", [-2, -3]]}}',
        b'{"arrays": {"a": ["<f8", [1000000000]]}}',
        b'{"arrays": {"a": ["<f8", [0, 9223372036854775808]]}}',
        b'{"arrays": {"a": ["<f8", [' + b"0, " * 64 + b"0]]}}",
        b'{"arrays": {"a": ["<f8", [' + b"9" * 4000 + b", " + b"9" * 4000 + b"]]}}",
        b'{"arrays": {"a": ["|O", [1]]}}',
        b'{"arrays": {"a": ["<f99", [1]]}}',
        b'{"arrays": {"a": ["V8", [1]]}}',
        b'{"arrays": {"a": ["<f8,<f8", [1]]}}',
        b"[" * 10**5,
    ],
)
def test_invalid_messages_are_refused(pair: Any, text: bytes) -> None:
    pair[0].sendall(len(text).to_bytes(8, "little") + text)
    with pytest.raises(WireError):
        receive(pair[1], 1000)


def test_an_excessive_size_is_refused(pair: Any) -> None:
    pair[0].sendall(b"\xff" * 64)
    with pytest.raises(WireError):
        receive(pair[1], 1000)


def test_a_connection_closed_by_the_other_end_is_an_error(pair: Any) -> None:
    text = json.dumps({"arrays": {"a": ["<f8", [2]]}}).encode()
    pair[0].sendall(len(text).to_bytes(8, "little") + text + b"half")
    pair[0].close()
    with pytest.raises(ConnectionClosedError):
        receive(pair[1], 1000)
    with pytest.raises(ConnectionClosedError):
        send(pair[1], {})


def test_receive_waits_no_longer_than_the_deadline(pair: Any) -> None:
    with pytest.raises(TimeoutError):
        receive(pair[1], 1000, time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        receive(pair[1], 1000, time.monotonic() - 1)


def test_interactions_that_do_not_fit_into_memory_are_an_error() -> None:
    given = Interactions(users=[0], items=[1, 2], offsets=[0, 2], n_users=1, n_items=5)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    open_files = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
    try:
        with pytest.raises(RecbenchError, match="shared memory: File too large"):
            SharedInteractions(given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(os.listdir("/proc/self/fd")) == open_files

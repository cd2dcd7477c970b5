"""Stop what runs on the workers of a cluster that others use too."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import recbench

LOG = logging.getLogger("recbench")


@contextlib.contextmanager
def stopping(client: Any) -> Iterator[None]:
    """Stop what runs for a client, if its futures are cancelled in the with block.

    Dask itself lets functions run to their end. Here their workers are started again, unless they
    also run or hold something for other clients.
    """
    own, keys = set(client.futures), {}
    with contextlib.suppress(Exception):  # the connection may break just now
        running = {worker: set(found) for worker, found in client.processing().items() if found}
        held = client.has_what(list(running))
        keys = {worker: found | set(held[worker]) for worker, found in running.items()}
    busy = [worker for worker, found in keys.items() if found & own]
    yield
    ours = [worker for worker in busy if keys[worker] <= own]
    ended: dict[str, str] = {}
    with contextlib.suppress(Exception):  # such as workers without a nanny, which starts them again
        ended = client.restart_workers(ours) if ours else {}
    if left := len(busy) - len(ended):
        LOG.warning(
            "dask: %s of the cluster cannot be interrupted, so what runs there ends later",
            recbench.counted(left, "worker"),
        )

"""Steps 3 and 4, fit and score: the host that runs each model in a separate process.

If a model exits, hangs, uses too much memory, floods the terminal or leaves processes running, only
its own process is affected, and an error reports it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Self

from recbench.data.interactions import Interactions
from recbench.isolation.launcher import Launcher
from recbench.isolation.proxy import ModelProxy
from recbench.isolation.worker import heavy_imports
from recbench.models.protocols import ModelHandle
from recbench.plugins import Plugins
from recbench.spec import Spec

AVAILABLE = hasattr(os, "pidfd_open") and hasattr(os, "memfd_create")
"""Whether this system has the calls that isolation needs. Linux has."""


class IsolatedHost:
    """Runs each model in a separate process. Use as a context manager.

    Start it before data is loaded, so that no target is in the memory that the processes inherit.

    timeout: time limit of a cell, in seconds, for fit and score together. memory: memory limit of a
    cell in bytes; None means what is free.
    """

    def __init__(
        self, plugins: Plugins, timeout: float | None = None, memory: int | None = None
    ) -> None:
        self.plugins = plugins
        self._launcher = Launcher(plugins, timeout, memory)

    def __enter__(self) -> Self:
        self._launcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._launcher.stop()

    def share(self, train: Interactions) -> None:
        """Put the training data into shared memory, before the time limit of a cell starts."""
        self._launcher.share(train)

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """Start a model in a process that lives as long as the context.

        Raises UsageError for wrong options, and RecbenchError for everything that fails in the
        process, including threads and processes that it leaves running at the end.
        """
        offer = self.plugins.find("models", Spec.parse(model).name)
        self._launcher.import_ahead(heavy_imports(offer))
        proxy = ModelProxy(self._launcher)
        try:
            proxy.build(model, filled)
            yield proxy
            proxy.finish()
        finally:
            proxy.close()

"""Steps 3 and 4, the referee's end: each cell's model in a process of its own.

What a model does to its process (exit, hang, eat memory, flood the terminal, leave things behind)
ends with that process, and becomes the error that says so.
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
"""Whether this system has what isolation is made of: Linux does."""


class IsolatedHost:
    """Where models run. Start it before any data is loaded, so that no target is in its memory.

    Use as a context manager. timeout: seconds that a cell may take for fit and score together.
    memory: bytes that it may have; None is what is free.
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
        """Put the training data where cells can map it, before anybody's time is taken."""
        self._launcher.share(train)

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """A model in a process that lives as long as the context.

        Raises UsageError for wrong options and RecbenchError for everything that goes wrong in
        there, also for what is only found out at the end: threads and processes left behind.
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

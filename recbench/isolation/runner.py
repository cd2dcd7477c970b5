"""Steps 3 and 4, fit and score: the host that runs each model in a separate process.

If a model exits, hangs, uses too much memory, floods the terminal or leaves processes running, only
its own process is affected, and an error reports it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any, Self

from recbench.data.interactions import Interactions
from recbench.errors import RecbenchError, UsageError
from recbench.isolation.launcher import Launcher
from recbench.isolation.pickling import UnpicklableError, pickled
from recbench.isolation.processes import MEMORY, hold_standard_files
from recbench.isolation.proxy import ModelProxy
from recbench.isolation.worker import heavy_imports
from recbench.models.in_process import InProcessHost
from recbench.models.protocols import ModelHandle
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.spec import Spec

AVAILABLE = hasattr(os, "pidfd_open") and hasattr(os, "memfd_create")
"""Whether this system has the calls that isolation needs. Linux has."""


class IsolatedHost:
    """Runs each model in a separate process. Use as a context manager.

    A model of a plugin that was given as an object is pickled and sent to its process. If it cannot
    be pickled, it runs in this process, and the log says so.

    timeout: time limit of a cell, in seconds, for fit and score together. memory: memory limit of a
    cell in bytes; None means what is free.
    """

    def __init__(
        self, plugins: Plugins, timeout: float | None = None, memory: int | None = None
    ) -> None:
        self.plugins = plugins
        self._launcher = Launcher(timeout, memory)
        self._in_process = InProcessHost(plugins)
        self._pickled: dict[str, bytes | None] = {}

    def __enter__(self) -> Self:
        hold_standard_files()
        MEMORY.hide()
        self._launcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._launcher.stop()
        MEMORY.show()

    def share(self, train: Interactions) -> None:
        """Put the training data into shared memory, before the time limit of a cell starts."""
        self._launcher.share(train)

    def isolates(self, model: str) -> bool:
        """Return whether a model runs in a separate process. Raises UsageError if unknown."""
        try:
            return self._sent(self.plugins.find("models", Spec.parse(model).name)) is not None
        except UsageError:
            raise
        except RecbenchError:  # `cell` raises it again
            return True

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """In this block, also limit the time of a cell to these seconds; infinity is no limit."""
        before = self._launcher.timeout
        limits = [limit for limit in (before, seconds) if limit is not None and limit < math.inf]
        self._launcher.timeout = min(limits, default=None)
        try:
            yield
        finally:
            self._launcher.timeout = before

    @contextlib.contextmanager
    def cell(self, model: str, filled: dict[str, Any]) -> Iterator[ModelHandle]:
        """Start a model in a process that lives as long as the context.

        Raises UsageError for wrong options, and RecbenchError for everything that fails in the
        process, including threads and processes that it leaves running at the end.
        """
        offer = self.plugins.find("models", Spec.parse(model).name)
        sent = self._sent(offer)
        if sent is None:
            with self._in_process.cell(model, filled) as handle:
                yield handle
            return
        self._launcher.import_ahead(heavy_imports(offer))
        proxy = ModelProxy(self._launcher)
        try:
            proxy.build(model, offer, sent, filled)
            yield proxy
            proxy.finish()
        finally:
            proxy.close()

    def _sent(self, offer: Offer) -> bytes | None:
        """Return what its process needs besides the name of the plugin: the pickled offer.

        It is empty if the plugin is installed, and None if it cannot be pickled. Raises
        RecbenchError if the model refers to data.
        """
        if offer.plugin not in self.plugins.given:
            return b""
        if offer.name not in self._pickled:
            try:
                self._pickled[offer.name] = pickled(offer)
            except UnpicklableError as error:
                self._pickled[offer.name] = None
                log.warning(
                    "%s (plugin %s) runs in the main process, without isolation or limits, because "
                    "it cannot be sent to another one: %s",
                    offer.name,
                    offer.plugin,
                    error,
                )
        return self._pickled[offer.name]

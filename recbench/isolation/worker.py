"""Steps 3 and 4, fit and score: the model's own process, which answers the referee's requests.

Neither targets nor results ever reach this process.
"""

from __future__ import annotations

import _thread
import dataclasses
import gc
import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbench.data.interactions import Array
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.isolation.processes import MAX_NAMED
from recbench.isolation.wire import map_shared, receive, send
from recbench.models.in_process import InProcessModel, build, is_writing
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log

PATIENCE = 1.0
"""Seconds that threads and processes get to end after the last case is scored."""

HEAVY_PACKAGES = ("torch", "scipy", "sklearn", "pandas")
"""Packages that are slow to import. If a model's source imports one, or a cell has used it, the
fork server loads it for the cells that follow."""


def heavy_imports(offer: Offer) -> list[str]:
    """Return the heavy packages that a model's source imports."""
    source = "\n".join(file.read_text(errors="replace") for file in offer.files)
    return [
        package
        for package in HEAVY_PACKAGES
        if re.search(rf"^\s*(import|from) {package}\b", source, re.MULTILINE)
    ]


def serve(referee: socket.socket, plugins: Plugins) -> None:
    """Answer the referee's requests until it sends `finish`.

    Raises ConnectionClosedError if it closes the connection.
    """
    pid, server = os.getpid(), ModelServer(plugins)
    send(referee, {})
    request = ""
    while request != "finish":
        head, _ = receive(referee, 0)
        given = map_shared(referee, head["interactions"]) if "interactions" in head else None
        log.setLevel(head["log_level"])
        request, array = head["request"], None
        try:
            reply, array = server.answer(head, given)
        except BaseException as error:  # including a KeyboardInterrupt that a model raises
            log.debug("%s", traceback.format_exc())
            raised = "" if isinstance(error, RecbenchError) else f"{request} raised "
            reply = {
                "error": raised + describe_error(error),
                "usage": isinstance(error, UsageError),
            }
        if os.getpid() != pid:
            os._exit(0)  # the model has forked, and this is the child
        reply["imported"] = [package for package in HEAVY_PACKAGES if package in sys.modules]
        send(referee, reply, {} if array is None else {"answer": array})


Reply = tuple[dict[str, Any], Array | None]


class ModelServer:
    """Calls the model, and watches its threads."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.model: InProcessModel
        self.threads_before = set(threading.enumerate()), _thread._count()  # noqa: SLF001
        self.thread_wrote: list[str] = []
        threading.excepthook = self._watching(threading.__excepthook__)
        sys.unraisablehook = self._watching(sys.__unraisablehook__)

    def answer(self, head: dict[str, Any], given: Any) -> Reply:
        """Return the reply to a request. given: the train or history that it is about."""
        match head["request"]:
            case "build":
                self.model = InProcessModel(build(self.plugins, head["model"], head["filled"]))
                return {"scores": self.model.scores, "storable": self.model.storable}, None
            case "fit":
                place = head["checkpoint"]
                report = self.model.fit(given, None if place is None else Path(place))
                return dataclasses.asdict(report), None
            case "score":
                return {}, self.model.score(given)
            case "recommend":
                return {}, self.model.recommend(given, head["k"])
            case "save":
                self.model.save(Path(head["folder"]))
                return {}, None
        del self.model
        return {"threads": self._left_threads(), "thread_wrote": self.thread_wrote}, None

    def _left_threads(self) -> list[str]:
        """Return the names of threads that the model started and that do not end."""
        joblib = sys.modules.get("joblib.externals.loky.reusable_executor")
        if getattr(joblib, "_executor", None) is not None:  # it waits for more work
            joblib._executor.shutdown(kill_workers=True)  # type: ignore[union-attr]  # noqa: SLF001
        until = time.monotonic() + PATIENCE
        threads_before, count_before = self.threads_before
        while True:
            started = set(threading.enumerate()) - threads_before
            # tqdm keeps a harmless thread that redraws its bars
            names = [
                thread.name for thread in started if not type(thread).__module__.startswith("tqdm")
            ]
            nameless = _thread._count() - count_before - len(started)  # noqa: SLF001
            names += ["a thread without a name"] * nameless
            if not names or time.monotonic() > until:
                return names[:MAX_NAMED]
            gc.collect()  # a pool ends when nothing refers to it
            time.sleep(0.02)

    def _watching(self, report: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a hook for errors that Python only reports, wrapped around its own hook."""

        def hook(raised: Any) -> None:
            if is_writing(raised.exc_value):
                self.thread_wrote = [describe_error(raised.exc_value)]
            report(raised)

        return hook

"""Steps 3 and 4, fit and score: the model's own process, which answers the referee's requests.

Neither targets nor results ever reach this process.
"""

from __future__ import annotations

import _thread
import dataclasses
import faulthandler
import gc
import logging
import os
import pickle
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbench.code.installed import Installed
from recbench.code.raised import describe_raised
from recbench.data.interactions import Array
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.isolation.asides import Asides
from recbench.isolation.processes import MAX_NAMED
from recbench.isolation.wire import map_shared, receive, send
from recbench.models.in_process import InProcessModel, build, is_writing
from recbench.offers import Offer
from recbench.progress import log
from recbench.spec import Spec

PATIENCE = 1.0
"""Seconds that threads and processes get to end after the last case is scored."""

HEAVY_PACKAGES = ("torch", "scipy", "sklearn", "pandas")
"""Packages that are slow to import. If a model's source imports one, or a cell has used it, the
fork server loads it for the cells that follow."""


def heavy_imports(offer: Offer) -> list[str]:
    """Return the heavy packages that a model's source imports."""
    libraries = offer.source.libraries
    return [package for package in HEAVY_PACKAGES if package in libraries]


def serve(referee: socket.socket, installed: Installed) -> None:
    """Answer the referee's requests until it sends `finish`.

    installed: how to import each installed plugin.
    Raises ConnectionClosedError if it closes the connection.
    """
    pid, server = os.getpid(), ModelServer(installed)
    asides = Asides(referee)
    send(referee, {})
    request = ""
    while request != "finish":
        head, arrays = receive(referee, sys.maxsize)
        given = None
        if "interactions" in head:
            given = map_shared(referee, head["interactions"], asides.metadata(head))
        log.setLevel(head["log_level"])
        if log.isEnabledFor(logging.DEBUG):
            faulthandler.enable(2)  # shows the line if a signal ends this process
        asides.begin(draws=head["draws"], listens=head["listens"])
        request, array = head["request"], None
        try:
            reply, array = server.answer(head, arrays, given)
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
        asides.reply(reply, {} if array is None else {"answer": array})


def find_offer(installed: Installed, plugin: str, name: str) -> Offer:
    """Import an installed plugin, and return what it offers. Raises RecbenchError.

    The main process has checked the plugin already.
    """
    version, load = installed[plugin]
    try:
        factory = load().recbench_models()[name]
    except Exception as error:
        raise RecbenchError(f"its plugin cannot be imported: {describe_raised(error)}") from error
    return Offer("models", name, factory, plugin, version)


def unpickled(content: Array) -> Offer:
    """Return what a plugin offers that was given as an object. Raises RecbenchError."""
    try:
        offer: Offer = pickle.loads(content.data)  # noqa: S301  written by the main process
    except Exception as error:
        raise RecbenchError(
            f"it cannot be loaded in a separate process: {describe_error(error)}. Move its code to "
            "a module that can be imported there, or use --in-process"
        ) from error
    return offer


Reply = tuple[dict[str, Any], Array | None]


class ModelServer:
    """Calls the model, and watches its threads."""

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self.model: InProcessModel
        self.threads_before = set(threading.enumerate()), _thread._count()  # noqa: SLF001
        self.thread_wrote: list[str] = []
        threading.excepthook = self._watching(threading.__excepthook__)
        sys.unraisablehook = self._watching(sys.__unraisablehook__)

    def answer(self, head: dict[str, Any], arrays: dict[str, Array], given: Any) -> Reply:
        """Return the reply to a request. given: the train or history that it is about."""
        match head["request"]:
            case "build":
                spec = Spec.parse(head["model"])
                if "pickled" in arrays:
                    offer = unpickled(arrays["pickled"])
                else:
                    offer = find_offer(self.installed, head["plugin"], head["name"])
                self.model = InProcessModel(build(offer, spec, head["filled"]), sealed=True)
                return dataclasses.asdict(self.model.traits), None
            case "fit":
                place = head["checkpoint"]
                report = self.model.fit(given, None if place is None else Path(place))
                return dataclasses.asdict(report), None
            case "score":
                return self._timed(self.model.score(given))
            case "top":
                k, leave_out = head["k"], head["leave_out"]
                return self._timed(self.model.top(given, k, leave_out=leave_out))
            case "recommend":
                return self._timed(self.model.recommend(given, head["k"]))
            case "explain":
                return self._timed(self.model.explain(given, arrays["items"]))
            case "attention":
                return self._timed(self.model.attention(given))
            case "save":
                self.model.save(Path(head["folder"]))
                return {}, None
            case "load":
                self.model.load(Path(head["folder"]))
                return {}, None
        del self.model
        return {"threads": self._left_threads(), "thread_wrote": self.thread_wrote}, None

    def _timed(self, answer: Array) -> Reply:
        return {"seconds": self.model.seconds}, answer

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

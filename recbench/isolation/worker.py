"""Steps 3 and 4, in the model's own process: build, fit and score as the referee asks.

Neither the targets nor the results are ever in this process.
"""

from __future__ import annotations

import _thread
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
from recbench.isolation.processes import SHOWN
from recbench.isolation.wire import map_shared, receive, send
from recbench.models.answers import as_answer, call, is_writing
from recbench.models.checkpoint import fit
from recbench.models.in_process import build, n_parameters
from recbench.models.protocols import Scorer, Storable
from recbench.plugins import Offer, Plugins
from recbench.progress import log

PATIENCE = 1.0
"""Seconds that threads and processes are given to end once the last row is scored."""


def serve(parent: socket.socket, plugins: Plugins) -> None:
    """Do what the referee asks for, until it says that this is all. Raises Gone if it hangs up."""
    me, served = os.getpid(), Served(plugins)
    send(parent, {})
    doing = ""
    while doing != "finish":
        head, _ = receive(parent, 0)
        given = map_shared(parent, head["given"]) if "given" in head else None
        log.setLevel(head["level"])
        doing, answer = head["do"], None
        try:
            reply, answer = served.do(head, given)
        except BaseException as error:  # also the KeyboardInterrupt that a model raises
            log.debug("%s", traceback.format_exc())
            raised = "" if isinstance(error, RecbenchError) else f"{doing} raised "
            reply = {
                "error": raised + describe_error(error),
                "usage": isinstance(error, UsageError),
            }
        if os.getpid() != me:
            os._exit(0)  # the model forked, and this is the copy
        reply["imported"] = [one for one in HEAVY if one in sys.modules]
        send(parent, reply, {} if answer is None else {"answer": answer})


HEAVY = ("torch", "scipy", "sklearn", "pandas")
"""Packages that take long to import: where a model's source names one, or a cell has needed it,
the cells to come find it there."""


def heavy(offer: Offer) -> list[str]:
    """The heavy packages that a model's source imports."""
    source = "\n".join(file.read_text(errors="replace") for file in offer.files)
    return [one for one in HEAVY if re.search(rf"^\s*(import|from) {one}\b", source, re.MULTILINE)]


Reply = tuple[dict[str, Any], Array | None]


class Served:
    """The model, and what it does that nobody else would see."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.model: Any = None
        self.threads = set(threading.enumerate()), _thread._count()  # noqa: SLF001
        self.wrote: list[str] = []
        threading.excepthook = self._heard(threading.__excepthook__)
        sys.unraisablehook = self._heard(sys.__unraisablehook__)

    def do(self, head: dict[str, Any], given: Any) -> Reply:
        """One thing that the referee asks for. given: the train or history that it is about."""
        if head["do"] == "build":
            self.model = build(self.plugins, head["model"], head["filled"])
            scores, keeps = isinstance(self.model, Scorer), isinstance(self.model, Storable)
            return {"scores": scores, "keeps": keeps}, None
        if head["do"] == "fit":
            place = head["checkpoint"]
            seconds = fit(self.model, given, None if place is None else Path(place))
            return {"seconds": seconds, "parameters": n_parameters(self.model)}, None
        if head["do"] == "score":
            answer = call("score", self.model.score, given)
            return {}, as_answer(answer, "score", "fiu", tuple(head["shape"]))
        if head["do"] == "recommend":
            answer = call("recommend", self.model.recommend, given, head["shape"][1])
            return {}, as_answer(answer, "recommend", "iu", tuple(head["shape"]))
        if head["do"] == "save":
            self.model.save(Path(head["folder"]))
            return {}, None
        self.model = None
        return {"threads": self._left(), "wrote": self.wrote}, None

    def _left(self) -> list[str]:
        """The names of threads that the model started and that do not end."""
        joblib = sys.modules.get("joblib.externals.loky.reusable_executor")
        if getattr(joblib, "_executor", None) is not None:  # kept for a next call that never comes
            joblib._executor.shutdown(kill_workers=True)  # type: ignore[union-attr]  # noqa: SLF001
        until = time.monotonic() + PATIENCE
        before, count = self.threads
        while True:
            known = set(threading.enumerate()) - before
            # tqdm keeps a thread that redraws its bars; it does no harm
            left = [one.name for one in known if not type(one).__module__.startswith("tqdm")]
            others = _thread._count() - count - len(known)  # noqa: SLF001  also what hides
            left += ["one without a name"] * others
            if not left or time.monotonic() > until:
                return left[:SHOWN]
            gc.collect()  # pools end with the last that refers to them
            time.sleep(0.02)

    def _heard(self, tell: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A hook for errors in threads, and where Python cannot raise them, around its own."""

        def hook(told: Any) -> None:
            if is_writing(told.exc_value):
                self.wrote = [describe_error(told.exc_value)]
            tell(told)

        return hook

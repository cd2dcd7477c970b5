"""Steps 3 and 4, in the model's own process: build, fit and score as the referee asks.

Neither the targets nor the results are ever in this process.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from .errors import RecbenchError, UsageError, said
from .interactions import Array, Interactions
from .model import Lister, Scorer, Storable
from .plugins import Plugins
from .progress import log
from .rules import call, fitting
from .spec import Spec
from .wire import Broken, mapped, receive, send

PATIENCE = 1.0
"""Seconds that threads are given to end once the last row is scored."""


def build(plugins: Plugins, text: str, filled: dict[str, Any]) -> Any:
    """A fresh model. Raises UsageError for wrong options, RecbenchError for what is no model."""
    spec = Spec.parse(text)
    model = plugins.build("models", spec, **filled)
    if not callable(getattr(model, "fit", None)) or not isinstance(model, (Scorer, Lister)):
        methods = [one for one in ("fit", "score", "recommend") if hasattr(model, one)]
        raise RecbenchError(
            "a model needs fit(train) and score(history), or recommend(history, k); it has "
            f"{', '.join(methods) or 'none of these'}"
        )
    return model


def n_parameters(model: Any) -> int | None:
    """How many numbers a model has learned, where it says so or holds torch modules."""
    own = getattr(model, "n_parameters", None)
    if own is not None:
        return int(own() if callable(own) else own)
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    parts = getattr(model, "__dict__", {}).values()
    modules = [one for one in parts if isinstance(one, torch.nn.Module)]
    if isinstance(model, torch.nn.Module):
        modules = [model]
    found = {id(one): one.numel() for module in modules for one in module.parameters()}
    return sum(found.values()) if modules else None


def serve(parent: socket.socket, plugins: Plugins) -> None:
    """Do what the referee asks for, until it hangs up."""
    me = os.getpid()
    threads = set(sys._current_frames())  # noqa: SLF001  it knows those that threading does not
    model: Any = None
    while True:
        try:
            head, arrays = receive(parent, sys.maxsize)
        except Broken:
            return
        log.setLevel(head.get("level", logging.INFO))
        reply: dict[str, Any] = {}
        answer: dict[str, Array] = {}
        try:
            if head["do"] == "build":
                model = build(plugins, head["model"], head["filled"])
                reply = {"scores": isinstance(model, Scorer), "keeps": isinstance(model, Storable)}
            elif head["do"] == "fit":
                _, fds, _, _ = socket.recv_fds(parent, 1, 1)
                train = mapped(fds[0], head["train"])
                began = time.perf_counter()
                call("fit", model.fit, train)
                reply = {"seconds": time.perf_counter() - began, "parameters": n_parameters(model)}
            elif head["do"] == "save":
                model.save(Path(head["folder"]))
            elif head["do"] == "finish":
                reply = {"threads": _left(threads)}
                sys.stdout.flush()
                sys.stderr.flush()
            else:
                answer["answer"] = _answer(model, head, arrays)
        except (Exception, SystemExit) as error:
            log.debug("%s", traceback.format_exc())
            known = isinstance(error, RecbenchError)
            doing = "" if known else f"{head['do']} raised "
            reply = {"error": f"{doing}{said(error)}", "usage": isinstance(error, UsageError)}
        if os.getpid() != me:
            os._exit(0)  # the model forked, and this is the copy
        try:
            send(parent, {**reply, "imported": [one for one in HEAVY if one in sys.modules]}, answer)
        except Broken:
            return


HEAVY = ("torch", "scipy", "sklearn", "pandas")
"""Packages that take long to import; once a cell has needed one, the next ones find it there."""


def _answer(model: Any, head: dict[str, Any], arrays: dict[str, Array]) -> Array:
    """The model's scores or lists for one batch, as the array that they must be."""
    batch = Interactions(n_users=head["n_users"], n_items=head["n_items"], **arrays)
    if head["do"] == "score":
        answer = call("score", model.score, batch)
        return fitting(answer, "score", "fiu", (len(batch), batch.n_items))
    answer = call("recommend", model.recommend, batch, head["k"])
    return fitting(answer, "recommend", "iu", (len(batch), head["k"]))


def _left(before: set[int]) -> list[str]:
    """The names of threads that the model started and that do not end."""
    until = time.monotonic() + PATIENCE
    while True:
        names = {one.ident: one for one in threading.enumerate()}
        more = set(sys._current_frames()) - before  # noqa: SLF001
        left = [
            names[one].name if one in names else "one without a name"
            for one in more
            # tqdm keeps a thread that redraws its bars; it does no harm
            if not (one in names and type(names[one]).__module__.startswith("tqdm"))
        ]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.02)

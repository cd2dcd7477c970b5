"""Before step 1: taking in a plugin without trusting it to be right, or to let the others live."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from . import hookspecs
from .errors import RecbenchError, near

_KNOWN = {name for name in vars(hookspecs) if name.startswith("recbench_")}


@contextlib.contextmanager
def outliving() -> Iterator[None]:
    """Meanwhile os._exit and os.abort, which nothing can catch, raise RecbenchError instead."""
    real: dict[str, Callable[..., Any]] = {"_exit": os._exit, "abort": os.abort}
    importing = True

    def refusing(name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            if importing:
                raise RecbenchError(f"it calls os.{name} while it is imported")
            return real[name](*given)  # by a plugin that took it with `from os import ...`

        return call

    try:
        for name in real:
            setattr(os, name, refusing(name))
        yield
    finally:
        importing = False
        for name, function in real.items():
            setattr(os, name, function)


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Raise RecbenchError for a misspelt hook, which pluggy would pass over in silence."""
    found = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in found:
        if name not in _KNOWN:
            raise RecbenchError(f"there is no hook {name}; {near(name, _KNOWN)}")
    unmarked = sorted(name for name in dir(plugin) if name in _KNOWN and name not in found)
    if unmarked:
        raise RecbenchError(f"{unmarked[0]} is not marked; write @recbench.hookimpl above it")
    if not found:
        raise RecbenchError("it implements no hook; mark one with @recbench.hookimpl")

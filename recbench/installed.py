"""Before step 1: find the installed plugins, without importing them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from recbench.progress import log

DISTRIBUTION = "recbench-toolkit"
"""The name of recbench for pip. On the public index, `recbench` is a different project."""

GROUP = "recbench"
"""The group of entry points in which plugins are looked up."""

Installed = Mapping[str, tuple[str, Callable[[], Any]]]
"""Name of each installed plugin -> its version, and a function that imports it."""


def installed_plugins() -> Installed:
    """Return the version of each installed plugin, and a function that imports it, by name."""
    found: dict[str, tuple[str, Callable[[], Any]]] = {}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        package, version = _package(point)
        name = point.name if point.name not in found else f"{point.name} ({package})"
        found[name] = version, point.load
    return found


def _package(point: metadata.EntryPoint) -> tuple[str, str]:
    """Return the name and version of an entry point's package, "?" if its metadata are damaged."""
    about: Any = {}
    with contextlib.suppress(Exception):
        about = point.dist.metadata if point.dist else {}
    return about.get("Name") or "?", about.get("Version") or "?"


@functools.cache
def warn_of_namesake() -> None:
    """Warn once if the distribution called `recbench` is installed.

    The project of this name on the public index has a `recbench/__init__.py` too. Whichever of the
    two pip installs last overwrites the file of the other, and uninstalling either removes it.
    """
    if any(metadata.distributions(name="recbench")):
        log.warning(
            "the installed distribution `recbench` is not %s and may have overwritten its files. "
            "Run pip uninstall recbench, then pip install --force-reinstall --no-deps %s",
            DISTRIBUTION,
            DISTRIBUTION,
        )

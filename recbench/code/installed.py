"""Before step 1: find the installed plugins, without importing them; tell libraries from them."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Container, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from recbench.errors import UsageError
from recbench.progress import log

DISTRIBUTION = "recbench-toolkit"
"""The name of recbench for pip. On the public index, `recbench` is a different project."""

GROUP = "recbench"
"""The group of entry points in which plugins are looked up."""

LIMIT = "RECBENCH_PLUGINS"
"""The environment variable that limits the plugins to some, by their names."""

STANDARD, FOLDERS = Path(os.__file__).parent, {"site-packages", "dist-packages"}
"""The folder of the standard library; the names of folders that pip installs to."""

Installed = Mapping[str, tuple[str, Callable[[], Any]]]
"""Name of each installed plugin -> its version, and a function that imports it."""


def chosen_plugins() -> Installed:
    """Return the installed plugins, or those of them that RECBENCH_PLUGINS names, if it is set.

    Raises UsageError for a name that no installed plugin has.
    """
    installed, names = installed_plugins(), limit()
    unknown = [name for name in names if name not in installed]
    if unknown:
        raise UsageError(
            f"{LIMIT}={os.environ[LIMIT]}: there is no plugin {unknown[0]!r}; installed: "
            f"{', '.join(installed)}"
        )
    return {name: installed[name] for name in installed if name in names or not names}


def limit() -> list[str]:
    """Return the plugins that RECBENCH_PLUGINS names; none if it is not set or empty: no limit."""
    return [name.strip() for name in os.environ.get(LIMIT, "").split(",") if name.strip()]


def left_out(loaded: Container[str]) -> list[str]:
    """Return the installed plugins that RECBENCH_PLUGINS leaves out. loaded: those that are not."""
    return [name for name in installed_plugins() if name not in loaded] if limit() else []


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
def plugin_packages() -> set[str]:
    """Return the packages of all distributions that offer plugins, without the core."""
    points = metadata.entry_points(group=GROUP)
    files = [file for point in points if point.dist for file in point.dist.files or ()]
    named = {
        re.split(r"[.:]", point.value)[0] for point in points
    }  # if they are installed editable
    return (named | {file.parts[0].partition(".")[0] for file in files}) - {"recbench"}


@functools.lru_cache(maxsize=4096)
def is_library(place: Path) -> bool:
    """Whether something is in a folder that Python or pip installs to."""
    return place.is_relative_to(STANDARD) or not FOLDERS.isdisjoint(place.parts)


def is_standard(place: Path) -> bool:
    """Whether something is in the standard library."""
    return place.is_relative_to(STANDARD) and FOLDERS.isdisjoint(place.parts)


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

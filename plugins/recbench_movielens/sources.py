"""Step 1, dataset: the places where files are looked for, in order."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import recbench

from .download import Download
from .layouts import Layout

log = logging.getLogger("recbench")

_DAY = 24 * 3600


@dataclass(frozen=True)
class LocalFiles:
    """A folder that holds the files, in which layout, and where they came from, for people."""

    folder: Path
    layout: Layout
    origin: str


def find_files(name: str, downloads: Sequence[Download], data_dir: str | None) -> LocalFiles:
    """The first source that has the dataset: own folder, cache, publisher, package index.

    downloads: in the order in which they are tried; their layouts are looked for everywhere.

    Raises UsageError for a folder of data that does not exist, and RecbenchError, with the reason
    of each source, where none has the dataset.
    """
    sources: list[tuple[str, Callable[[], LocalFiles]]] = [
        ("the folder of data", partial(_from_own_folder, name, downloads, data_dir)),
        *(("the cache", partial(_from_cache, name, download)) for download in downloads),
        *((download.place, partial(_from_network, name, download)) for download in downloads),
    ]
    reasons = []
    for place, get_files in sources:
        try:
            return get_files()
        except recbench.UsageError:
            raise
        except (recbench.RecbenchError, OSError) as error:
            reasons.append(f"{place}: {_reason(error)}")
            log.debug("%s: %s", name, reasons[-1])
    each_once = "; ".join(dict.fromkeys(reasons))
    raise recbench.RecbenchError(
        f"{name} is nowhere to be had ({each_once}). Give --data-dir FOLDER with the "
        f"publisher's files in it, such as FOLDER/{name}/{downloads[0].layout.ratings}, or use "
        "--dataset synthetic."
    )


def is_here(name: str, downloads: Sequence[Download], data_dir: str | None) -> bool:
    """Does the user's folder hold the ratings, or the cache a download?"""
    with contextlib.suppress(recbench.RecbenchError):
        return bool(_from_own_folder(name, downloads, data_dir))
    return any((cache_folder(name) / download.file_name).is_file() for download in downloads)


def cache_folder(name: str) -> Path:
    """The folder of one dataset in the cache, whether it is there or not."""
    import pooch

    return Path(pooch.os_cache("recbench")) / name


def _from_own_folder(name: str, downloads: Sequence[Download], data_dir: str | None) -> LocalFiles:
    """What the user has put into --data-dir, or else into the environment's RECBENCH_DATA."""
    given = data_dir or os.environ.get("RECBENCH_DATA")
    if not given:
        raise recbench.RecbenchError("none is given")
    folder = Path(given).expanduser() / name
    if not folder.parent.is_dir():
        option = "--data-dir" if data_dir else "RECBENCH_DATA"
        raise recbench.UsageError(
            f"{option} names a folder that does not exist, {given}; correct it or leave it out"
        )
    for layout in (download.layout for download in downloads):
        if (folder / layout.ratings).is_file():
            origin = f"{name}/{layout.ratings} in the user's folder of data"
            return LocalFiles(folder, layout, origin)
    raise recbench.RecbenchError(f"it has no {name}/{downloads[0].layout.ratings}")


def _from_cache(name: str, download: Download) -> LocalFiles:
    """What an earlier download left."""
    if not (cache_folder(name) / download.file_name).is_file():
        raise recbench.RecbenchError("it has none")
    return _retrieve(name, download, _fetch_nothing)


def _from_network(name: str, download: Download) -> LocalFiles:
    """A download, kept in the cache."""
    log.info("%s: downloading from %s", name, download.origin)
    _sweep(cache_folder(name))
    try:
        return _retrieve(name, download, download.fetch)
    except OSError as error:
        raise recbench.RecbenchError(f"the cache cannot be written ({_reason(error)})") from error


def _retrieve(
    name: str, download: Download, fetch: Callable[[str, str, object], None]
) -> LocalFiles:
    """The files out of the zip in the cache; fetch puts it there where it is missing or damaged."""
    import pooch

    from .unzip import GuardedUnzip

    pooch.get_logger().setLevel(logging.WARNING)  # recbench itself says what is downloaded
    try:
        files = pooch.retrieve(
            download.origin,
            known_hash=download.checksum or None,
            fname=download.file_name,
            path=cache_folder(name),
            downloader=fetch,
            processor=GuardedUnzip(download.layout.files_in(download.folder)),
        )
    except ValueError as error:  # the checksum is wrong
        kind, _, published = download.checksum.partition(":")
        raise recbench.RecbenchError(
            f"the zip's {kind} is not the published one, {published[:12]}..., so it is not used"
        ) from error
    return LocalFiles(files[0].parent, download.layout, download.origin)


def _fetch_nothing(*_: object) -> None:
    raise recbench.RecbenchError("its zip is damaged")


def _sweep(folder: Path) -> None:
    """Remove what killed processes left, but nothing that a living one may be working in."""
    for path in folder.glob("tmp*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _reason(error: BaseException) -> str:
    """A failure in a few words, without the paths and addresses that exceptions carry."""
    if isinstance(error, recbench.RecbenchError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__

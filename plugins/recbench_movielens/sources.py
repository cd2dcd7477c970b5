"""Step 1, dataset: the places where the files are looked for, in order."""

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
    """A folder with the files, their layout, and where they came from, as text."""

    folder: Path
    layout: Layout
    origin: str


def find_files(name: str, downloads: Sequence[Download], data_dir: str | None) -> LocalFiles:
    """Find the first source that has the dataset: user's folder, cache, publisher, package index.

    downloads: in the order in which they are tried. The user's folder may have the layout of any.

    Raises UsageError if the user's folder does not exist, and RecbenchError, with the reason for
    each source, if none has the dataset.
    """
    sources: list[tuple[str, Callable[[], LocalFiles]]] = [
        ("data folder", partial(_from_own_folder, name, downloads, data_dir)),
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
        f"{name} could not be found or downloaded ({each_once}). Check the network, or put the "
        f"publisher's files in a folder, such as FOLDER/{name}/{downloads[0].layout.ratings}, and "
        "add --data-dir FOLDER; or use --dataset synthetic, which needs no files"
    )


def is_here(name: str, downloads: Sequence[Download], data_dir: str | None) -> bool:
    """Whether the user's folder has the ratings, or the cache a download."""
    with contextlib.suppress(recbench.RecbenchError):
        return bool(_from_own_folder(name, downloads, data_dir))
    return any((cache_folder(name) / download.file_name).is_file() for download in downloads)


def cache_folder(name: str) -> Path:
    """Return the folder of a dataset in the cache, which may not exist."""
    import pooch

    return Path(pooch.os_cache("recbench")) / name


def _from_own_folder(name: str, downloads: Sequence[Download], data_dir: str | None) -> LocalFiles:
    """Look in the folder of --data-dir, or else of the environment variable RECBENCH_DATA."""
    given = data_dir or os.environ.get("RECBENCH_DATA")
    if not given:
        raise recbench.RecbenchError("not set (--data-dir or RECBENCH_DATA)")
    folder = Path(given).expanduser() / name
    if not folder.parent.is_dir():
        option = "--data-dir" if data_dir else "RECBENCH_DATA"
        raise recbench.UsageError(
            f"{option}={given}: there is no such folder; correct it, or leave it out"
        )
    for layout in (download.layout for download in downloads):
        if (folder / layout.ratings).is_file():
            origin = f"{name}/{layout.ratings} in the user's data folder"
            return LocalFiles(folder, layout, origin)
    raise recbench.RecbenchError(f"{given} has no {name}/{downloads[0].layout.ratings}")


def _from_cache(name: str, download: Download) -> LocalFiles:
    """Look for an earlier download."""
    if not (cache_folder(name) / download.file_name).is_file():
        raise recbench.RecbenchError("not downloaded yet")
    return _retrieve(name, download, _fetch_nothing)


def _from_network(name: str, download: Download) -> LocalFiles:
    """Download to the cache."""
    log.info("%s: downloading from %s", name, download.origin)
    _sweep(cache_folder(name))
    try:
        return _retrieve(name, download, download.fetch)
    except OSError as error:
        folder = cache_folder(name)
        raise recbench.RecbenchError(
            f"the cache {folder} cannot be written ({_reason(error)})"
        ) from error


def _retrieve(
    name: str, download: Download, fetch: Callable[[str, str, object], None]
) -> LocalFiles:
    """Unpack the files from the zip in the cache. fetch downloads a missing or damaged zip."""
    import pooch

    from .unzip import GuardedUnzip

    pooch.get_logger().setLevel(logging.WARNING)  # recbench reports downloads itself
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
            f"the zip was rejected because its {kind} is not the published {published[:12]}..."
        ) from error
    return LocalFiles(files[0].parent, download.layout, download.origin)


def _fetch_nothing(*_: object) -> None:
    raise recbench.RecbenchError("the zip is damaged")


def _sweep(folder: Path) -> None:
    """Remove old files of interrupted downloads; keep those that a process may still use."""
    for path in folder.glob("tmp*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _reason(error: BaseException) -> str:
    """Describe a failure in a few words, without paths and addresses."""
    if isinstance(error, recbench.RecbenchError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__

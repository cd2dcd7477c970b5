"""List the files in folders and zip archives, without those that programs keep for themselves."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from pathlib import Path, PurePath

import recbench

from .layout import Layout, ZipMember
from .parts import PACKED

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_SMALL = 100
"""An empty file that was compressed has fewer bytes."""


def walk(folder: Path, base: Path) -> list[Layout]:
    """Return the files in a folder and in those below, in the order of the numbers in their names.

    base: see `Layout`. A file is returned once, whatever links to it.
    """
    found: dict[str, Path] = {}
    folders_seen = {os.path.realpath(parent) for parent in Path(os.path.realpath(folder)).parents}
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        if os.path.realpath(place) in folders_seen:  # a link back
            folders.clear()
            continue
        folders_seen.add(os.path.realpath(place))
        for special in _TABLES.keys() & set(folders):
            raise recbench.UsageError(
                f"{place} is a {_TABLES[special]} table, whose files also have rows that were "
                "replaced; write its current rows as Parquet"
            )
        folders[:] = filter(is_visible, folders)
        for file in (Path(place, inner) for inner in filter(is_visible, names)):
            real = os.path.realpath(file)
            if not os.path.exists(real):
                raise recbench.RecbenchError(
                    f"{file} is a link to a file that does not exist, {real}; restore it, or "
                    "remove the link"
                )
            if real not in found or found[real].is_symlink():
                found[real] = file
    name = folder.absolute().name
    return [
        Layout(f"{name}/{file.relative_to(folder).as_posix()}", file, base=base)
        for file in sorted(found.values(), key=natural)
    ]


def walk_zip(archive: Path) -> list[Layout]:
    """Return the files in an archive, sorted in the same way."""
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise recbench.RecbenchError(
            f"{archive.name} is a damaged zip archive ({error}); download or write it again"
        ) from error
    names = Counter(info.filename for info in infos)
    if "[Content_Types].xml" in names:
        raise recbench.UsageError(f"{archive.name} is a spreadsheet; save it as CSV")
    if twice := [name for name, count in names.items() if count > 1]:
        raise recbench.RecbenchError(
            f"{archive.name} has several files of the name {twice[0]!r}; write it again"
        )
    return [
        Layout(
            f"{archive.name}/{info.filename}",
            ZipMember(archive, info.filename, info.file_size, info.compress_size),
        )
        for info in sorted(infos, key=lambda info: natural(info.filename))
        if is_visible(info.filename)
    ]


def is_zip(path: Path) -> bool:
    """Whether the file is a zip archive. Raises RecbenchError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _ZIP
    except OSError as error:
        raise _unreadable(error) from error


def is_visible(path: str | PurePath) -> bool:
    """Whether no part of the path starts as `.DS_Store`, `_SUCCESS` or `__MACOSX` do."""
    return not any(part.startswith((".", "_")) for part in PurePath(path).parts)


def is_empty(layout: Layout) -> bool:
    """Whether a file has no bytes, or none when it is decompressed."""
    import pyarrow as pa

    source = layout.source
    if isinstance(source, ZipMember):
        return source.size == 0
    size = source.stat().st_size
    if 0 < size < _SMALL and source.suffix.lower() in PACKED:
        try:
            with pa.input_stream(str(source), compression="detect") as stream:
                return not stream.read(1)
        except OSError:  # the file is damaged
            return False
    return bool(size == 0)


def natural(path: Path | str) -> list[tuple[int, str]]:
    """Return the key that sorts `part-10` after `part-9`."""
    pieces = re.split(r"(\d+)", str(path))
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def _unreadable(error: OSError) -> recbench.RecbenchError:
    return recbench.RecbenchError(
        f"{error.filename} cannot be read ({error.strerror}); check its permissions"
    )

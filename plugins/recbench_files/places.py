"""List the files in folders and zip archives, without those that programs keep for themselves."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path, PurePath, PurePosixPath
from typing import NoReturn

import pyarrow as pa

import recbench

from .layout import READ_ERRORS, Layout, ZipMember
from .parts import PACKED

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_SMALL = 100
"""No file of more bytes is empty when it is decompressed."""


def walk(folder: Path, base: Path) -> list[Layout]:
    """Return the files in a folder and in folders below, sorted, with numbers in order.

    base: see `Layout`. Links are followed, but each file is there once, whatever links to it.
    """
    name, top = folder.absolute().name, os.path.realpath(folder)
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        for special in _TABLES.keys() & set(folders):
            raise recbench.UsageError(
                f"{place} is a {_TABLES[special]} table, whose files also have rows that were "
                "replaced; write its current rows as Parquet"
            )
        folders[:] = [
            inner
            for inner in folders
            if is_visible(inner) and not f"{top}/".startswith(f"{_real(place, inner)}/")
        ]
        for inner in filter(is_visible, names):
            file, real = Path(place, inner), _real(place, inner)
            if not file.exists():
                raise recbench.RecbenchError(
                    f"{file} is a link to {real}, which does not exist; restore the file, or "
                    "remove the link"
                )
            if real not in found or found[real].is_symlink():
                found[real] = file
    return [
        Layout(f"{name}/{file.relative_to(folder).as_posix()}", file, base=base)
        for file in sorted(found.values(), key=natural)
    ]

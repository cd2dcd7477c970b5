"""Step 1, dataset: files out of a zip that nobody has to trust, into a cache that others use too.

Imports pooch, so it is itself imported only where something is looked for in the cache.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pooch

import recbench


class GuardedUnzip(pooch.Unzip):  # type: ignore[misc]  # pooch ships no types
    """pooch's Unzip, which besides refuses bad zips and mends damaged files.

    members: member -> its sha256, or "" where it is not known.

    Raises RecbenchError, and removes the zip, where it is broken, lacks a wanted member or has one
    of another sha256, or has any member, wanted or not, that would land outside the folder or is a
    link.
    """

    def __init__(self, members: Mapping[str, str]) -> None:
        super().__init__(members=list(members))
        self.sha256 = members

    def __call__(self, fname: str, _action: str, pooch: object) -> list[Path]:
        """Called by pooch once the zip is in its cache. Gives the files, in the order asked for."""
        files = {member: Path(fname + self.suffix, member) for member in self.members}
        try:
            with zipfile.ZipFile(fname) as archive:
                _refuse_bad_members(archive, self.members)
                whole = all(_is_whole(files[name], archive.getinfo(name)) for name in files)
            super().__call__(fname, "fetch" if whole else "update", pooch)
        except recbench.RecbenchError:
            Path(fname).unlink(missing_ok=True)
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            Path(fname).unlink(missing_ok=True)
            raise recbench.RecbenchError(f"the zip is broken ({error})") from error
        return list(files.values())

    def _extract_file(self, fname: str, extract_dir: str) -> None:
        """Called by pooch to unpack. No file takes its name before all are whole and checked."""
        with tempfile.TemporaryDirectory(
            dir=Path(fname).parent, ignore_cleanup_errors=True
        ) as folder:
            super()._extract_file(fname, folder)
            for member, sha256 in self.sha256.items():
                if sha256 and pooch.file_hash(Path(folder, member)) != sha256:
                    raise recbench.RecbenchError(
                        f"{PurePosixPath(member).name} of {Path(fname).stem} is not the one that "
                        "was checked"
                    )
            for member in self.members:
                file = Path(extract_dir, member)
                file.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(folder, member), file)


def _refuse_bad_members(archive: zipfile.ZipFile, wanted: list[str]) -> None:
    for info in archive.infolist():
        if _leads_away(info):
            raise recbench.RecbenchError(
                f"the zip is refused, for its member {info.filename!r} leads out of it"
            )
    missing = set(wanted) - set(archive.namelist())
    if missing:
        raise recbench.RecbenchError(f"the zip holds no {min(missing)}")


def _leads_away(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    return (
        path.is_absolute()
        or ".." in path.parts
        or re.match("[A-Za-z]:", info.filename) is not None
        or stat.S_ISLNK(info.external_attr >> 16)
    )


def _is_whole(file: Path, info: zipfile.ZipInfo) -> bool:
    """Is this the unpacked member, by its size and checksum?"""
    if not file.is_file() or file.stat().st_size != info.file_size:
        return False
    checksum = 0
    with file.open("rb") as content:
        while block := content.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum == info.CRC

"""Step 1, dataset: unpack an untrusted zip into a cache that other processes use too.

This module imports pooch, so import it only when the cache is used.
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
    """pooch's Unzip, which also rejects bad zips and repairs damaged files.

    members: member -> its sha256, or "" if it is not known.

    Raises RecbenchError and removes the zip if it is broken, if a requested member is missing or
    has a different sha256, or if any member is a link or would be unpacked outside the folder.
    """

    def __init__(self, members: Mapping[str, str]) -> None:
        super().__init__(members=list(members))
        self.sha256 = members

    def __call__(self, fname: str, _action: str, pooch: object) -> list[Path]:
        """Unpack the zip and return the files in the requested order. Called by pooch."""
        files = {member: Path(fname + self.suffix, member) for member in self.members}
        try:
            with zipfile.ZipFile(fname) as archive:
                _refuse_bad_members(archive, self.members)
                complete = all(_is_complete(files[name], archive.getinfo(name)) for name in files)
            super().__call__(fname, "fetch" if complete else "update", pooch)
        except recbench.RecbenchError:
            Path(fname).unlink(missing_ok=True)
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            Path(fname).unlink(missing_ok=True)
            raise recbench.RecbenchError(f"the zip is damaged ({error})") from error
        return list(files.values())

    def _extract_file(self, fname: str, extract_dir: str) -> None:
        """Unpack all files and check them before renaming any of them. Called by pooch."""
        with tempfile.TemporaryDirectory(
            dir=Path(fname).parent, ignore_cleanup_errors=True
        ) as folder:
            super()._extract_file(fname, folder)
            for member, sha256 in self.sha256.items():
                if sha256 and pooch.file_hash(Path(folder, member)) != sha256:
                    raise recbench.RecbenchError(
                        f"{PurePosixPath(member).name} in {Path(fname).stem} was rejected because "
                        "its sha256 is not the expected one"
                    )
            for member in self.members:
                file = Path(extract_dir, member)
                file.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(folder, member), file)


def _refuse_bad_members(archive: zipfile.ZipFile, requested: list[str]) -> None:
    for info in archive.infolist():
        if _leads_away(info):
            raise recbench.RecbenchError(
                f"the zip was rejected because its member {info.filename!r} points outside it"
            )
    missing = set(requested) - set(archive.namelist())
    if missing:
        raise recbench.RecbenchError(f"the zip does not contain {min(missing)}")


def _leads_away(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    return (
        path.is_absolute()
        or ".." in path.parts
        or re.match("[A-Za-z]:", info.filename) is not None
        or stat.S_ISLNK(info.external_attr >> 16)
    )


def _is_complete(file: Path, info: zipfile.ZipInfo) -> bool:
    """Whether this is the unpacked member, by size and checksum."""
    if not file.is_file() or file.stat().st_size != info.file_size:
        return False
    checksum = 0
    with file.open("rb") as content:
        while block := content.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum == info.CRC

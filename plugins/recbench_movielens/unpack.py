"""Step 1, dataset: taking files out of a zip that nobody has to trust."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import recbench


def unpack(file: Path, wanted: Mapping[str, str], into: Path) -> None:
    """Write members of a zip into a folder.

    wanted: member -> name of the file to write.

    Raises RecbenchError for a broken zip, one without a wanted member, and one that has any
    member, wanted or not, which would land outside the folder or is a link.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if _leads_away(info):
                    raise recbench.RecbenchError(
                        f"the zip is refused, for its member {info.filename!r} leads out of it"
                    )
            missing = wanted.keys() - set(archive.namelist())
            if missing:
                raise recbench.RecbenchError(f"the zip holds no {min(missing)}")
            for member, name in wanted.items():
                with archive.open(member) as packed, (into / name).open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 2**20)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise recbench.RecbenchError(f"the zip is broken ({error})") from error


def _leads_away(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    return (
        path.is_absolute()
        or ".." in path.parts
        or re.match("[A-Za-z]:", info.filename) is not None
        or stat.S_ISLNK(info.external_attr >> 16)
    )

"""Step 6, store: the checksums of a saved model's files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from recbench.errors import RecbenchError, describe_error
from recbench.files import read, write

MANIFEST = ".sha256.json"
"""The file in a model's folder with the key of its result and the checksums of all other files."""


def seal_model(folder: Path, key: str) -> None:
    """Write the checksums of a folder's files.

    Raises RecbenchError for anything that is not a regular file or a folder, and OSError.
    """
    files = _checksums(folder)
    write(folder / MANIFEST, json.dumps({"key": key, "files": files}, indent=1).encode())


def check_model(folder: Path, key: str) -> None:
    """Raise RecbenchError if the folder has changed since `seal_model`, or is of another result."""
    try:
        sealed = dict(json.loads(read(folder / MANIFEST)))
        changed = dict(sealed["files"]).items() ^ _checksums(folder).items()
    except FileNotFoundError:
        why = f"it has no {MANIFEST}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError, RecbenchError) as error:
        why = describe_error(error)
    else:
        if sealed.get("key") == key and not changed:
            return
        why = f"{min(changed)[0]} has changed" if changed else "it is of another result"
    raise RecbenchError(f"the saved model {folder} is damaged: {why}")


def _checksums(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file, by its path in the folder."""
    checksums = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RecbenchError(f"{path} is neither a file nor a folder")
        if path.is_file() and name != MANIFEST:
            with path.open("rb") as file:
                checksums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return checksums

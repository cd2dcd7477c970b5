"""Step 6, store: the checksums of a saved model's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError, describe_error
from recbench.files import read, write

MANIFEST = ".sha256.json"
"""The file in a model's folder with the key of its result and the checksums of all other files."""


def seal_model(folder: Path, key: str, reads: Mapping[str, str]) -> None:
    """Write the checksums of a folder's files, and those of the metadata that the model has read.

    Checksums that another process has sent with the files stay. Raises RecbenchError for anything
    that is not a regular file or a folder, and OSError.
    """
    if (folder / MANIFEST).exists():
        return
    files = _checksums(folder)
    manifest = {"key": key, "files": files, "reads": dict(reads)}
    write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())


def check_model(folder: Path, key: str, metadata: Metadata) -> None:
    """Raise RecbenchError if the folder has changed since `seal_model`, or is of another result.

    metadata: what is known of users and items now. What the model has read must be the same.
    """
    try:
        sealed = dict(json.loads(read(folder / MANIFEST)))
        others = metadata.changed(dict(sealed.get("reads", {})))
        changed = dict(sealed["files"]).items() ^ _checksums(folder).items()
    except FileNotFoundError:
        why = f"it has no {MANIFEST}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError, RecbenchError) as error:
        why = describe_error(error)
    else:
        if sealed.get("key") == key and not changed and not others:
            return
        if not changed and others:
            raise RecbenchError(
                f"the saved model {folder} was trained with other metadata ({', '.join(others)})"
            )
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

"""Step 6, store: clean up after runs that were killed."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from recbench.errors import RecbenchError
from recbench.files import is_stale, locked, read, remove_leftovers
from recbench.models import checkpoint
from recbench.store.format import decode_result, stem_of
from recbench.store.layout import TUNING


def clean_up(store: Path) -> None:
    """Remove what killed runs left in a folder of results, as far as possible."""
    for study in store.glob(f"*/*/*{TUNING}/"):
        remove_leftovers(study)
    for folder in store.glob("*/*/"):
        remove_leftovers(folder)
        checkpoint.remove_stale(folder)
        for cases in folder.glob("*.parquet"):
            with contextlib.suppress(OSError):
                stem = stem_of(cases) if is_stale(cases) else None
                if stem is not None and re.search("-[0-9a-f]{8}$", stem.name):
                    with locked(folder):
                        remove_unless_named(cases, stem.with_name(f"{stem.name}.json"))


def remove_unless_named(cases: Path, path: Path) -> None:
    """Remove a Parquet file unless its JSON file refers to it or is damaged."""
    with contextlib.suppress(OSError, RecbenchError):
        if not path.exists() or decode_result(path, read(path)).cases_file[0] != cases.name:
            cases.unlink()

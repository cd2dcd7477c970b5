"""Checkpoints: the state of a training on disk, so that it can resume after an interruption."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Any

import torch

LOG = logging.getLogger("recbench")
FILE = "epoch.pt"


def write_state(folder: Path | None, state: dict[str, Any]) -> None:
    """Replace the stored state. If it cannot be written, training continues without it."""
    if folder is None:
        return
    temporary = folder / f"{FILE}.new"
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE)
    except Exception as error:  # on a full disk, torch raises its own error
        LOG.debug("transformer: cannot write the checkpoint: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_state(folder: Path | None) -> dict[str, Any] | None:
    """Return the stored state, or None. Reading it runs no code from the file."""
    path = None if folder is None else folder / FILE
    try:
        if path is None or not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        LOG.warning(
            "transformer: cannot read the checkpoint (%s); training starts from the beginning",
            error,
        )
        return None
    return state

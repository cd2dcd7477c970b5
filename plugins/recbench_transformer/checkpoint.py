"""A training's state on disk after each epoch, so that an interrupted one goes on from there."""

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
    """Keep the state in place of the one before; what cannot be written only costs the way back."""
    if folder is None:
        return
    temporary = folder / f"{FILE}.new"
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE)
    except Exception as error:  # torch raises its own where a disk is full
        LOG.debug("transformer: no checkpoint could be written: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_state(folder: Path | None) -> dict[str, Any] | None:
    """The latest whole state, or None; it is read without running anything that it says."""
    path = None if folder is None else folder / FILE
    try:
        if path is None or not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        LOG.warning("transformer: its checkpoint cannot be read (%s); it begins anew", error)
        return None
    return state

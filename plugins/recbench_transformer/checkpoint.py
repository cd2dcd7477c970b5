"""Checkpoints: the state of a training as bytes, so that it can resume after an interruption."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

import recbench


def write_state(folder: Path | None, state: dict[str, Any]) -> None:
    """Replace the stored state."""
    if folder is not None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        recbench.write_checkpoint(folder, buffer.getvalue())


def read_state(folder: Path | None) -> dict[str, Any] | None:
    """Return the stored state, or None. Reading it runs no code from the file."""
    content = recbench.read_checkpoint(folder)
    if content is None:
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state

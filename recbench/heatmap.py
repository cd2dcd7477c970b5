"""Beside the flow: an explanation as a picture, a line a recommendation, a column an event."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import atomic
from .errors import RecbenchError, UsageError
from .explanation import Explanation

COLUMNS = 24
"""Events that are shown: those that counted most, in their order."""

LONGEST = 34
"""Characters that are shown of a title."""


def kind_of(path: Path) -> str:
    """The kind of picture that a file's name asks for; UsageError for what cannot be drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind = path.suffix.lower().lstrip(".")
    known = sorted(FigureCanvasAgg.get_supported_filetypes())
    if kind not in known:
        raise UsageError(
            f"-o {path.name}: no picture can be written as {path.suffix or 'a file without suffix'}"
            f"; use one of: {', '.join(f'.{one}' for one in known)}"
        )
    return kind


def draw(told: Explanation, path: Path) -> None:
    """Write the picture; the file's suffix says of which kind."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = kind_of(path)
    found, weights = told.found, told.weights
    if not weights.size:
        raise RecbenchError("there is nothing to draw: no history, or nothing to recommend")
    best, history = found.to_frame(), found.history_frame()
    strength = np.abs(weights).max(axis=0, initial=0)
    most = np.sort(np.argsort(-strength, kind="stable")[:COLUMNS])
    shown = weights[:, most]
    top = max(float(np.abs(shown).max(initial=0)), 1e-12)
    lines = [f"{_name(row)}  {row['rank']}" for row in best.to_dict("records")]
    columns = [_name(row) for row in history.iloc[most].to_dict("records")]
    size = (4.6 + 0.36 * max(len(columns), 8), 3.4 + 0.32 * max(len(lines), 3))
    with rc_context({"text.parse_math": False}):  # a title may have a dollar sign
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto")
        axes.set_yticks(range(len(lines)), lines)
        axes.set_xticks(
            range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor"
        )
        axes.tick_params(labelsize=8, length=0)
        axes.set_xlabel(
            f"oldest to latest, the {len(columns)} of {len(history)} items that counted most"
        )
        figure.colorbar(image, ax=axes, label="for it (red), against it (blue)")
        figure.suptitle(
            f"What each recommendation for {found.who} in {found.dataset.name} leaned on"
        )
        about = textwrap.fill(f"By {found.origin}. {told.method}", int(size[0] * 12))
        axes.set_title(about, fontsize=8)
        with atomic(path) as file:
            figure.savefig(file, format=kind, dpi=150)


def _name(row: dict[Any, Any]) -> str:
    """The title, or the id where there is none, cut short; what the font lacks becomes a box."""
    text = "".join(
        one if one.isprintable() and ord(one) < 0x2000 else "\N{WHITE SQUARE}"
        for one in str(row["title"] or row["item"])
    )
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."

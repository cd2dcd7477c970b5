"""Beside the flow: a heat map as a picture, whatever its labels are written in."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UsageError
from .interactions import Array

LABEL = 34
"""Characters that a label may have; longer ones are shortened."""

FONT = "DejaVu Sans"
"""The font that matplotlib brings itself; others of the machine stand in for what it lacks."""

PLAIN = ("normal", 400)
"""The style and weight that a font must have to stand in, as matplotlib calls them."""

LACKING = "\N{WHITE SQUARE}"
"""What is drawn for a character that no font has."""


def picture_form(path: str | Path) -> str:
    """The form that a file's suffix asks for: png, svg, pdf... Raises UsageError for others."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    forms = set(FigureCanvasAgg.get_supported_filetypes()) - {"pgf"}  # which needs LaTeX
    form = Path(path).suffix.lower().removeprefix(".")
    if form not in forms:
        wrong = f"{path} ends in {f'.{form}' if form else 'no suffix'}"
        raise UsageError(
            f"{wrong}; a picture's name must end in .png, .svg, .pdf or another of: "
            f"{', '.join(sorted(forms))}"
        )
    return form


def heatmap(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    below: str,
    legend: str,
    form: str = "png",
) -> bytes:
    """A picture of (rows, columns) finite numbers, red above 0 and blue below.

    rows, columns: their labels, shortened where they are long. title: stands on top; its lines
    are kept, and broken where they are too long. below: what the columns are. legend: what the
    colours are. form: as `picture_form` gives it.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = 5.5 + 0.36 * max(len(columns), 4)
    title = "\n".join(textwrap.fill(line, int(width * 10)) for line in title.split("\n"))
    rows, columns = (
        [shortened(one, LABEL) for one in rows],
        [shortened(one, LABEL) for one in columns],
    )
    fonts, lacking = _fonts([*rows, *columns, *title.split("\n"), below, legend])
    plain = str.maketrans(dict.fromkeys(lacking, LACKING))
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # the picture is the same whatever a matplotlibrc says
        matplotlib.rcParams.update({"font.family": fonts, "svg.hashsalt": "recbench"})
        figure = Figure(figsize=(width, 3.6 + 0.3 * max(len(rows), 3)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        most = float(np.abs(values).max(initial=0)) or 1.0
        image = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        labels: dict[str, Any] = {"parse_math": False, "fontsize": 9}
        axes.set_yticks(range(len(rows)), [one.translate(plain) for one in rows], **labels)
        axes.set_xticks(
            range(len(columns)),
            [one.translate(plain) for one in columns],
            **labels,
            rotation=45,
            ha="right",
            rotation_mode="anchor",
        )
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(below.translate(plain), parse_math=False)
        figure.suptitle(title.translate(plain), parse_math=False, fontsize=11)
        bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
        bar.set_label(legend.translate(plain), parse_math=False)
        bar.outline.set_visible(False)
        file = io.BytesIO()
        undated = {"svg": {"Date": None}, "svgz": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=form, dpi=130, metadata=undated.get(form))
    return file.getvalue()


def shortened(text: str, width: int) -> str:
    """The text in one line of at most so many characters (4 or more), cut before its end.

    Titles end in what tells them apart: a year in brackets, a part, an edition.
    """
    text, end = " ".join(text.split()), min(width // 4, 7)
    return text if len(text) <= width else f"{text[: width - 1 - end].rstrip()}…{text[-end:]}"


def _fonts(texts: Iterable[str]) -> tuple[list[str], set[int]]:
    """The fonts that these texts need, and the characters that none of them has."""
    from matplotlib.font_manager import fontManager

    lacking = {ord(one) for text in texts for one in text} - _characters(FONT)
    fonts = [FONT]
    upright = {one.name for one in fontManager.ttflist if (one.style, one.weight) == PLAIN}
    for name in sorted(upright) if lacking else ():
        found = lacking & _characters(name)
        if found:
            fonts.append(name)
            lacking -= found
    return fonts, lacking


def _characters(font: str) -> set[int]:
    """The characters that a font can draw; none, where it cannot be read or has fixed sizes."""
    from matplotlib.font_manager import findfont, get_font

    if font.startswith("Last Resort"):  # which draws a box with a number for everything
        return set()
    try:
        found = get_font(findfont(font))
        return set(found.get_charmap()) if found.scalable else set()
    except (OSError, RuntimeError, ValueError):
        return set()

"""Outside the flow: heat maps, and what all pictures share: labels of any length, in any script."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.data.interactions import Array
from recbench.errors import UsageError, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL = 34
"""The most characters in a label; longer labels are shortened."""

FONT = "DejaVu Sans"
"""The font that comes with matplotlib. Other installed fonts provide the characters it misses."""

REGULAR = ("normal", 400)
"""The style and weight, in matplotlib's terms, that those other fonts must have."""

MISSING = "\N{WHITE SQUARE}"
"""Drawn for a character that no installed font has."""

HIDDEN = "#ececec"
"""The colour of a cell without a value."""

CELL, SMALLEST = 0.2, 1.3
"""The size of a row or column, and the smallest size of a panel, in inches."""


def picture_form(path: str | Path) -> str:
    """Return the picture format of a file's suffix, such as png. Raises UsageError for others."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    forms = set(FigureCanvasAgg.get_supported_filetypes()) - {"pgf"}  # which needs LaTeX
    form = Path(path).suffix.lower().removeprefix(".")
    if form not in forms:
        wrong = f"has the suffix .{form}" if form else "has no suffix"
        raise UsageError(
            f"cannot draw {path}: it {wrong}. Use .png, .svg, .pdf or another of: "
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
    """Draw finite numbers, shape (rows, columns): red above 0 and blue below.

    rows, columns: their labels. title: the heading, one or more lines. below: what the columns are.
    legend: what the colours mean. form: as `picture_form` returns it.
    """
    rows, columns = short_labels(rows), short_labels(columns)
    size = 5.5 + 0.36 * max(len(columns), 4), 3.6 + 0.3 * max(len(rows), 3)
    title = wrapped(title, size[0])
    with canvas(size, [*rows, *columns, title, below, legend]) as (figure, drawable):
        axes = figure.add_subplot()
        most = float(np.abs(values).max(initial=0)) or 1.0
        image = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        _label(axes, [*map(drawable, rows)], [*map(drawable, columns)], fontsize=9, gap=1.5)
        axes.set_xlabel(drawable(below), parse_math=False)
        figure.suptitle(drawable(title), parse_math=False, fontsize=11)
        bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
        bar.set_label(drawable(legend), parse_math=False)
        bar.outline.set_visible(False)
        return picture_bytes(figure, form)


def heatmap_panels(
    values: Array,
    names: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    beside: str,
    below: str,
    legend: str,
    notes: Array | None = None,
    form: str = "png",
) -> bytes:
    """Draw a grid of heat maps that share their labels and a colour scale that starts at 0.

    values: (down, across, rows, columns) numbers of at least 0; NaN is drawn grey. names: the title
    of each panel. beside, below: what rows and columns are. notes: (down, across, rows) texts to
    the right of each row, or None. Other parameters: as for `heatmap`. Colours follow the square
    root, so that small values can be distinguished from 0.
    """
    from matplotlib.colors import PowerNorm

    down, across = values.shape[:2]
    rows, columns = short_labels(rows), short_labels(columns)
    width = across * (max(SMALLEST, CELL * len(columns)) + (0.25 if notes is None else 0.5))
    height = down * (max(SMALLEST, CELL * len(rows)) + 0.3)
    size = max(8.5, width + 3.2), height + 3.4
    title = wrapped(title, 1.15 * size[0])
    with canvas(size, [*rows, *columns, title, beside, below, legend]) as (figure, drawable):
        panels = figure.subplots(down, across, squeeze=False)
        small: dict[str, Any] = {"fontsize": 6, "color": "#555555", "parse_math": False}
        norm = PowerNorm(0.5, vmin=0, vmax=float(np.nanmax(values, initial=0)) or 1.0)
        for place in np.ndindex(down, across):
            axes: Any = panels[place]
            image = axes.imshow(values[place], cmap="YlGnBu", norm=norm, aspect="equal")
            axes.set_facecolor(HIDDEN)
            axes.set_title(names[place[0]][place[1]], fontsize=9, parse_math=False)
            _label(
                axes,
                [drawable(label) if place[1] == 0 else "" for label in rows],
                [drawable(label) if place[0] == down - 1 else "" for label in columns],
                fontsize=7,
                gap=0.6,
            )
            for row, note in enumerate([] if notes is None else notes[place]):
                axes.text(len(columns) - 0.3, row, note, va="center", **small)
        for axes in panels[:, 0]:
            axes.set_ylabel(drawable(beside), fontsize=9, parse_math=False)
        for axes in panels[-1]:
            axes.set_xlabel(drawable(below), fontsize=9, parse_math=False)
        figure.suptitle(drawable(title), parse_math=False, fontsize=10)
        bar = figure.colorbar(image, ax=panels, fraction=0.04, pad=0.02, shrink=0.8)
        bar.set_label(drawable(legend), parse_math=False)
        bar.outline.set_visible(False)
        return picture_bytes(figure, form)


def shortened(text: str, width: int) -> str:
    """Return the text on one line of at most `width` characters (4 or more), with … before its end.

    The end is kept because titles often differ there: a year in brackets, a part, an edition.
    """
    text, end = " ".join(text.split()), min(width // 4, 7)
    return text if len(text) <= width else f"{text[: width - 1 - end].rstrip()}…{text[-end:]}"


def wrapped(title: str, inches: float) -> str:
    """Return the title with its long lines broken to fit the width of a picture."""
    return "\n".join(textwrap.fill(line, int(inches * 10)) for line in title.split("\n"))


def short_labels(labels: Iterable[str]) -> list[str]:
    """Return labels that are short enough to be drawn."""
    return [shortened(label, LABEL) for label in labels]


@contextlib.contextmanager
def canvas(
    size: tuple[float, float], texts: Iterable[str]
) -> Iterator[tuple[Figure, Callable[[str], str]]]:
    """Yield an empty figure, and a function that replaces what cannot be drawn in a text.

    size: in inches. texts: all texts of the figure; its fonts are chosen for them. The picture does
    not depend on the user's matplotlibrc.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fonts, missing = _fonts(line for text in texts for line in printable(text).split("\n"))
    replaced = str.maketrans(dict.fromkeys(missing, MISSING))
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"font.family": fonts, "svg.hashsalt": "recbench"})
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, lambda text: printable(text).translate(replaced)


def _label(
    axes: Axes, rows: Sequence[str], columns: Sequence[str], *, fontsize: int, gap: float
) -> None:
    """Label a heat map's rows and columns, and put white lines between its cells."""
    labels: dict[str, Any] = {"parse_math": False, "fontsize": fontsize}
    slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_yticks(range(len(rows)), rows, **labels)
    axes.set_xticks(range(len(columns)), columns, **labels, **slanted)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=gap)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def picture_bytes(figure: Figure, form: str) -> bytes:
    """Return the content of the picture file, without a date, so that equal figures are equal."""
    file = io.BytesIO()
    undated: dict[str, Any] = {
        "svg": {"Date": None},
        "svgz": {"Date": None},
        "pdf": {"CreationDate": None},
    }
    figure.savefig(file, format=form, dpi=130, metadata=undated.get(form))
    return file.getvalue()


def _fonts(texts: Iterable[str]) -> tuple[list[str], set[int]]:
    """Return the fonts that these texts need, and the characters that no font has."""
    from matplotlib.font_manager import fontManager

    missing = {ord(character) for text in texts for character in text} - _characters(FONT)
    fonts = [FONT]
    regular = {font.name for font in fontManager.ttflist if (font.style, font.weight) == REGULAR}
    for name in sorted(regular) if missing else ():
        found = missing & _characters(name)
        if found:
            fonts.append(name)
            missing -= found
    return fonts, missing


def _characters(font: str) -> set[int]:
    """Return the characters that a font can draw; none if it cannot be read or scaled."""
    from matplotlib.font_manager import findfont, get_font

    if font.startswith("Last Resort"):  # it draws a numbered box for every character
        return set()
    try:
        found = get_font(findfont(font))
        return set(found.get_charmap()) if found.scalable else set()
    except (OSError, RuntimeError, ValueError):
        return set()

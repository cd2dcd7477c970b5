"""Outside the flow: the picture of learning curves: values by seconds and by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recbench.errors import UsageError
from recbench.heatmap import canvas, picture_bytes, shortened, wrapped
from recbench.results.section import Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
"""Colours that colour-blind readers can tell apart (Okabe and Ito, 2008), without the yellow."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Markers of models. There is one more than colours, so that 56 models all look different."""

GREY = "#767676"

WIDTH, PANEL, LINE = 11.0, 3.0, 0.19
"""Inches: the width of the picture, the height of a row of panels, and that of a line of text."""

SMALL, MEDIUM = 8, 8.5
"""Font sizes in points."""

ACROSS = 150
"""How many characters of the legend fit beside each other."""

LONGEST = ACROSS - 10
"""The most characters of a model's name."""

MARKED, APART = 10, 0.1
"""Up to this many points of a curve have a marker each; of more, those that are so far apart, in
relation to the panel."""

FAR = 20
"""An axis is logarithmic if the longest curve is more than this many times the shortest."""

FAILED = "dashed: failed"
"""What the legend says of curves that end in a cross."""

SECONDS = "seconds since the training began"
STEPS = "step, such as an epoch, as each model counts them"


@dataclass(frozen=True)
class _Style:
    """How the curves of a model look, and what the legend calls it."""

    label: str
    colour: str
    marker: str


def curves_picture(
    sections: Sequence[Section], values: str, note: str = "", form: str = "png"
) -> bytes:
    """Draw one line per model and seed, with a row of two panels for each section.

    sections: their results without such values are not drawn. values: the name of the values that
    are drawn. note: what readers must know. form: as `picture_form` returns it.

    Raises UsageError if no result has such values.
    """
    drawn = {
        section: [result for result in section.results if result.curves.get(values)]
        for section in sections
    }
    drawn = {section: results for section, results in drawn.items() if results}
    if not drawn:
        raise UsageError(f"there are no values {values!r} to draw")
    styles = _styles([result.model for results in drawn.values() for result in results])
    failed = [result for results in drawn.values() for result in results if not result.ok]
    heading = wrapped(f"Learning curves: {values}\n{note}".rstrip(), 1.3 * WIDTH)
    labels = [*(style.label for style in styles.values()), *([FAILED] if failed else [])]
    columns = max(1, ACROSS // (max(map(len, labels)) + 8))
    n_lines = heading.count("\n") + 1 + math.ceil(len(labels) / columns)
    size = WIDTH, 0.4 + PANEL * len(drawn) + LINE * n_lines
    texts = [heading, values, *labels, *(section.title for section in drawn)]
    with canvas(size, texts) as (figure, drawable):
        figure.suptitle(drawable(heading), fontsize=MEDIUM, x=0.01, ha="left", parse_math=False)
        panels = figure.subplots(len(drawn), 2, sharey="row", squeeze=False)
        for row, (section, results) in zip(panels, drawn.items(), strict=True):
            title = drawable(shortened(section.title, ACROSS))
            row[0].set_title(title, loc="left", fontsize=MEDIUM + 1, parse_math=False)
            row[0].set_ylabel(drawable(values), fontsize=MEDIUM, parse_math=False)
            for axes, place in zip(row, (1, 0), strict=True):
                curves = [(result.model, result.ok, result.curves[values]) for result in results]
                lines = [
                    (styles[model], ok, [(point[place], point[2]) for point in points])
                    for model, ok, points in curves
                ]
                _draw(axes, lines, SECONDS if place else STEPS, is_whole=not place)
        handles = [_handle(style) for style in styles.values()]
        if failed:
            handles.append(_handle(_Style(FAILED, GREY, "x"), dashed=True))
        _legend(figure, handles, [*map(drawable, labels)], columns)
        return picture_bytes(figure, form)


def _styles(models: Sequence[str]) -> Mapping[str, _Style]:
    """Return the style of each model. models: in the order of the legend, once per curve."""
    return {
        model: _Style(
            shortened(model, LONGEST),
            COLOURS[number % len(COLOURS)],
            MARKERS[number % len(MARKERS)],
        )
        for number, model in enumerate(dict.fromkeys(models))
    }


def _draw(
    axes: Axes,
    lines: Sequence[tuple[_Style, bool, Sequence[tuple[float, float]]]],
    label: str,
    *,
    is_whole: bool,
) -> None:
    """Draw curves in a panel. lines: style, whether the result is ok, and points of each curve."""
    ends = [points[-1][0] for _, _, points in lines]
    first = min((place for _, _, points in lines for place, _ in points if place > 0), default=1)
    is_log = max(ends) > FAR * max(min(ends), first)
    for style, ok, points in lines:
        axes.plot(
            *zip(*points, strict=True),
            color=style.colour,
            linewidth=1.3,
            linestyle="-" if ok else "--",
            marker=style.marker,
            markersize=4,
            markevery=APART if len(points) > MARKED else None,
            clip_on=False,  # points at 0 are on the edge
        )
        if not ok:
            axes.plot(*points[-1], color=style.colour, marker="x", markersize=9)
    if is_log:
        decade = 10.0 ** math.floor(math.log10(first))
        axes.set_xscale("symlog", linthresh=decade, linscale=0.3)  # which has a place for 0
        axes.xaxis.set_major_formatter("{x:,g}")
    else:
        axes.locator_params(axis="x", integer=is_whole)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{label} (log scale)" if is_log else label, fontsize=MEDIUM)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, labelleft=True)


def _handle(style: _Style, *, dashed: bool = False) -> Line2D:
    from matplotlib.lines import Line2D

    handle = Line2D([], [], color=style.colour, marker=style.marker, markersize=4)
    handle.set_linestyle("--" if dashed else "-")
    return handle


def _legend(figure: Figure, handles: Sequence[Line2D], labels: Sequence[str], columns: int) -> None:
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=min(columns, len(handles)),
        fontsize=SMALL,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)

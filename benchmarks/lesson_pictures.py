"""The pictures of `lesson.py`: each function draws arrays and titles, and returns a PNG.

All have a white background, so that they can be read on light and on dark pages.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from PIL import Image

Array = npt.NDArray[Any]
BLUE, ORANGE, GREEN, GREY, PALE = "#0072B2", "#D55E00", "#009E73", "#666666", "#E6E6E6"
"""From the palette of Okabe and Ito, which colour-blind readers can distinguish."""
WIDTH = 8.0  # inches, at DPI
DPI = 100


def short(title: str, width: int = 31) -> str:
    """Return a title without its year, with its article in front, shortened to `width`."""
    name = title.rpartition(" (")[0] if title.endswith(")") else title
    for article in (", The", ", A", ", An", ", Das", ", La", ", Le", ", Il", ", El"):
        if name.endswith(article):
            name = f"{article[2:]} {name.removesuffix(article)}"
    return name if len(name) <= width else f"{name[: width - 1].rstrip()}…"


def new_figure(height: float) -> Figure:
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "legend.frameon": False,
            "text.parse_math": False,
        }
    )
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG with at most 256 colours, which keeps the file small."""
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(file, format="png", optimize=True)
    return file.getvalue()


def lookup(vectors: Array, titles: list[str], ids: list[int]) -> bytes:
    """A few rows of the embedding table, next to the item numbers that pick them."""
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    most = np.abs(vectors).max()
    image = axes.imshow(vectors, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    labels = [f"{title}   {item:>5}" for title, item in zip(titles, ids, strict=True)]
    axes.set_yticks(range(len(ids)), labels)
    axes.set_yticks(np.arange(len(ids) + 1) - 0.5, minor=True)
    axes.tick_params(which="both", length=0)
    axes.grid(which="minor", axis="y", color="white", linewidth=4)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"the {vectors.shape[1]} numbers of each embedding")
    figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02).outline.set_visible(False)
    return to_png(figure)


def lists(rows: dict[str, list[list[str]]], heads: list[str]) -> bytes:
    """A panel of lists of titles: a column per head, a group of lines per row."""
    longest = [max(len(column) for column in columns) for columns in rows.values()]
    lines = sum(longest) + sum(1.6 if name else 0.4 for name in rows)
    figure = new_figure(0.24 * (lines + 2.6))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(0, len(heads))
    axes.set_ylim(lines + 2, 0)
    for nth, head in enumerate(heads):
        axes.text(nth, 1.2, head, weight="bold", color=BLUE, va="center", linespacing=1.4)
    line = 2.2
    for (name, columns), length in zip(rows.items(), longest, strict=True):
        axes.axhline(line, color=GREY, linewidth=0.8)
        if name:
            axes.text(0, line + 0.8, f"nearest to {name}", color=GREY, style="italic", va="center")
            line += 1
        for nth, column in enumerate(columns):
            for place, title in enumerate(column, 1):
                axes.text(nth, line + place - 0.2, f"{place}  {title}", va="center", fontsize=10)
        line += length + (0.6 if name else 0.4)
    return to_png(figure)


def rotations(angles: dict[str, Array], products: dict[str, Array], title: str) -> bytes:
    """Pairs of numbers turned by their positions, and query times key by distance."""
    figure = new_figure(2.9)
    left, right = figure.subfigures(1, 2, width_ratios=[1.1, 1])
    panels = left.subplots(1, len(angles))
    for axes, (name, turned) in zip(panels, angles.items(), strict=True):
        axes.set_aspect("equal", anchor="C")
        axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_xlabel(f"{name}:\n{np.degrees(turned[1]):.1f}° per step")
        for position, angle in enumerate(turned):
            x, y = np.cos(angle), np.sin(angle)
            colour = matplotlib.colormaps["viridis"](0.8 * position / (len(turned) - 1))
            axes.plot([0, x], [0, y], color=colour, linewidth=2)
            if position in (0, len(turned) - 1) or turned[1] > 0.5:
                lift = 0.25 * (position > 0) * (turned[-1] < 0.3)
                where = {"ha": "center", "va": "center", "color": colour}
                axes.text(1.2 * x, 1.2 * y + lift, str(position), **where)
    left.suptitle("angles at positions 0 to 5", fontsize=11)
    axes = right.subplots()
    for (name, product), colour in zip(products.items(), (BLUE, ORANGE, GREEN), strict=False):
        axes.plot(product, color=colour, linewidth=2, label=name)
    axes.set_xlabel("positions between query and key")
    axes.set_ylabel("query · key")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.legend()
    right.suptitle(title, fontsize=11)
    return to_png(figure)


def attention(weights: Array, titles: list[str], head: str) -> bytes:
    """Attention weights: one row per position, which sums to 1."""
    figure = new_figure(7.2)
    axes = figure.add_subplot()
    future = np.triu(np.ones_like(weights, dtype=bool), 1)
    colours = matplotlib.colormaps["Blues"].copy()
    colours.set_bad(PALE)
    shown = np.ma.masked_array(weights, future)
    most = weights[2:].max(initial=0.1)  # the first rows have few films to attend to
    image = axes.imshow(shown, cmap=colours, vmin=0, vmax=most, aspect="auto")
    places, titles = range(len(titles)), [short(title, 26) for title in titles]
    axes.set_xticks(places, titles, rotation=60, ha="right", rotation_mode="anchor", fontsize=9.5)
    axes.set_yticks(places, titles, fontsize=9.5)
    axes.set_xticks(np.arange(len(titles) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(titles) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"attention, {head}: each row attends to the films in blue; grey: the future")
    bar = figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02, extend="max")
    bar.outline.set_visible(False)
    bar.set_label("weight")
    return to_png(figure)


def mask(products: Array, weights: Array, titles: list[str]) -> bytes:
    """Three squares: query times key for all pairs, the same with the mask, and the weights."""
    figure = new_figure(2.7)
    panels = figure.subplots(1, 3)
    n = len(titles)
    future = np.triu(np.ones_like(products, dtype=bool), 1)
    most = np.abs(products).max()
    for nth, (axes, title) in enumerate(
        zip(panels, ("query · key", "the future is masked", "softmax: rows sum to 1"), strict=True)
    ):
        values = products if nth < 2 else weights
        shown = np.ma.masked_array(values, future) if nth else values
        colours = matplotlib.colormaps["RdBu_r" if nth < 2 else "Blues"].copy()
        colours.set_bad(PALE)
        low, high = (-most, most) if nth < 2 else (0, 1)
        axes.imshow(shown, cmap=colours, vmin=low, vmax=high)
        for row in range(n):
            for column in range(n):
                if nth and future[row, column]:
                    continue
                value = values[row, column]
                dark = abs(value) > 0.6 * high
                axes.text(
                    column, row, f"{value:.1f}" if nth < 2 else f"{value:.2f}",
                    ha="center", va="center", fontsize=9, color="white" if dark else "black",
                )  # fmt: skip
        axes.set_xticks(range(n), [str(place) for place in range(1, n + 1)])
        labels = [f"{title}  {place}" for place, title in enumerate(titles, 1)] if not nth else []
        axes.set_yticks(range(n) if not nth else [], labels, fontsize=10)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title)
    return to_png(figure)


def parts(values: dict[str, Array], titles: list[str], marked: int, label: str) -> bytes:
    """Scores as sums of two parts: for each film, two bars, and a marker at their sum."""
    figure = new_figure(0.42 * len(titles) + 1.3)
    axes = figure.add_subplot()
    places = np.arange(len(titles))
    for nth, ((name, part), colour) in enumerate(zip(values.items(), (BLUE, ORANGE), strict=True)):
        axes.barh(places + 0.36 * nth - 0.18, part, 0.34, color=colour, label=name)
    total = sum(values.values())
    axes.plot(total, places, "D", color="black", label="sum", markersize=6)
    labels = [f"{title} ★" if nth == marked else title for nth, title in enumerate(titles)]
    axes.set_yticks(places, labels)
    axes.get_yticklabels()[marked].set_weight("bold")
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{label} (★ the held-out film)")
    figure.legend(loc="outside upper center", ncols=3)
    return to_png(figure)


def surprise(values: dict[str, Array], titles: list[str], chance: float) -> bytes:
    """The loss of each position of one user's history, before and after training."""
    figure = new_figure(0.24 * len(titles) + 1.4)
    axes = figure.add_subplot()
    places = np.arange(len(titles))
    for (name, loss), colour, marker in zip(values.items(), (ORANGE, BLUE), "os", strict=True):
        axes.plot(loss, places, marker, color=colour, label=f"{name}: mean {loss.mean():.2f}")
    for place, (before, after) in enumerate(zip(*values.values(), strict=True)):
        axes.plot([before, after], [place, place], color=PALE, linewidth=3, zorder=0)
    axes.axvline(chance, color=GREY, linestyle="--", label=f"chance: {chance:.2f}")
    axes.set_yticks(places, titles, fontsize=9.5)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("surprise when this film came next: -log of its probability")
    figure.legend(loc="outside upper center", ncols=3)
    return to_png(figure)


LINES = {"transformer": "network and counts", "network": "network alone"}
"""Names of the lines in the curves."""


def curve(lines: dict[str, list[float]], levels: dict[str, float]) -> bytes:
    """NDCG@10 after each epoch, beside the levels of models that do not train."""
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    end, below = len(lines["transformer"]) - 1, 0.0
    for line, colour, marker in zip(lines.values(), (BLUE, ORANGE), "os", strict=True):
        axes.plot(line, color=colour, marker=marker, linewidth=2)
    labels = {LINES[name]: line[-1] for name, line in lines.items()} | levels
    colours = {LINES["transformer"]: BLUE, LINES["network"]: ORANGE}
    for name, level in levels.items():
        axes.axhline(level, color=GREY, linestyle="--", linewidth=1.2)
        colours[name] = GREY
    for name, level in sorted(labels.items(), key=lambda label: label[1]):
        below = max(level, below + 0.009)
        axes.text(end + 0.4, below, name, color=colours[name], va="center")
    axes.set_ylim(bottom=0)
    axes.set_xlim(-0.3, end + 0.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epochs of training (0: after the warm start)")
    axes.set_ylabel("NDCG@10, test targets")
    return to_png(figure)


def ranks(lines: dict[str, Array], quartiles: Array) -> bytes:
    """The rank of one user's held-out film after each epoch, over the quartiles of all users."""
    figure = new_figure(3.4)
    axes = figure.add_subplot()
    places = np.arange(quartiles.shape[1])
    axes.fill_between(places, quartiles[0], quartiles[2], color=PALE, label="middle half of users")
    axes.plot(places, quartiles[1], color=GREY, linestyle="--", label="median")
    for (name, line), colour, marker in zip(lines.items(), (BLUE, ORANGE), "os", strict=True):
        axes.plot(places, line, color=colour, marker=marker, linewidth=2, label=LINES[name])
    axes.set_yscale("log")
    worst = max(quartiles[2].max(), *(line.max() for line in lines.values()))
    axes.set_ylim(worst * 1.4, 0.8)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epochs of training (0: after the warm start)")
    axes.set_ylabel("rank, best on top (log scale)")
    figure.legend(loc="outside upper center", ncols=4)
    return to_png(figure)

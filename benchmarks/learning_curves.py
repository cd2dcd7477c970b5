"""Draw learning curves: validation NDCG@10 by seconds of training.

    python benchmarks/learning_curves.py curves.json -o curves.png

The input is the file that `time_to_quality.py --curves` writes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito, which colour-blind readers can distinguish."""
MARKERS = "osD^vPX"
LABEL_GAP = 0.055  # least distance between two labels, as a share of the height of the axis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", type=Path, help="JSON file: name -> [[seconds, NDCG@10], ...]")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args()
    curves = {
        name: curve for name, curve in json.loads(options.curves.read_text()).items() if curve
    }
    if not curves:
        raise SystemExit(
            f"{options.curves} has no curve; write one with time_to_quality.py --curves"
        )
    plot(curves).savefig(options.output, dpi=150)


def plot(curves: dict[str, list[list[float]]]) -> Figure:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for nth, (name, curve) in enumerate(curves.items()):
        seconds, ndcg = zip(*curve, strict=True)
        axes.plot(
            seconds,
            ndcg,
            color=COLOURS[nth % len(COLOURS)],
            marker=MARKERS[nth % len(MARKERS)],
            markersize=3.5,
            linewidth=1.8 if nth == 0 else 1.2,
            label=name,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds of training (log scale)")
    axes.set_ylabel("NDCG@10 on validation targets")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    label_lines(axes)
    return figure


def label_lines(axes: Any) -> None:
    """Write the name of each line beside its end, without overlaps."""
    low, high = axes.get_ylim()
    lines = sorted(axes.get_lines(), key=lambda line: line.get_ydata()[-1])
    below = -LABEL_GAP
    for line in lines:
        height = (line.get_ydata()[-1] - low) / (high - low)
        below = max(height, below + LABEL_GAP)
        axes.annotate(
            line.get_label(),
            xy=(line.get_xdata()[-1], line.get_ydata()[-1]),
            xytext=(1.02, below),
            textcoords="axes fraction",
            color=line.get_color(),
            verticalalignment="center",
            arrowprops={"arrowstyle": "-", "color": line.get_color(), "alpha": 0.4, "lw": 0.7},
        )


if __name__ == "__main__":
    main()

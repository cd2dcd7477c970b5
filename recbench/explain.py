"""Beside the flow: which events of a history each recommendation leaned on, and a picture."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.files import write_output
from recbench.models.answers import AnswerCheck
from recbench.models.in_process import call_model
from recbench.models.protocols import Explainer
from recbench.recommend import Query, Recommendation, takes

if TYPE_CHECKING:
    import pandas as pd
import io
import textwrap
from collections.abc import Iterable

ROWS, COLUMNS = 40, 25
"""How many recommendations and events a picture has room for."""

UNNAMED = "The model does not name its method (the first line of explain's docstring)."


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found.

    recommendation: as `recommend` gives it. weights: (items, interactions) float64, how much each
    event of its history, oldest first, moved the score of each of its items; below 0 it lowered it.
    method: how the model found that, in its own words. model: as it was asked for.
    """

    recommendation: Recommendation
    weights: Array
    method: str
    model: str

    def to_frame(self) -> pd.DataFrame:
        """A line a recommendation and event of the history, oldest first.

        Columns rank, item (outside id), title, event (from 1), event_item, event_title, weight.
        """
        items = self.recommendation.to_frame().drop(columns="score")
        events = self.recommendation.history_frame()
        events.insert(0, "event", np.arange(1, len(events) + 1))
        events = events.rename(columns={"item": "event_item", "title": "event_title"})
        return items.merge(events, how="cross").assign(weight=self.weights.ravel())

    def leading(self, row: int, most: int) -> Array:
        """The places in the history of the events that counted most, either way, for an item.

        The largest first; at most so many, and none that did not count.
        """
        sizes = np.abs(self.weights[row])
        order = np.argsort(-sizes, kind="stable")[:most]
        return np.asarray(order[sizes[order] > 0])

    def name(self, item: int) -> str:
        """An item's title, or its outside id where it has none."""
        data = self.recommendation.dataset
        return data.title(item) or str(data.item_ids[item])

    def picture(self, form: str = "png") -> bytes:
        """A heat map: a row a recommendation, a column an event, of those that count most.

        form: png, svg, pdf or what else matplotlib writes. Raises RecbenchError where there is
        no recommendation.
        """
        recommended = self.recommendation
        if not len(recommended.items):
            raise RecbenchError(f"{self.model} recommends nothing, so there is nothing to draw")
        weights = self.weights[:ROWS]
        order = np.argsort(-np.abs(weights).sum(axis=0), kind="stable")[:COLUMNS]
        events = np.sort(order)
        n_interactions, n_items = len(recommended.history), len(recommended.items)
        shown = "all"
        if n_interactions > COLUMNS:
            shown = f"the {len(events)} of {n_interactions:,} events that count most"
        first = f", the first {ROWS} of {n_items:,}" if n_items > ROWS else ""
        return heatmap(
            weights[:, events],
            [f"{rank}  {self.name(item)}" for rank, item in enumerate(recommended.items[:ROWS], 1)],
            [self.name(item) for item in recommended.history[events]],
            title=f"{self.model} on {recommended.dataset.name}: what the recommendations for "
            f"{recommended.recipient} leaned on{first}\n{self.method}",
            below=f"history, oldest to newest ({shown})",
            legend="weight: below 0 it lowered the score",
            form=form,
        )

    def draw(self, path: str | Path) -> None:
        """Write the picture to a file, whose suffix says the form: .png, .svg, .pdf.

        Raises UsageError for another suffix, OSError where it cannot be written.
        """
        write_output(Path(path), self.picture(picture_form(path)))


@takes(Query)
def explain(query: Query) -> Explanation:
    """The k best items, as `recommend` finds them, and which events of the history they leaned on.

    The arguments are those of `recommend`.

    Raises UsageError for unknown names and ids and for a model without `explain(history, items)`,
    RecbenchError where the model fails or its answer breaks a rule.
    """
    prepared = query.prepare()

    def check(model: Any) -> None:
        if not isinstance(model, Explainer):
            raise UsageError(
                f"{prepared.model_name} cannot explain itself: it has no method "
                "explain(history, items); name a model that has one, or see what it recommends: "
                f"recbench recommend {prepared.cell.model}"
            )

    with prepared.naming_the_model():
        model, origin = prepared.fitted_model(check)
        recommendation = prepared.recommendation(model, origin)
        weights = checked_explanation(
            model,
            prepared.history,
            recommendation.items,
            prepared.model_name,
            recommendation.dataset.user_ids,
        )
        return Explanation(recommendation, weights, _method(model), prepared.cell.model)


def checked_explanation(
    model: Explainer,
    history: Interactions,
    items: Array,
    name: str = "model",
    user_ids: Array | None = None,
) -> Array:
    """(items, interactions) float64: a model's `explain` for one row, checked.

    Raises RecbenchError that names the model and the rule that its answer breaks.
    """
    check = AnswerCheck(name, history, user_ids)
    shape = len(items), history.n_interactions
    if not len(items):
        return np.zeros(shape)
    try:
        answer = call_model("explain", model.explain, history, items.copy())
    except RecbenchError as error:
        raise check.broken(describe_error(error)) from error
    weights = check.numbers("explain", answer).astype(np.float64)
    check.shape("explain", weights, shape)
    bad = np.argwhere(~np.isfinite(weights))
    if len(bad):
        item, event = bad[0]
        raise check.broken(
            f"explain gave {weights[item, event]} for item number {items[item]} and event "
            f"{event + 1} of {history.n_interactions}"
        )
    return weights


def _method(model: Explainer) -> str:
    """The first line of what `explain` says of itself; what it overrides may work otherwise."""
    return inspect.cleandoc(model.explain.__doc__ or "").strip().split("\n")[0] or UNNAMED


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
        [shortened(label, LABEL) for label in rows],
        [shortened(label, LABEL) for label in columns],
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
        axes.set_yticks(range(len(rows)), [label.translate(plain) for label in rows], **labels)
        axes.set_xticks(
            range(len(columns)),
            [label.translate(plain) for label in columns],
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

    lacking = {ord(character) for text in texts for character in text} - _characters(FONT)
    fonts = [FONT]
    upright = {font.name for font in fontManager.ttflist if (font.style, font.weight) == PLAIN}
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

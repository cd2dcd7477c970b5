"""Outside the flow: which interactions each recommendation depends on, and a picture of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError
from recbench.files import write_output
from recbench.given.collect import as_typed
from recbench.heatmap import heatmap, picture_form, shortened
from recbench.models.answers import AnswerCheck
from recbench.models.protocols import ModelHandle, Traits
from recbench.recommending.query import PreparedQuery, Query, takes
from recbench.recommending.recommendations import Recommendation
from recbench.report.report import Block, Picture, Report, Table
from recbench.report.text import GAP
from recbench.results.footer import sentence

if TYPE_CHECKING:
    import pandas as pd

ROWS, COLUMNS = 40, 25
"""The most recommendations and interactions in a picture."""

N_LEADING = 3
"""How many items of the history are shown per recommendation."""

UNNAMED = "The model does not name its method (the first line of explain's docstring)."


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Report):
    """Recommendations, and how much each depends on each interaction; returned by `explain`.

    Parameters
    ----------
    recommendation : Recommendation
        The user, the history that the model read, and what it recommends.
    weights : numpy.ndarray of shape (items, interactions), float64
        How much each interaction of the history, oldest first, moved the score of each recommended
        item. A negative weight lowered the score.
    method : str
        How the model computes the weights: the first line of the docstring of its `explain`.
    model : str
        The model's name with its options.
    """

    recommendation: Recommendation
    weights: Array
    method: str
    model: str

    def to_frame(self) -> pd.DataFrame:
        """Return the weights as a table.

        Returns
        -------
        pandas.DataFrame
            One row per recommendation and interaction of the history, oldest first. Columns: rank,
            item (the dataset's own id) and title of the recommendation; position (from 1, the
            oldest), history_item and history_title of the interaction; weight.
        """
        items = self.recommendation.to_frame().drop(columns="score")
        history = self.recommendation.history_frame()
        history.insert(0, "position", np.arange(1, len(history) + 1))
        history = history.rename(columns={"item": "history_item", "title": "history_title"})
        return items.merge(history, how="cross").assign(weight=self.weights.ravel())

    def leading(self, row: int, most: int) -> Array:
        """Return the interactions that moved the score of a recommendation most, up or down.

        Parameters
        ----------
        row : int
            The recommendation, from 0.
        most : int
            The most interactions to return.

        Returns
        -------
        numpy.ndarray of int, shape (at most `most`,)
            Positions in the history, from 0, largest weight first, without those of weight 0.
        """
        sizes = np.abs(self.weights[row])
        order = np.argsort(-sizes, kind="stable")[:most]
        return np.asarray(order[sizes[order] > 0])

    def name(self, item: int) -> str:
        """Return the title of an item, or its id in the dataset if it has no title.

        Parameters
        ----------
        item : int
            Item number.

        Returns
        -------
        str
            Title or id.
        """
        return name_of(self.recommendation.dataset, item)

    def picture(self, form: str = "png") -> bytes:
        """Draw a heat map with one row per recommendation and one column per interaction.

        For a long history, only the interactions with the largest weights are drawn.

        Parameters
        ----------
        form : str, default: "png"
            Format of the picture: "png", "svg", "pdf" or another that matplotlib writes.

        Returns
        -------
        bytes
            The content of the picture's file.

        Raises
        ------
        RecbenchError
            If there is no recommendation.
        """
        recommended = self.recommendation
        if not len(recommended.items):
            raise RecbenchError(f"{self.model} recommends no items, so there is nothing to draw")
        weights = self.weights[:ROWS]
        order = np.argsort(-np.abs(weights).sum(axis=0), kind="stable")[:COLUMNS]
        drawn = np.sort(order)
        n_interactions, n_items = len(recommended.history), len(recommended.items)
        which = "all"
        if n_interactions > COLUMNS:
            which = f"the {len(drawn)} of {n_interactions:,} interactions with the largest weights"
        first = f" (the first {ROWS} of {n_items:,})" if n_items > ROWS else ""
        return heatmap(
            weights[:, drawn],
            [f"{rank}  {self.name(item)}" for rank, item in enumerate(recommended.items[:ROWS], 1)],
            [self.name(item) for item in recommended.history[drawn]],
            title=f"{self.model} on {recommended.dataset.short_name}: what the recommendations for "
            f"{recommended.recipient} depend on{first}\n{self.method}",
            below=f"history, oldest to newest ({which})",
            legend="weight (below 0: it lowered the score)",
            form=form,
        )

    def draw(self, path: str | Path) -> None:
        """Write the picture to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            The file. Its suffix decides the format: .png, .svg, .pdf.

        Raises
        ------
        UsageError
            If the suffix is not that of a picture format.
        OSError
            If the file cannot be written.
        """
        write_output(Path(path), self.picture(picture_form(path)))

    def _blocks(self, width: int) -> Iterator[Block]:
        recommended = self.recommendation
        n_items, n_interactions = len(recommended.items), len(recommended.history)
        yield (
            f"{n_items} recommendation{'s' * (n_items != 1)} for {recommended.recipient} in "
            f"{recommended.dataset.short_name} by {recommended.origin}, and the items "
            "that changed their scores most"
        )
        if not n_items:
            return
        yield Table(self._rows(width))
        yield (
            f"{sentence(f'Weights: {self.method}')} Each recommendation is shown with up to "
            f"{N_LEADING} of the {n_interactions:,} items of the history: those that changed its "
            "score most. A negative weight lowered the score."
        )
        yield Picture(self.picture, f"Weights of {self.model} for {recommended.recipient}")

    def _rows(self, width: int) -> list[dict[str, str]]:
        """Return one row per recommendation, with a line for each item that led to it."""
        recommended = self.recommendation
        scores = _scores(recommended)
        weights = _signed(self.weights)
        room = _room_beside(width, ["rank"], ["score", *scores], ["weight", *weights.flat])
        rows = []
        for row, item in enumerate(recommended.items):
            name = self.name(item)
            leading = self.leading(row, N_LEADING)
            titles = [self.name(recommended.history[place]) for place in leading]
            if room:  # a title beside a weight must stay on its line
                name = "\n".join(textwrap.wrap(name, room * 2 // 5))
                titles = [shortened(title, room * 3 // 5) for title in titles]
            rows.append(
                {
                    "rank": str(row + 1),
                    "recommended": name,
                    "score": scores[row],
                    "weight": "\n".join(weights[row, leading]),
                    "item of the history": "\n".join(titles) or "(nothing in the history)",
                }
            )
        return rows


@takes(Query)
def explain(query: Query) -> Explanation:
    """Recommend items for a user, and show which interactions each recommendation depends on.

    Parameters
    ----------
    model : str, class, object, function, module or path
        A model: a name with options, such as "transformer:dim=128,layers=2", a class, an object
        such as Mine(dim=32), a function that builds one, a module, or the path of a .py file. It
        needs a method `explain(history, items)`.
    dataset : str, path, pandas.DataFrame or Dataset, default: "ml-100k"
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    user : str, int or None, default: None
        The user's id, as in the data. Give either a user or `items`.
    items : str, sequence of str or int, or None, default: None
        A history instead of a user: item ids, oldest first, as a sequence or as "ID,ID,ID".
    k : int, default: 10
        Number of items to recommend.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions).
    fit : {"split", "all"}, default: "split"
        Train on the training part of the split, or on all interactions of the dataset. The latter
        model is stored apart from those that `run` judges.
    seed : int, default: 0
        Random seed, for models that have one.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    timeout : float or None, default: None
        Time limit per model and seed, in seconds, for training and answers together.
    memory : int or None, default: None
        Memory limit per model, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run models in this process, without limits, to debug them.
    results : str, path or None, default: "results"
        Folder of stored results. Models that it holds are not trained again. None stores nothing.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Explanation
        The recommendations and their weights, which can be printed, with methods for a frame and a
        picture.

    Raises
    ------
    UsageError
        If a name or an id is unknown, or the model has no method `explain(history, items)`.
    RecbenchError
        If the model fails or its answer is invalid.

    Notes
    -----
    The recommendations are those of `recommend`. The model is the one that `run` has stored for
    these arguments. If there is none, it is trained now, and stored if it can be.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.explain(
    ...     "rules", user=1, k=3, dataset="synthetic:users=50,interactions=600", results=None
    ... )
    >>> found.weights.shape == (3, len(found.recommendation.history))
    True
    """
    with query.prepared() as prepared:
        return prepared.answer(_explanation, _check_explains)


def _check_explains(prepared: PreparedQuery, traits: Traits) -> None:
    if not traits.explains:
        raise UsageError(
            f"{prepared.model_name} cannot explain its recommendations: it has no method "
            "explain(history, items). Choose a model that has it, such as rules; or see what "
            "this one recommends: recbench recommend "
            f"{as_typed(prepared.experiment.plugins, 'models', prepared.cell.model)}"
        )


def _explanation(prepared: PreparedQuery, model: ModelHandle, origin: str) -> Explanation:
    recommendation = prepared.recommendation(model, origin)
    weights = checked_explanation(
        model,
        prepared.history,
        recommendation.items,
        prepared.model_name,
        recommendation.dataset.user_ids,
    )
    return Explanation(recommendation, weights, model.traits.method or UNNAMED, prepared.cell.model)


def checked_explanation(
    model: ModelHandle,
    history: Interactions,
    items: Array,
    name: str = "model",
    user_ids: Array | None = None,
) -> Array:
    """Return a model's explanation for one history, checked: (items, interactions) float64.

    Raises a RecbenchError that names the model and the rule that its answer breaks.
    """
    check = AnswerCheck(name, history, user_ids)
    shape = len(items), history.n_interactions
    if not len(items):
        return np.zeros(shape)
    with check.naming_the_user():
        weights = model.explain(history, items).astype(np.float64)
    check.shape("explain", weights, shape)
    bad = np.argwhere(~np.isfinite(weights))
    if len(bad):
        item, position = bad[0]
        raise check.broken(
            f"explain returned {weights[item, position]} for item number {items[item]} and "
            f"interaction {position + 1} of {history.n_interactions}; weights must be finite"
        )
    return weights


def name_of(dataset: Dataset, item: int) -> str:
    """Return the title of an item, or its id in the dataset if it has no title."""
    return dataset.title(item) or str(dataset.item_ids[item])


def _scores(recommended: Recommendation) -> list[str]:
    if recommended.scores is None:
        return [""] * len(recommended.items)
    return [f"{score:.4g}" for score in recommended.scores]


def _signed(weights: Array) -> Array:
    """Format numbers with a sign and equal decimals; the largest has three significant digits."""
    largest = float(np.abs(weights).max(initial=0))
    if largest and not 1e-4 <= largest < 1e6:
        form = "{:+.2e}"
    else:
        form = f"{{:+.{max(0, 2 - int(np.floor(np.log10(largest or 1))))}f}}"
    return np.array([[form.format(weight) for weight in row] for row in weights], dtype=object)


def _room_beside(width: int, *columns: Sequence[str]) -> int:
    """Characters left for two more columns in a terminal of this width; 0 for no limit."""
    taken = sum(max(map(len, column)) + GAP for column in columns)
    return max(width - taken - GAP, 24) if width else 0

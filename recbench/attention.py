"""Outside the flow: a model's attention weights over one history, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.errors import UsageError
from recbench.explain import name_of
from recbench.files import write_output
from recbench.heatmap import heatmap_panels, picture_form
from recbench.models.answers import AnswerCheck
from recbench.models.protocols import ModelHandle, Traits
from recbench.recommending.query import PreparedQuery, Query, takes
from recbench.recommending.recommendations import Recommendation
from recbench.report.report import Block, Lines, Picture, Report

if TYPE_CHECKING:
    import pandas as pd

SHOWN, SHOWN_IN_MANY, MANY = 20, 10, 9
"""A picture shows the latest SHOWN interactions, or SHOWN_IN_MANY if it has over MANY panels."""

TOLERANCE = 1e-3
"""How far the sum of a row may be from 1."""


@dataclass(frozen=True, eq=False, repr=False)
class Attention(Report):
    """A model's attention weights over one history; returned by `attention`.

    Parameters
    ----------
    recommendation : Recommendation
        The user, the history that the model read, and what it recommends.
    weights : numpy.ndarray of shape (layers, heads, n, n), float64
        Entry [l, h, i, j] is how much position i attends to position j, in head h of layer l. The
        positions are the latest n interactions of the history, oldest first. Each row sums to 1.
    model : str
        The model's name with its options.
    """

    recommendation: Recommendation
    weights: Array
    model: str

    @property
    def items(self) -> Array:
        """Item number of each position, shape (n,): the latest n items of the history."""
        history = self.recommendation.history
        return history[len(history) - self.weights.shape[2] :]

    def to_frame(self) -> pd.DataFrame:
        """Return the weights as a table.

        Returns
        -------
        pandas.DataFrame
            One row per layer, head and pair of positions (position, from_position), in this order.
            Columns: layer and head (from 1); position (from 1, the oldest), item (the dataset's own
            id) and title of the position that attends; from_position, from_item and from_title of
            the position that it attends to; weight.
        """
        import pandas as pd

        layer, head, position, source = np.indices(self.weights.shape).reshape(4, -1)
        data = self.recommendation.dataset
        ids = np.array([data.item_ids[item] for item in self.items], dtype=object)
        titles = np.array([data.title(item) for item in self.items], dtype=object)
        first = len(self.recommendation.history) - len(ids) + 1
        return pd.DataFrame(
            {
                "layer": layer + 1,
                "head": head + 1,
                "position": first + position,
                "item": ids[position],
                "title": titles[position],
                "from_position": first + source,
                "from_item": ids[source],
                "from_title": titles[source],
                "weight": self.weights.ravel(),
            }
        )

    def leading(self, layer: int, head: int, most: int = 3) -> Array:
        """Return the positions that the last position attends to most, largest weight first.

        Parameters
        ----------
        layer : int
            Layer, from 1.
        head : int
            Head, from 1.
        most : int, default: 3
            The most positions to return.

        Returns
        -------
        numpy.ndarray of int, shape (at most `most`,)
            Indices into `items` and into the axes of `weights`.
        """
        last = self.weights[self._chosen(layer, head)][0, 0, -1]
        return np.argsort(-last, kind="stable")[:most]

    def picture(
        self, form: str = "png", layer: int | None = None, head: int | None = None
    ) -> bytes:
        """Draw the weights, one panel per layer and head.

        Parameters
        ----------
        form : str, default: "png"
            Format of the picture: "png", "svg", "pdf" or another that matplotlib writes.
        layer : int, default: all
            Draw only this layer, from 1.
        head : int, default: all
            Draw only this head, from 1.

        Returns
        -------
        bytes
            The content of the picture's file.

        Raises
        ------
        UsageError
            If there is no such layer or head.
        """
        chosen = self._chosen(layer, head)
        weights = self.weights[chosen]
        down, across, n, _ = weights.shape
        shown = min(n, SHOWN if down * across <= MANY else SHOWN_IN_MANY)
        values, earlier = weights[:, :, -shown:, -shown:], n - shown
        if self._causal:
            values = np.where(np.triu(np.ones((shown, shown), dtype=bool), 1), np.nan, values)
        notes = None
        if earlier:
            before = weights[:, :, -shown:, :earlier].sum(axis=3)
            notes = np.array([f"{share:.2f}" for share in before.flat]).reshape(before.shape)
        numbers = [range(1, count + 1) for count in self.weights.shape[:2]]
        layers, heads = (numbers[axis][part] for axis, part in enumerate(chosen))
        names = [self._name(place) for place in range(-shown, 0)]
        return heatmap_panels(
            values,
            [[f"layer {layer}, head {head}" for head in heads] for layer in layers],
            names,
            names,
            title=self._heading(n, earlier),
            beside="item that attends",
            below="item attended to",
            legend="attention weight (square-root colour scale)",
            notes=notes,
            form=form,
        )

    def draw(self, path: str | Path, layer: int | None = None, head: int | None = None) -> None:
        """Write the picture to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            The file. Its suffix decides the format: .png, .svg, .pdf.
        layer : int, default: all
            Draw only this layer, from 1.
        head : int, default: all
            Draw only this head, from 1.

        Raises
        ------
        UsageError
            If there is no such layer or head, or no such format.
        OSError
            If the file cannot be written.
        """
        write_output(Path(path), self.picture(picture_form(path), layer, head))

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        subject = f"{self.model} on {self.recommendation.dataset.short_name}"
        recipient = self.recommendation.recipient
        how = (
            f"Each line lists the items that the last position, {self._name(-1)}, attends to most, "
            "with their weights. The weights of a head over all positions sum to 1."
        )
        yield Lines([f"Attention of {subject} for {recipient}", how])
        lines = []
        for layer, head in np.ndindex(*self.weights.shape[:2]):
            parts = [
                f"{self.weights[layer, head, -1, place]:.2f} {self._name(place)}"
                for place in self.leading(layer + 1, head + 1)
            ]
            lines.append(f"layer {layer + 1}, head {head + 1}: {'; '.join(parts)}")
        yield Lines(lines, indent="  ")
        yield Picture(self.picture, f"Attention weights of {subject} for {recipient}")

    def _heading(self, n: int, earlier: int) -> str:
        history = self.recommendation.history
        subject = f"{self.model} on {self.recommendation.dataset.short_name}"
        lines = [f"{subject}: attention for {self.recommendation.recipient}"]
        lines.append(
            "Row: the item that attends. Column: the item it attends to. Each row sums to 1."
        )
        grey = "Grey: later items, which are hidden. " if self._causal and n > 1 else ""
        lines.append(f"{grey}The recommendations are computed from the bottom row.")
        if n < len(history):
            lines.append(f"The model reads the latest {n:,} of {len(history):,} interactions.")
        if earlier:
            lines.append(
                f"Shown: the latest {n - earlier} of {n:,}. The number beside a row is its total "
                f"weight on the {earlier:,} before them."
            )
        return "\n".join(lines)

    @property
    def _causal(self) -> bool:
        """Whether no position attends to a later one."""
        return not np.triu(self.weights, 1).any()

    def _name(self, place: int) -> str:
        return name_of(self.recommendation.dataset, self.items[place])

    def _chosen(self, layer: int | None, head: int | None) -> tuple[slice, slice]:
        """Return the slices of the first two axes that belong to a layer and a head, from 1."""
        slices = []
        for name, number, count in zip(
            ("layer", "head"), (layer, head), self.weights.shape[:2], strict=True
        ):
            if number is not None and not 1 <= number <= count:
                raise UsageError(
                    f"{self.model} has no {name} {number}. Choose a {name} from 1 to {count}."
                )
            slices.append(slice(None) if number is None else slice(number - 1, number))
        return slices[0], slices[1]


@takes(Query)
def attention(query: Query) -> Attention:
    """Return a model's attention weights over the history of a user.

    Parameters
    ----------
    model : str, class, object, function, module or path
        A model: a name with options, such as "transformer:dim=128,layers=2", a class, an object
        such as Mine(dim=32), a function that builds one, a module, or the path of a .py file. It
        needs a method `attention(history)`.
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
    Attention
        The weights, which can be printed, with methods for a frame and a picture.

    Raises
    ------
    UsageError
        If a name or an id is unknown, or the model has no method `attention(history)`.
    RecbenchError
        If the model fails or its answer is invalid.

    Notes
    -----
    The model is the one that `run` has stored for these arguments. If there is none, it is trained
    now, and stored if it can be.

    Examples
    --------
    >>> import recbench
    >>> model = "transformer:networks=1,dim=8,layers=1,heads=2,epochs=1"
    >>> found = recbench.attention(
    ...     model, user=1, dataset="synthetic:users=50,interactions=600", results=None, device="cpu"
    ... )
    >>> found.weights.shape[:2]  # layers, heads
    (1, 2)
    >>> bool((abs(found.weights.sum(axis=3) - 1) < 1e-3).all())
    True
    """
    with query.prepared() as prepared:
        return prepared.answer(_attention, _check_attends)


def _check_attends(prepared: PreparedQuery, traits: Traits) -> None:
    if not traits.attends:
        raise UsageError(
            f"{prepared.model_name} cannot show attention: it has no method attention(history). "
            "Choose a model with attention layers, such as transformer."
        )


def _attention(prepared: PreparedQuery, model: ModelHandle, origin: str) -> Attention:
    recommendation = prepared.recommendation(model, origin)
    weights = checked_attention(
        model, prepared.history, prepared.model_name, recommendation.dataset.user_ids
    )
    return Attention(recommendation, weights, prepared.cell.model)


def checked_attention(
    model: ModelHandle, history: Interactions, name: str = "model", user_ids: Array | None = None
) -> Array:
    """Return a model's attention over one history, checked: (layers, heads, n, n) float64.

    Raises a RecbenchError that names the model and the rule that its answer breaks.
    """
    check = AnswerCheck(name, history, user_ids)
    with check.naming_the_user():
        weights = model.attention(history).astype(np.float64)
    shape, most = weights.shape, history.n_interactions
    if len(shape) != 4 or 0 in shape or shape[2] != shape[3] or shape[2] > most:
        raise check.broken(
            f"attention returned an array of shape {shape}; the shape must be (layers, heads, n, "
            f"n), with n from 1 to the history's {most} interactions"
        )
    for rule, wrong in (
        ("must be finite", ~np.isfinite(weights)),
        ("must not be negative", weights < 0),
        ("must sum to 1 over each row", np.abs(weights.sum(axis=3) - 1) > TOLERANCE),
    ):
        if wrong.any():
            layer, head, row = np.argwhere(wrong)[0][:3]
            raise check.broken(
                f"attention weights {rule}; row {row + 1} of layer {layer + 1}, head {head + 1} "
                f"sums to {weights[layer, head, row].sum():.4g}, its smallest entry is "
                f"{weights[layer, head, row].min():.4g}"
            )
    return weights

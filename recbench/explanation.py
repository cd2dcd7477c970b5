"""Beside the flow: which events of a history each recommendation of a model leaned on."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import RecbenchError, UsageError, said
from .heatmap import heatmap, picture_form
from .interactions import Array, Interactions
from .model import Explainer
from .output import put
from .plugins import Plugins
from .recommend import Query, Recommendation
from .rules import Rules, call

if TYPE_CHECKING:
    import pandas as pd

ROWS, COLUMNS = 40, 25
"""How many recommendations and events a picture has room for."""

UNNAMED = "The model does not name its method (the first line of explain's docstring)."


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found.

    recommendation: as `recommend` gives it. weights: (items, events) float64, how much each event
    of its history, oldest first, moved the score of each of its items; below 0 it lowered it.
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
        of = self.recommendation
        if not len(of.items):
            raise RecbenchError(f"{self.model} recommends nothing, so there is nothing to draw")
        weights = self.weights[:ROWS]
        order = np.argsort(-np.abs(weights).sum(axis=0), kind="stable")[:COLUMNS]
        events = np.sort(order)
        total = len(of.history)
        some = (
            f"the {len(events)} of {total:,} events that count most" if total > COLUMNS else "all"
        )
        first = f", the first {ROWS} of {len(of.items):,}" if len(of.items) > ROWS else ""
        return heatmap(
            weights[:, events],
            [f"{rank}  {self.name(item)}" for rank, item in enumerate(of.items[:ROWS], 1)],
            [self.name(item) for item in of.history[events]],
            title=f"{self.model} on {of.dataset.name}: what the recommendations for {of.who} "
            f"leaned on{first}\n{self.method}",
            below=f"history, oldest to newest ({some})",
            legend="weight: below 0 it lowered the score",
            form=form,
        )

    def draw(self, path: str | Path) -> None:
        """Write the picture to a file, whose suffix says the form: .png, .svg, .pdf.

        Raises UsageError for another suffix, OSError where it cannot be written.
        """
        put(Path(path), self.picture(picture_form(path)))


def explain(
    model: str,
    *,
    user: str | int | None = None,
    items: str | Sequence[str | int] | None = None,
    k: int = 10,
    dataset: str | Path = "ml-100k",
    split: str = "leave-last-out",
    seed: int = 0,
    device: str = "auto",
    results: str | Path | None = "results",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Explanation:
    """The k best items, as `recommend` finds them, and which events of the history they leaned on.

    The arguments are those of `recommend`.

    Raises UsageError for unknown names and ids and for a model without `explain(history, items)`,
    RecbenchError where the model fails or its answer breaks a rule.
    """
    query = Query.of(model, user, items, k, str(dataset), split, seed, data_dir, plugins)

    def able(built: Any) -> None:
        if not isinstance(built, Explainer):
            raise UsageError(
                f"{query.name} cannot explain itself: it has no method explain(history, items); "
                "name a model that has one, or see what it recommends: "
                f"recbench recommend {query.cell.model}"
            )

    with query.named():
        fitted, origin = query.fitted(device, results, able)
        found = query.recommendation(fitted, origin)
        user_ids = found.dataset.user_ids
        weights = asked_why(fitted, query.history, found.items, query.name, user_ids)
        return Explanation(found, weights, _method(fitted), query.cell.model)


def asked_why(
    model: Explainer,
    history: Interactions,
    items: Array,
    name: str = "model",
    user_ids: Array | None = None,
) -> Array:
    """(items, events) float64: a model's `explain` for one row, checked.

    Raises RecbenchError that names the model and the rule that its answer breaks.
    """
    rules = Rules(name, history, user_ids)
    shape = len(items), history.n_events
    if not len(items):
        return np.zeros(shape)
    try:
        answer = call("explain", model.explain, history, items.copy())
    except RecbenchError as error:
        raise rules.broken(said(error)) from error
    weights = rules.array(answer, "explain", "fiu", shape).astype(np.float64)
    bad = np.argwhere(~np.isfinite(weights))
    if len(bad):
        item, event = bad[0]
        raise rules.broken(
            f"explain gave {weights[item, event]} for item number {items[item]} and event "
            f"{event + 1} of {history.n_events}"
        )
    return weights


def _method(model: Explainer) -> str:
    """The first line of what `explain` says of itself; what it overrides may work otherwise."""
    return inspect.cleandoc(model.explain.__doc__ or "").strip().split("\n")[0] or UNNAMED

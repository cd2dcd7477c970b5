"""Beside the flow: which items of a history each recommendation leaned on, as the model says."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import RecbenchError, UsageError
from .interactions import Array, Interactions
from .model import Explainer
from .plugins import Plugins
from .recommend import Recommendation, answered
from .rules import fitting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` found.

    found: the recommendations. weights: (recommendations, events of the history), how much each
    event, oldest first, counted for each recommendation. method: what the weights are.
    """

    found: Recommendation
    weights: Array
    method: str

    def to_frame(self) -> pd.DataFrame:
        """A line a recommendation and event, best first and what counted most first.

        Columns rank, item, title and score of the recommendation, and event (its place in the
        history, the latest 1), because_item, because_title and weight.
        """
        best = self.found.to_frame()
        history = self.found.history_frame().add_prefix("because_")
        history.insert(0, "event", np.arange(len(history), 0, -1))
        crossed = best.merge(history, how="cross").assign(weight=self.weights.ravel())
        order = np.lexsort((-crossed["weight"].abs(), crossed["rank"]))
        return crossed.iloc[order].reset_index(drop=True)


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
    """What `recommend` recommends, and what of the history each recommendation leaned on.

    The arguments are those of `recommend`. Raises UsageError also where the model has no method
    `explain`.
    """
    method = ""

    def because(fitted: Any, history: Interactions, best: Array) -> Array:
        nonlocal method
        method = _method(model, fitted)
        shape = len(best), history.n_events
        given = fitting(fitted.explain(history, best), "explain", "fiu", shape)
        if not np.isfinite(given).all():
            row, event = np.argwhere(~np.isfinite(given))[0]
            raise RecbenchError(
                f"{model}: explain must give finite numbers; it gave {given[row, event]} for item "
                f"number {best[row]} and event {event} of the history"
            )
        return np.asarray(given, dtype=np.float64)

    found, weights = answered(
        model,
        user,
        items,
        k,
        str(dataset),
        split,
        seed,
        device,
        results,
        data_dir,
        plugins,
        because,
    )
    return Explanation(found, np.asarray(weights), method)


def _method(model: str, fitted: Any) -> str:
    """The first paragraph of what the model says of its method."""
    if not isinstance(fitted, Explainer):
        raise UsageError(
            f"{model} cannot explain itself: it has no method explain(history, items); name "
            "another model"
        )
    told = (inspect.getdoc(fitted.explain) or "").partition("\n\n")[0]
    return " ".join(told.split()) or f"{model} does not say how its weights are found."

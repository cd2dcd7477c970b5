"""Outside the flow: a model that is checked. Each rule asks it, and starts it anew if need be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbench.checking.logs import all_but_last, example
from recbench.checking.rule import NotRunError
from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError
from recbench.evaluation.made_up import described
from recbench.models.protocols import FitReport, ModelHandle, Traits

RTOL, ATOL = 1e-3, 1e-4
"""How far two computations of the same score may differ: float32 sums depend on their order."""

K = 5
"""Length of the lists that models without `score` are asked for."""

Say = Callable[[ModelHandle, Interactions], Array]
"""Asks a model what it says of a history besides its answers."""

OpenCell = Callable[[], contextlib.AbstractContextManager[ModelHandle]]
"""Opens a context in which a new model lives."""

OpenWith = Callable[[Mapping[str, str]], contextlib.AbstractContextManager[ModelHandle]]
"""Opens one with options as text; of the options that the checked model has been given, it has
those without a default only."""


@dataclass(frozen=True)
class Kept:
    """What a fitted model has answered.

    first, again: for the histories of `train`, at first and for the second time. later: for other
    histories of the same users after that. unusual: for unusual histories. said: what it has said
    of the first history besides.
    """

    traits: Traits
    first: Array
    again: Array
    later: Array
    unusual: list[tuple[Interactions, Array]]
    said: list[tuple[Say, Array]]

    def difference(self, model: ModelHandle, train: Interactions, when: tuple[str, str]) -> str:
        """Return the smallest example of what another model answers differently; "" if nothing."""
        for history, own in [(train, self.first), *self.unusual]:
            shown = difference(self.traits, history, (own, ask(model, history)), when)
            if shown:
                return shown
        same = all(close(own, say(model, train.take([0]))) for say, own in self.said)
        return "" if same else "its explanations or attention weights differ"


class Subject:
    """A model that is checked.

    open_cell: makes a new model. name: of the model, without options. isolated: whether each model
    has a process of its own. factory, open_with: what makes models, and makes one with other
    options; None if that is unknown. log: a small log whose features come from data, or are those
    of MovieLens. train: the same without the last interaction of each user.
    others: the first interaction of each of these users.
    report, why_unfitted: what the first fit on train has reported, and why it failed.
    why_silent: why ordinary histories get no answers. valid: whether their answers are valid.
    knows_unknown: whether unknown users get answers.
    unusual, says: which other histories get answers, and what the model says besides; both valid.
    reproducible: whether a second fit has given the same model.
    ends: what was wrong at the end of the model's process.
    """

    def __init__(
        self,
        open_cell: OpenCell,
        data: Interactions | None = None,
        *,
        name: str = "",
        isolated: bool = False,
        factory: Callable[..., Any] | None = None,
        open_with: OpenWith | None = None,
    ) -> None:
        self.name, self.isolated, self.factory = name, isolated, factory
        self.log = described(example(), data)
        self.train = all_but_last(self.log)
        self.others = self.train.keep(np.isin(range(self.train.n_interactions), self.train.offsets))
        self.report = FitReport()
        self.why_unfitted: Exception | None = None
        self.why_silent: RecbenchError | None = None
        self.valid = False
        self.knows_unknown = False
        self.unusual: list[Interactions] = []
        self.says: list[Say] = []
        self.reproducible = False
        self.ends: RecbenchError | None = None
        self._open_cell, self._open_with = open_cell, open_with
        self._cell = contextlib.ExitStack()
        self._fitted: ModelHandle | None = None
        self._kept: Kept | None = None

    def new(self) -> ModelHandle:
        """Return a new model, which is not fitted yet. The one before ends."""
        self.close()
        return self._cell.enter_context(self._open_cell())

    def build(self, options: Mapping[str, str]) -> None:
        """Build a model with these options, and end it. The one before ends too."""
        self.close()
        if self._open_with is None:
            raise NotRunError("it is unknown how it is built with other options")
        self._cell.enter_context(self._open_with(options))
        self.close()

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> ModelHandle:
        """Return a new model that is fitted on this. The one before ends."""
        self._require_answers()
        model = self.new()
        model.fit(train, checkpoint)
        return model

    def fitted(self) -> ModelHandle:
        """Return the model that is fitted on `train`. Raises what its fit raised, only once."""
        if self._fitted is None:
            self._require_answers()
            try:
                model = self.new()
                self.report = model.fit(self.train)
            except (AssertionError, RecbenchError) as error:
                self.why_unfitted = error
                raise
            self._fitted = model
        return self._fitted

    def kept(self) -> Kept:
        """Return what the fitted model has answered, with which other models are compared."""
        if self._kept is None:
            model, train = self.fitted(), self.train
            first, again = ask(model, train), ask(model, train)
            later = ask(model, self.others)
            unusual = [(history, ask(model, history)) for history in self.unusual]
            said = [(say, say(model, train.take([0]))) for say in self.says]
            self._kept = Kept(model.traits, first, again, later, unusual, said)
        return self._kept

    def _require_answers(self) -> None:
        if self.why_unfitted is not None:
            raise NotRunError("fit fails")
        if self.why_silent is not None:
            raise NotRunError("its recommendations are not valid")

    def close(self, *, failed: bool = False) -> None:
        """End the model. failed: it may have ended already, so what its end shows is ignored."""
        cell, self._cell, self._fitted = self._cell, contextlib.ExitStack(), None
        try:
            cell.close()
        except RecbenchError as error:
            self.ends = self.ends if failed else self.ends or error


def ask(model: ModelHandle, history: Interactions) -> Array:
    """Return the scores of a model, or its lists; numbers of shape (len(history), ...)."""
    if model.traits.scores:
        answer, width = model.score(history), history.n_items
    else:
        answer, width = model.recommend(history, K), K
    if answer.shape != (len(history), width):
        raise NotRunError("its recommendations are not valid")
    return answer


def differing(first: Array, second: Array) -> Array:
    """Return which rows of two answers differ: scores by more than rounding, or lists at all."""
    if first.dtype.kind == "f" or second.dtype.kind == "f":
        same = np.isclose(first, second, rtol=RTOL, atol=ATOL, equal_nan=True)
    else:
        same = first == second
    return np.flatnonzero(~same.all(axis=1))


def close(left: Array, right: Array) -> bool:
    """Whether two answers are equal, up to rounding."""
    atol = ATOL * max(1e-9, float(np.abs(left).max()))
    return left.shape == right.shape and np.allclose(left, right, rtol=RTOL, atol=atol)


def difference(
    traits: Traits, history: Interactions, answers: tuple[Array, Array], when: tuple[str, str]
) -> str:
    """Return the smallest example of a difference between two answers; "" if they are the same.

    when: what tells the two answers apart, as in "alone" and "in a batch of 40".
    """
    rows = differing(*answers)
    if not len(rows):
        return ""
    row = int(rows[np.argmin(history.lengths[rows])])
    first, second = (answer[row] for answer in answers)
    whose = f"history {shortened(history.take([row]).items)} of {user(history, row)}"
    if traits.scores:
        gaps = np.nan_to_num(np.abs(first.astype(float) - second.astype(float)), nan=np.inf)
        item = int(np.argmax(gaps))
        return (
            f"for {whose}, item {item} scores {first[item]:.6g} {when[0]} and "
            f"{second[item]:.6g} {when[1]}"
        )
    return f"{whose} gets {first.tolist()} {when[0]} and {second.tolist()} {when[1]}"


def user(history: Interactions, row: int) -> str:
    """Return how examples call the user of a row."""
    number = int(history.users[row])
    return "an unknown user" if number < 0 else f"user {number}"


def shortened(items: Array, most: int = 8) -> str:
    """Return items as a list that fits a line."""
    texts = list(map(str, items.tolist()))
    return f"[{', '.join(texts[:most] + ['...'] * (len(texts) > most))}]"


def is_own(error: RecbenchError) -> bool:
    """Whether a model has raised this error itself, and so says what it needs or refuses.

    The errors that the core raises begin with the method, or with the model's process.
    """
    methods = ("fit", "score", "recommend", "explain", "attention", "load", "save")
    text = str(error).removeprefix("model: ")  # so the referee begins
    began = text.startswith(("its ", "it ", "the time limit ", "one of its "))
    return not began and text.partition(" ")[0] not in methods

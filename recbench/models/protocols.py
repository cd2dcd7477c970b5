"""Step 3, model: the two things that a recommender must be able to do, and those it may.

And the handle by which the referee holds one, wherever it runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from recbench.data.interactions import Array, Interactions


class Model(Protocol):
    """Learn from sequences. A model has besides `score`, or else `recommend`.

    The factory's keyword parameters are the model's options. `seed` (int) and `device` (str)
    are filled in where it has such parameters and the user did not give them.
    """

    def fit(self, train: Interactions) -> Any:
        """Learn from `train`, whose arrays are read-only, and return self."""


@runtime_checkable
class Scorer(Protocol):
    """A model that gives every item a score."""

    def score(self, history: Interactions) -> npt.ArrayLike:
        """(rows, n_items) numbers, higher is better, all finite; do not mask seen items.

        `history` is a batch of any size. A row's scores must not depend on the rows beside it.
        A user of -1 is somebody who was not in the training data.
        """


@runtime_checkable
class Lister(Protocol):
    """A model that can only give lists."""

    def recommend(self, history: Interactions, k: int) -> npt.ArrayLike:
        """(rows, k) item numbers, best first, without repeats; -1 pads the right.

        Where repeats are merged (the default) the row's own items must be left out.
        """


class Resumable(Protocol):
    """A model whose training goes on after an interruption: its `fit` takes `checkpoint`."""

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> Any:
        """Learn, and leave in the folder `checkpoint` what a later try can go on from.

        The folder is there and belongs to this cell alone: the same data, split, options, source
        and seed, and one try at a time. It is empty at the first try, holds what the model wrote
        there at the next one after a kill, a crash, Ctrl-C or a limit, and is removed once the
        result is stored. None means that nothing can be kept.

        A try may end at any moment: write beside and rename. What is cut short must be left aside,
        and what cannot be written (a full disk) must not end the training. An interrupted training
        should end where one in one go does, random states included. Say on the log that it goes on.
        """


@runtime_checkable
class Storable(Protocol):
    """A model that can be kept: `load` on a fresh one with the same options gives it back."""

    def save(self, folder: Path) -> None:
        """Write what `fit` learned into the folder, which exists and is empty."""

    def load(self, folder: Path) -> Any:
        """Read what `save` wrote and return the model."""


@runtime_checkable
class Explainer(Protocol):
    """A model that can say which events of a history its scores leaned on; it scores or lists."""

    def explain(self, history: Interactions, items: Array) -> npt.ArrayLike:
        """The method used, in one line: people read it under every table and picture.

        `history` is one row with one event at least, `items` (n,) item numbers, each once. Gives
        (n, history.n_interactions) numbers, all finite: how much each event, oldest first, moved
        the score of each item; below 0 it lowered it. An item's numbers must not depend on the
        items beside it, and the same question must have the same answer.
        """


@dataclass(frozen=True)
class FitReport:
    """What is known after a training.

    resumed: whether it went on from what an earlier try had left in its checkpoint.
    n_parameters: how many numbers the model has learned, None where it does not say.
    """

    resumed: bool = False
    n_parameters: int | None = None


class ModelHandle(ABC):
    """A plugin's model as the referee holds it: in this process, or in one of its own.

    Whatever goes wrong in the model, each method raises as a RecbenchError that says so. Answers
    are arrays of numbers; everything else about them is for the referee to check.

    scores: whether the model scores; else it gives lists. storable: whether it can be saved.
    peak_memory: bytes that its process had at most; None until that has ended, or where it has no
        process of its own.
    """

    scores: bool
    storable: bool
    peak_memory: int | None = None

    @abstractmethod
    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train. checkpoint: where one may be kept, as `recbench.models.checkpoint` says."""

    @abstractmethod
    def score(self, history: Interactions) -> Array:
        """What should be (rows, n_items) scores, of a model that scores."""

    @abstractmethod
    def recommend(self, history: Interactions, k: int) -> Array:
        """What should be (rows, k) item numbers, of a model that gives lists."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""

"""Step 3, model: the methods that a recommender must have, and those that are optional.

`ModelHandle` is the core's interface to a model, in this process or in a separate one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from recbench.data.interactions import Array, Interactions
from recbench.models.signatures import ByParameter
from recbench.reported import Receive


@runtime_checkable
class Model(Protocol):
    """A recommender: it has `fit`, and either `score` (`Scorer`) or `recommend` (`Lister`).

    `isinstance(model, recbench.Model)` looks for `fit` only.

    The keyword parameters of its factory are the model's options. If the factory has a parameter
    `seed` (int) or `device` (str), recbench fills it in, unless the user gives a value.

    See Also
    --------
    recbench.testing.check_model : Test that a model meets this contract.

    Examples
    --------
    >>> import numpy as np
    >>> class Popular:
    ...     def fit(self, train):
    ...         self.counts = np.bincount(train.items, minlength=train.n_items)
    ...         return self
    ...
    ...     def score(self, history):
    ...         return np.tile(self.counts, (len(history), 1))
    >>> from recbench.testing import check_model
    >>> check_model(Popular)
    """

    def fit(self, train: Interactions) -> Any:
        """Learn from the training data.

        Parameters
        ----------
        train : Interactions
            The training data. Its arrays are read-only.

        Returns
        -------
        Model
            The model itself.
        """


@runtime_checkable
class Scorer(Protocol):
    """A model that scores every item of the catalogue.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> class Newest:
    ...     def fit(self, train):
    ...         return self
    ...
    ...     def score(self, history):
    ...         return np.tile(np.arange(history.n_items), (len(history), 1))
    >>> isinstance(Newest(), recbench.Scorer)
    True
    """

    def score(self, history: Interactions) -> npt.ArrayLike:
        """Score every item for each history; a higher score is better.

        Do not mask seen items: recbench does so, unless the dataset keeps repeats.

        Parameters
        ----------
        history : Interactions
            A batch of any number of histories. User -1 is not in the dataset, and other users may
            be missing from the training data.

        Returns
        -------
        array_like of shape (len(history), n_items)
            Finite numbers. The scores of a history must not depend on the other histories in the
            batch.
        """


@runtime_checkable
class Lister(Protocol):
    """A model that returns lists of items and has no scores.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> class FirstUnseen:
    ...     def fit(self, train):
    ...         return self
    ...
    ...     def recommend(self, history, k):
    ...         lists = np.full((len(history), k), -1)
    ...         for row, seen in enumerate(history.sequences()):
    ...             unseen = np.setdiff1d(np.arange(history.n_items), seen)[:k]
    ...             lists[row, : len(unseen)] = unseen
    ...         return lists
    >>> isinstance(FirstUnseen(), recbench.Lister)
    True
    """

    def recommend(self, history: Interactions, k: int) -> npt.ArrayLike:
        """Recommend k items for each history, best first.

        Parameters
        ----------
        history : Interactions
            A batch of any number of histories. User -1 is not in the dataset, and other users may
            be missing from the training data.
        k : int
            Number of items per list.

        Returns
        -------
        array_like of int, shape (len(history), k)
            Item numbers, without repeats. A list that is shorter than k ends in -1. Where repeated
            interactions are merged (the default), leave out the items of the history.
        """


@runtime_checkable
class Resumable(Protocol, metaclass=ByParameter):
    """A model whose training can resume after an interruption: its `fit` takes `checkpoint`.

    Examples
    --------
    >>> import recbench
    >>> class Average:
    ...     def fit(self, train, checkpoint=None):
    ...         state = recbench.read_checkpoint(checkpoint)
    ...         self.step = 0 if state is None else int(state)
    ...         while self.step < 100:
    ...             self.step += 1  # a step of training
    ...             if self.step % 20 == 0:
    ...                 recbench.write_checkpoint(checkpoint, str(self.step).encode())
    ...         return self
    >>> Average().fit(None).step
    100
    >>> isinstance(Average(), recbench.Resumable)
    True
    """

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> Any:
        """Learn from the training data, and save the state of the training now and then.

        Parameters
        ----------
        train : Interactions
            The training data. Its arrays are read-only.
        checkpoint : pathlib.Path, default: None
            Existing folder for the state of this training; None if nothing can be saved. It
            belongs to one combination of data, split, model, options, source code and seed, and
            only one process uses it at a time. It is empty at first. After an interruption (kill,
            crash, Ctrl-C, time limit) the next call of `fit` finds what the model wrote there.
            recbench removes it once the result is stored.

        Returns
        -------
        Model
            The model itself.

        Notes
        -----
        The training can be killed at any moment. `recbench.write_checkpoint` keeps the state in
        one file that is always complete, and `recbench.read_checkpoint` returns it only if it is
        unchanged. An interrupted training should end with the same model as one that was not
        interrupted, so save the states of random generators too. Log a line when the training
        resumes.
        """


@runtime_checkable
class Storable(Protocol):
    """A model that can be saved: `load` on a new model with the same options restores it.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> class Popular:
    ...     def save(self, folder):
    ...         np.save(folder / "counts.npy", self.counts)
    ...
    ...     def load(self, folder):
    ...         self.counts = np.load(folder / "counts.npy")
    ...         return self
    >>> isinstance(Popular(), recbench.Storable)
    True
    """

    def save(self, folder: Path) -> None:
        """Write what `fit` has learned.

        Parameters
        ----------
        folder : pathlib.Path
            Existing, empty folder.
        """

    def load(self, folder: Path) -> Any:
        """Read what `save` has written.

        Parameters
        ----------
        folder : pathlib.Path
            Folder that `save` has filled.

        Returns
        -------
        Model
            The model itself.
        """


@runtime_checkable
class Explainer(Protocol):
    """A model that also shows which interactions each score depends on.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> class FollowsLast:
    ...     def explain(self, history, items):
    ...         \"\"\"Count of pairs: only the last interaction matters.\"\"\"
    ...         weights = np.zeros((len(items), history.n_interactions))
    ...         weights[:, -1] = self.counts[history.items[-1], items]
    ...         return weights
    >>> isinstance(FollowsLast(), recbench.Explainer)
    True
    """

    def explain(self, history: Interactions, items: Array) -> npt.ArrayLike:
        """Return how much each interaction moved the score of each item.

        Parameters
        ----------
        history : Interactions
            One history with at least one interaction.
        items : numpy.ndarray of int, shape (n,)
            Item numbers, without repeats.

        Returns
        -------
        array_like of shape (n, history.n_interactions)
            Finite numbers, oldest interaction first; negative where an interaction lowered the
            score. The numbers of an item must not depend on the other items, and the same call
            must return the same numbers.

        Notes
        -----
        The first line of the method's own docstring names the technique. recbench prints it under
        the table and on the picture.
        """


@runtime_checkable
class Attentive(Protocol, metaclass=ByParameter):
    """A model with attention layers whose weights it returns.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> class Average:
    ...     def attention(self, history):
    ...         n = history.n_interactions
    ...         weights = np.tril(np.ones((n, n)))
    ...         return (weights / weights.sum(axis=1, keepdims=True))[None, None]
    >>> isinstance(Average(), recbench.Attentive)
    True
    """

    def attention(self, history: Interactions) -> npt.ArrayLike:
        """Return the attention weights of every layer and head for one history.

        Parameters
        ----------
        history : Interactions
            One history with at least one interaction.

        Returns
        -------
        array_like of float, shape (layers, heads, n, n)
            Entry [l, h, i, j] is how much position i attends to position j, in head h of layer l.
            Positions are the latest n interactions, oldest first; n is at least 1 and at most
            `history.n_interactions`. Each row sums to 1 and no entry is negative. In a causal
            model, entries above the diagonal are 0. The same call must return the same numbers.
        """


@dataclass(frozen=True)
class FitReport:
    """What a training reports.

    resumed: whether training resumed from the checkpoint of an earlier attempt.
    n_parameters: the number of learned parameters; None if the model does not report it.
    seconds: the time inside the model's `fit`; NaN if it is not known.
    returned: the type of what `fit` returned, if that was not the model itself; else "".
    """

    resumed: bool = False
    n_parameters: int | None = None
    seconds: float = math.nan
    returned: str = ""


@dataclass(frozen=True)
class Traits:
    """What a model can do, as its methods show.

    scores: it scores; if not, it returns lists. storable: it can be saved and loaded.
    explains, attends: it has the methods `explain` and `attention`. method: the first line of the
        docstring of `explain`, or "".
    checkpoint: the default of the parameter `checkpoint` of its `fit`, as text; "" without one.
    """

    scores: bool = False
    storable: bool = False
    explains: bool = False
    attends: bool = False
    method: str = ""
    checkpoint: str = ""


class ModelHandle(ABC):
    """The core's interface to a plugin's model, in this process or in a separate one.

    Whatever goes wrong in the model, each method raises a RecbenchError that describes it. Answers
    are numeric arrays; the caller checks everything else about them.

    traits: what the model can do. seconds: the time inside the model's method in the last call.
    reads: the names of the metadata that the model has asked for, such as "titles".
    on_values: receives the values that `fit` reports; what it raises ends the training.
    peak_memory: the most bytes that its process used. None until that process has ended, or if the
        model has no separate process.
    """

    traits: Traits
    seconds: float = math.nan
    peak_memory: int | None = None
    reads: Collection[str] = frozenset()
    on_values: Receive | None = None

    @abstractmethod
    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train. checkpoint: where the state may be saved, as in `recbench.models.checkpoint`."""

    @abstractmethod
    def score(self, history: Interactions) -> Array:
        """Return the model's scores, which should have the shape (rows, n_items)."""

    @abstractmethod
    def top(self, history: Interactions, k: int, *, leave_out: bool) -> Array:
        """Return the k items with the highest scores, and these scores, (2, rows, k) float64.

        Both are those of `recbench.models.best.best_items`. leave_out: whether to leave out the
        items of the histories.
        """

    @abstractmethod
    def recommend(self, history: Interactions, k: int) -> Array:
        """Return the model's lists, which should be item numbers of the shape (rows, k)."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Save the model to a folder."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Load the model from a folder that `save` has filled, instead of training it."""

    @abstractmethod
    def explain(self, history: Interactions, items: Array) -> Array:
        """Return weights, which should have the shape (len(items), history.n_interactions)."""

    @abstractmethod
    def attention(self, history: Interactions) -> Array:
        """Return attention weights, which should have the shape (layers, heads, n, n)."""

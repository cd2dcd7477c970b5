"""Step 2, split: what a model learns from, what it is shown, and what it must predict."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from recbench.arguments import with_names_checked
from recbench.data.arrays import check_range, freeze_arrays, offsets_of
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.load import Data, find_dataset
from recbench.errors import RecbenchError, counted
from recbench.given.splitters import with_splitter
from recbench.guard import guarded
from recbench.plugins import Plugins, current_plugins
from recbench.spec import Spec


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A split: training data, histories and held-out targets. Splitters return it.

    A row of `history` that has at least one target is a case: it is judged.

    Parameters
    ----------
    train : Interactions
        The data that models are trained on.
    history : Interactions
        What models see when they recommend: one row per possible case, oldest item first. A row
        with a target must not be empty.
    targets : numpy.ndarray of shape (n_rows,) or (n_targets,), int32
        Held-out items. Without `offsets`, one per row of `history`, or -1 if the row is not
        judged. With `offsets`, the targets of all rows, row after row.
    times : numpy.ndarray of the same shape as targets, int64, optional
        When each target happened, in the unit of train (`train.time_unit`).
    offsets : numpy.ndarray of shape (n_rows + 1,), int64, optional
        For several targets per row: those of row r are targets[offsets[r]:offsets[r + 1]] and must
        differ. A row without targets is not judged.
    notes : tuple of str, optional
        Which users are not judged or are left out, and why, one sentence each, for table footers.
    ordered : bool, default: True
        Whether the order of a user's interactions decides which of them are targets. False for
        targets that are drawn at random or given.

    Raises
    ------
    ValueError
        If the parts do not fit together, or an array is masked, or holds what is not a number or
        does not fit the type.

    Examples
    --------
    >>> import recbench
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1], items=[0, 1, 2], n_items=4)
    >>> split = recbench.Split(train, history=train, targets=[3, -1])  # user 1 is not judged
    >>> split.judged
    array([0])
    """

    train: Interactions
    history: Interactions
    targets: Array
    times: Array | None = None
    offsets: Array | None = None
    notes: tuple[str, ...] = ()
    ordered: bool = True

    def __post_init__(self) -> None:
        freeze_arrays(self, targets=np.int32, times=np.int64, offsets=np.int64)
        n_rows, n_items = len(self.history), self.train.n_items
        n = n_rows
        if self.offsets is not None:
            n = len(self.targets)
            rises = self.offsets.shape == (n_rows + 1,) and (np.diff(self.offsets) >= 0).all()
            if not rises or self.offsets[0] != 0 or self.offsets[-1] != n:
                raise ValueError(
                    f"offsets must have {n_rows + 1} values and rise from 0 to {n}, the number of "
                    "targets"
                )
        for name in ("targets", "times"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise ValueError(f"{name} has shape {array.shape}; it must be ({n},)")
        if self.history.n_items != n_items:
            raise ValueError(
                f"train has n_items={n_items}, but history has {self.history.n_items}; they must "
                "be equal"
            )
        units = {part.time_unit for part in (self.train, self.history) if part.times is not None}
        if len(units) > 1:
            raise ValueError(
                f"train has times in {self.train.time_unit}, but history in "
                f"{self.history.time_unit}; they must be equal"
            )
        lowest = -1 if self.offsets is None else 0
        check_range("targets", self.targets, lowest, n_items)
        empty = self.judged[self.history.lengths[self.judged] == 0]
        if len(empty):
            raise ValueError(f"row {empty[0]} of history has a target but no items")
        if self.offsets is not None:
            pairs = np.sort(self.target_pairs)
            repeated = pairs[1:][pairs[1:] == pairs[:-1]]
            if len(repeated):
                row = self.judged[repeated[0] // n_items]
                raise ValueError(f"row {row} of history has the same target twice")

    def __repr__(self) -> str:
        return f"Split({counted(len(self.judged), 'case')}, train={self.train!r})"

    @cached_property
    def judged(self) -> Array:
        """Rows of history that have a target (the cases), an int64 array of shape (n_cases,)."""
        if self.offsets is None:
            return np.flatnonzero(self.targets >= 0)
        return np.flatnonzero(np.diff(self.offsets))

    @cached_property
    def judged_targets(self) -> tuple[Array, Array]:
        """Targets of the cases, shape (n_targets,), and their offsets, shape (n_cases + 1,)."""
        if self.offsets is None:
            return self.targets[self.judged], np.arange(len(self.judged) + 1, dtype=np.int64)
        return self.targets, offsets_of(np.diff(self.offsets)[self.judged])

    @property
    def judged_target_times(self) -> Array | None:
        """Times of `judged_targets`, in the unit of train, shape (n_targets,), or None."""
        if self.times is None or self.offsets is not None:
            return self.times
        return self.times[self.judged]

    @property
    def case_of_target(self) -> Array:
        """Case of each of the `judged_targets`, an int64 array of shape (n_targets,)."""
        return np.repeat(
            np.arange(len(self.judged), dtype=np.int64), np.diff(self.judged_targets[1])
        )

    @property
    def target_pairs(self) -> Array:
        """Pairs of case and target as case * n_items + target, int64, shape (n_targets,)."""
        return self.case_of_target * self.train.n_items + self.judged_targets[0]

    def fingerprint(self) -> str:
        """Return a hash of train, history and targets, which identifies the split of a result.

        Returns
        -------
        str
            A sha256 hash (hex). Times of targets and notes do not affect it.

        Examples
        --------
        >>> import recbench
        >>> train = recbench.Interactions.from_log(users=[0, 0], items=[0, 1], n_items=4)
        >>> first, other = (recbench.Split(train, train, [target]) for target in (2, 3))
        >>> first.fingerprint() == other.fingerprint()
        False
        """
        digest = hashlib.sha256(self.train.fingerprint().encode())
        if self.history is not self.train:
            digest.update(self.history.fingerprint().encode())
        digest.update(self.targets.tobytes())
        if self.offsets is not None:
            digest.update(self.offsets.tobytes())
        return digest.hexdigest()


class Splitter(Protocol):
    """A splitter, as the factories of `recbench_splitters` return it.

    It may also have a method `validation_split(interactions) -> Split`, which holds out validation
    targets instead of the targets of `split`, for `recbench tune`. Without it, `split` is applied
    again to the training data.
    """

    def split(self, interactions: Interactions) -> Split:
        """Split all interactions, which have one sequence per user."""
        ...


def make_split(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split]:
    """Split a dataset; return the name of the splitter with its options, and the split.

    Only splitters see the parts of the interactions: train and history have none.
    """
    splitter, name, who = build_splitter(plugins, split)
    made = call_splitter(who, data, "split", splitter.split, data.interactions)
    return name, prepared(made, data)


def build_splitter(plugins: Plugins, split: str) -> tuple[Any, str, str]:
    """Return a splitter, its name with options, and what errors call it."""
    spec = Spec.parse(split)
    offer = plugins.find("splitters", spec.name)
    spec = offer.spec(spec.options)  # the names, if the text has aliases
    splitter = offer.build(spec.options, {})
    who = f"splitter {spec} (plugin {offer.plugin})"
    if not callable(getattr(splitter, "split", None)):
        raise RecbenchError(
            f"{who}: its factory returned {type(splitter).__name__}; it must return an object with "
            "split(interactions)"
        )
    return splitter, str(spec), who


def call_splitter(
    who: str, data: Dataset, method: str, split: Callable[[Interactions], Any], given: Interactions
) -> Split:
    """Call a method of a splitter, and check what it returns."""
    with guarded(who):
        made = split(given)
    if not isinstance(made, Split):
        where = "" if method == "split" else f" from {method}"
        raise RecbenchError(
            f"{who} returned {type(made).__name__}{where}; it must return a recbench.Split"
        )
    own, unit = made.train.time_unit, data.interactions.time_unit
    if own != unit and made.train.times is not None:
        raise RecbenchError(
            f"{who} returned times in {own}, but those of the data are in {unit}; it must make "
            "train with take, cut or keep, which keep the unit"
        )
    return made


def prepared(split: Split, data: Dataset) -> Split:
    """Return the split without parts, and with what is known of users and items."""
    train = history = _described(split.train, data)
    if split.history is not split.train:
        history = _described(split.history, data)
    return dataclasses.replace(split, train=train, history=history)


def _described(part: Interactions, data: Dataset) -> Interactions:
    return data.describe(part if part.parts is None else dataclasses.replace(part, parts=None))


@with_names_checked
def split(
    dataset: Data,
    split: Any = "leave-last-out",
    *,
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Split:
    """Load a dataset and split it, as `recbench.run` does.

    Parameters
    ----------
    dataset : str, path, pandas.DataFrame or Dataset
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, an object with `split`, or a function of (interactions).
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Split
        The training data, the histories and the targets, as numbers of users and items.
        `split.train.item_ids` has the ids of the source.

    Raises
    ------
    UsageError
        If a name or an option is wrong.
    RecbenchError
        If the data cannot be loaded or split.

    Examples
    --------
    >>> import recbench
    >>> parts = recbench.split("synthetic")
    >>> len(parts.judged), parts.train.matrix().shape
    (1000, (1000, 500))
    """
    plugins = current_plugins(plugins)
    plugins, split = with_splitter(plugins, split)
    plugins.check("splitters", Spec.parse(split))
    return make_split(plugins, find_dataset(plugins, dataset, data_dir).load(), split)[1]

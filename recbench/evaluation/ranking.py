"""Step 5, evaluate: the ranks of the targets, with ties, from which metrics are computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import (
    MAX_COUNT,
    as_mask,
    as_rows,
    check_dimensions,
    check_range,
    freeze_arrays,
    offsets_of,
    read_only,
    slices,
)
from recbench.data.interactions import Array, Column
from recbench.data.split import Split
from recbench.evaluation import ties
from recbench.evaluation.facts import Facts, WithFacts

ARRAYS = ("above", "tied", "offsets", "lists", "popularity")
"""The fields of a ranking that are arrays."""


@dataclass(frozen=True, eq=False)
class Ranking(WithFacts):
    """The ranks of the targets of all cases, from which metrics are computed.

    A case is a history with its target or targets. Each target is ranked among the items of the
    catalogue, except those in the history unless the dataset keeps repeats. Its rank is one of
    above + 1, ..., above + tied, all of them equally likely. All arrays are read-only; those that
    their owner could still change are copied.

    Parameters
    ----------
    above : array of shape (n_targets,), int64
        How many items scored higher than each target, case by case.
    tied : array of shape (n_targets,), int64
        How many items have the same score as each target; at least 1, the target itself.
    offsets : array of shape (n_cases + 1,), int64, default: None
        Where the targets of each case start: case c has the targets offsets[c] to
        offsets[c + 1] - 1, at least one. None if each case has one target.
    lists : array of shape (n_cases, depth), int32, default: None
        The recommended items of each case, best first. Equal scores are ordered by item number.
        -1 pads short lists, and keeps the place of a recommended item that the dataset does not
        have, so there may be items after it. None if no lists were stored.
    popularity : array of shape (n_items,), int64, default: None
        How many training interactions each item of the catalogue has.
    facts : object, default: None
        Where `targets`, `histories`, `users`, `train`, `n_ranked`, `n_listed`, `titles`,
        `item_ids`, `item_features` and `user_features` are looked up. The method `of_split` sets
        it.

    Raises
    ------
    ValueError
        If the arrays do not fit together or are masked, or a value is not a number or out of range.

    Examples
    --------
    Two cases with one target each. In the first, no item scores higher than the target. In the
    second, one item scores higher and one other item is tied with the target, so its rank is 2 or
    3:

    >>> import numpy as np
    >>> import recbench
    >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 2]))
    >>> len(ranking)
    2
    >>> ranking.expectation([1, 1]).tolist()  # hit rate at k=2
    [1.0, 0.5]
    """

    above: Array
    tied: Array
    offsets: Array | None = None
    lists: Array | None = None
    popularity: Array | None = None
    facts: Facts | None = None

    def __post_init__(self) -> None:
        freeze_arrays(self, above="i8", tied="i8", offsets="i8", lists="i4", popularity="i8")
        for name in ARRAYS:
            if getattr(self, name) is not None:
                check_dimensions(name, getattr(self, name), 2 if name == "lists" else 1)
        check_range("above", self.above, 0, MAX_COUNT)
        check_range("tied", self.tied, 1, MAX_COUNT)
        n, offsets = len(self.above), self.offsets
        if len(self.tied) != n:
            raise ValueError(f"above has {n} values and tied {len(self.tied)}; they must match")
        if offsets is not None and not (
            len(offsets) and offsets[0] == 0 and offsets[-1] == n and (np.diff(offsets) > 0).all()
        ):
            raise ValueError(f"offsets must start at 0, rise each time, and end at {n} targets")
        if self.lists is not None and len(self.lists) != len(self):
            raise ValueError(f"lists has {len(self.lists)} rows, but there are {len(self)} cases")
        facts = self.facts
        if facts is not None and (len(facts.cases), len(facts.targets)) != (len(self), n):
            raise ValueError(
                f"the split has {len(facts.cases)} cases with {len(facts.targets)} targets, but "
                f"the ranking has {len(self)} with {n}; they must match"
            )

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.above) if self.offsets is None else len(self.offsets) - 1

    @property
    def n_targets(self) -> Array:
        """How many targets each case has: array of shape (n_cases,), int64."""
        if self.offsets is None:
            return np.ones(len(self.above), dtype=np.int64)
        return np.diff(self.offsets)

    @property
    def case_of_target(self) -> Array:
        """The case of each target: array of shape (n_targets,), int64."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.n_targets)

    def sum(self, values: Array) -> Array:
        """Sum one value per target over the targets of each case.

        Parameters
        ----------
        values : array of shape (n_targets,)
            One number per target, case by case.

        Returns
        -------
        numpy.ndarray of shape (n_cases,), float64
            The sum for each case.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> two_and_one = np.array([0, 2, 3])  # two targets, then one
        >>> ranking = recbench.Ranking(np.array([0, 4, 2]), np.ones(3), two_and_one)
        >>> ranking.sum(np.array([0.5, 0.25, 1])).tolist()
        [0.75, 1.0]
        """
        if self.offsets is None:
            return np.asarray(values, dtype=np.float64)
        return np.bincount(self.case_of_target, weights=values, minlength=len(self))

    def expectation(self, gains: npt.ArrayLike) -> Array:
        """Return the expected sum of gains over the targets of each case.

        Use it for metrics that add up a gain per target that depends only on the target's rank,
        such as NDCG and Recall. The result is exact with ties and with several targets.

        Parameters
        ----------
        gains : array_like of shape (k,)
            The gain of a target at rank 1, ..., k. Later ranks have no gain.

        Returns
        -------
        numpy.ndarray of shape (n_cases,), float64
            The sum over the case's targets of the mean gain over the target's possible ranks.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(above=np.array([0, 1, 9]), tied=np.array([1, 2, 1]))
        >>> ranking.expectation([1, 1 / 2, 1 / 4]).tolist()
        [1.0, 0.375, 0.0]
        """
        gains = np.asarray(gains, dtype=np.float64)
        return self.sum(ties.expected_gain(self.above, self.tied, gains))

    def expectation_of_first(self, gains: npt.ArrayLike) -> Array:
        """Return the expected gain of the best-ranked target of each case.

        Use it for metrics that count only the first target found, such as HR and MRR. With one
        target per case it is the same as `expectation`.

        Parameters
        ----------
        gains : array_like of shape (k,)
            The gain of a target at rank 1, ..., k. Later ranks have no gain.

        Returns
        -------
        numpy.ndarray of shape (n_cases,), float64
            The expected gain of the first target.

        Examples
        --------
        A case with targets at ranks 2 and 3:

        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(np.array([1, 2]), np.array([1, 1]), np.array([0, 2]))
        >>> ranking.expectation_of_first([1, 1 / 2, 1 / 3]).tolist()  # reciprocal rank
        [0.5]
        """
        return ties.expected_first_gain(self.blocks, np.asarray(gains, dtype=np.float64))

    def expected_precision(self, k: int) -> Array:
        """Return the expected sum of the precision at the ranks of the targets up to k.

        The precision at rank r is the share of targets among the first r items.

        Parameters
        ----------
        k : int
            Cut-off: targets at later ranks are not counted.

        Returns
        -------
        numpy.ndarray of shape (n_cases,), float64
            The sum for each case, as in average precision before it is normalised.

        Examples
        --------
        A case with targets at ranks 2 and 3, where the precision is 1/2 and 2/3:

        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(np.array([1, 2]), np.array([1, 1]), np.array([0, 2]))
        >>> ranking.expected_precision(10).round(3).tolist()
        [1.167]
        """
        return ties.expected_precision(self.blocks, k, len(self))

    @cached_property
    def blocks(self) -> ties.Blocks:
        """Groups of targets with the same case and score, for metrics that are not sums of gains.

        Arrays of shape (n_blocks,), int64: `cases`, `above`, `tied`, `size` and `before`.
        """
        return ties.blocks_of(self.case_of_target, self.above, self.tied)

    def columns(self) -> dict[str, Column]:
        """Return the ranking as columns with one row per case, as they are stored.

        Returns
        -------
        dict of str to column
            "above", "tied" and, if there are lists, "lists". With several targets per case, a
            column is a pair: the flat numbers and the offsets of the cases.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 2]))
        >>> sorted(ranking.columns())
        ['above', 'tied']
        """
        columns: dict[str, Column] = {"above": self.above, "tied": self.tied}
        if self.offsets is not None:
            columns = {"above": (self.above, self.offsets), "tied": (self.tied, self.offsets)}
        return columns if self.lists is None else {**columns, "lists": self.lists}

    @classmethod
    def of_columns(cls, columns: Mapping[str, Column]) -> Ranking:
        """Return a ranking made from the columns that `columns` returned.

        Parameters
        ----------
        columns : mapping of str to column
            "above", "tied" and perhaps "lists".

        Returns
        -------
        Ranking
            The ranking, without what `of_split` adds, because that is not stored.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 2]))
        >>> recbench.Ranking.of_columns(ranking.columns()).tied.tolist()
        [1, 2]
        """
        above, tied, lists = columns["above"], columns["tied"], columns.get("lists")
        if isinstance(above, tuple):
            return cls(above[0], tied[0], above[1], None if lists is None else np.asarray(lists))
        return cls(above, np.asarray(tied), None, None if lists is None else np.asarray(lists))

    def of_split(
        self, split: Split, n_ranked: Array | None = None, n_listed: Array | None = None
    ) -> Ranking:
        """Return the ranking with all that metrics can look up: targets, histories and so on.

        Parameters
        ----------
        split : Split
            The split whose cases these are, in the order of `split.judged`.
        n_ranked : array of shape (n_cases,), int64, default: None
            Among how many items the targets of each case are ranked. None for the whole catalogue.
        n_listed : array of shape (n_cases,), int64, default: None
            How many of these items the model put in order. None for all of them, or, if a target
            is ranked below the last of them, for as many as `lists` has.

        Returns
        -------
        Ranking
            The same ranks, with the `popularity` of the split's training part.

        Examples
        --------
        >>> import recbench
        >>> train = recbench.Interactions.from_log(users=[0, 0, 1], items=[0, 1, 2], n_items=4)
        >>> split = recbench.Split(train, history=train, targets=[3, -1])
        >>> ranking = recbench.Ranking(above=[0], tied=[1]).of_split(split)
        >>> ranking.targets.tolist(), [items.tolist() for items in ranking.histories.sequences()]
        ([3], [[0, 1]])
        """
        popularity = read_only(split.train.popularity)
        if n_listed is None and self.lists is not None:
            n_listed = np.count_nonzero(self.lists >= 0, axis=1)
        facts = Facts.of(split, n_ranked, n_listed)
        return dataclasses.replace(self, popularity=popularity, facts=facts)

    def take(self, cases: Array) -> Ranking:
        """Return the ranking of some cases, in the given order.

        Parameters
        ----------
        cases : array of shape (n,), int
            Case numbers, from 0 to len(ranking) - 1; a case may occur several times.

        Returns
        -------
        Ranking
            A ranking of n cases.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 2]))
        >>> ranking.take(np.array([1])).above.tolist()
        [1]
        """
        cases = as_rows("cases", cases, len(self))
        lists = None if self.lists is None else read_only(self.lists[cases])
        targets, offsets = cases, None
        if self.offsets is not None:
            counts = self.n_targets[cases]
            targets, offsets = slices(self.offsets[cases], counts), offsets_of(counts)
        above, tied = read_only(self.above[targets]), read_only(self.tied[targets])
        facts = None if self.facts is None else self.facts.take(cases, targets)
        return Ranking(above, tied, offsets, lists, self.popularity, facts)

    def only(self, targets: Array) -> tuple[Ranking, Array]:
        """Return the ranking of some targets only, for example of the popular ones.

        Parameters
        ----------
        targets : array of shape (n_targets,), bool
            Which targets to keep. The others count as ordinary items.

        Returns
        -------
        ranking : Ranking
            The ranking of the cases that still have a target.
        cases : numpy.ndarray of shape (n,), int64
            The numbers of these cases.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 2]))
        >>> second, cases = ranking.only(np.array([False, True]))
        >>> second.above.tolist(), cases.tolist()
        ([1], [1])
        """
        targets = as_mask("targets", targets, len(self.above))
        counts = np.bincount(self.case_of_target[targets], minlength=len(self))
        cases = np.flatnonzero(counts)
        offsets = None if self.offsets is None else offsets_of(counts[cases])
        lists = None if self.lists is None else read_only(self.lists[cases])
        above, tied = read_only(self.above[targets]), read_only(self.tied[targets])
        facts = None if self.facts is None else self.facts.take(cases, targets)
        return Ranking(above, tied, offsets, lists, self.popularity, facts), cases

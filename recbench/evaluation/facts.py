"""Step 5, evaluate: what metrics can look up about the cases of a ranking, besides their ranks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recbench.data.arrays import Array, read_only
from recbench.data.interactions import Interactions
from recbench.data.metadata import Features, Metadata, UnknownFeatureError
from recbench.data.split import Split
from recbench.errors import RecbenchError


@dataclass(frozen=True, eq=False)
class Facts:
    """Which cases and targets of a split a ranking is about.

    cases: (n_cases,) their numbers in `split.judged`. targets: (n_targets,) their numbers in
        `split.judged_targets`.
    ranked: (n_cases,) among how many items the targets of each case are ranked. listed: (n_cases,)
        how many of these the model put in order; the others are below all of them.
    """

    split: Split
    cases: Array
    targets: Array
    ranked: Array
    listed: Array

    @classmethod
    def of(cls, split: Split, ranked: Array | None, listed: Array | None) -> Facts:
        """Return those of all cases of a split; None stands for the whole catalogue."""
        n_cases, n_targets = len(split.judged), len(split.judged_targets[0])
        if ranked is None:
            ranked = np.full(n_cases, split.train.n_items)
        listed = ranked if listed is None else listed
        return cls(split, np.arange(n_cases), np.arange(n_targets), ranked, listed)

    def take(self, cases: Array, targets: Array) -> Facts:
        """Return those of some of the cases and targets."""
        return Facts(
            self.split,
            self.cases[cases],
            self.targets[targets],
            self.ranked[cases],
            self.listed[cases],
        )


def count_ranked(split: Split, *, mask_seen: bool, pool: Array | None = None) -> Array:
    """(n_cases,) int64: among how many items the targets of each case are ranked, them included.

    mask_seen, pool: as in `evaluate`.
    """
    n_items, n_targets = split.train.n_items, np.diff(split.judged_targets[1])
    if pool is not None:
        return read_only(n_targets + pool.shape[1])
    ranked = np.full(len(split.judged), n_items)
    if mask_seen:
        seen = split.history.take(split.judged).pairs()
        place = np.searchsorted(seen, split.target_pairs)
        is_seen = np.append(seen, -1)[place] == split.target_pairs  # such targets are not masked
        ranked -= np.bincount(seen // n_items, minlength=len(ranked))
        ranked += np.bincount(split.case_of_target[is_seen], minlength=len(ranked))
    return read_only(ranked)


class WithFacts:
    """The properties of a ranking that metrics can look up.

    Each is made when it is first used, so it costs nothing otherwise. All are copies.
    """

    facts: Facts | None

    @cached_property
    def targets(self) -> Array:
        """The item number of each target, an int32 array of shape (n_targets,), case by case."""
        known = self._known
        return read_only(known.split.judged_targets[0][known.targets])

    @cached_property
    def users(self) -> Array:
        """The user number of each case, int32, shape (n_cases,); -1 for an unknown user."""
        return read_only(self._known.split.history.users[self._rows])

    @cached_property
    def histories(self) -> Interactions:
        """What the model saw of each case: `Interactions` with one row per case."""
        history = self._known.split.history.take(self._rows)
        return dataclasses.replace(history, metadata=self._metadata)

    @property
    def train(self) -> Interactions:
        """What models learned from: `Interactions` with one row per sequence."""
        return dataclasses.replace(self._known.split.train, metadata=self._metadata)

    @cached_property
    def n_ranked(self) -> Array:
        """Among how many items the targets of each case are ranked, int64, shape (n_cases,).

        The items of the catalogue that the user has not seen, all items if the dataset keeps
        repeats, or the candidates; with the targets in each case.
        """
        return read_only(self._known.ranked.copy())

    @cached_property
    def n_listed(self) -> Array:
        """How many of these items the model put in order, int64, shape (n_cases,).

        All, or those in the lists of a model that returns lists; the others are below.
        """
        return read_only(np.minimum(self._known.listed, self.n_ranked))

    @property
    def item_features(self) -> Features:
        """Features of the items: a mapping from name to array of shape (n_items,).

        Numbers are int64, or float64 with NaN where unknown; texts are strings, "" where unknown.
        Several categories of an item are one string, as in "Action|Comedy". If the dataset does
        not have a feature that a metric asks for, the metric is left out.
        """
        return self._metadata.features("item")

    @property
    def user_features(self) -> Features:
        """Features of the users: a mapping from name to array of shape (n_users,)."""
        return self._metadata.features("user")

    @property
    def titles(self) -> Array:
        """Titles of the items, strings, "" where unknown, shape (n_items,)."""
        return self._described("titles", "titles")

    @property
    def item_ids(self) -> Array:
        """Ids of the items in the source, shape (n_items,)."""
        return self._described("item_ids", "ids of items")

    @property
    def _known(self) -> Facts:
        if self.facts is None:
            raise RecbenchError(
                "this ranking has ranks only. recbench.evaluate and ranking.of_split(split) return "
                "one that knows targets, histories and features"
            )
        return self.facts

    @property
    def _rows(self) -> Array:
        """The row of the split's history that each case is."""
        return self._known.split.judged[self._known.cases]

    @cached_property
    def _metadata(self) -> Metadata:
        metadata = self._known.split.train.metadata or Metadata.of({})
        return Metadata(metadata.names, lambda name: metadata[name].copy())

    def _described(self, name: str, what: str) -> Array:
        array = self._metadata.get(name)
        if array is None:
            raise UnknownFeatureError(f"the dataset has no {what}")
        return array

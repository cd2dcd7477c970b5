"""Step 5, evaluate: rankings that are made up to check metrics, and features for made-up data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import offsets_of
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import Metadata
from recbench.data.split import Split
from recbench.evaluation.measure import copied
from recbench.evaluation.ranking import Ranking

FILMS = {
    "titles": np.array(["Stalker", "Ran", "Alien", "Heat", "Vertigo"], dtype=object),
    "item_features.genres": np.array(["Drama|Sci-Fi", "Drama", "", "Drama|Crime"], dtype=object),
    "item_features.year": np.array([1979.0, 1985, np.nan]),
    "user_features.age": np.array([24, 53, 23]),
    "user_features.gender": np.array(["M", "F"], dtype=object),
    "user_features.occupation": np.array(["writer", "other", "student"], dtype=object),
}
"""Values of the features that MovieLens has."""


def described(log: Interactions, like: Interactions | None) -> Interactions:
    """Return a log with ids, titles and features of users, items and interactions.

    like: where their values come from; they are repeated as often as needed. None for those of
        some films, and numbers as ids.
    """
    if like is None:
        ids = {"user_ids": np.arange(log.n_users), "item_ids": np.arange(log.n_items)}
        metadata, features = Metadata.of({**ids, **FILMS}), {}
    else:
        metadata, features = like.metadata or Metadata.of({}), dict(like.features)

    def load(name: str) -> Array:
        return np.resize(metadata[name], log.n_users if name.startswith("user") else log.n_items)

    return dataclasses.replace(
        log,
        features={name: np.resize(values, log.n_interactions) for name, values in features.items()},
        metadata=Metadata(metadata.names, load),
    )


N_USERS, N_ITEMS = 8, 24
"""The sizes of the data that are made up."""

TARGETS = 22, 23
"""The items that are targets where only ranks differ."""


class MadeUp:
    """Splits that are made up, each only once. data: where their features come from."""

    def __init__(self, data: Interactions | None) -> None:
        self.data = data
        self._splits: dict[tuple[int, tuple[int, ...]], Split] = {}

    @property
    def kind(self) -> Any:
        """What the splits depend on: the features of the data. It can be a key of a dict."""
        if self.data is None:
            return None
        features = {name: values.dtype.str for name, values in self.data.features.items()}
        return self.data.metadata, tuple(sorted(features.items()))

    def examples(self) -> Iterator[tuple[Ranking, int]]:
        """Yield rankings with ties, gaps and several targets, each with cut-offs k.

        Their arrays are copies, as a metric may have written to earlier ones.
        """
        for ranking in self._with_ties:
            own = copied(ranking)
            for k in (1, 5, 100):
                yield own, k

    def split(self, n_cases: int, targets: tuple[int, ...]) -> Split:
        """Return a split whose cases have the same history and these targets."""
        if (n_cases, targets) not in self._splits:
            seen = np.arange(5, 8)
            train = self.log(np.zeros(N_ITEMS), np.arange(N_ITEMS))  # equally popular
            history = self.log(np.repeat(np.arange(n_cases), len(seen)), np.tile(seen, n_cases))
            history = dataclasses.replace(history, users=np.zeros(n_cases), n_users=N_USERS)
            offsets = np.arange(n_cases + 1) * len(targets)
            made = Split(train, history, np.tile(targets, n_cases), offsets=offsets)
            self._splits[n_cases, targets] = made
        return self._splits[n_cases, targets]

    def log(self, users: Array, items: Array) -> Interactions:
        """Return a log with the features of data, in which the two targets are alike."""
        log = Interactions.from_log(
            users,
            items,
            times=np.arange(len(users)),
            ratings=np.full(len(users), 3),
            n_users=max(N_USERS, int(users.max()) + 1),
            n_items=N_ITEMS,
        )
        log = described(log, self.data)
        metadata = log.metadata or Metadata.of({})

        def load(name: str) -> Array:
            values = metadata[name].copy()
            if not name.startswith("user"):
                values[TARGETS[1]] = values[TARGETS[0]]
            return values

        return dataclasses.replace(log, metadata=Metadata(metadata.names, load))

    def ranking(self, above: Array, tied: npt.ArrayLike) -> Ranking:
        """Return a ranking of cases that differ only in ranks; above: (cases, targets)."""
        n_cases, n_targets = above.shape
        offsets = None if n_targets == 1 else np.arange(n_cases + 1) * n_targets
        tied = np.broadcast_to(tied, above.shape).ravel()
        lists = np.tile(np.arange(N_ITEMS, dtype=np.int32), (n_cases, 1))
        split = self.split(n_cases, TARGETS[:n_targets])
        return Ranking(above.ravel(), tied, offsets, lists).of_split(split)

    @cached_property
    def _with_ties(self) -> list[Ranking]:
        """Return rankings with one to three targets per case, and targets in no list.

        Scores have ties. One list is empty, one is short, and two have gaps.
        """
        random = np.random.default_rng(0)
        scores = random.integers(0, 6, (N_USERS, N_ITEMS))
        lists = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
        lists[0], lists[1, 3:] = -1, -1
        lists[2, 0], lists[3, 1:4:2] = -1, -1
        rankings = []
        for n_targets in (np.ones(N_USERS, dtype=np.int64), np.arange(N_USERS) % 3 + 1):
            case, offsets = np.repeat(np.arange(N_USERS), n_targets), offsets_of(n_targets)
            targets = random.permutation(N_ITEMS)[: len(case)]
            target_scores = scores[case, targets][:, None]
            above = (scores[case] > target_scores).sum(axis=1)
            tied = (scores[case] == target_scores).sum(axis=1)
            above[case == 1], tied[case == 1] = np.iinfo(np.int32).max, 1
            users, items = random.integers(0, (N_USERS, N_ITEMS), (200, 2)).T
            users[:N_USERS] = np.arange(N_USERS)  # each has an interaction
            history = self.log(users, items)
            own = offsets if n_targets.max() > 1 else None
            split = Split(history, history, targets, offsets=offsets)
            rankings.append(Ranking(above, tied, own, lists).of_split(split))
        return rankings

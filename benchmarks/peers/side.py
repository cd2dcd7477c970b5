"""What the sides of time_to_quality.py share: command line, data, clock and evaluation."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MAX_JUDGED = 10_000
"""With more users than this, only N_DRAWN of them are judged, the same ones for every side."""
N_DRAWN = 2_000
ROWS = 256
K = 10


class Side:
    """Time and judge the training of one side.

    histories: for each user of the file, all items except the last, oldest first, from 0.
    targets: (users,), the last items, which must not be trained on.
    n_items: size of the catalogue.
    judged: the users that are judged; a user without a history is not.
    """

    def __init__(self, description: str) -> None:
        parser = argparse.ArgumentParser(description=description.splitlines()[0])
        parser.add_argument(
            "data", help="file with one `user item` pair per line, ids from 1, oldest first"
        )
        parser.add_argument(
            "--levels", required=True, help="levels of NDCG@10, such as 0.15,0.17,0.18"
        )
        parser.add_argument(
            "--limit", type=float, required=True, help="maximum seconds of training"
        )
        parser.add_argument(
            "--every", type=float, default=60, help="minimum seconds between two evaluations"
        )
        parser.add_argument("--seed", type=int, default=0, help="random seed")
        options = parser.parse_args()
        self.seed: int = options.seed
        self._highest = max(float(level) for level in options.levels.split(","))
        self._limit, self._every = options.limit, options.every
        # everything that libraries print goes to stderr, including output of C code
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        rows, self.n_items = read(options.data)
        self.histories = [row[:-1] for row in rows]
        self.targets = np.array([row[-1] for row in rows])
        self.judged = np.flatnonzero([len(row) > 0 for row in self.histories])
        if len(self.judged) > MAX_JUDGED:
            rng = np.random.default_rng(0)
            self.judged = np.sort(rng.choice(self.judged, N_DRAWN, replace=False))
        self._seconds = self._trained_from = self._last = self._begun = 0.0
        self._n_interactions = 0

    def begin(self) -> None:
        """Start the clock; everything that the library does from now on counts as training."""
        self._begun = time.perf_counter()

    def begin_epochs(self, n_interactions: int) -> None:
        """Record the start of the first epoch, and the number of targets per epoch."""
        self._n_interactions = n_interactions
        self._trained_from = self._last = self._now()

    def step(self, epochs: float, score: Callable[[Array], Array]) -> None:
        """Judge after a batch if the last time was long ago. epochs: done so far, a fraction."""
        if self._now() - self._last >= min(self._every, self._limit - self._last):
            self.judge(epochs, score)

    def judge(self, epochs: float, score: Callable[[Array], Array]) -> None:
        """Stop the clock, judge and print; exit if a level or the limit is reached.

        score: returns (rows, n_items) for an array of users, -inf for items it does not know.
        """
        self._seconds = self._last = self._now()
        ndcg = self._ndcg(score)
        spent = self._seconds - self._trained_from
        speed = epochs * self._n_interactions / spent if spent > 0 else 0.0
        self._print(
            epoch=round(epochs, 3),
            seconds=round(self._seconds, 3),
            ndcg=ndcg,
            interactions_per_second=round(speed, 1),
            users=len(self.judged),
        )
        if ndcg >= self._highest:
            self._leave("reached")
        if self._seconds >= self._limit:
            self._leave("limit")
        self._begun = time.perf_counter()

    def _now(self) -> float:
        return self._seconds + time.perf_counter() - self._begun

    def _ndcg(self, score: Callable[[Array], Array]) -> float:
        ndcgs = []
        for start in range(0, len(self.judged), ROWS):
            users = self.judged[start : start + ROWS]
            scores = np.array(score(users), dtype=np.float32)
            if scores.shape != (len(users), self.n_items) or np.isnan(scores).any():
                raise ValueError(f"scores have the shape {scores.shape}, or are not all numbers")
            for row, user in enumerate(users):
                scores[row, self.histories[user]] = -np.inf
            ndcgs.append(ndcg(scores, self.targets[users]))
        return float(np.concatenate(ndcgs).mean())

    def _leave(self, done: str) -> NoReturn:
        self._print(done=done)
        sys.exit()

    def _print(self, **line: Any) -> None:
        print(json.dumps(line), file=self._out, flush=True)


def read(path: str) -> tuple[list[Array], int]:
    """Return the items of each user, from 0 and in file order, and the size of the catalogue."""
    users, items = np.loadtxt(path, dtype=np.int64, ndmin=2).T
    order = np.argsort(users, kind="stable")
    _, starts = np.unique(users[order], return_index=True)
    return np.split(items[order] - 1, starts[1:]), int(items.max())


def ndcg(scores: Array, targets: Array) -> Array:
    """Return NDCG@10 (rows,) with one target per row and ties by exact expectation, as recbench.

    A target with the score -inf, which its side does not know, counts as 0.
    """
    own = scores[np.arange(len(targets)), targets][:, None]
    above, tied = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    discounts = 1 / np.log2(np.arange(K) + 2)
    sums = np.array([0.0, *itertools.accumulate(discounts)])
    expected = (sums[np.minimum(above + tied, K)] - sums[np.minimum(above, K)]) / tied
    return np.where(np.isneginf(own[:, 0]), 0, expected)


def latest(histories: list[Array], length: int, *, shift: int = 0, left: bool = False) -> Array:
    """Return the last items (rows, length) of each history plus `shift`, padded with 0."""
    padded = np.zeros((len(histories), length), dtype=np.int64)
    for row, history in zip(padded, histories, strict=True):
        items = history[-length:] + shift
        row[length - len(items) if left else 0 : None if left else len(items)] = items
    return padded

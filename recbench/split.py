"""Step 2, split: what a model may learn from, what it is shown, and what it must find."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .interactions import Array, Interactions


@dataclass(frozen=True, eq=False)
class Split:
    """What a splitter gives.

    train: what `fit` gets.
    history: what `score` gets, one sequence a judged case, oldest first, never empty where judged.
    targets: (rows of history,) int32, the held-out item of each row; -1 where it is not judged.
    times: (rows,) int64 seconds, when each target happened, or None.

    Raises ValueError where these do not fit together.
    """

    train: Interactions
    history: Interactions
    targets: Array
    times: Array | None = None

    def __post_init__(self) -> None:
        rows = len(self.history)
        for name, dtype in (("targets", np.int32), ("times", np.int64)):
            given = getattr(self, name)
            if given is not None:
                array = np.asarray(given, dtype=dtype).view()
                if array.shape != (rows,):
                    raise ValueError(f"{name} has shape {array.shape}, wanted ({rows},)")
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if self.history.n_items != self.train.n_items:
            raise ValueError(
                f"train knows {self.train.n_items} items and history {self.history.n_items}"
            )
        if rows and not -1 <= self.targets.min() <= self.targets.max() < self.train.n_items:
            raise ValueError(f"targets must be in [-1, {self.train.n_items})")
        empty = np.flatnonzero((self.history.lengths == 0) & (self.targets >= 0))
        if len(empty):
            raise ValueError(f"row {empty[0]} is judged but has no history")

    @property
    def judged(self) -> Array:
        """The rows of history that have a target."""
        return np.flatnonzero(self.targets >= 0)

    def fingerprint(self) -> str:
        """sha256 (hex) of all that decides a judgement: train, history and targets."""
        digest = hashlib.sha256(self.train.fingerprint().encode())
        if self.history is not self.train:
            digest.update(self.history.fingerprint().encode())
        digest.update(self.targets.tobytes())
        return digest.hexdigest()


class Splitter(Protocol):
    """What a factory of `recbench_splitters` gives."""

    def split(self, interactions: Interactions) -> Split: ...

"""Step 2, split: what a model may learn from, what it is shown, and what it must find."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions, freeze_arrays, offsets_of
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.plugins import Plugins
from recbench.spec import Spec


@dataclass(frozen=True, eq=False)
class Split:
    """What a splitter gives.

    train: what `fit` gets.
    history: what `score` gets, one sequence a row, oldest first, never empty where judged.
    targets: the held-out items, int32. One a row: (rows of history,), -1 where a row is not
        judged. Several a row: (targets,), row after row, with offsets.
    times: seconds, when each target happened, shaped as targets, or None.
    offsets: (rows + 1,) int64, where targets has several a row: row r must find
        targets[offsets[r]:offsets[r + 1]], all different; without any it is not judged.
    notes: who is not judged or left out and why, one sentence each, for people.

    Raises ValueError where these do not fit together.
    """

    train: Interactions
    history: Interactions
    targets: Array
    times: Array | None = None
    offsets: Array | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze_arrays(self, targets=np.int32, times=np.int64, offsets=np.int64)
        n_rows, n_items = len(self.history), self.train.n_items
        n = n_rows
        if self.offsets is not None:
            n = len(self.targets)
            rises = self.offsets.shape == (n_rows + 1,) and (np.diff(self.offsets) >= 0).all()
            if not rises or self.offsets[0] != 0 or self.offsets[-1] != n:
                raise ValueError(f"offsets must rise from 0 to {n}, the targets, in {n_rows} steps")
        for name in ("targets", "times"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise ValueError(f"{name} has shape {array.shape}, wanted ({n},)")
        if self.history.n_items != n_items:
            raise ValueError(f"train knows {n_items} items and history {self.history.n_items}")
        lowest = -1 if self.offsets is None else 0
        if n and not lowest <= self.targets.min() <= self.targets.max() < n_items:
            raise ValueError(f"targets must be in [{lowest}, {n_items})")
        empty = self.judged[self.history.lengths[self.judged] == 0]
        if len(empty):
            raise ValueError(f"row {empty[0]} is judged but has no history")
        if self.offsets is not None:
            pairs = np.sort(self.target_pairs)
            repeated = pairs[1:][pairs[1:] == pairs[:-1]]
            if len(repeated):
                row = self.judged[repeated[0] // n_items]
                raise ValueError(f"row {row} has the same target twice")

    @cached_property
    def judged(self) -> Array:
        """(cases,) int64: the rows of history that have a target, which are the cases."""
        if self.offsets is None:
            return np.flatnonzero(self.targets >= 0)
        return np.flatnonzero(np.diff(self.offsets))

    @cached_property
    def judged_targets(self) -> tuple[Array, Array]:
        """The targets of the cases, (targets,), and where each case's begin, (cases + 1,)."""
        if self.offsets is None:
            return self.targets[self.judged], np.arange(len(self.judged) + 1, dtype=np.int64)
        return self.targets, offsets_of(np.diff(self.offsets)[self.judged])

    @property
    def judged_target_times(self) -> Array | None:
        """When each of the `judged_targets` happened, (targets,) seconds, or None."""
        if self.times is None or self.offsets is not None:
            return self.times
        return self.times[self.judged]

    @property
    def case_of_target(self) -> Array:
        """(targets,) int64: which case each of the `judged_targets` is of."""
        return np.repeat(
            np.arange(len(self.judged), dtype=np.int64), np.diff(self.judged_targets[1])
        )

    @property
    def target_pairs(self) -> Array:
        """Every (case, target) there is, as case * n_items + target: (targets,) int64."""
        return self.case_of_target * self.train.n_items + self.judged_targets[0]

    def fingerprint(self) -> str:
        """sha256 (hex) of all that decides a judgement: train, history and targets."""
        digest = hashlib.sha256(self.train.fingerprint().encode())
        if self.history is not self.train:
            digest.update(self.history.fingerprint().encode())
        digest.update(self.targets.tobytes())
        if self.offsets is not None:
            digest.update(self.offsets.tobytes())
        return digest.hexdigest()


class Splitter(Protocol):
    """What a factory of `recbench_splitters` gives."""

    def split(self, interactions: Interactions) -> Split: ...


def make_split(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split]:
    """How the splitter is called, with its options, and what it gives."""
    spec = Spec.parse(split)
    splitter = plugins.build("splitters", spec)
    try:
        made = splitter.split(data.interactions)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        plugin = plugins.find("splitters", spec.name).plugin
        raise RecbenchError(
            f"splitter {spec} (plugin {plugin}) failed: {describe_error(error)}"
        ) from error
    if not isinstance(made, Split):
        raise RecbenchError(f"splitter {spec} gave {type(made).__name__}, wanted a Split")
    return str(spec), made


def parse_split_names(text: str) -> list[str]:
    """`leave-last-out,temporal:share=0.8,targets=all` as the splits that it names."""
    names = re.split(r",(?=\s*[A-Za-z_])(?!\s*\w+=)", text)
    return [name.strip() for name in names if name.strip()]

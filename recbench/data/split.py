"""Step 2, split: what a model may learn from, what it is shown, and what it must find."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions, offsets_of
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.plugins import Plugins
from recbench.spec import Spec


@dataclass(frozen=True, eq=False)
class Split:
    """What a splitter gives.

    train: what `fit` gets.
    history: what `score` gets, one sequence a judged case, oldest first, never empty where judged.
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
        rows = len(self.history)
        for name, dtype in (("targets", np.int32), ("times", np.int64), ("offsets", np.int64)):
            given = getattr(self, name)
            if given is not None:
                array = np.asarray(given, dtype=dtype).view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        n = rows
        if self.offsets is not None:
            shape, n = self.offsets.shape, len(self.targets)
            rises = shape == (rows + 1,) and (np.diff(self.offsets) >= 0).all()
            if not rises or self.offsets[0] != 0 or self.offsets[-1] != n:
                raise ValueError(f"offsets must rise from 0 to {n}, the targets, in {rows} steps")
        for name in ("targets", "times"):
            column = getattr(self, name)
            if column is not None and column.shape != (n,):
                raise ValueError(f"{name} has shape {column.shape}, wanted ({n},)")
        if self.history.n_items != self.train.n_items:
            raise ValueError(
                f"train knows {self.train.n_items} items and history {self.history.n_items}"
            )
        lowest = -1 if self.offsets is None else 0
        if n and not lowest <= self.targets.min() <= self.targets.max() < self.train.n_items:
            raise ValueError(f"targets must be in [{lowest}, {self.train.n_items})")
        empty = self.judged[self.history.lengths[self.judged] == 0]
        if len(empty):
            raise ValueError(f"row {empty[0]} is judged but has no history")
        items, offsets = self.judged_targets
        row = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))
        pairs = np.sort(row * self.train.n_items + items)
        if self.offsets is not None and (pairs[1:] == pairs[:-1]).any():
            again = pairs[1:][pairs[1:] == pairs[:-1]][0] // self.train.n_items
            raise ValueError(f"row {self.judged[again]} has the same target twice")

    @cached_property
    def judged(self) -> Array:
        """The rows of history that have a target."""
        if self.offsets is None:
            return np.flatnonzero(self.targets >= 0)
        return np.flatnonzero(np.diff(self.offsets))

    @cached_property
    def judged_targets(self) -> tuple[Array, Array]:
        """The targets of the judged rows, (targets,), and where each row's begin, (judged + 1,)."""
        if self.offsets is None:
            return self.targets[self.judged], np.arange(len(self.judged) + 1, dtype=np.int64)
        return self.targets, offsets_of(np.diff(self.offsets)[self.judged])

    @property
    def judged_target_times(self) -> Array | None:
        """When each of the `wanted` targets happened, (targets,) seconds, or None."""
        if self.times is None or self.offsets is not None:
            return self.times
        return self.times[self.judged]

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


def split_of(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split]:
    """How the splitter is called, with its options, and what it gives."""
    spec = Spec.parse(split)
    splitter = plugins.build("splitters", spec)
    try:
        parts = splitter.split(data.interactions)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        plugin = plugins.find("splitters", spec.name).plugin
        raise RecbenchError(
            f"splitter {spec} (plugin {plugin}) failed: {describe_error(error)}"
        ) from error
    if not isinstance(parts, Split):
        raise RecbenchError(f"splitter {spec} gave {type(parts).__name__}, wanted a Split")
    return str(spec), parts


def split_names(text: str) -> list[str]:
    """`leave-last-out,temporal:share=0.8,targets=all` as the splits that it names."""
    return [one.strip() for one in re.split(r",(?=\s*[A-Za-z_])(?!\s*\w+=)", text) if one.strip()]

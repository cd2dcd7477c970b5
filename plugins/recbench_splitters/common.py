"""What several splitters use: units of times, distinct items, and notes on users."""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Unit of times -> how many of it are a second."""


def distinct_items(interactions: recbench.Interactions) -> recbench.Interactions:
    """Keep the first interaction with each item in each sequence."""
    rows = np.arange(len(interactions), dtype=np.int64)
    pairs = np.repeat(rows, interactions.lengths) * interactions.n_items + interactions.items
    is_first = np.zeros(len(pairs), dtype=bool)
    is_first[np.unique(pairs, return_index=True)[1]] = True
    return interactions.keep(is_first)


def note_on_users(users: npt.NDArray[Any], which: str, outcome: str) -> tuple[str, ...]:
    """Return a note such as `12 users with a single interaction are not judged`, or none.

    users: one bool per user. which, outcome: the text after "users", and after "are".
    """
    n = int(np.count_nonzero(users))
    if not n:
        return ()
    return (f"1 user {which} is {outcome}" if n == 1 else f"{n:,} users {which} are {outcome}",)

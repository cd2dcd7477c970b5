"""What splitters share: several targets a case, and the words for who is not judged."""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench


def distinct_items(interactions: recbench.Interactions) -> recbench.Interactions:
    """Each sequence's items once, at the first interaction with the item."""
    rows = np.arange(len(interactions), dtype=np.int64)
    pairs = np.repeat(rows, interactions.lengths) * interactions.n_items + interactions.items
    is_first = np.zeros(len(pairs), dtype=bool)
    is_first[np.unique(pairs, return_index=True)[1]] = True
    return interactions.keep(is_first)


def note_on_users(users: npt.NDArray[Any], which: str, outcome: str) -> tuple[str, ...]:
    """`12 users with a single event are not judged`, say, or nothing where there are none.

    users: a truth value for each. which, outcome: the words after their number, and after "are".
    """
    n = int(np.count_nonzero(users))
    if not n:
        return ()
    return (f"1 user {which} is {outcome}" if n == 1 else f"{n:,} users {which} are {outcome}",)

"""What splitters share: several targets a row, and the words for who is not judged."""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench


def distinct(rows: recbench.Interactions) -> recbench.Interactions:
    """Each row's items once, at the first event with the item."""
    row = np.repeat(np.arange(len(rows), dtype=np.int64), rows.lengths)
    first = np.zeros(rows.n_interactions, dtype=bool)
    first[np.unique(row * rows.n_items + rows.items, return_index=True)[1]] = True
    return rows.keep(first)


def note(users: npt.NDArray[Any], who: str, what: str) -> tuple[str, ...]:
    """`12 users with a single event are not judged`, say, or nothing where there are none.

    users: a truth value for each. who, what: the words after their number, and after "are".
    """
    n = int(np.count_nonzero(users))
    if not n:
        return ()
    return (f"1 user {who} is {what}" if n == 1 else f"{n:,} users {who} are {what}",)

"""Refuse a catalogue whose square does not fit in memory, before anything is allocated."""

import recbench

OVERHEAD = 100_000_000
"""Memory that `fit` needs for any catalogue, in bytes: a block of counts, and libraries."""


def require_memory(model: str, n_items: int, bytes_per_pair: int) -> None:
    """Raise RecbenchError if a model needs more memory than there is.

    bytes_per_pair: what it needs for each pair of items, in bytes.
    """
    needed, free = n_items**2 * bytes_per_pair + OVERHEAD, recbench.free_memory()
    if needed > free:
        raise recbench.RecbenchError(
            f"{model} needs {needed / 1e9:,.1f} GB for the square of {n_items:,} items, but "
            f"{free / 1e9:,.1f} GB are available. Leave out rare items with the option "
            "min_item_interactions= of the dataset, or use item-knn"
        )

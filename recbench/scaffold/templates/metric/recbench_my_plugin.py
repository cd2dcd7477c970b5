"""How many targets are found, and how near the top they are."""

import numpy as np

import recbench


def my_plugin(ranking, k, steepness: float = 0.5):
    """Share of the targets that are found, where lower ranks count less.

    A target at rank r counts 1 / r**steepness if r <= k, and 0 otherwise.

    Parameters
    ----------
    steepness : float, default: 0.5
        How much less lower ranks count. With 0, all ranks up to k count the same.
    """
    if steepness < 0:
        raise recbench.UsageError(f"metric my-plugin: steepness={steepness} must not be negative")
    gains = np.arange(1, k + 1) ** -float(steepness)
    return ranking.expectation(gains) / ranking.n_targets


my_plugin.bounds = (0, 1)


@recbench.hookimpl
def recbench_metrics():
    return {"my-plugin": my_plugin}

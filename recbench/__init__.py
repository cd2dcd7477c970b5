"""Compare recommenders under one referee that cannot be fooled.

    results = recbench.run(["transformer", "popular"], dataset="ml-100k", ks=(3, 5, 10))
    results.to_frame()

A plugin needs nothing but the names below.
"""

from .dataset import Dataset
from .errors import RecbenchError, UsageError
from .hookspecs import hookimpl
from .interactions import Interactions
from .metric import Ranking
from .progress import Progress
from .split import Split

__all__ = [
    "Dataset",
    "Interactions",
    "Progress",
    "Ranking",
    "RecbenchError",
    "Split",
    "UsageError",
    "hookimpl",
]

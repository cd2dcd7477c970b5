"""Compare recommenders under one referee that cannot be fooled.

    results = recbench.run(["transformer", "popular"], dataset="ml-100k", ks=(3, 5, 10))
    results.to_frame()

A plugin needs nothing but the names below, and `recbench.testing` to test itself.
"""

from .compare import Comparison, compare
from .dataset import Dataset
from .errors import RecbenchError, UsageError
from .explanation import Explanation, explain
from .hookspecs import hookimpl
from .interactions import Interactions
from .load import load_dataset
from .metric import Ranking
from .plugins import load_plugins
from .progress import Progress
from .recommend import Recommendation, recommend
from .referee import evaluate
from .result import Result, Value
from .results import Results
from .row import Row
from .run import run
from .section import Section
from .split import Split
from .store import Store

__all__ = [
    "Comparison",
    "Dataset",
    "Explanation",
    "Interactions",
    "Progress",
    "Ranking",
    "RecbenchError",
    "Recommendation",
    "Result",
    "Results",
    "Row",
    "Section",
    "Split",
    "Store",
    "UsageError",
    "Value",
    "compare",
    "evaluate",
    "explain",
    "hookimpl",
    "load_dataset",
    "load_plugins",
    "recommend",
    "run",
]

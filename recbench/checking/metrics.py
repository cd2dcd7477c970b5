"""Outside the flow: the contract of metrics, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from recbench.checking.rule import NotRunError, Rule
from recbench.data.metadata import UnknownFeatureError
from recbench.evaluation import contract
from recbench.evaluation.made_up import MadeUp
from recbench.evaluation.measure import Metric


class Measured:
    """A metric, and the rankings that are made up to check it."""

    def __init__(self, metric: Metric) -> None:
        self.metric, self.made = metric, MadeUp(None)


def _check(check: Callable[[Metric, MadeUp], str], measured: Measured) -> str:
    try:
        return check(measured.metric, measured.made)
    except UnknownFeatureError as error:
        raise NotRunError(
            f"{error}; check it with recbench.testing.check_metric(..., data=...)"
        ) from error


RULES = tuple(
    Rule(
        name,
        partial(_check, check),
        owns=(contract.CHANGES,) if check is contract.leaves_ranking else (),
        needed=check in contract.NEEDED,
    )
    for name, check in contract.RULES
)
"""What `recbench.testing.check_metric` checks."""

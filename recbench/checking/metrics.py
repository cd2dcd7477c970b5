"""Outside the flow: the contract of metrics, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from recbench.checking.rule import NotRunError, Rule
from recbench.data.interactions import Interactions
from recbench.data.metadata import UnknownFeatureError
from recbench.evaluation import contract
from recbench.evaluation.made_up import MadeUp
from recbench.evaluation.measure import Metric


class Measured:
    """A metric, and the rankings that are made up to check it."""

    def __init__(self, metric: Metric, data: Interactions | None = None) -> None:
        self.metric, self.made = metric, MadeUp(data)


def _check(check: Callable[[Metric, MadeUp], str], measured: Measured) -> str:
    try:
        return check(measured.metric, measured.made)
    except UnknownFeatureError as error:
        raise NotRunError(
            f"{error}; check it with recbench.testing.check_metric(..., data=...)"
        ) from error


_BY_CHECK = {
    check: Rule(
        name,
        partial(_check, check),
        owns=(contract.CHANGES,) if check is contract.leaves_ranking else (),
        needed=check in contract.NEEDED,
    )
    for name, check in contract.RULES
}
RULES, TIES = tuple(_BY_CHECK.values()), _BY_CHECK[contract.check_ties_of]
"""What `recbench.testing.check_metric` and `check_ties` check."""

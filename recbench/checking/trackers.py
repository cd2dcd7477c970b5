"""Outside the flow: the contract of trackers, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recbench.checking import made_results
from recbench.checking.rule import Rule
from recbench.code.raised import describe_raised, require
from recbench.results.result import Result

Tracker = Callable[..., Any]


def _call(tracker: Tracker, result: Result, what: str) -> Any:
    try:
        return tracker(result=result)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit
        raise AssertionError(
            f"a tracker must not fail, but for {what} it raised {describe_raised(error)}"
        ) from error


def takes_ok(tracker: Tracker) -> str:
    """A tracker accepts the result of a model that ran."""
    for seed in (None, 0, 1):
        _call(tracker, made_results.made("popular", seed), "a model that ran")
    return "with and without a seed"


def takes_failed(tracker: Tracker) -> str:
    """A tracker accepts the result of a model that failed, whose values are NaN."""
    _call(tracker, made_results.failed("broken", 0), "a model that failed")
    return ""


def takes_odd(tracker: Tracker) -> str:
    """A tracker takes a result whose options have odd characters."""
    _call(tracker, made_results.made(made_results.ODD), f"the model {made_results.ODD}")
    return made_results.ODD


def leaves_result(tracker: Tracker) -> str:
    """The result stays as it is."""
    for result in (made_results.made("popular"), made_results.failed("broken", 0)):
        before = repr(vars(result))
        try:
            tracker(result=result)
        except Exception:  # noqa: S112  the rules above tell
            continue
        changed = [
            name for name, value in vars(result).items() if f"{name!r}: {value!r}" not in before
        ]
        require(
            repr(vars(result)) == before,
            f"a tracker must not change the result, but it changes {', '.join(changed)}",
        )
    return ""


def returns_nothing(tracker: Tracker) -> str:
    """A tracker returns nothing."""
    returned = _call(tracker, made_results.made("popular"), "a model that ran")
    require(
        returned is None,
        "a tracker must return nothing, but it returned an object of type "
        f"{type(returned).__name__}",
    )
    return ""


RULES = (
    Rule("accepts the result of a model that ran", takes_ok),
    Rule("accepts the result of a model that failed", takes_failed),
    Rule("accepts unusual characters in options", takes_odd),
    Rule("the result stays unchanged", leaves_result),
    Rule("returns nothing", returns_nothing),
)
"""What `recbench.testing.check_tracker` checks."""

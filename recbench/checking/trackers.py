"""Outside the flow: the contract of trackers, rule by rule."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pluggy

from recbench import hookspecs
from recbench.checking import made_results
from recbench.checking.rule import NotApplicableError, Rule
from recbench.code.raised import describe_raised, require
from recbench.offers import EVENTS, check_events
from recbench.results.result import Result
from recbench.results.results import Results
from recbench.spec import signature

PROGRESS, FINISHED, ALL = EVENTS
"""The events in their order."""

CURVES = {
    "loss": ((1, 0.1, 0.7), (2, 0.2, 0.5)),
    "validation": ((1, 0.1, 0.1), (2, 0.2, 0.2)),
}
"""What a model has reported while it trained."""

ODD_VALUES = {"a|b&c<d>": 1.0, "日本 %$#_*": -1e300, "nan": math.nan, "inf": -math.inf}
"""Values with unusual names, and numbers that are not finite."""


SITUATIONS = (
    *("two datasets", "only models that failed", "options with unusual characters", "no result"),
)
"""Which made-up results a run ends with."""


class Tracking:
    """A tracker that is checked, and what it did in the calls so far.

    make: returns an object with event hooks, perhaps a new one. changed: what it has changed.
    returned: the types of what it has returned.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.changed: list[str] = []
        self.returned: list[str] = []

    def begin(self) -> Run:
        """Make the tracker for another run. Raises RecbenchError if it has no event hooks."""
        made, manager = self._make(), pluggy.PluginManager("recbench")
        manager.add_hookspecs(hookspecs)
        manager.register(made)
        check_events(manager, made)
        hooks = {
            event: hook for event in EVENTS for hook in getattr(manager.hook, event).get_hookimpls()
        }
        require(
            hooks,
            f"a tracker must have {', '.join(EVENTS)} or some of them, marked with "
            "@recbench.hookimpl",
        )
        return Run(self, hooks)


class Run:
    """A tracker during one run. hooks: event -> its hook, for the events that it has."""

    def __init__(self, tracking: Tracking, hooks: Mapping[str, pluggy.HookImpl]) -> None:
        self._tracking, self.hooks = tracking, hooks

    def progress(self, cell: Result, step: int, values: Mapping[str, float], what: str) -> None:
        """Tell of values that a model reports."""
        self._call(PROGRESS, what, cell=cell, step=step, values=dict(values))

    def finished(self, result: Result, what: str) -> None:
        """Tell of a new result."""
        self._call(FINISHED, what, result=result)

    def all_finished(self, results: Results, what: str) -> None:
        """Tell of the end of the run."""
        self._call(ALL, what, results=results)

    def _call(self, event: str, what: str, **given: Any) -> None:
        if event not in self.hooks:
            return
        hook, before = self.hooks[event], _contents(given)
        try:
            returned = hook.function(**{name: given[name] for name in hook.argnames})
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit
            raise AssertionError(
                f"a tracker must not fail, but for {what} {event} raised {describe_raised(error)}"
            ) from error
        finally:
            after = _contents(given)
            changed = [name for name in before if before[name] != after.get(name)]
            self._tracking.changed += [f"{event} changes {name}" for name in changed]
        if returned is not None:
            self._tracking.returned.append(f"{event} returned an object of type {_type(returned)}")


def _contents(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of what a hook is called with -> their content as text."""
    found: dict[str, str] = {}
    for argument, value in given.items():
        if argument == "results":
            found[argument] = repr([vars(result) for result in value])
        elif isinstance(value, Result):
            parts = vars(value).items()
            found.update({f"{argument}.{name}": repr(part) for name, part in parts})
        else:
            found[argument] = repr(value)
    return found


def _type(value: Any) -> str:
    return type(value).__name__


def has_events(tracking: Tracking) -> str:
    """A tracker can be made, and has hooks for events."""
    return ", ".join(tracking.begin().hooks)


def takes_ok(tracking: Tracking) -> str:
    """A tracker accepts the results of models that ran, whether or not they reported values."""
    run, what = tracking.begin(), "a model that ran"
    for seed in (None, 0, 1):
        result = made_results.made("popular", seed)
        run.finished(dataclasses.replace(result, curves=CURVES if seed else {}), what)
    return "with and without a seed and learning curves"


def takes_failed(tracking: Tracking) -> str:
    """A tracker accepts the result of a model that failed, whose values are NaN."""
    tracking.begin().finished(made_results.failed("broken", 0), "a model that failed")
    return ""


def takes_odd(tracking: Tracking) -> str:
    """A tracker takes a result whose options have odd characters."""
    run, what = tracking.begin(), f"the model {made_results.ODD}"
    run.progress(made_results.cell(made_results.ODD), 1, ODD_VALUES, what)
    run.finished(made_results.made(made_results.ODD), what)
    return made_results.ODD


def takes_progress(tracking: Tracking) -> str:
    """A tracker takes values of models that train, one after the other and side by side."""
    run, what = tracking.begin(), "values of a model that trains"
    if PROGRESS not in run.hooks:
        raise NotApplicableError(f"it has no {PROGRESS}")
    for step in (0, 1, 2, 2):  # the values of a step can come in several calls
        for seed in (0, 1):
            run.progress(made_results.cell("mine", seed), step, {"loss": 1 / (step + 1)}, what)
    run.progress(made_results.cell("mine", 0), 2**31 - 1, {"validation": math.nan}, what)
    run.progress(made_results.cell("mine", 1), 3, {}, what)
    run.finished(made_results.made("mine", 1), what)
    run.finished(made_results.failed("mine", 0), what)
    return "side by side, and of a model that fails"


def takes_all(tracking: Tracking) -> str:
    """A tracker takes the results of a run, also of one that was interrupted."""
    if ALL not in tracking.begin().hooks:
        raise NotApplicableError(f"it has no {ALL}")
    situations = made_results.situations()
    for what in SITUATIONS:
        run = tracking.begin()
        run.progress(made_results.cell("mine", 7), 1, {"loss": 0.5}, what)  # it never finishes
        run.all_finished(situations[what], what)
    return ", ".join(SITUATIONS)


def leaves_results(tracking: Tracking) -> str:
    """What a tracker gets stays as it is."""
    require(
        not tracking.changed,
        f"a tracker must not change what it gets, but {_first(tracking.changed)}",
    )
    return ""


def returns_nothing(tracking: Tracking) -> str:
    """A tracker returns nothing."""
    require(
        not tracking.returned,
        f"a tracker must return nothing, but {_first(tracking.returned)}",
    )
    return ""


def _first(texts: Sequence[str]) -> str:
    return texts[0] if texts else ""


def is_event(given: Any) -> bool:
    """Whether a function is the hook of an event, and not a factory."""
    names = set(signature(given))
    known = [set(parameters) for parameters in EVENTS.values()]
    return inspect.isroutine(given) and bool(names) and any(names <= each for each in known)


def hooked(given: Callable[..., Any]) -> types.SimpleNamespace:
    """Return an object with a function as its hook for the event that has its parameters."""
    names = set(signature(given))
    event = next(event for event in EVENTS if names <= set(EVENTS[event]))

    @hookspecs.hookimpl
    @functools.wraps(given)
    def hook(**arguments: Any) -> Any:
        return given(**arguments)

    return types.SimpleNamespace(**{event: hook})


RULES = (
    Rule("has hooks for events", has_events, needed=True),
    Rule("accepts the results of models that ran", takes_ok),
    Rule("accepts the result of a model that failed", takes_failed),
    Rule("accepts unusual characters in options", takes_odd),
    Rule("accepts the values of models that train", takes_progress),
    Rule("accepts the results of a run", takes_all),
    Rule("what it gets stays unchanged", leaves_results),
    Rule("returns nothing", returns_nothing),
)
"""What `recbench.testing.check_tracker` checks."""

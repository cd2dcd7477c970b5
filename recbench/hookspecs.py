"""All that a plugin may give: six hooks. A plugin implements those it needs.

A plugin is a module, named by an entry point of the group `recbench`, with functions that are
marked `@recbench.hookimpl` and bear the names below. The first five return a mapping: the key is
the name that users type, the value is called to make the thing, its keyword parameters are the
options (`name:option=value`), and its docstring's first line is the summary in listings. Return
names and callables only: importing torch or reading files belongs inside the callables, because
all hooks are asked whenever a name is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("recbench")
hookimpl = pluggy.HookimplMarker("recbench")


@hookspec
def recbench_datasets() -> Mapping[str, Callable[..., Any]]:
    """Name -> factory giving a `Dataset`: the whole log, in order, nothing dropped."""
    return {}


@hookspec
def recbench_splitters() -> Mapping[str, Callable[..., Any]]:
    """Name -> factory giving a splitter: `split(interactions: Interactions) -> Split`."""
    return {}


@hookspec
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    """Name -> factory giving a model: `fit(train)`, and `score(history)` or `recommend`.

    `fit(train: Interactions) -> Self`.
    `score(history: Interactions) -> array (len(history), n_items)`, finite, higher is better.
    `recommend(history: Interactions, k: int) -> int array (len(history), k)`: item numbers, best
    first, -1 where there is no more.
    """
    return {}


@hookspec
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    """Name -> function of (ranking, k) giving one value a judged case, higher is better.

    `metric(ranking: Ranking, k: int) -> float array (len(ranking),)`, finite; or one number for
    all of them together.
    """
    return {}


@hookspec
def recbench_tables() -> Mapping[str, Callable[..., str]]:
    """Name -> function of results giving text: `table(results: Results) -> str`."""
    return {}


@hookspec
def recbench_run_finished(result: Any) -> None:
    """One cell has been judged and stored, or has failed: an event, for trackers.

    result: a `Result`.
    """

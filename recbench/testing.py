"""For plugin authors: checks of the contracts of the hooks, to be called from tests.

    from recbench.testing import check_model

    def test_contract():
        check_model(FollowsLast)

Each check raises an AssertionError that names the broken rule, or the plugin's own error. All
built-in plugins pass these checks. `recbench plugin check NAME` and `recbench.check_plugin` check
the same rules and more, and report all of them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recbench.checking import datasets, executors, metrics, models, splitters, tables, trackers
from recbench.checking.logs import example
from recbench.checking.plugin import LIMIT
from recbench.checking.rule import enforce
from recbench.checking.subject import Subject
from recbench.data.interactions import Interactions
from recbench.data.metadata import UnknownFeatureError
from recbench.errors import RecbenchError, UsageError
from recbench.evaluation.measure import Metric
from recbench.models.in_process import InProcessModel, check_methods, naming
from recbench.models.protocols import ModelHandle
from recbench.offers import EVENTS
from recbench.spec import Spec, needed, parameters, read_options

__all__ = [
    "check_dataset",
    "check_executor",
    "check_metric",
    "check_model",
    "check_splitter",
    "check_table",
    "check_ties",
    "check_tracker",
    "example",
]


def check_model(
    factory: Callable[..., Any], data: Interactions | None = None, **options: Any
) -> None:
    """Check that a model meets the contract of `recbench_models`, on small data.

    It checks that `fit` returns the model and does not change its data; that answers are valid for
    ordinary, empty and long histories, a single item and unknown users; that they do not depend on
    the batch, the order of users or earlier calls; that the same seed and data give the
    same model; and that it also works, or says what it needs, without ids, titles and features. If
    the model has `save` and `load`, `explain`, `attention`, a `checkpoint` in `fit` or a
    `search_space`, it checks these too.

    Parameters
    ----------
    factory : callable
        The value that the hook returns for the model's name: a class or a function.
    data : Interactions, default: None
        Interactions whose features the small data get, for a model that needs features. By default,
        these are the features of MovieLens.
    **options : object
        Options of the model, for example to make it smaller and faster.

    Raises
    ------
    AssertionError
        If the model breaks a rule. The text names the rule.
    RecbenchError
        If the model fails, or an answer is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from recbench.testing import check_model
    >>> class Popular:
    ...     def fit(self, train):
    ...         self.counts = np.bincount(train.items, minlength=train.n_items)
    ...         return self
    ...
    ...     def score(self, history):
    ...         return np.tile(self.counts, (len(history), 1))
    >>> check_model(Popular)
    >>> class Random(Popular):
    ...     def score(self, history):
    ...         return np.random.random((len(history), history.n_items))
    >>> check_model(Random)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: scores must not depend on earlier calls...
    """
    _check_callable("check_model", factory, "a class or a function that builds a model")
    subject = Subject(
        functools.partial(_model, factory, options),
        data,
        factory=factory,
        open_with=functools.partial(_model_with, factory, options),
    )
    try:
        enforce(models.CONTRACT, subject)
    except UnknownFeatureError as error:
        raise RecbenchError(f"{error}. Pass interactions that have it as data=...") from error


@contextlib.contextmanager
def _model(factory: Callable[..., Any], options: dict[str, Any]) -> Iterator[ModelHandle]:
    known, _ = parameters(factory)
    filled = {name: value for name, value in {"seed": 0, "device": "cpu"}.items() if name in known}
    with naming("its factory"):
        model = factory(**{**filled, **options})
    check_methods(model)
    yield InProcessModel(model)


def _model_with(
    factory: Callable[..., Any], options: dict[str, Any], others: Mapping[str, str]
) -> contextlib.AbstractContextManager[ModelHandle]:
    """Return a model with other options, as users type them; it keeps those without a default."""
    required = {name: options[name] for name in needed(factory) if name in options}
    typed = Spec.parse(str(Spec("model", others))).options
    read = read_options("model", factory, typed, {"seed": 0, "device": "cpu", **required})
    return _model(factory, read)


def check_dataset(factory: Callable[..., Any], **options: Any) -> None:
    """Check that a dataset meets the contract of `recbench_datasets`.

    It checks that the factory returns a `Dataset`, and the same one each time; that there is one
    sequence per user, in the order of times; that ids are unique and known, and times plausible;
    that titles and features are known for some items; and that the source is stated.

    Parameters
    ----------
    factory : callable
        The value that the hook returns for the dataset's name: a function or a class.
    **options : object
        Options of the dataset, for example to read fewer rows.

    Raises
    ------
    AssertionError
        If the dataset breaks a rule. The text names the rule.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> from recbench.testing import check_dataset
    >>> def shop():
    ...     log = recbench.Interactions.from_log([0, 0, 1], [0, 1, 1], times=[5, 9, 7])
    ...     return recbench.Dataset("shop", log, np.array([7, 7]), np.array([1, 2]), source="me")
    >>> check_dataset(shop)
    Traceback (most recent call last):
    AssertionError: ids must be unique, but users 0 and 1 have the id '7'
    """
    _check_callable("check_dataset", factory, "a function that returns a Dataset")
    enforce(datasets.RULES, datasets.LoadedTwice(functools.partial(factory, **options), factory))


def check_splitter(factory: Callable[..., Any], **options: Any) -> None:
    """Check that a splitter meets the contract of `recbench_splitters`, on small data.

    It checks that `split` returns a `Split`, leaves its data unchanged, keeps the numbers of users
    and items and the unit of times, gives the same split each time, and judges at least one
    history, whose targets are not in the history.

    Parameters
    ----------
    factory : callable
        The value that the hook returns for the splitter's name: a class or a function.
    **options : object
        Options of the splitter.

    Raises
    ------
    AssertionError
        If the splitter breaks a rule. The text names the rule.

    Examples
    --------
    >>> import recbench
    >>> from recbench.testing import check_splitter
    >>> class Leaks:
    ...     def split(self, interactions):
    ...         last = interactions.items[interactions.offsets[1:] - 1]
    ...         return recbench.Split(interactions, interactions, last)
    >>> check_splitter(Leaks)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: the target of row 0 must not be in its history...
    """
    _check_callable("check_splitter", factory, "a class or a function that builds a splitter")
    enforce(splitters.RULES, splitters.Splitting(functools.partial(factory, **options)))


def check_metric(metric: Metric, data: Interactions | None = None, **options: Any) -> None:
    """Check that a metric meets the contract of `recbench_metrics`, in milliseconds.

    The metric is called with small rankings that are made up. It must return the same finite
    values each time, one per case or a single number, and must not change the ranking. If its
    values depend on ranks, a better rank must never lower the value, and ties must be averaged, as
    in `check_ties`.

    Parameters
    ----------
    metric : callable
        The function `metric(ranking, k)` that the hook returns.
    data : Interactions, default: None
        Interactions whose features the made-up data get. By default, these are the features of
        MovieLens. A metric that needs others is not checked.
    **options : object
        Options of the metric.

    Raises
    ------
    AssertionError
        If the metric breaks a rule. The text names the rule.

    Examples
    --------
    >>> import numpy as np
    >>> from recbench.testing import check_metric
    >>> check_metric(lambda ranking, k: ranking.expectation(np.ones(k)))
    >>> check_metric(lambda ranking, k: -ranking.expectation(np.ones(k)))
    Traceback (most recent call last):
    AssertionError: a better rank must never lower the value: at k=2 it is -1 at rank 2, 0 at rank 3
    """
    _check_callable("check_metric", metric, "a function of (ranking, k)")
    enforce(metrics.RULES, metrics.Measured(functools.partial(metric, **options), data))


def check_ties(metric: Metric, data: Interactions | None = None, **options: Any) -> None:
    """Check that a metric averages over all orders of tied items.

    The metric is called with rankings in which targets are tied with other items or with each
    other, and must return the mean of its values for all orders. A metric that looks for targets in
    `ranking.lists`, where the order of ties is arbitrary, fails. Metrics that depend neither on
    ranks nor on targets pass.

    Parameters
    ----------
    metric : callable
        The function `metric(ranking, k)` that the hook returns.
    data : Interactions, default: None
        As in `check_metric`.
    **options : object
        Options of the metric.

    Raises
    ------
    AssertionError
        If the metric breaks a rule. The text names the rule.

    Examples
    --------
    >>> import numpy as np
    >>> from recbench.testing import check_ties
    >>> check_ties(lambda ranking, k: ranking.expectation(np.ones(k)))
    >>> check_ties(lambda ranking, k: ranking.above < k)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: a tie must have the mean value over its possible ranks: at k=2, ...
    """
    _check_callable("check_ties", metric, "a function of (ranking, k)")
    enforce([metrics.TIES], metrics.Measured(functools.partial(metric, **options), data))


def check_table(table: Callable[..., Any]) -> None:
    """Check that a table meets the contract of `recbench_tables`.

    The table gets results that are made up: of several models, datasets and seeds, with failures,
    without any result, and with odd characters in names. It must return text that names the
    models, the same text each time, and must not change the results.

    Parameters
    ----------
    table : callable
        The function `table(results)` that the hook returns.

    Raises
    ------
    AssertionError
        If the table breaks a rule. The text names the rule.

    Examples
    --------
    >>> from recbench.testing import check_table
    >>> check_table(lambda results: print(results))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: a table must return text, ...
    """
    _check_callable("check_table", table, "a function of (results)")
    enforce(tables.RULES, tables.Shown(table))


def check_executor(factory: Callable[..., Any], timeout: float = LIMIT, **options: Any) -> None:
    """Check that an executor meets the contract of `recbench_executors`.

    It checks that the factory returns a `concurrent.futures.Executor`; that futures get the values
    and exceptions of functions, as they are; that several functions can be submitted at once; that
    a function can start a process; and that `shutdown(wait=False, cancel_futures=True)` ends
    everything, also functions that run, and refuses more.

    Parameters
    ----------
    factory : callable
        The value that the hook returns for the executor's name: a class or a function.
    timeout : float, default: 60
        Seconds within which an answer is expected.
    **options : object
        Options of the executor.

    Raises
    ------
    AssertionError
        If the executor breaks a rule. The text names the rule.
    RecbenchError
        If the factory raises it, for example because a cluster cannot be reached.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from recbench.testing import check_executor
    >>> check_executor(ThreadPoolExecutor, max_workers=2)
    >>> class Forgets(ThreadPoolExecutor):
    ...     def submit(self, function, order):
    ...         super().submit(function, order)
    >>> check_executor(Forgets)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: submit must return a concurrent.futures.Future, but it returned an object of...
    """
    _check_callable("check_executor", factory, "a class or a function that builds an executor")
    make = functools.partial(factory, **options)
    with executors.Executing(make, timeout) as executing:
        enforce(executors.RULES, executing)


def check_tracker(tracker: Any, **options: Any) -> None:
    """Check that a tracker meets the contract of `recbench_trackers`, or of event hooks.

    The tracker gets results that are made up, of models that ran and that failed, the values that
    models report while they train, and the results of whole runs. It must not raise an exception,
    change what it gets or return anything.

    Parameters
    ----------
    tracker : callable, object or module
        The value that the hook returns for the tracker's name: a class or a function; or something
        with event hooks, such as the module of a plugin; or a single event hook, such as a
        function of (result).
    **options : object
        Options of the tracker.

    Raises
    ------
    AssertionError
        If the tracker breaks a rule. The text names the rule.
    RecbenchError
        If the factory raises it, or an event hook has other parameters than it can have.

    Examples
    --------
    >>> import recbench
    >>> from recbench.testing import check_tracker
    >>> class Best:
    ...     "Prints the NDCG of each model."
    ...     @recbench.hookimpl
    ...     def recbench_run_finished(self, result):
    ...         print(result.model, result.values["ndcg@10"].mean)
    >>> check_tracker(Best)  # doctest: +ELLIPSIS
    popular 0...
    >>> check_tracker(lambda result: result.values["ndcg@10"].mean / result.fit_seconds)
    Traceback (most recent call last):
    AssertionError: a tracker must return nothing, but recbench_run_finished returned an object o...
    """
    if trackers.is_event(tracker):
        made = trackers.hooked(tracker)
    elif inspect.isclass(tracker) or inspect.isroutine(tracker):
        made = None
    elif any(callable(getattr(tracker, event, None)) for event in EVENTS):
        made = tracker
    else:
        raise UsageError(
            "check_tracker takes a class or a function that builds a tracker, something with event "
            f"hooks, or a function of (result), not {tracker!r:.60}"
        )
    make = functools.partial(tracker, **options) if made is None else lambda: made
    enforce(trackers.RULES, trackers.Tracking(make))


def _check_callable(name: str, given: Any, takes: str) -> None:
    if not callable(given):
        raise UsageError(f"{name} takes {takes}, not {given!r:.60}")

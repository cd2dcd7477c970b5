"""Before step 1: the ten hooks that a plugin can implement.

A plugin is a Python module that an entry point of the group `recbench` names::

    [project.entry-points.recbench]
    my-plugin = "my_module"

The module has one function per hook that it implements, with the name of the hook and the
decorator `@recbench.hookimpl`::

    import recbench

    class MyModel: ...

    @recbench.hookimpl
    def recbench_models():
        return {"my-model": MyModel}

The first seven hooks return a mapping from names to callables. The name is what users type: up to
100 letters, digits and characters of `-_.+`, the first a letter or digit. The callable is a
factory: its keyword parameters are the options that users set with
`name:option=value`, converted to the annotated types, and its docstring is shown by
`recbench models NAME`. The first line of the docstring is the summary in listings, and the
`Parameters` section describes the options. A factory that has renamed an option can have an
attribute `renamed_options`, a dict from old to new names; the old name is then refused with an
error that gives the new one. An attribute `option_groups`, a dict from headings to tuples of
option names, groups the options in `recbench models NAME`. An attribute `aliases`, a tuple of
names, lets users type other names, which results and listings do not show. An attribute
`option_aliases`, a dict from other names to the names of options, does the same for options.
The factory of a model can have an attribute `search_space`, a dict from options to the ranges in
which `recbench tune` looks for the best values: `recbench.Float(1, 2000, log=True)`,
`recbench.Int(5, 1000)` or `recbench.Choice("softmax", "bce")`.

The last three hooks are events, which recbench calls while models run.

recbench calls the first seven hooks whenever it looks for plugins, so they must be fast. Import
large packages such as torch, and read files, in the factories and not in the hooks or the module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("recbench")

hookimpl = pluggy.HookimplMarker("recbench")
"""Decorator that marks a function as the implementation of a hook."""


@hookspec
def recbench_datasets() -> Mapping[str, Callable[..., Any]]:
    """Return the datasets of the plugin: a mapping from name to factory.

    `factory(**options) -> recbench.Dataset` returns all interactions of a log. It must not drop or
    merge any: recbench does so afterwards, by the options `where`, `min_rating`,
    `min_user_interactions`, `min_item_interactions`, `repeats` and `time_ties`, which every dataset
    has. Build the interactions with `recbench.Interactions.from_log`, which sorts them by user and
    time.

    If the factory has a parameter `data_dir`, recbench fills in the folder that the user gave
    with `--data-dir`, or None. If it has a parameter `where`, it gets the text of that option and
    applies it itself, to the columns that its source has; see `recbench.Where`. The dataset `file`
    gets the `path` of any log that is named by its path: a text, or a list of texts.

    These attributes of the factory are optional:

    - `size`, `licence`: short texts, which `recbench datasets` shows;
    - `is_here(data_dir)`: whether the dataset can be loaded without a download;
    - `preview(**options)`: a mapping from headings to tables (sequences of mappings from columns to
      texts), with which `recbench datasets NAME:OPTION=VALUE` shows how the source is read;
    - `names_itself`: True if the `name` of the returned dataset already contains the options that
      matter, as in `log.csv:item=sku`. Otherwise, recbench appends those that differ from their
      defaults.

    recbench calls the factory once per run and dataset, in the main process.

    Returns
    -------
    Mapping of str to callable
        Name of the dataset to its factory.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> def two_users():
    ...     "Two users who both buy item b last."
    ...     log = recbench.Interactions.from_log([0, 0, 1, 1], [0, 1, 2, 1], [10, 20, 15, 30])
    ...     return recbench.Dataset("two-users", log, np.array([7, 9]), np.array(["a", "b", "c"]))
    >>> class MyPlugin:
    ...     @recbench.hookimpl
    ...     def recbench_datasets(self):
    ...         return {"two-users": two_users}
    >>> plugins = recbench.load_plugins(mine=MyPlugin())
    >>> recbench.load_dataset("two-users", plugins=plugins).interactions
    Interactions(2 sequences, 4 interactions, 2 users, 3 items)
    """
    return {}


@hookspec
def recbench_splitters() -> Mapping[str, Callable[..., Any]]:
    """Return the splitters of the plugin: a mapping from name to factory.

    `factory(**options)` returns an object with a method
    `split(interactions: recbench.Interactions) -> recbench.Split`. The interactions have one
    sequence per user. The split contains what models learn from (`train`), what they are shown
    (`history`) and the held-out items (`targets`). Check a splitter with
    `recbench.testing.check_splitter`.

    A method `validation_split(interactions: recbench.Interactions) -> recbench.Split` is optional.
    It gets the same interactions as `split`, and holds out validation targets for `recbench tune`.
    No target of `split` may be in the train, history or targets that it returns. Without this
    method, recbench applies `split` again to the training data.

    recbench calls `split` once per run, dataset and split, in the main process. The same
    interactions must always give the same split.

    Returns
    -------
    Mapping of str to callable
        Name of the splitter to its factory.
    """
    return {}


@hookspec
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    """Return the models of the plugin: a mapping from name to factory.

    `factory(**options)` returns an object with these methods:

    - `fit(train: recbench.Interactions) -> Self`. With a second parameter `checkpoint=None`, it
      also gets a folder, or None, where it can save the state of a long training; see below.
    - `score(history: recbench.Interactions)`, which returns an array of shape
      (len(history), n_items) with finite numbers, one row per sequence of `history`. A higher
      score is better. Do not mask items that the user has seen: recbench does.
    - or, if the model can only produce lists, `recommend(history, k)`, which returns an integer
      array of shape (len(history), k) with item numbers, best first and padded with -1. Leave out
      the items of the sequence itself, unless the dataset is loaded with `repeats=keep`.

    These methods are optional:

    - `save(folder)` and `load(folder)`, so that `recbench recommend` can use a fitted model again;
    - `explain(history, items)`, for a history of one sequence: returns an array of shape
      (len(items), history.n_interactions) of finite numbers: how much each interaction moved the
      score of each item;
    - `attention(history)`, for a history of one sequence: returns the attention weights between its
      latest n interactions, an array of shape (layers, heads, n, n).

    If the factory has parameters `seed` and `device`, recbench fills them in unless the user sets
    them. The checkpoint folder belongs to one model, dataset, split and seed. It is empty at first.
    If a run was killed or failed, the next run finds what `fit` saved there. Save with
    `recbench.write_checkpoint(checkpoint, content)`, and resume from what
    `recbench.read_checkpoint(checkpoint)` returns: a state that was damaged is never returned.

    A model that needs validation targets, for example to decide when to stop training, gets them
    from `recbench.validation_split(train)`.

    recbench calls the model in a separate process (with `--in-process`, in the main one): first
    `fit`, then `score` or `recommend` for the histories, in batches. The held-out items stay in
    the main process. Check a model with `recbench.testing.check_model`.

    Returns
    -------
    Mapping of str to callable
        Name of the model to its factory.
    """
    return {}


@hookspec
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    """Return the metrics of the plugin: a mapping from name to function.

    `metric(ranking: recbench.Ranking, k: int)` returns an array of shape (len(ranking),) with one
    finite value per case; or, for metrics of all lists together such as coverage, one number.
    Parameters after `k` are options, as in `--metrics rbp:persistence=0.95`. If a metric depends on
    ranks, a better rank must never lower its value. `ranking.expectation(gains)`
    averages over ties. An attribute of the function, such as `coverage.bounds = (0.0, 1.0)`, may
    state the lowest and the highest possible value: intervals end there, and a value outside is an
    error. The attribute `better`, "higher" or "lower", says which model of a table is marked as the
    best; without it, a metric that counts hits is better if it is higher, and others have no best.
    Check a metric with `recbench.testing.check_metric`; recbench leaves out metrics that fail this
    check.

    A metric can look up what the cases are: `ranking.targets`, `ranking.histories`,
    `ranking.users`, `ranking.train`, `ranking.popularity`, `ranking.n_ranked` (among how many items
    the targets of each case are ranked), `ranking.n_listed` (how many of these the model put in
    order), `ranking.item_features["genres"]`,
    `ranking.user_features`, `ranking.titles` and `ranking.item_ids`. Each is made when it is first
    used. A metric that asks for a feature that the dataset does not have is left out there.

    recbench calls each metric once per model, dataset, split, seed and k, in the main process.

    Returns
    -------
    Mapping of str to callable
        Name of the metric to its function.
    """
    return {}


@hookspec
def recbench_tables() -> Mapping[str, Callable[..., str]]:
    """Return the output formats of the plugin: a mapping from name to function.

    `table(results: recbench.Results) -> str` returns the text of all tables.
    `results.sections()` are the tables, `section.rows` the rows of one table, and
    `recbench.footer_lines(section)` the sentences below it.

    recbench calls the function when results are shown with `--format NAME`, or written to a file
    whose suffix is the name.

    Returns
    -------
    Mapping of str to callable
        Name of the format to its function.
    """
    return {}


@hookspec
def recbench_executors() -> Mapping[str, Callable[..., Any]]:
    """Return the executors of the plugin: a mapping from name to factory.

    `factory(**options)` returns a `concurrent.futures.Executor`, which runs functions in other
    processes, here or on other machines. `recbench run --executor NAME:OPTION=VALUE` calls its
    method `submit(function, order)` for each model and seed that is to be run. The function is one
    of recbench, so it can be pickled by its name, and never raises. The order is a dict of texts,
    numbers and lists: dataset, split, model, options, seed, limits and versions. What the function
    returns is a dict of the same, with bytes.

    recbench must be installed where the function runs, in the same version, with the same plugins.
    The function checks this, loads the dataset by its name, checks that it is the same, and runs
    the model in a separate process there.

    If a future ends with an exception, for example because its worker was killed, recbench submits
    the order once more; the executor itself should not. A `concurrent.futures.BrokenExecutor` says
    that the executor accepts no more, and recbench makes a new one. At the end, also after Ctrl-C,
    it calls `shutdown(wait=False, cancel_futures=True)`, which must end everything that the factory
    has started.

    Returns
    -------
    Mapping of str to callable
        Name of the executor to its factory.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> import recbench
    >>> def threads(workers: int = 2):
    ...     "Threads of this process."
    ...     return ThreadPoolExecutor(workers)
    >>> class MyPlugin:
    ...     @recbench.hookimpl
    ...     def recbench_executors(self):
    ...         return {"threads": threads}
    >>> recbench.load_plugins(mine=MyPlugin()).find("executors", "threads").summary
    'Threads of this process.'
    """
    return {}


@hookspec
def recbench_trackers() -> Mapping[str, Callable[..., Any]]:
    """Return the trackers of the plugin: a mapping from name to factory.

    `factory(**options)` returns an object with methods that are called like the three hooks below,
    `recbench_progress`, `recbench_run_finished` and `recbench_all_finished`, or some of them, and
    marked with `@recbench.hookimpl` too. It is used in commands with `--track NAME:OPTION=VALUE`.

    A tracker is made before the first model runs. If it raises a `recbench.UsageError`, for example
    because a package is missing, the command ends. Other exceptions of the factory and all
    exceptions of the methods are logged as warnings, and models run nevertheless.

    Returns
    -------
    Mapping of str to callable
        Name of the tracker to its factory.
    """
    return {}


@hookspec
def recbench_progress(cell: Any, step: int, values: Mapping[str, float]) -> None:
    """Handle values that a model reports while it trains, such as its loss after each epoch.

    recbench calls this hook in the main process whenever a model calls `recbench.Progress.step`
    with values, or `recbench.report_validation`. With `--executor`, it does so when the model has
    ended, for all steps. The values of a step can come in several calls, and of more than 1,000
    steps, some are left out. Models that are tuned are not reported. An exception is logged as a
    warning.

    Parameters
    ----------
    cell : recbench.Result
        The result that the model will have, without numbers: its `key`, `model`, `seed` and
        `setting` are those of the result that `recbench_run_finished` gets.
    step : int
        How far the training is, such as the number of epochs; from 0.
    values : mapping of str to float
        Names and values; the values can be NaN or infinite.
    """


@hookspec
def recbench_run_finished(result: Any) -> None:
    """Handle a new result, for example to send it to an experiment tracker.

    recbench calls this hook in the main process for every new result of a run, after it is stored,
    and also if the model failed (`result.ok` is then False). Results that were already stored are
    not reported again. An exception is logged as a warning and does not stop the run.

    Parameters
    ----------
    result : recbench.Result
        The result of one model on one dataset and split, with one seed; a copy for each plugin.
    """


@hookspec
def recbench_all_finished(results: Any) -> None:
    """Handle all results of a run, once its last model has ended, for example to store its table.

    recbench calls this hook once for each call of `recbench.run`, in the main process. After
    Ctrl-C, it gets the results so far. `results.to_table("markdown")` is the table that the command
    shows. An exception is logged as a warning.

    Parameters
    ----------
    results : recbench.Results
        One result per dataset, split, model and seed; also those that were stored before.
    """

"""For plugin authors: checks of the contracts of the hooks, to be called from tests.

    from recbench.testing import check_model

    def test_contract():
        check_model(FollowsLast)

Each check raises an AssertionError that names the broken rule, or the plugin's own error. All
built-in plugins pass these checks.
"""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recbench.attention import checked_attention
from recbench.code.raised import place_of
from recbench.data.arrays import offsets_of
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import UnknownFeatureError
from recbench.data.split import Split
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.contract import check_metric, check_ties
from recbench.evaluation.made_up import described
from recbench.evaluation.referee import evaluate
from recbench.explain import checked_explanation
from recbench.models.in_process import InProcessModel, check_methods, naming, traits_of
from recbench.models.protocols import Resumable, Scorer
from recbench.spec import parameters

__all__ = ["check_metric", "check_model", "check_splitter", "check_ties", "example"]

RTOL, ATOL = 1e-3, 1e-4
"""How far two computations of the same score may differ: float32 sums depend on their order."""


def example(users: int = 40, items: int = 30, seed: int = 0) -> Interactions:
    """Return a small log: 3 to 12 interactions per user, without repeats, with times and ratings.

    Each user starts at a random item and continues with the items after it, so the next item can
    be predicted from the last one.

    Parameters
    ----------
    users : int, default: 40
        Number of users.
    items : int, default: 30
        Number of items with interactions. The catalogue has two more, without interactions.
    seed : int, default: 0
        Seed of the random numbers.

    Returns
    -------
    Interactions
        The log.

    Examples
    --------
    >>> from recbench.testing import example
    >>> log = example()
    >>> log.n_users, log.n_items, log.n_interactions
    (40, 32, 298)
    >>> next(log.sequences()).tolist()
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, users)
    first_item = rng.integers(0, items, users)
    user = np.repeat(np.arange(users), lengths)
    position = np.arange(len(user)) - np.repeat(offsets_of(lengths)[:-1], lengths)
    return Interactions.from_log(
        users=user,
        items=(first_item[user] + position) % items,
        times=1_000_000 + position * 60,
        ratings=rng.integers(1, 6, len(user)),
        n_users=users,
        n_items=items + 2,  # two items without interactions
    )


def check_model(
    factory: Callable[..., Any], data: Interactions | None = None, **options: Any
) -> None:
    """Check that a model meets the contract of `recbench_models`, on small data.

    It checks that `fit` returns the model and does not change its data; that answers are valid for
    ordinary histories, a single item, a long history and an unknown user; that scores do not depend
    on the batch; that the same seed and data give the same model; and that it also works, or says
    what it needs, without ids, titles and features. If the model has `save` and `load`, `explain`,
    `attention` or a `checkpoint` in `fit`, it checks these too.

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
    AssertionError: scores must not depend on the batch...
    """
    log = described(example(), data)
    train = log.keep(_all_but_last(log))
    try:
        model = _fit(factory, options, train)
        _check_answers(model, train)
    except UnknownFeatureError as error:
        raise RecbenchError(f"{error}. Pass interactions that have it as data=...") from error
    traits = traits_of(model)
    if traits.scores:
        _check_batches(model, train)
    if traits.explains:
        _check_explanations(model, train)
    if traits.attends:
        _check_attention(model, train)
    twin = _fit(factory, options, train)
    assert _same_answers(model, twin, train), "the same seed and data must give the same model"
    windows = log.take(np.repeat(np.arange(len(log)), 2))
    _check_answers(_fit(factory, options, windows), windows)  # several rows per user
    _check_without_features(factory, options, train)
    if traits.storable:
        _check_saving(model, factory, options, train)
    if isinstance(model, Resumable):
        _check_checkpoint(model, factory, options, train)


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
    log = _in_milliseconds(example())
    before = log.fingerprint()
    splitter = factory(**options)
    assert callable(getattr(splitter, "split", None)), (
        f"a splitter needs split(interactions); {type(splitter).__name__} has none"
    )
    split = splitter.split(log)
    assert isinstance(split, Split), f"split must return a recbench.Split, not {type(split)}"
    assert log.fingerprint() == before, "split must not change the interactions"
    assert len(split.judged), "the split must judge at least one history"
    assert split.fingerprint() == factory(**options).split(log).fingerprint(), (
        "the same options and data must give the same split"
    )
    for name, interactions in (("train", split.train), ("history", split.history)):
        assert interactions.n_items == log.n_items, f"{name} must have the same n_items as the data"
        assert interactions.n_users == log.n_users, f"{name} must have the same n_users as the data"
        assert interactions.times is None or interactions.time_unit == log.time_unit, (
            f"{name} must have the same time_unit as the data; take, cut and keep keep it"
        )
    targets, offsets = split.judged_targets
    histories = split.history.take(split.judged).sequences()
    for case, (row, items) in enumerate(zip(split.judged, histories, strict=True)):
        own = targets[offsets[case] : offsets[case + 1]]
        assert not np.isin(own, items).any(), f"the target of row {row} must not be in its history"


def _in_milliseconds(log: Interactions) -> Interactions:
    """Return a log whose times need another unit than seconds, as those of many datasets do."""
    times = np.asarray(log.times) * 1000 + np.arange(log.n_interactions) % 7
    return dataclasses.replace(log, times=times, time_unit="ms")


def _all_but_last(log: Interactions) -> Array:
    """Return a mask of the interactions that are not the last of their sequence."""
    mask = np.ones(log.n_interactions, dtype=bool)
    mask[log.offsets[1:] - 1] = False
    return mask


def _fit(
    factory: Callable[..., Any], options: dict[str, Any], train: Interactions, **checkpoint: Path
) -> Any:
    assert callable(factory), (
        f"check_model takes a class or a function that builds a model, not {factory!r}"
    )
    known, _ = parameters(factory)
    filled = {name: value for name, value in {"seed": 0, "device": "cpu"}.items() if name in known}
    with naming("its factory"):
        model = factory(**{**filled, **options})
    check_methods(model)
    before = train.fingerprint()
    with naming("fit", model):
        fitted = model.fit(train, **checkpoint)
    assert fitted is model, "fit must return the model itself: end it with `return self`"
    assert train.fingerprint() == before, "fit must not change train"
    return model


def _check_answers(model: Any, train: Interactions) -> None:
    """Check answers as the referee does, for ordinary and unusual histories."""
    for history in (train, train.take(np.arange(len(train))[::-1]), _odd_histories(train)):
        targets = np.full(len(history), train.n_items - 1)
        evaluate(model, Split(train, history, targets), mask_seen=True, depth=5)


def _check_without_features(
    factory: Callable[..., Any], options: dict[str, Any], train: Interactions
) -> None:
    """Check that a model works, or says which feature it needs, if only interactions are known."""
    bare = dataclasses.replace(train, features={}, metadata=None)
    try:
        model = _fit(factory, options, bare)
        handle = InProcessModel(model)
        _ = handle.score(bare) if handle.traits.scores else handle.recommend(bare, 5)
    except RecbenchError as error:
        if place_of(error):  # the model raised it itself, and says what it needs
            return
        raise AssertionError(
            "a model must also work without ids, titles and features, or raise a RecbenchError "
            f"that says what it needs; {describe_error(error)}"
        ) from error
    _check_answers(model, bare)


def _odd_histories(train: Interactions) -> Interactions:
    """Return a history of one item, and a long history of an unknown user."""
    return Interactions(
        users=np.array([0, -1]),
        items=np.array([1, *np.arange(300) % (train.n_items - 3)]),
        offsets=np.array([0, 1, 301]),
        n_users=train.n_users,
        n_items=train.n_items,
    )


def _check_explanations(model: Any, train: Interactions) -> None:
    """Check explanations for ordinary and unusual histories, and for single items."""
    handle = InProcessModel(model)
    items = np.arange(train.n_items)[::-1]  # some are in the history, two have no interactions
    for history in (*train.take([0, 1]).batches(1), *_odd_histories(train).batches(1)):
        together = checked_explanation(handle, history, items)
        assert _close(together, checked_explanation(handle, history, items)), (
            "explain must return the same numbers for the same call"
        )
        alone = [checked_explanation(handle, history, item)[0] for item in items[::7, None]]
        assert _close(together[::7], np.array(alone)), (
            "the numbers that explain returns for an item must not depend on the other items"
        )


def _check_attention(model: Any, train: Interactions) -> None:
    """Check attention weights for ordinary and unusual histories."""
    handle = InProcessModel(model)
    for history in (*train.take([0, 1]).batches(1), *_odd_histories(train).batches(1)):
        weights = checked_attention(handle, history)
        assert _close(weights, checked_attention(handle, history)), (
            "attention must return the same numbers for the same call"
        )


def _close(left: Array, right: Array) -> bool:
    atol = ATOL * max(1e-9, float(np.abs(left).max()))
    return left.shape == right.shape and np.allclose(left, right, rtol=RTOL, atol=atol)


def _check_batches(model: Scorer, history: Interactions) -> None:
    together = np.asarray(model.score(history))
    alone = np.concatenate([np.asarray(model.score(single)) for single in history.batches(1)])
    wrong = ~np.isclose(together, alone, rtol=RTOL, atol=ATOL).all(axis=1)
    assert not wrong.any(), (
        f"scores must not depend on the batch: row {np.flatnonzero(wrong)[0]} gets different "
        "scores when it is scored alone"
    )


def _same_answers(model: Any, twin: Any, history: Interactions) -> bool:
    handles = InProcessModel(model), InProcessModel(twin)
    first = history.take([0])
    if handles[0].traits.explains:
        explanations = [checked_explanation(handle, first, np.arange(5)) for handle in handles]
        if not _close(*explanations):
            return False
    if handles[0].traits.attends and not _close(
        *[checked_attention(handle, first) for handle in handles]
    ):
        return False
    if isinstance(model, Scorer):
        scores = np.asarray(model.score(history)), np.asarray(twin.score(history))
        return np.allclose(*scores, rtol=RTOL, atol=ATOL)
    return np.array_equal(model.recommend(history, 5), twin.recommend(history, 5))


def _check_saving(
    model: Any, factory: Callable[..., Any], options: dict[str, Any], history: Interactions
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        loaded = factory(**options).load(Path(folder))
    check_methods(loaded)
    assert _same_answers(model, loaded, history), (
        "a model that is saved and loaded must give the same answers"
    )


def _check_checkpoint(
    model: Any, factory: Callable[..., Any], options: dict[str, Any], train: Interactions
) -> None:
    default = inspect.signature(model.fit).parameters["checkpoint"].default
    assert default is None, "the default of fit's checkpoint must be None"
    with tempfile.TemporaryDirectory() as parent:
        folder, blocked = Path(parent, "folder"), Path(parent, "blocked")
        folder.mkdir()
        blocked.touch()  # a file: nothing can be written in it, as on a full disk
        for checkpoint, rule in (
            (folder, "fit with an empty checkpoint must give the same model"),
            (folder, "fit that resumes from its checkpoint must give the same model"),
            (blocked, "fit that cannot write its checkpoint must give the same model"),
        ):
            try:
                twin = _fit(factory, options, train, checkpoint=checkpoint)
            except Exception as error:
                raise AssertionError(f"{rule}; it raised {describe_error(error)}") from error
            assert _same_answers(model, twin, train), rule

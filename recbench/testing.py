"""For plugin authors: the contract, as checks to call from a test.

    from recbench.testing import check_model

    def test_contract():
        check_model(FollowsLast)

Each raises AssertionError that names the rule which does not hold, or the plugin's own error.
Everything that recbench ships passes them.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Interactions, offsets_of
from recbench.data.split import Split
from recbench.errors import describe_error
from recbench.evaluation.metrics import check_metric
from recbench.evaluation.referee import evaluate
from recbench.explain import checked_explanation
from recbench.models.checkpoint import takes_checkpoint
from recbench.models.protocols import Explainer, Lister, Scorer, Storable
from recbench.spec import parameters

__all__ = ["check_metric", "check_model", "check_splitter", "example"]

RTOL, ATOL = 1e-3, 1e-4
"""How far two computations of the same score may differ: float32 sums in another order."""


def example(users: int = 40, items: int = 30, seed: int = 0) -> Interactions:
    """A small log without repeats, 3 to 12 interactions a user, with times and ratings."""
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
        n_items=items + 2,  # two items that nobody ever consumed
    )


def check_model(factory: Callable[..., Any], **options: Any) -> None:
    """A model keeps the contract of `recbench_models`.

    factory: what the hook maps the model's name to. options: its options, where they must be
    other than the defaults (a smaller, faster model, say).
    """
    log = example()
    train = log.keep(_all_but_last(log))
    model = _fit(factory, options, train)
    _check_answers(model, train)
    if isinstance(model, Scorer):
        _check_batches(model, train)
    if isinstance(model, Explainer):
        _check_explanations(model, train)
    twin = _fit(factory, options, train)
    assert _same_answers(model, twin, train), "the same seed and data must give the same model"
    windows = log.take(np.repeat(np.arange(len(log)), 2))
    _check_answers(_fit(factory, options, windows), windows)  # users on several rows
    if isinstance(model, Storable):
        _check_saving(model, factory, options, train)
    if takes_checkpoint(model):
        _check_checkpoint(model, factory, options, train)


def check_splitter(factory: Callable[..., Any], **options: Any) -> None:
    """A splitter keeps the contract of `recbench_splitters`; options as for `check_model`."""
    log = example()
    before = log.fingerprint()
    split = factory(**options).split(log)
    assert isinstance(split, Split), f"split must return a recbench.Split, not {type(split)}"
    assert log.fingerprint() == before, "the interactions must be left as they were"
    assert len(split.judged), "at least one row must be judged"
    assert split.fingerprint() == factory(**options).split(log).fingerprint(), (
        "the same options and data must give the same split"
    )
    for name, interactions in (("train", split.train), ("history", split.history)):
        assert interactions.n_items == log.n_items, f"{name} must keep the numbering of items"
        assert interactions.n_users == log.n_users, f"{name} must keep the numbering of users"
    targets, offsets = split.judged_targets
    histories = split.history.take(split.judged).sequences()
    for case, (row, items) in enumerate(zip(split.judged, histories, strict=True)):
        own = targets[offsets[case] : offsets[case + 1]]
        assert not np.isin(own, items).any(), f"a target of row {row} is in its history"


def _all_but_last(log: Interactions) -> Array:
    """Which interactions are not the last of their sequence: a mask."""
    mask = np.ones(log.n_interactions, dtype=bool)
    mask[log.offsets[1:] - 1] = False
    return mask


def _fit(
    factory: Callable[..., Any], options: dict[str, Any], train: Interactions, **checkpoint: Path
) -> Any:
    known, _ = parameters(factory)
    filled = {name: value for name, value in {"seed": 0, "device": "cpu"}.items() if name in known}
    model = factory(**{**filled, **options})
    before = train.fingerprint()
    assert model.fit(train, **checkpoint) is model, "fit must return the model itself"
    assert train.fingerprint() == before, "fit must leave train as it was"
    assert isinstance(model, (Scorer, Lister)), (
        "a model needs score(history) or recommend(history, k)"
    )
    return model


def _check_answers(model: Any, train: Interactions) -> None:
    """What the referee asks of every answer, for ordinary and for odd histories."""
    for history in (train, train.take(np.arange(len(train))[::-1]), _odd_histories(train)):
        before = history.fingerprint()
        targets = np.full(len(history), train.n_items - 1)
        evaluate(model, Split(train, history, targets), mask_seen=True, depth=5)
        assert history.fingerprint() == before, "history must be left as it was"


def _odd_histories(train: Interactions) -> Interactions:
    """One item only; and somebody unknown, with a longer history than any in train."""
    return Interactions(
        users=np.array([0, -1]),
        items=np.array([1, *np.arange(300) % (train.n_items - 3)]),
        offsets=np.array([0, 1, 301]),
        n_users=train.n_users,
        n_items=train.n_items,
    )


def _check_explanations(model: Explainer, train: Interactions) -> None:
    """Finite numbers, item by interaction, for ordinary and odd histories, each item by itself."""
    items = np.arange(train.n_items)[::-1]  # also those of the history, and what nobody consumed
    for history in (*train.take([0, 1]).batches(1), *_odd_histories(train).batches(1)):
        before = history.fingerprint()
        together = checked_explanation(model, history, items)
        assert history.fingerprint() == before, "explain must leave the history as it was"
        assert _close(together, checked_explanation(model, history, items)), (
            "explain must answer the same question in the same way"
        )
        alone = [checked_explanation(model, history, item)[0] for item in items[::7, None]]
        assert _close(together[::7], np.array(alone)), (
            "what explain says of an item must not depend on the items beside it"
        )


def _close(left: Array, right: Array) -> bool:
    return np.allclose(left, right, rtol=RTOL, atol=ATOL * max(1e-9, float(np.abs(left).max())))


def _check_batches(model: Scorer, history: Interactions) -> None:
    together = np.asarray(model.score(history))
    alone = np.concatenate([np.asarray(model.score(single)) for single in history.batches(1)])
    wrong = ~np.isclose(together, alone, rtol=RTOL, atol=ATOL).all(axis=1)
    assert not wrong.any(), (
        f"scores must not depend on the batch: row {np.flatnonzero(wrong)[:1]} scored alone differs"
    )


def _same_answers(model: Any, twin: Any, history: Interactions) -> bool:
    if isinstance(model, Explainer):
        question = history.take([0]), np.arange(5)
        if not _close(checked_explanation(model, *question), checked_explanation(twin, *question)):
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
    assert _same_answers(model, loaded, history), "load must give back what save wrote"


def _check_checkpoint(
    model: Any, factory: Callable[..., Any], options: dict[str, Any], train: Interactions
) -> None:
    default = inspect.signature(model.fit).parameters["checkpoint"].default
    assert default is None, "fit's checkpoint must be None where it is not given: checkpoint=None"
    with tempfile.TemporaryDirectory() as parent:
        folder, blocked = Path(parent, "folder"), Path(parent, "blocked")
        folder.mkdir()
        blocked.touch()  # a file: nothing can be written in it, as on a disk that is full
        for checkpoint, rule in (
            (folder, "a fit that is given an empty checkpoint must give the same model"),
            (folder, "a fit that goes on from what the last one left must give the same model"),
            (blocked, "a fit that cannot write its checkpoint must give the same model"),
        ):
            try:
                twin = _fit(factory, options, train, checkpoint=checkpoint)
            except Exception as error:
                raise AssertionError(f"{rule}; it raised {describe_error(error)}") from error
            assert _same_answers(model, twin, train), rule

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
    """A small log without repeats, 3 to 12 events a user, with times and ratings."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(3, 13, users)
    start = draw.integers(0, items, users)
    rows = np.repeat(np.arange(users), lengths)
    nth = np.arange(len(rows)) - np.repeat(offsets_of(lengths)[:-1], lengths)
    return Interactions.from_log(
        users=rows,
        items=(start[rows] + nth) % items,
        times=1_000_000 + nth * 60,
        ratings=draw.integers(1, 6, len(rows)),
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
    model = _fitted(factory, options, train)
    _check_answers(model, train)
    if isinstance(model, Scorer):
        _check_rows_alone(model, train)
    if isinstance(model, Explainer):
        _check_explaining(model, train)
    again = _fitted(factory, options, train)
    assert _same(model, again, train), "the same seed and data must give the same model"
    windows = log.take(np.repeat(np.arange(len(log)), 2))
    _check_answers(_fitted(factory, options, windows), windows)  # users on several rows
    if isinstance(model, Storable):
        _check_storing(model, factory, options, train)
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
    for name, part in (("train", split.train), ("history", split.history)):
        assert part.n_items == log.n_items, f"{name} must keep the numbering of items"
        assert part.n_users == log.n_users, f"{name} must keep the numbering of users"
    wanted, offsets = split.judged_targets
    histories = split.history.take(split.judged).sequences()
    for nth, (row, items) in enumerate(zip(split.judged, histories, strict=True)):
        targets = wanted[offsets[nth] : offsets[nth + 1]]
        assert not np.isin(targets, items).any(), f"a target of row {row} is in its history"


def _all_but_last(log: Interactions) -> Array:
    kept = np.ones(log.n_interactions, dtype=bool)
    kept[log.offsets[1:] - 1] = False
    return kept


def _fitted(
    factory: Callable[..., Any], options: dict[str, Any], train: Interactions, **given: Path
) -> Any:
    known, _ = parameters(factory)
    filled = {key: value for key, value in {"seed": 0, "device": "cpu"}.items() if key in known}
    model = factory(**{**filled, **options})
    before = train.fingerprint()
    assert model.fit(train, **given) is model, "fit must return the model itself"
    assert train.fingerprint() == before, "fit must leave train as it was"
    assert isinstance(model, (Scorer, Lister)), (
        "a model needs score(history) or recommend(history, k)"
    )
    return model


def _check_answers(model: Any, train: Interactions) -> None:
    """What the referee asks of every answer, for ordinary and for odd histories."""
    for history in (train, train.take(np.arange(len(train))[::-1]), _odd(train)):
        before = history.fingerprint()
        targets = np.full(len(history), train.n_items - 1)
        evaluate(model, Split(train, history, targets), mask_seen=True, depth=5)
        assert history.fingerprint() == before, "history must be left as it was"


def _odd(train: Interactions) -> Interactions:
    """One item only; and somebody unknown, with a longer history than any in train."""
    return Interactions(
        users=np.array([0, -1]),
        items=np.array([1, *np.arange(300) % (train.n_items - 3)]),
        offsets=np.array([0, 1, 301]),
        n_users=train.n_users,
        n_items=train.n_items,
    )


def _check_explaining(model: Explainer, train: Interactions) -> None:
    """Finite numbers an item and event, for ordinary and odd histories, each item by itself."""
    items = np.arange(train.n_items)[::-1]  # also those of the history, and what nobody consumed
    for history in (*train.take([0, 1]).batches(1), *_odd(train).batches(1)):
        before = history.fingerprint()
        together = checked_explanation(model, history, items)
        assert history.fingerprint() == before, "explain must leave the history as it was"
        assert _near(together, checked_explanation(model, history, items)), (
            "explain must answer the same question in the same way"
        )
        alone = [
            checked_explanation(model, history, items[[nth]])[0] for nth in range(0, len(items), 7)
        ]
        assert _near(together[::7], np.array(alone)), (
            "what explain says of an item must not depend on the items beside it"
        )


def _near(one: Array, other: Array) -> bool:
    return np.allclose(one, other, rtol=RTOL, atol=ATOL * max(1e-9, float(np.abs(one).max())))


def _check_rows_alone(model: Scorer, history: Interactions) -> None:
    together = np.asarray(model.score(history))
    alone = np.concatenate([np.asarray(model.score(row)) for row in history.batches(1)])
    wrong = ~np.isclose(together, alone, rtol=RTOL, atol=ATOL).all(axis=1)
    assert not wrong.any(), (
        f"scores must not depend on the batch: row {np.flatnonzero(wrong)[:1]} scored alone differs"
    )


def _same(one: Any, other: Any, history: Interactions) -> bool:
    if isinstance(one, Explainer):
        asked = history.take([0]), np.arange(5)
        if not _near(checked_explanation(one, *asked), checked_explanation(other, *asked)):
            return False
    if isinstance(one, Scorer):
        scores = np.asarray(one.score(history)), np.asarray(other.score(history))
        return np.allclose(*scores, rtol=RTOL, atol=ATOL)
    return np.array_equal(one.recommend(history, 5), other.recommend(history, 5))


def _check_storing(
    model: Any, factory: Callable[..., Any], options: dict[str, Any], history: Interactions
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        loaded = factory(**options).load(Path(folder))
    assert _same(model, loaded, history), "load must give back what save wrote"


def _check_checkpoint(
    model: Any, factory: Callable[..., Any], options: dict[str, Any], train: Interactions
) -> None:
    default = inspect.signature(model.fit).parameters["checkpoint"].default
    assert default is None, "fit's checkpoint must be None where it is not given: checkpoint=None"
    with tempfile.TemporaryDirectory() as parent:
        folder, blocked = Path(parent, "folder"), Path(parent, "blocked")
        folder.mkdir()
        blocked.touch()  # a file: nothing can be written in it, as on a disk that is full
        for where, rule in (
            (folder, "a fit that is given an empty checkpoint must give the same model"),
            (folder, "a fit that goes on from what the last one left must give the same model"),
            (blocked, "a fit that cannot write its checkpoint must give the same model"),
        ):
            try:
                again = _fitted(factory, options, train, checkpoint=where)
            except Exception as error:
                raise AssertionError(f"{rule}; it raised {describe_error(error)}") from error
            assert _same(model, again, train), rule

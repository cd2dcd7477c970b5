"""The validation split of training data: what a model gets when it asks for it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from made_splits import numbered_log

import recbench
from recbench import Interactions, RecbenchError, Split
from recbench.data.make_split import make_split, with_inner_validation
from recbench.data.validation_data import with_validation
from recbench.data.validation_split import make_validation_split

SPLITS = (
    "leave-last-out",
    "leave-last-basket",
    "leave-n-out:n=2",
    "temporal:share=0.8,targets=all",
    "random",
    "users:share=0.6",
    "windows",
)


def _same(left: Split | None, right: Split | None) -> bool:
    assert left is not None
    assert right is not None
    assert (left.history is left.train) == (right.history is right.train)
    assert left.times is None or np.array_equal(left.times, right.times)
    return left.fingerprint() == right.fingerprint()


@pytest.mark.parametrize("split", SPLITS)
def test_it_is_the_validation_split_of_tuning(split: str) -> None:
    plugins, data = recbench.load_plugins(), recbench.load_dataset("synthetic")
    _, test, expected = make_validation_split(plugins, data, split)
    train = make_split(plugins, data, split)[1].train
    assert train.fingerprint() == test.train.fingerprint()
    assert _same(recbench.validation_split(train), expected)


class Asks:
    """Scores by what it finds in its validation split, so that results depend on it."""

    def fit(self, train: Interactions) -> Self:
        held_out = recbench.validation_split(train)
        assert held_out is not None
        self.scores = np.bincount(held_out.judged_targets[0], minlength=train.n_items)
        self.scores = self.scores + held_out.train.popularity
        return self

    def score(self, history: Interactions) -> Any:
        return np.tile(self.scores.astype(float), (len(history), 1))


@pytest.mark.parametrize("in_process", [False, True])
def test_every_host_hands_it_to_the_model(in_process: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {"dataset": "synthetic", "results": None, "in_process": in_process}
    found = recbench.run([Asks], **options)
    train = recbench.split("synthetic").train
    scores = Asks().fit(train).scores
    expected = recbench.run({"asks": _Fixed(scores)}, **options)
    assert [r.values for r in found] == [r.values for r in expected]
    assert all(r.ok and not r.reads for r in found)


class _Fixed:
    def __init__(self, scores: Any) -> None:
        self.scores = scores

    def fit(self, train: Interactions) -> Self:
        return self

    def score(self, history: Interactions) -> Any:
        return np.tile(self.scores.astype(float), (len(history), 1))


def test_a_tuned_model_gets_a_split_of_its_own_training_data() -> None:
    plugins, data = recbench.load_plugins(), recbench.load_dataset("synthetic")
    _, test, held_out = make_validation_split(plugins, data, "leave-last-out")
    outer = with_inner_validation(plugins, data, "leave-last-out", held_out)
    inner = recbench.validation_split(outer.train)
    assert inner is not None
    assert inner.train.n_interactions < held_out.train.n_interactions < test.train.n_interactions
    shown = {*zip(inner.history.users[inner.judged], inner.targets[inner.judged], strict=True)}
    held = {*zip(held_out.history.users, held_out.targets, strict=True)}
    assert not shown & held


def test_features_of_interactions_are_part_of_it() -> None:
    log = Interactions.from_log(
        users=[0, 0, 0, 0, 1, 1, 1],
        items=[0, 1, 2, 3, 2, 1, 0],
        features={"price": [1.0, 2, 3, 4, 5, 6, 7], "shop": list("abcdefg")},
    )
    frame = log.to_frame()
    held_out = recbench.validation_split(recbench.split(frame).train)
    assert held_out is not None
    assert held_out.train.lengths.tolist() == [2, 1]


def test_without_a_comparison_there_is_none() -> None:
    assert recbench.validation_split(numbered_log(5, 4)) is None
    assert recbench.validation_split(recbench.load_dataset("synthetic").interactions) is None


@pytest.mark.parametrize("error", [RecbenchError("too few"), ValueError("empty")])
def test_where_nothing_can_be_held_out_there_is_none(error: Exception) -> None:
    def make() -> Split:
        raise error

    split = recbench.split("synthetic")
    plain = with_validation(split, make)
    assert recbench.validation_split(plain.train) is None
    assert plain.train.titles is None or len(plain.train.titles)
    assert plain.train.item_ids is not None


def test_it_is_made_once_and_only_if_it_is_asked_for() -> None:
    calls = []

    def make() -> Split:
        calls.append(1)
        return recbench.split("synthetic")

    split = with_validation(recbench.split("synthetic"), make)
    assert split.train.item_ids is not None
    assert not calls
    assert recbench.validation_split(split.train)
    assert recbench.validation_split(split.train)
    assert calls == [1]


def test_a_copy_in_another_process_says_that_it_had_to_be_read_before() -> None:
    train = recbench.split("synthetic").train
    with pytest.raises(RecbenchError, match="was not read before"):
        recbench.validation_split(pickle.loads(pickle.dumps(train)))

"""A model whose one mistake shows in many places fails only the rule that names the mistake."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import recbench
from tests.core.checking.test_models import Good, broken, findings


class Objects(Good):
    def score(self, history: Any) -> Any:
        return super().score(history).astype(object)


class Squeezed(Good):
    def score(self, history: Any) -> Any:
        return np.squeeze(super().score(history))


class OneUserFails(Good):
    def score(self, history: Any) -> Any:
        if 7 in history.users:
            raise KeyError("seven")
        return super().score(history)


class Random(Good):
    def score(self, history: Any) -> Any:
        return super().score(history) + np.random.default_rng().random(history.n_items)


class Stranger(Good):
    def score(self, history: Any) -> Any:
        if history.users.min() < 0:
            raise KeyError("-1")
        return super().score(history)


class NeedsTimes(Good):
    def score(self, history: Any) -> Any:
        history.times.max(initial=0)
        return super().score(history)


class SaysTimes(Good):
    def fit(self, train: Any) -> Any:
        if train.times is None:
            raise recbench.RecbenchError("good needs times")
        return super().fit(train)


class ForgetsEmpty(Good):
    """Has scores for empty histories, which it does not save."""

    def fit(self, train: Any) -> Any:
        self.empty_ = np.arange(train.n_items)
        return super().fit(train)

    def score(self, history: Any) -> Any:
        return np.where(history.lengths[:, None] > 0, super().score(history), self.empty_)

    def save(self, folder: Path) -> None:
        np.save(folder / "counts.npy", self.counts_)

    def load(self, folder: Path) -> Any:
        self.counts_ = np.load(folder / "counts.npy")
        self.empty_ = np.zeros(len(self.counts_))
        return self


class SavedElsewhere(Good):
    place: ClassVar[dict[str, Any]] = {}

    def save(self, folder: Path) -> None:
        self.place["counts"] = self.counts_

    def load(self, folder: Path) -> Any:
        self.counts_ = self.place["counts"]
        return self


class HalfWritten(Good):
    """Writes each state over the one before, and trusts what it finds."""

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        super().fit(train)
        file = checkpoint and checkpoint / "state.npy"
        if file and file.is_file():
            np.load(file)
        for epoch in range(2):
            try:
                if file:
                    np.save(file, self.counts_ * epoch)
                    _wait_until_linked(file)
            except OSError:
                return self
        return self


def _wait_until_linked(file: Path) -> None:
    """Wait until the check has seen a first state."""
    until = time.monotonic() + 1
    while file.stat().st_nlink == 1 and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.005)


@pytest.mark.parametrize(
    ("model", "rule", "detail"),
    [
        (
            Objects,
            "scores or lists have the right shape and type, and are finite",
            "array of type object",
        ),
        (
            Squeezed,
            "scores or lists have the right shape and type, and are finite",
            r"shape \(32,\)",
        ),
        (
            OneUserFails,
            "scores or lists have the right shape and type, and are finite",
            r"score raised KeyError: 'seven' .*: history \[[\d, .]+\] of user 7$",
        ),
        (
            Random,
            "recommendations do not depend on earlier calls",
            "in the first call and .* in the second",
        ),
        (Stranger, "unknown users get recommendations", "score raised KeyError: '-1'"),
        (
            NeedsTimes,
            "works without times and ratings, or says what it needs",
            "score raised AttributeError",
        ),
        (
            ForgetsEmpty,
            "a saved and loaded model gives the same recommendations",
            r"\[\] of an unknown user, item 31 scores 31 before saving and 0 after loading",
        ),
        (
            SavedElsewhere,
            "a saved and loaded model gives the same recommendations",
            "another model was saved",
        ),
        (
            HalfWritten,
            "an interrupted training resumes and gives the same model",
            "while it wrote state.npy must give the same model; .* it raised ValueError",
        ),
    ],
)
def test_one_mistake_breaks_one_rule(model: type, rule: str, detail: str) -> None:
    found = broken(findings(model))
    assert list(found) == [rule]
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_a_model_may_need_times_and_say_so() -> None:
    found = findings(SaysTimes)["works without times and ratings, or says what it needs"]
    assert found == ("passed", "good needs times")

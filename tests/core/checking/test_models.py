"""Models that break one rule each fail this rule, with the example that shows it, and no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recbench
from recbench.checking.models import RULES
from recbench.checking.rule import outcomes
from recbench.checking.subject import Subject
from recbench.models.in_process import InProcessModel


class Good:
    """Counts which item follows which; unknown items come last."""

    def fit(self, train: Any) -> Any:
        self.counts_ = np.zeros((train.n_items, train.n_items))
        for items in train.sequences():
            np.add.at(self.counts_, (items[:-1], items[1:]), 1)
        self.counts_ += 0.01 * np.bincount(train.items, minlength=train.n_items)
        return self

    def score(self, history: Any) -> Any:
        last = [items[-1] if len(items) else 0 for items in history.sequences()]
        return self.counts_[last]


class NoSelf(Good):
    def fit(self, train: Any) -> Any:
        super().fit(train)


class WritesToTrain(Good):
    def fit(self, train: Any) -> Any:
        train.items[0] = 3
        return super().fit(train)


class WritesToHistory(Good):
    def score(self, history: Any) -> Any:
        history.users[:] = 0
        return super().score(history)


class ReplacesItems(Good):
    def fit(self, train: Any) -> Any:
        super().fit(train)
        object.__setattr__(train, "items", train.items[::-1])
        return self


class Narrow(Good):
    def score(self, history: Any) -> Any:
        return super().score(history)[:, 1:]


class NotFinite(Good):
    def score(self, history: Any) -> Any:
        scores = super().score(history)
        return np.where(scores > 0.1, scores, -np.inf)


class Batched(Good):
    def score(self, history: Any) -> Any:
        scores = super().score(history)
        return scores - scores.mean() * np.arange(history.n_items)


class Sorted(Good):
    def score(self, history: Any) -> Any:
        order = np.argsort(history.users, kind="stable")
        return super().score(history)[order]


class Remembers(Good):
    def fit(self, train: Any) -> Any:
        self.seen_: dict[int, Any] = {}
        return super().fit(train)

    def score(self, history: Any) -> Any:
        scores = super().score(history)
        known = zip(history.users.tolist(), scores, strict=True)
        return np.array(
            [self.seen_.setdefault(user, own) if user >= 0 else own for user, own in known]
        )


class Unseeded(Good):
    def fit(self, train: Any) -> Any:
        super().fit(train)
        self.counts_ += np.random.default_rng().random(self.counts_.shape)
        return self


class OneItemFails(Good):
    def score(self, history: Any) -> Any:
        if (history.lengths == 1).any() and history.lengths.max() == 300:
            raise ValueError("too short")
        return super().score(history)


class LastUser(Good):
    def fit(self, train: Any) -> Any:
        self.taste_ = np.arange(train.n_users * train.n_items).reshape(train.n_users, -1) % 7
        return super().fit(train)

    def score(self, history: Any) -> Any:
        return super().score(history) + self.taste_[history.users]


class EmptyFails(Good):
    def score(self, history: Any) -> Any:
        return self.counts_[[items[-1] for items in history.sequences()]]


class EmptyRefused(Good):
    def score(self, history: Any) -> Any:
        if not history.lengths.all():
            raise recbench.RecbenchError("good needs a history with an item; give it one")
        return super().score(history)


class KnowsTrained(Good):
    def fit(self, train: Any) -> Any:
        self.known_ = {-1, *train.users.tolist()}
        return super().fit(train)

    def score(self, history: Any) -> Any:
        if not self.known_ >= set(history.users.tolist()):
            raise KeyError("user")
        return super().score(history)


class OneRowPerUser(Good):
    def fit(self, train: Any) -> Any:
        if len(set(train.users.tolist())) < len(train):
            raise ValueError("users twice")
        return super().fit(train)


class NeedsTitles(Good):
    def fit(self, train: Any) -> Any:
        len(train.titles)
        return super().fit(train)


class Forgets(Good):
    def save(self, folder: Path) -> None:
        np.save(folder / "counts.npy", self.counts_)

    def load(self, folder: Path) -> Any:
        self.counts_ = np.load(folder / "counts.npy").round()
        return self


class ResumesTwice(Good):
    """Adds the counts to those of its checkpoint."""

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        super().fit(train)
        state = recbench.read_checkpoint(checkpoint)
        if state is not None:
            self.counts_ += np.frombuffer(state).reshape(self.counts_.shape)
        recbench.write_checkpoint(checkpoint, self.counts_.tobytes())
        return self


class NoDefault(Good):
    def fit(self, train: Any, checkpoint: Any = "") -> Any:
        return super().fit(train)


class Explains(Good):
    def explain(self, history: Any, items: Any) -> Any:
        return np.random.default_rng().random((len(items), history.n_interactions))


class Attends(Good):
    def attention(self, history: Any) -> Any:
        return np.ones((1, 1, history.n_interactions, history.n_interactions))


class Constant(Good):
    def score(self, history: Any) -> Any:
        return np.ones((len(history), history.n_items))


class Fails(Good):
    def fit(self, train: Any) -> Any:
        raise ValueError("no idea")


def findings(model: type, name: str = "") -> dict[str, tuple[str, str]]:
    """Return the rule -> its outcome and detail."""

    @contextlib.contextmanager
    def cell() -> Iterator[InProcessModel]:
        yield InProcessModel(model())

    subject = Subject(cell, name=name)
    found = outcomes(RULES, subject, lambda: subject.close(failed=True))
    return {rule: (outcome, detail) for rule, outcome, detail in found}


def broken(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return the rules that are broken -> the detail."""
    return {rule: detail for rule, (outcome, detail) in found.items() if outcome == "failed"}


NOT_HERE = {
    "explanations are valid and reproducible": "it has no method explain",
    "attention weights are valid and reproducible": "it has no method attention",
    "a saved and loaded model gives the same recommendations": "it has no methods save and load",
    "an interrupted training resumes and gives the same model": "fit has no parameter checkpoint",
    "the search space fits the options": "it has no search_space",
    "memory grows no faster than the square of the catalogue": "memory is measured in separate "
    "processes, which Linux has",
    "leaves no thread or process behind": "it runs in this process",
}


def test_a_good_model_passes_every_rule_that_applies() -> None:
    found = findings(Good)
    others = {rule: detail for rule, (outcome, detail) in found.items() if outcome != "passed"}
    assert others == NOT_HERE
    assert {found[rule][0] for rule in NOT_HERE} == {"not applicable"}
    assert found["fit returns the model itself"][1] == "40 users, 32 items"


@pytest.mark.parametrize(
    ("model", "rule", "detail"),
    [
        (NoSelf, "fit returns the model itself", "returned an object of type NoneType"),
        (ReplacesItems, "its input stays unchanged", "fit changed the interactions"),
        (WritesToTrain, "its input stays unchanged", "fit raised ValueError: .*read-only"),
        (WritesToHistory, "its input stays unchanged", "score raised .*read-only"),
        (
            Narrow,
            "scores or lists have the right shape and type, and are finite",
            r"shape \(40, 31\); .* = \(40, 32\)",
        ),
        (
            NotFinite,
            "scores or lists have the right shape and type, and are finite",
            r"score returned -inf for item number \d+; .*first affected: user number 0",
        ),
        (
            Batched,
            "recommendations do not depend on the batch",
            r"history \[\d+, \d+\] of user \d+, item 31 scores .* alone and -.* in a batch of 40",
        ),
        (
            Sorted,
            "recommendations do not depend on the order of users",
            r"of user \d+, item \d+ scores .* in the order of users and .* in the reverse",
        ),
        (
            Remembers,
            "recommendations do not depend on earlier calls",
            r"\[\d+\] of user \d+, item \d+ scores .* without earlier calls and .* after another",
        ),
        (
            Unseeded,
            "the same seed and data give the same model",
            r"item \d+ scores .* after the first fit and .* after the second",
        ),
        (
            OneItemFails,
            "very short and very long histories get recommendations",
            "score raised ValueError: too short",
        ),
        (
            LastUser,
            "unknown users get recommendations",
            r"history \[1, 2\] of an unknown user, number -1, gets the scores of user 39",
        ),
        (
            EmptyFails,
            "empty histories get recommendations or a clear error",
            "an empty history of an unknown user: score raised IndexError",
        ),
        (
            KnowsTrained,
            "users without training data get recommendations",
            "score raised KeyError: 'user'",
        ),
        (
            OneRowPerUser,
            "training data can have several histories of a user",
            "fit raised ValueError: users twice",
        ),
        (
            NeedsTitles,
            "works without ids, titles and features, or says what it needs",
            "fit raised TypeError",
        ),
        (
            Forgets,
            "a saved and loaded model gives the same recommendations",
            r"of user \d+, item \d+ scores [\d.]+ before saving and \d.* after loading",
        ),
        (
            ResumesTwice,
            "an interrupted training resumes and gives the same model",
            r"resumes from its checkpoint must give the same model: for history",
        ),
        (
            NoDefault,
            "an interrupted training resumes and gives the same model",
            "the default of fit's checkpoint must be None, but it is ''",
        ),
        (
            Explains,
            "explanations are valid and reproducible",
            "explain must return the same numbers",
        ),
        (Attends, "attention weights are valid and reproducible", "must sum to 1 over each row"),
        (
            Constant,
            "beats `random` where there is something to learn",
            r"NDCG@5 0.05\d on a log with a few popular items, 0.05\d in random order; NDCG@5 .*",
        ),
    ],
)
def test_a_model_that_breaks_a_rule_fails_this_rule_only(
    model: type, rule: str, detail: str
) -> None:
    found = broken(findings(model))
    assert list(found) == [rule]
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_after_a_fit_that_fails_the_other_rules_are_not_run() -> None:
    found = findings(Fails)
    assert list(broken(found)) == ["fit returns the model itself"]
    assert "fit raised ValueError: no idea" in found["fit returns the model itself"][1]
    applicable = {rule: each for rule, each in found.items() if rule not in NOT_HERE}
    others = [each for rule, each in applicable.items() if rule != "fit returns the model itself"]
    assert set(others) == {("not run", "fit fails")}


def test_a_model_may_refuse_an_empty_history_in_words() -> None:
    outcome, detail = findings(EmptyRefused)["empty histories get recommendations or a clear error"]
    assert outcome == "passed"
    assert "good needs a history with an item; give it one" in detail


def test_random_need_not_beat_itself() -> None:
    found = findings(Constant, "random")
    assert broken(found) == {}
    assert found["beats `random` where there is something to learn"] == (
        "not applicable",
        "it is what other models must beat",
    )

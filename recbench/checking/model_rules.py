"""Outside the flow: the contract of models, rule by rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from recbench.attention import checked_attention
from recbench.checking.logs import histories, short_and_long
from recbench.checking.rule import NotApplicableError, NotRunError
from recbench.checking.subject import (
    K,
    Subject,
    ask,
    close,
    difference,
    differing,
    is_own,
    shortened,
    user,
)
from recbench.code.raised import BrokenRuleError, require
from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError, counted, describe_error
from recbench.evaluation.referee import evaluate
from recbench.explain import checked_explanation
from recbench.models.in_process import READ_ONLY
from recbench.models.protocols import ModelHandle, Traits

UNREPEATABLE = "the same call gives different recommendations each time"
"""Why answers cannot be compared; the rule on earlier calls shows it."""


def fits(subject: Subject) -> str:
    """`fit` runs, and returns the model."""
    subject.fitted()
    report = subject.report
    require(
        not report.returned,
        "fit must return the model itself",
        f"it returned an object of type {report.returned}; end it with `return self`",
    )
    parameters = "" if report.n_parameters is None else f", {report.n_parameters:,} parameters"
    return f"{counted(len(subject.train), 'user')}, {subject.train.n_items} items{parameters}"


def leaves_input(subject: Subject) -> str:
    """`fit` and the other methods change nothing of what they are given."""
    if subject.why_unfitted is not None and READ_ONLY in str(subject.why_unfitted):
        raise subject.why_unfitted
    model = subject.fitted()
    try:
        ask(model, subject.train)
    except RecbenchError as error:
        if READ_ONLY in str(error):
            raise
        subject.why_silent = _smallest(model, subject.train, error)
        subject.close(failed=True)
        raise NotRunError("its recommendations are not valid") from error
    return ""


def _smallest(model: ModelHandle, train: Interactions, error: RecbenchError) -> RecbenchError:
    """Return the error that the shortest history causes alone, if it is this one."""
    began, _, what = str(error).partition(" raised ")
    if not what or began not in ("score", "recommend"):  # its process may have ended
        return error
    for row in np.argsort(train.lengths, kind="stable"):
        single = train.take([row])
        try:
            ask(model, single)
        except RecbenchError as alone:
            return RecbenchError(f"{alone}: history {shortened(single.items)} of {user(single, 0)}")
        except NotRunError:
            return error
    return error


def answers(subject: Subject) -> str:
    """Answers are of the right shape and type, and finite."""
    if subject.why_silent is not None:
        raise subject.why_silent
    train = subject.train
    for history in (train, train.take(np.arange(len(train))[::-1]), train.take([0])):
        check_answers(subject.fitted(), train, history)
    answer = ask(subject.fitted(), train)
    subject.valid = True
    return f"{answer.dtype} of shape {answer.shape}"


def check_answers(model: ModelHandle, train: Interactions, history: Interactions) -> None:
    """Check answers as the referee does."""
    targets = np.full(len(history), train.n_items - 1)
    evaluate(model, Split(train, history, targets), mask_seen=True, depth=K)


def ignores_batch(subject: Subject) -> str:
    """What a history gets does not depend on the others in the batch."""
    model, train = subject.fitted(), subject.train
    alone = np.concatenate([ask(model, single) for single in train.batches(1)])
    when = "alone", f"in a batch of {len(train)}"
    shown = difference(model.traits, train, (alone, ask(model, train)), when)
    _require_repeatable(model, train, shown)
    require(not shown, f"{_kind(model.traits)} must not depend on the batch", shown)
    return f"each of {len(train)} histories alone and in one batch"


def ignores_order(subject: Subject) -> str:
    """What a history gets does not depend on the place of its user in the batch."""
    model, train = subject.fitted(), subject.train
    backwards = np.arange(len(train))[::-1]
    turned = ask(model, train.take(backwards))[backwards]
    when = "in the order of users", "in the reverse order"
    shown = difference(model.traits, train, (ask(model, train), turned), when)
    _require_repeatable(model, train, shown)
    require(not shown, f"{_kind(model.traits)} must not depend on the order of users", shown)
    return ""


def _require_repeatable(model: ModelHandle, train: Interactions, shown: str) -> None:
    """Raise NotRunError if a difference may be one between two answers to the same question."""
    if shown and len(differing(ask(model, train), ask(model, train))):
        raise NotRunError(UNREPEATABLE)


def same_seed(subject: Subject) -> str:
    """The same seed and data give the same model."""
    kept = subject.kept()
    if len(differing(kept.first, kept.again)):
        raise NotRunError(UNREPEATABLE)
    twin = subject.fit(subject.train)
    shown = kept.difference(twin, subject.train, ("after the first fit", "after the second"))
    subject.reproducible = not shown
    require(not shown, "the same seed and data must give the same model", shown)
    return "fitted twice"


def forgets_questions(subject: Subject) -> str:
    """What a history gets does not depend on what the model was asked before."""
    kept = subject.kept()
    rule = f"{_kind(kept.traits)} must not depend on earlier calls"
    when = "in the first call", "in the second"
    shown = difference(kept.traits, subject.train, (kept.first, kept.again), when)
    require(not shown, rule, shown)
    if not subject.reproducible:
        raise NotRunError("the same seed and data do not give the same model")
    at_once = ask(subject.fit(subject.train), subject.others)
    when = "without earlier calls", "after another history of the same user"
    shown = difference(kept.traits, subject.others, (at_once, kept.later), when)
    require(not shown, rule, shown)
    return "the same histories twice; after other histories of the same users"


def knows_unusual(subject: Subject) -> str:
    """Histories of one item, and long ones with repeats, get answers too."""
    unusual = short_and_long(subject.train)
    check_answers(subject.fitted(), subject.train, unusual)
    subject.unusual.append(unusual)
    return "1 item; 300 items with repeats"


def knows_unknown_users(subject: Subject) -> str:
    """Users who are not in the dataset get answers too."""
    model, train = subject.fitted(), subject.train
    unknown = dataclasses.replace(train, users=np.full(len(train), -1))
    check_answers(model, train, unknown)
    same = histories(train, {0: [1, 2], 1: [1, 2], train.n_users - 1: [1, 2], -1: [1, 2]})
    own = ask(model, same)
    as_last = not len(differing(own[[3]], own[[2]]))
    by_user = len(differing(own[[0]], own[[2]])) and len(differing(own[[1]], own[[2]]))
    require(
        not (as_last and by_user),
        f"history [1, 2] of an unknown user, number -1, gets the {_kind(model.traits)} of user "
        f"{train.n_users - 1}, the last one; -1 is not an index of users",
    )
    subject.knows_unknown = True
    subject.unusual.append(same)
    return "number -1"


def knows_absent_users(subject: Subject) -> str:
    """Users who are not in the training data get answers too."""
    train = subject.train
    absent = [0, 5, train.n_users - 1]
    others = train.take(np.setdiff1d(np.arange(len(train)), absent))
    check_answers(subject.fit(others), others, train)
    return f"users {shortened(np.array(absent))}"


def knows_empty(subject: Subject) -> str:
    """Empty histories get answers, or an error that says that there is nothing to go by."""
    subject.fitted()
    if not subject.valid:
        raise NotRunError("its recommendations are not valid")
    train = subject.train
    items = train.take([0]).items.tolist()
    unknown = {-1: list[int]()} if subject.knows_unknown else {}
    refused = ""
    for what, batch in (
        ("an empty history of an unknown user", histories(train, unknown)),
        ("an empty history of user 1", histories(train, {1: []})),
        ("a batch with an empty history", histories(train, {0: items, 1: [], **unknown})),
    ):
        if not len(batch):
            continue
        try:
            check_empty(subject.fitted(), batch, what)
        except RecbenchError as error:
            if not is_own(error):
                raise AssertionError(f"{what}: {error}") from error
            refused = f"refuses {what}: {error}"
        else:
            subject.unusual.append(batch)
    return refused or "alone and in a batch"


def check_empty(model: ModelHandle, batch: Interactions, what: str) -> None:
    """Check answers as the referee would, if it asked for an empty history."""
    answer, scores = ask_or_fail(model, batch), model.traits.scores
    if scores:
        bad = np.argwhere(~np.isfinite(answer.astype(float)))
        row, item = bad[0] if len(bad) else (0, 0)
        require(not len(bad), f"{what}: score returned {answer[row, item]} for item {item}")
    else:
        outside = np.flatnonzero(((answer < -1) | (answer >= batch.n_items)).any(axis=1))
        row = outside[0] if len(outside) else 0
        require(not len(outside), f"{what}: recommend returned the list {answer[row].tolist()}")


def ask_or_fail(model: ModelHandle, history: Interactions) -> Array:
    """Return answers. Raises AssertionError if they have a wrong shape."""
    try:
        return ask(model, history)
    except NotRunError:
        raise AssertionError(
            f"{_kind(model.traits)} of {counted(len(history), 'row')} have a wrong shape"
        ) from None


def knows_windows(subject: Subject) -> str:
    """Training data may have several histories of one user, as some splitters cut them."""
    windows = subject.log.take(np.repeat(np.arange(len(subject.log)), 2))
    check_answers(subject.fit(windows), windows, windows)
    return "each user twice"


def knows_no_features(subject: Subject) -> str:
    """A model works without ids, titles and features, or says what it needs."""
    bare = dataclasses.replace(subject.train, features={}, metadata=None)
    return _works_or_says(subject, bare, "ids, titles and features")


def _works_or_says(subject: Subject, bare: Interactions, lacking: str) -> str:
    """Require valid answers from a model of such data, or an error that says what it needs."""
    try:
        model = subject.fit(bare)
        ask(model, bare)
    except RecbenchError as error:
        if is_own(error):
            return str(error)
        raise BrokenRuleError(
            f"it must work without {lacking}, or raise a RecbenchError that says what it needs",
            describe_error(error),
        ) from error
    check_answers(model, bare, bare)
    return ""


def knows_no_times(subject: Subject) -> str:
    """A model works without times and ratings, or says what it needs."""
    bare = dataclasses.replace(subject.train, times=None, ratings=None, time_unit="s")
    return _works_or_says(subject, bare, "times and ratings")


def explains(subject: Subject) -> str:
    """`explain` is valid, reproducible, and the same for each item alone."""
    model, train = subject.fitted(), subject.train
    if not model.traits.explains:
        raise NotApplicableError("it has no method explain")
    items = np.arange(train.n_items)[::-1]  # some are in the history, two have no interactions
    for history in _explained(subject):
        together = checked_explanation(model, history, items)
        require(
            close(together, checked_explanation(model, history, items)),
            "explain must return the same numbers for the same call",
        )
        some = items[::7]
        alone = [checked_explanation(model, history, item)[0] for item in some[:, None]]
        for item, first, second in zip(some, together[::7], alone, strict=True):
            place = int(np.argmax(np.abs(first - second)))
            require(
                close(first, second),
                "the numbers that explain returns for an item must not depend on the other items",
                f"interaction {place + 1} moves item {item} by {second[place]:.6g} alone, by "
                f"{first[place]:.6g} with {len(items) - 1} others",
            )
    subject.says.append(lambda model, history: checked_explanation(model, history, items))
    return model.traits.method


def _explained(subject: Subject) -> Iterator[Interactions]:
    """Yield histories of one user each for which explanations and attention are checked."""
    yield from subject.train.take([0, 1]).batches(1)
    yield from short_and_long(subject.train).batches(1)
    if subject.knows_unknown:
        yield histories(subject.train, {-1: [1, 2]})


def attends(subject: Subject) -> str:
    """`attention` is valid and reproducible."""
    model = subject.fitted()
    if not model.traits.attends:
        raise NotApplicableError("it has no method attention")
    for history in _explained(subject):
        require(
            close(checked_attention(model, history), checked_attention(model, history)),
            "attention must return the same numbers for the same call",
        )
    subject.says.append(checked_attention)
    return ""


def leaves_nothing(subject: Subject) -> str:
    """No thread or process of the model is left when it ends."""
    if not subject.isolated:
        raise NotApplicableError("it runs in this process")
    subject.kept()
    subject.close()
    if subject.ends is not None:
        raise subject.ends
    return ""


def _kind(traits: Traits) -> str:
    return "scores" if traits.scores else "lists"

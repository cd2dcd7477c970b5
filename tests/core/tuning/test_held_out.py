"""The data that trials get: no test target is in them, and nobody can change them."""

import os
import pickle
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, RecbenchError, Split, UsageError, load_plugins
from recbench.data.make_split import make_split
from recbench.experiment import Experiment
from recbench.given.splitters import with_splitter
from recbench.isolation import processes
from recbench.isolation.runner import AVAILABLE
from recbench.plugins import Plugins
from recbench.tuning import held_out
from recbench.tuning.held_out import HeldOut, prepare

N_USERS, LENGTH = 8, 6

needs_linux = pytest.mark.skipif(not AVAILABLE, reason="processes are only forked on Linux")


def _item(user: int, number: int) -> int:
    """Return an item that only this user has, whose id is unlike any other number."""
    return 10_000 + 100 * user + number


def _log() -> pd.DataFrame:
    rows = [
        (f"u{user}", _item(user, number), 1_000_000 + 10 * number + user)
        for user in range(N_USERS)
        for number in range(LENGTH)
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def _arrays(held: Any, seen: set[int] | None = None) -> Iterator[np.ndarray]:
    """Yield every array that an object reaches, also through cached properties and slots."""
    seen = set() if seen is None else seen
    if id(held) in seen or isinstance(held, (str, bytes, int, float, type(None), type)):
        return
    seen.add(id(held))
    if isinstance(held, np.ndarray):
        yield held
        if held.base is not None:
            yield from _arrays(held.base, seen)
    elif isinstance(held, dict):
        for value in held.values():
            yield from _arrays(value, seen)
    elif isinstance(held, (list, tuple, set, frozenset)):
        for value in held:
            yield from _arrays(value, seen)
    elif type(held).__module__.startswith("recbench.") and not isinstance(held, Plugins):
        yield from _arrays(getattr(held, "__dict__", {}), seen)


def _pairs(interactions: Interactions) -> set[tuple[int, int]]:
    users = np.repeat(interactions.users, interactions.lengths)
    return set(zip(users.tolist(), interactions.items.tolist(), strict=True))


def _targets(split: Split) -> set[tuple[int, int]]:
    users = split.history.users[split.judged][split.case_of_target]
    return set(zip(users.tolist(), split.judged_targets[0].tolist(), strict=True))


def _prepared(dataset: Any, split: Any = "leave-last-out", **more: Any) -> HeldOut:
    plugins, split = with_splitter(more.pop("plugins", load_plugins()), split)
    return prepare(plugins, dataset, split, None, "ndcg")


SPLITS = ["leave-last-out", "temporal:share=0.7,targets=all", "random", "users"]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", ["frame", "file"])
def test_no_array_holds_a_test_target(split: str, kind: str, tmp_path: Path) -> None:
    log: Any = _log()
    if kind == "file":
        log.to_csv(tmp_path / "log.csv", index=False)
        log = str(tmp_path / "log.csv")
    plugins = load_plugins()
    whole = recbench.load_dataset(log, plugins=plugins)
    _, test = make_split(plugins, whole, split)
    hidden = _pairs(whole.interactions) - _pairs(test.train)
    assert _targets(test) <= hidden

    held = prepare(plugins, log, split, None, "ndcg")
    experiment = held.validation
    for part in (
        experiment.dataset.interactions,
        experiment.split.train,
        experiment.split.history,
    ):
        assert not _pairs(part) & hidden
    assert not _targets(experiment.split) & hidden
    assert _targets(experiment.split) <= _pairs(test.train)
    times = set(np.asarray(whole.interactions.times).tolist())  # each is that of one interaction
    numbers = {
        int(number)
        for array in _arrays(experiment)
        if array.dtype.kind in "iu"
        for number in array.ravel()
    }
    assert numbers & times == set(np.asarray(test.train.times).tolist())
    assert held.test.split_sha256 == test.fingerprint()
    assert held.test.dataset_sha256 == whole.fingerprint()


def test_the_setting_is_that_of_a_run() -> None:
    held = _prepared(_log())
    run = Experiment.prepare(load_plugins(), _log(), "leave-last-out").setting
    assert held.test.comparison_key == run.comparison_key
    assert (held.test.n_cases, held.validation.setting.n_cases) == (N_USERS, N_USERS)
    assert held.validation.setting.split_sha256 != run.split_sha256
    assert held.validation.only == {"ndcg"}


def test_nobody_can_change_the_data_of_trials() -> None:
    experiment = _prepared(_log()).validation
    for part in (
        experiment.dataset.interactions,
        experiment.split.train,
        experiment.split.history,
    ):
        for array in (part.items, part.users, part.offsets, part.times):
            assert array is not None
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        experiment.split.targets[0] = 1
    assert experiment.dataset.user_ids.dtype == object  # which pickle would make writable
    with pytest.raises(ValueError, match="read-only"):
        experiment.dataset.user_ids[0] = "x"


class ReadsTitles:
    """Finds the titles and features of its training data."""

    def fit(self, train: Interactions) -> "ReadsTitles":
        assert train.titles is not None
        self.n_words = np.array([len(title.split()) for title in train.titles], dtype=float)
        self.n_words += np.asarray(train.item_features["price"], dtype=float)
        return self

    def score(self, history: Interactions) -> Any:
        return np.tile(self.n_words, (len(history), 1))


def test_models_can_read_titles_and_features(tmp_path: Path) -> None:
    log = recbench.load_dataset(_log()).interactions
    data = recbench.Dataset(
        "shop",
        log,
        np.arange(log.n_users),
        np.arange(log.n_items),
        titles=np.array([f"title of {item}" for item in range(log.n_items)]),
        item_features={"price": np.linspace(0, 1, log.n_items)},
    )
    tuning = recbench.tune([ReadsTitles], data, trials=1, results=tmp_path)
    assert [trial.state for trial in tuning.studies[0].trials] == ["ok"]
    assert tuning.holds


def test_a_given_split_is_tuned_on_its_own_valid_part(tmp_path: Path) -> None:
    log = _log()
    last = log.groupby("user_id").cumcount()
    for name, part in (("train", last < 4), ("valid", last == 4), ("test", last == 5)):
        log[part].to_csv(tmp_path / f"{name}.csv", index=False)
    held = _prepared(str(tmp_path), "given")
    data, split = held.validation.dataset, held.validation.split
    ids = np.asarray(data.item_ids).astype(int)
    assert sorted(ids[split.judged_targets[0]]) == [_item(user, 4) for user in range(N_USERS)]
    tests = {_item(user, 5) for user in range(N_USERS)}
    for part in (data.interactions, split.train, split.history):
        assert not set(ids[part.items].tolist()) & tests


def test_too_few_validation_cases_are_an_error() -> None:
    log = _log().groupby("user_id").head(2)
    with pytest.raises(RecbenchError, match=r"^validation targets: .*there is no case to judge"):
        _prepared(log)


def test_wrong_names_stay_usage_errors() -> None:
    with pytest.raises(UsageError, match="moods"):
        _prepared("synthetic:moods=3")
    with pytest.raises(UsageError, match="share"):
        _prepared("synthetic", "temporal:share=7")


def raises(interactions: Interactions) -> Split:
    raise ZeroDivisionError("on purpose")


def exits(interactions: Interactions) -> Split:
    sys.exit(3)


def exits_at_once(interactions: Interactions) -> Split:
    os._exit(0)


def kills_itself(interactions: Interactions) -> Split:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@needs_linux
@pytest.mark.parametrize(
    ("splitter", "match"),
    [
        (raises, "ZeroDivisionError: on purpose"),
        (exits, "3"),
        (exits_at_once, "the process that loads and splits the data ended without a result"),
        (kills_itself, "the process that loads and splits the data was killed by signal 9"),
    ],
)
def test_the_end_of_the_process_that_loads_is_an_error(
    splitter: Any, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = os.getpid()
    forked = []

    def fork() -> int:
        forked.append(processes.fork())
        return forked[-1]

    monkeypatch.setattr(held_out, "fork", fork)
    with pytest.raises(RecbenchError, match=match) as raised:
        _prepared("synthetic:users=30,items=20,interactions=200", splitter)
    assert not isinstance(raised.value, UsageError)
    assert os.getpid() == pid
    (child,) = forked
    with pytest.raises(ChildProcessError):  # it has been waited for
        os.waitpid(child, os.WNOHANG)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise pickle.PicklingError("this cannot be sent")


@needs_linux
def test_data_that_cannot_be_sent_are_an_error_that_says_so() -> None:
    with pytest.raises(RecbenchError, match="PicklingError: this cannot be sent"):
        held_out._in_own_process(lambda: [np.zeros(10**6), Unpicklable()])
    assert held_out._in_own_process(lambda: [1, 2]) == [1, 2]


@needs_linux
def test_an_interrupt_of_the_process_that_loads_is_one_of_the_command() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        held_out._in_own_process(interrupted)


@needs_linux
def test_a_closed_output_does_not_keep_the_process_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def flush(self) -> None:
            if os.getpid() != parent:
                raise BrokenPipeError

    parent = os.getpid()
    monkeypatch.setattr(sys, "stdout", Broken())
    assert held_out._in_own_process(os.getpid) != parent
    monkeypatch.setattr(sys, "stdout", None)
    assert held_out._in_own_process(os.getpid) != parent


@needs_linux
def test_the_data_are_loaded_in_another_process(tmp_path: Path) -> None:
    def split(interactions: Interactions) -> Split:
        (tmp_path / "pid").write_text(str(os.getpid()))
        factory = next(o for o in load_plugins().offers("splitters") if o.name == "leave-last-out")
        made: Split = factory.factory().split(interactions)
        return made

    _prepared(_log(), split)
    assert (tmp_path / "pid").read_text() != str(os.getpid())


def test_where_processes_cannot_be_forked_the_data_are_loaded_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = _prepared(_log())
    monkeypatch.setattr(held_out, "AVAILABLE", False)
    monkeypatch.setattr(held_out, "fork", lambda: pytest.fail("a process was forked"))
    here = _prepared(_log())
    assert here.test == there.test
    assert here.validation.setting == there.validation.setting


def test_leaky_plugins_are_refused_as_such() -> None:
    class Leaks:
        def split(self, interactions: Interactions) -> Split:
            return make_split(load_plugins(), recbench.load_dataset(_log()), "leave-last-out")[1]

        def validation_split(self, interactions: Interactions) -> Split:
            return self.split(interactions)

    plugins = load_plugins(mine=plugin(splitters={"leaks": Leaks}))
    with pytest.raises(RecbenchError, match="validation_split must not use targets of split"):
        _prepared(_log(), "leaks", plugins=plugins)

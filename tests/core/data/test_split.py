"""Splits: their parts, names and errors, and how splitters make them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import Dataset, Interactions, RecbenchError, Split, UsageError, load_plugins
from recbench.data.make_split import make_split

LOG = Interactions.from_log([0, 0, 1, 1, 2], [0, 1, 1, 2, 3], n_users=4, n_items=6)
TARGETS = [2, -1, 4]
SEVERAL = {"targets": [2, 3, 4], "offsets": [0, 2, 2, 3]}


def _split(targets: Any = TARGETS, times: Any = None, offsets: Any = None) -> Split:
    return Split(LOG, LOG, targets, times, offsets)


def test_histories_with_a_target_are_cases() -> None:
    split = _split(times=[10, 0, 30])
    assert split.judged.tolist() == [0, 2]
    assert [array.tolist() for array in split.judged_targets] == [[2, 4], [0, 1, 2]]
    assert split.judged_target_times is not None
    assert split.judged_target_times.tolist() == [10, 30]
    assert split.case_of_target.tolist() == [0, 1]
    assert split.target_pairs.tolist() == [2, 6 + 4]


def test_a_case_may_have_several_targets() -> None:
    split = _split(**SEVERAL, times=[10, 20, 30])
    assert split.judged.tolist() == [0, 2]
    assert [array.tolist() for array in split.judged_targets] == [[2, 3, 4], [0, 2, 3]]
    assert split.judged_target_times is not None
    assert split.judged_target_times.tolist() == [10, 20, 30]
    assert split.case_of_target.tolist() == [0, 0, 1]
    assert split.target_pairs.tolist() == [2, 3, 6 + 4]


def test_without_targets_there_are_no_cases() -> None:
    split = _split([-1, -1, -1])
    assert split.judged.tolist() == split.case_of_target.tolist() == []
    assert split.judged_target_times is None


@pytest.mark.parametrize("name", ["targets", "times", "offsets"])
def test_arrays_are_read_only(name: str) -> None:
    array = getattr(_split(**SEVERAL, times=[10, 20, 30]), name)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"targets": [2, 4]}, r"targets has shape \(2,\); it must be \(3,\)"),
        ({"times": [1]}, r"times has shape \(1,\); it must be \(3,\)"),
        ({"targets": [2, 6, 4]}, r"targets must be in \[-1, 6\), but 6 occurs"),
        (
            {"targets": [2, -1, 4], "offsets": [0, 1, 2, 3]},
            r"targets must be in \[0, 6\), but -1 occurs",
        ),
        ({"targets": [2, 3], "offsets": [0, 1, 2, 3]}, "4 values and rise from 0 to 2, the number"),
        ({"targets": [2, 3], "offsets": [0, 2]}, "rise from 0 to 2"),
        (
            {"targets": [1, 4, 4], "offsets": [0, 1, 1, 3]},
            "row 2 of history has the same target twice",
        ),
    ],
)
def test_inconsistent_arrays_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        _split(**wrong)


def test_two_cases_may_share_a_target() -> None:
    assert _split([2, 2, 4], offsets=[0, 1, 3, 3]).target_pairs.tolist() == [2, 6 + 2, 6 + 4]


def test_a_case_without_a_history_is_refused() -> None:
    history = LOG.keep(np.array([True, True, True, True, False]))
    assert Split(LOG, history, [2, 2, -1]).judged.tolist() == [0, 1]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="row 2 of history has a target but no items"):
        Split(LOG, history, [2, 2, 2])  # type: ignore[arg-type]


def test_train_and_history_must_share_a_catalogue() -> None:
    smaller = Interactions.from_log([0], [0], n_items=5)
    with pytest.raises(ValueError, match="train has n_items=5, but history has 6"):
        Split(smaller, LOG, TARGETS)  # type: ignore[arg-type]


def test_train_and_history_must_share_a_unit_of_times() -> None:
    in_seconds, in_ms = (replace(LOG, times=np.arange(5), time_unit=unit) for unit in ("s", "ms"))
    with pytest.raises(ValueError, match="train has times in ms, but history in s; they must be"):
        Split(in_ms, in_seconds, TARGETS)  # type: ignore[arg-type]
    assert len(Split(in_ms, LOG, TARGETS).judged) == 2  # type: ignore[arg-type]


def test_fractions_in_times_of_targets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"whole numbers that fit int64, but 0\.5 occurs"):
        _split(times=[10, 0.5, 30])


def test_fingerprint_depends_on_train_history_and_targets() -> None:
    split = _split()
    assert split.fingerprint() == _split(times=[1, 2, 3]).fingerprint()
    assert split.fingerprint() != _split([2, -1, 5]).fingerprint()
    shorter = LOG.keep(np.array([True, False, True, True, True]))
    assert split.fingerprint() != Split(LOG, shorter, split.targets).fingerprint()
    assert split.fingerprint() != Split(shorter, LOG, split.targets).fingerprint()
    several = {_split(**SEVERAL).fingerprint(), _split([2, 3, 4], None, [0, 1, 1, 3]).fingerprint()}
    assert len(several) == 2


def _make(answer: Any, log: Interactions = LOG) -> tuple[str, Split]:
    """Split a log with a splitter that returns, or raises, this answer."""

    class Splitter:
        def __init__(self, share: float = 0.5) -> None:
            """Take an option."""

        def split(self, interactions: Interactions) -> Any:
            assert interactions.items is log.items
            if isinstance(answer, BaseException):
                raise answer
            return answer

    plugins = load_plugins(mine=plugin(splitters={"mine": Splitter}))
    ids = np.arange(LOG.n_users), np.arange(LOG.n_items)
    return make_split(plugins, Dataset("log", log, *ids), "mine:share=0.20")


def test_a_split_is_returned_with_the_name_of_its_splitter() -> None:
    split = _split()
    name, made = _make(split)
    assert name == "mine:share=0.20"
    assert made.fingerprint() == split.fingerprint()
    assert made.notes == split.notes


def test_parts_do_not_reach_train_and_history() -> None:
    with_parts = replace(LOG, parts=[0, 0, 0, 2, 0])
    history = with_parts.keep(np.array([True, True, True, False, True]))
    for split in (Split(with_parts, with_parts, [2, -1, 4]), Split(LOG, history, [2, -1, 4])):  # type: ignore[arg-type]
        _, made = _make(split, with_parts)
        assert made.train.parts is made.history.parts is None
        assert (made.history is made.train) == (split.history is split.train)
        assert made.history.items.tolist() == split.history.items.tolist()
        assert made.targets.tolist() == [2, -1, 4]


def test_times_in_another_unit_than_the_data_are_refused() -> None:
    log = replace(LOG, times=np.arange(5), time_unit="ms")
    wrong = replace(log, time_unit="s")
    with pytest.raises(
        RecbenchError,
        match=r"mine.* \(plugin mine\) returned times in s, but those of the data are in ms",
    ):
        _make(Split(wrong, wrong, [2, -1, 4]), log)  # type: ignore[arg-type]
    assert _make(Split(LOG, LOG, [2, -1, 4]), log)[1].train.times is None  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ZeroDivisionError("too short"), SystemExit("too short")])
def test_a_splitter_that_fails_is_named(error: BaseException) -> None:
    with pytest.raises(RecbenchError, match=r"splitter mine.* \(plugin mine\) failed: .*too short"):
        _make(error)


def test_usage_errors_of_a_splitter_are_shown_unchanged() -> None:
    with pytest.raises(UsageError, match=r"^share must be less$"):
        _make(UsageError("share must be less"))


def test_a_splitter_must_return_a_split() -> None:
    with pytest.raises(
        RecbenchError, match=r"\(plugin mine\) returned tuple; it must return a recbench\.Split"
    ):
        _make((LOG, LOG))

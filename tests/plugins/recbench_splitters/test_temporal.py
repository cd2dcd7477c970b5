"""Temporal: one cut in time, on small logs and random logs."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import LOGS, Triple, by_user, cases, distinct, numbered_log, timed_log, train_items

from recbench import Interactions, RecbenchError, Split, UsageError
from recbench_splitters import Sessions, Temporal

DAY = 86_400


def _cut_at(targets: Any, at: int = 5) -> Split:
    log = timed_log(
        *[(0, 10, 1), (0, 11, 4), (0, 12, 5), (0, 13, 6)],  # on both sides, and at the cut
        *[(1, 20, 2), (1, 21, 3)],  # before only
        *[(2, 30, 5), (2, 31, 9)],  # after only
        *[(3, 40, 4), (3, 40, 8), (3, 41, 8), (3, 41, 9)],  # repeats
    )
    return Temporal(at=at, targets=targets).split(log)


def test_temporal_next_is_the_first_interaction_at_or_after_the_cut() -> None:
    split = _cut_at("next")
    assert train_items(split) == {0: [10, 11], 1: [20, 21], 3: [40]}
    assert cases(split) == {0: ([10, 11], [12], [5]), 3: ([40], [40], [8])}
    assert split.offsets is None
    assert split.targets.tolist() == [12, -1, 40]
    assert split.notes == (
        "the cut is 1970-01-01 00:00:05 UTC: 5 interactions before it, 7 at or after it",
        "1 user without an interaction before the cut is neither used for training nor judged",
        "1 user without an interaction at or after the cut is used for training but not judged",
    )


def test_temporal_all_is_every_later_item_once() -> None:
    split = _cut_at("all")
    assert train_items(split) == train_items(_cut_at("next"))
    assert cases(split) == {0: ([10, 11], [12, 13], [5, 6]), 3: ([40], [40, 41], [8, 8])}
    assert split.offsets is not None
    assert split.offsets.tolist() == [0, 2, 2, 4]
    assert split.notes == _cut_at("next").notes


@given(LOGS, st.integers(0, 9), st.sampled_from(["next", "all"]))
def test_the_split_equals_that_of_a_loop(triples: list[Triple], at: int, targets: Any) -> None:
    before = [triple for triple in triples if triple[2] < at]
    splitter = Temporal(at=at, targets=targets)
    if not 0 < len(before) < len(triples):
        which = "every" if len({time for _, _, time in triples}) == 1 else "no"
        with pytest.raises(RecbenchError, match=f"{which} interaction is"):
            splitter.split(timed_log(*triples))
        return
    rows = {}
    for user, own in by_user(triples).items():
        known = [item for _, item, time in own if time < at]
        later = [triple for triple in own if triple[2] >= at]
        if known and later:
            rows[user] = (known, *distinct(later[:1] if targets == "next" else later))
    split = splitter.split(timed_log(*triples))
    kept = by_user(before).items()
    assert train_items(split) == {user: [item for _, item, _ in own] for user, own in kept}
    assert cases(split) == rows


@given(LOGS, st.floats(0.01, 0.99))
def test_a_share_of_the_interactions_is_before_the_cut(triples: list[Triple], share: float) -> None:
    times = sorted(time for _, _, time in triples)
    cut = times[min(round(share * len(times)), len(times) - 1)]
    try:
        split = Temporal(share=share).split(timed_log(*triples))
    except RecbenchError:
        assert cut == times[0]
        return
    assert split.train.n_interactions == sum(time < cut for time in times)
    assert split.train.n_interactions <= max(round(share * len(times)), 1)
    assert split.fingerprint() == Temporal(at=cut).split(timed_log(*triples)).fingerprint()


def test_nine_tenths_are_before_the_cut_by_default() -> None:
    log = numbered_log(*[10] * 10)
    assert Temporal().split(log).train.n_interactions == 90
    assert Temporal(share=0.29).split(log).train.n_interactions == 29


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("1970-01-03", 2 * DAY),
        (" 1970-01-03 ", 2 * DAY),
        ("1970-01-03T12:30", 2 * DAY + 45_000),
        ("1970-01-03 12:30:00", 2 * DAY + 45_000),
        ("1970-01-03T12:30Z", 2 * DAY + 45_000),
        ("1970-01-03T12:30+02:00", 2 * DAY + 37_800),
        ("1970-01-03T12:30:00.5", 2 * DAY + 45_000.5),
        ("1970-01-03T12:30:00,25+02:00", 2 * DAY + 37_800.25),
        ("1969-12-31", -DAY),
        ("172800", 2 * DAY),
        ("-5", -5),
        (172_800, 2 * DAY),
    ],
)
def test_a_cut_is_a_date_or_a_number_of_seconds(at: str | int, seconds: float) -> None:
    assert Temporal(at=at).cut.at == seconds
    before, after = math.ceil(seconds) - 1, math.ceil(seconds)
    log = timed_log((0, 1, before), (0, 2, after))
    assert cases(Temporal(at=at).split(log)) == {0: ([1], [2], [after])}


@pytest.mark.parametrize(
    ("unit", "per_second", "at", "date"),
    [
        ("ms", 10**3, 172_800, "1970-01-03 00:00:00"),
        ("ms", 10**3, "1970-01-03", "1970-01-03 00:00:00"),
        ("ms", 10**3, "1970-01-03T00:00:00.001", "1970-01-03 00:00:00.001"),
        ("ms", 10**3, "1970-01-03T00:00:00.0001", "1970-01-03 00:00:00.0001"),
        ("us", 10**6, "1970-01-03T00:00:00.250", "1970-01-03 00:00:00.25"),
        ("ns", 10**9, "1970-01-03T00:00:00.123456789Z", "1970-01-03 00:00:00.123456789"),
        ("ns", 10**9, "1969-12-31T23:59:59.999999999", "1969-12-31 23:59:59.999999999"),
    ],
)
def test_a_cut_may_be_within_a_second(unit: str, per_second: int, at: str | int, date: str) -> None:
    splitter = Temporal(at=at)
    assert splitter.cut.at is not None
    after = math.ceil(splitter.cut.at * per_second)
    times = [after - 1, after, after + 1]  # one of them is no whole second
    log = Interactions.from_log([0, 0, 0], [1, 2, 3], times, time_unit=unit)
    split = splitter.split(log)
    assert log.time_unit == split.train.time_unit == unit
    assert cases(split) == {0: ([1], [2], [after])}
    assert split.notes == (f"the cut is {date} UTC: 1 interactions before it, 2 at or after it",)


def test_a_cut_by_share_shows_the_fraction_of_its_second() -> None:
    log = Interactions.from_log([0] * 4, [1, 2, 3, 4], [1000, 2000, 2500, 3000], time_unit="ms")
    assert Temporal(share=0.5).split(log).notes == (
        "the cut is 1970-01-01 00:00:02.5 UTC: 2 interactions before it, 2 at or after it",
    )
    with pytest.raises(
        RecbenchError,
        match=r"is before the cut, 1970-01-01 00:00:00\.75 UTC; .* "
        r"from 1970-01-01 00:00:01 UTC to 1970-01-01 00:00:03 UTC",
    ):
        Temporal(at="1970-01-01T00:00:00.75").split(log)


@pytest.mark.parametrize("at", [10**17, -(10**17)])
def test_a_cut_far_outside_the_data_is_refused_in_every_unit(at: int) -> None:
    log = Interactions.from_log([0, 0], [1, 2], [1, 2], time_unit="ns")
    with pytest.raises(RecbenchError, match="no interaction is"):
        Temporal(at=at).split(log)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"at": "1998-03-01", "share": 0.9}, "at=1998-03-01 and share=0.9 both set the cut"),
        ({"share": 0.0}, "share must be above 0 and below 1, not 0.0"),
        ({"share": 1.0}, "share must be above 0 and below 1, not 1.0"),
        ({"share": float("nan")}, "share must be above 0 and below 1, not nan"),
        ({"at": "1.3.1998"}, "at=1.3.1998 is not a time; write a date such as 1998-03-01"),
        ({"at": "1998-02-30"}, "is not a time"),
        ({"at": ""}, "is not a time"),
        ({"targets": "some"}, "targets must be next or all, not some"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Temporal(**wrong)


@pytest.mark.parametrize(
    ("at", "side"), [(DAY, "before"), (DAY - 9, "before"), (9 * DAY + 1, "at or after")]
)
def test_a_cut_outside_the_data_is_an_error_that_shows_the_range(at: int, side: str) -> None:
    with pytest.raises(RecbenchError) as caught:
        Temporal(at=at).split(timed_log((0, 1, DAY), (0, 2, 9 * DAY)))
    assert f"no interaction is {side} the cut" in str(caught.value)
    assert "from 1970-01-02 00:00:00 UTC to 1970-01-10 00:00:00 UTC" in str(caught.value)


def test_interactions_with_a_single_time_cannot_be_split() -> None:
    log = timed_log((0, 1, 5), (0, 2, 5), (1, 1, 5))
    with pytest.raises(RecbenchError, match="every interaction is at 1970-01-01 00:00:05 UTC, so"):
        Temporal().split(log)
    with pytest.raises(RecbenchError, match="every session ends at 1970-01-01 00:00:05 UTC, so"):
        Sessions().split(log)


@pytest.mark.parametrize(
    ("options", "targets"),
    [
        ({"share": 0.5}, [5]),
        (
            {"share": 0.8},
            [12],
        ),  # the cut of 16 times is at 12.8, and an entry at the cut is after it
        ({"at": 10}, [5]),  # half of the log is before it, as with share=0.5
        ({"at": 16, "targets": "all"}, [12, 13, 14, 15]),
    ],
)
def test_validation_is_cut_as_the_test_was(options: dict[str, Any], targets: list[int]) -> None:
    log = timed_log(*[(user, time, time) for user in range(5) for time in range(20)])
    split = Temporal(**options).validation_split(log)
    known = list(range(targets[0]))
    assert train_items(split) == dict.fromkeys(range(5), known)
    assert cases(split) == dict.fromkeys(range(5), (known, targets, targets))


def test_training_data_too_few_for_another_cut_are_an_error() -> None:
    log = timed_log(*[(user, time, time) for user in range(5) for time in range(20)])
    with pytest.raises(RecbenchError) as caught:
        Temporal(at=4).validation_split(log)  # a fifth of the log, and a fifth of that is one time
    assert str(caught.value) == (
        "temporal: too few training data to cut off validation targets: no interaction is before "
        "the cut, 1970-01-01 00:00:00 UTC; the training data run from 1970-01-01 00:00:00 UTC to "
        "1970-01-01 00:00:03 UTC. Set a later cut with at= or share=, or use leave-last-out"
    )

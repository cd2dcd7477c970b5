"""The splitters, on logs small enough to read, on random ones, and on real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench import Interactions, RecbenchError, Split, UsageError, load_dataset, load_plugins
from recbench.spec import Spec
from recbench.testing import check_splitter, example
from recbench_splitters import LeaveLastBasket, LeaveLastOut, Temporal, Windows

Event = tuple[int, int, int]  # user, item, time
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=40
)
DAY = 86_400


def _log(*lengths: int) -> Interactions:
    """Users whose items count up from 10 times their number."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = np.concatenate([10 * u + np.arange(n) for u, n in enumerate(lengths)])
    return Interactions.from_log(users, items, items, n_items=10 * len(lengths) + 10)


def _timed(*events: Event) -> Interactions:
    return Interactions.from_log(*zip(*events, strict=True), n_users=6, n_items=60)


def _rows(split: Split) -> dict[int, tuple[list[int], list[int], list[int]]]:
    """Each judged user's history, targets, and the targets' times."""
    (items, offsets), times = split.judged_targets, split.judged_target_times
    assert times is not None
    histories = split.history.take(split.judged)
    return {
        int(user): (shown.tolist(), items[a:b].tolist(), times[a:b].tolist())
        for user, shown, a, b in zip(
            histories.users, histories.sequences(), offsets[:-1], offsets[1:], strict=True
        )
    }


def _train(split: Split) -> dict[int, list[int]]:
    pairs = zip(split.train.users, split.train.sequences(), strict=True)
    return {int(user): items.tolist() for user, items in pairs}


def _by_user(events: list[Event]) -> dict[int, list[Event]]:
    """What the log holds, slowly: each user's events by time, equal times as they came."""
    ordered = sorted(events, key=lambda one: (one[0], one[2]))
    return {user: [one for one in ordered if one[0] == user] for user, _, _ in ordered}


def _found(later: list[Event]) -> tuple[list[int], list[int]]:
    """The distinct items of events, and when each was first."""
    first = {item: time for _, item, time in reversed(later)}
    items = list(dict.fromkeys(item for _, item, _ in later))
    return items, [first[item] for item in items]


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (LeaveLastOut, {}),
        (LeaveLastBasket, {}),
        (Temporal, {}),
        (Temporal, {"targets": "all", "share": 0.5}),
        (Windows, {}),
    ],
)
def test_contract(factory: type, options: dict[str, Any]) -> None:
    check_splitter(factory, **options)


@pytest.mark.parametrize("text", ["leave-last-basket", "temporal:at=1998-03-01T12:00,targets=all"])
def test_they_have_names(text: str) -> None:
    assert load_plugins().build("splitters", Spec.parse(text))


def test_the_last_event_of_each_user_is_the_target() -> None:
    split = LeaveLastOut().split(_log(3, 2, 1))
    assert split.targets.tolist() == [2, 11, -1]
    assert [one.tolist() for one in split.train.sequences()] == [[0, 1], [10], [20]]
    assert split.times is not None
    assert split.times.tolist() == [2, 11, -1]
    assert split.judged.tolist() == [0, 1]
    assert split.notes == ("1 user with a single event is trained on and not judged",)
    assert LeaveLastOut().split(_log(3, 2)).notes == ()


def test_notes_count_in_thousands() -> None:
    assert LeaveLastOut().split(_log(2, *[1] * 1234)).notes == (
        "1,234 users with a single event are trained on and not judged",
    )


def test_applied_to_train_it_gives_a_validation_part() -> None:
    once = LeaveLastOut().split(_log(4, 3))
    twice = LeaveLastOut().split(once.train)
    assert twice.targets.tolist() == [2, 11]


def test_windows_slide_and_the_last_one_ends_with_the_sequence() -> None:
    cut = Windows(length=4, step=2)._windows(_log(7, 4, 3, 6))
    assert [one.tolist() for one in cut.sequences()] == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [3, 4, 5, 6],
        [10, 11, 12, 13],
        [30, 31, 32, 33],
        [32, 33, 34, 35],
    ]
    assert cut.users.tolist() == [0, 0, 0, 1, 3, 3]
    assert Windows(test=0.5).split(_log(7, 4, 3, 6, 2)).notes == (
        "2 users with fewer than 4 events are left out",
    )
    assert Windows(test=0.5).split(_log(7, 4)).notes == (
        "1 user whose windows are all trained on is not judged",
    )
    assert Windows(test=0.5).split(_log(7, 7)).notes == ()


def test_windows_hold_a_seeded_share_out() -> None:
    log = example(users=200)
    split = Windows().split(log)
    n = len(split.train) + len(split.history)
    assert len(split.history) == round(0.15 * n)
    assert set(split.history.lengths) == {3}
    assert set(split.train.lengths) == {4}
    assert split.fingerprint() == Windows(seed=0).split(log).fingerprint()
    assert split.fingerprint() != Windows(seed=1).split(log).fingerprint()


def test_windows_and_targets_belong_together() -> None:
    log = example(users=50)
    whole = [one.tolist() for one in log.sequences()]
    split = Windows().split(log)
    for user, items, target in zip(
        split.history.users, split.history.sequences(), split.targets, strict=True
    ):
        window = [*items.tolist(), int(target)]
        own = whole[user]
        assert any(own[i : i + 4] == window for i in range(len(own)))


@pytest.mark.parametrize("wrong", [{"length": 1}, {"step": 0}, {"test": 0.0}, {"test": 1.0}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="splitter windows needs"):
        Windows(**wrong)  # type: ignore[arg-type]


def test_sequences_that_are_too_short_are_said() -> None:
    with pytest.raises(RecbenchError, match="found 0 windows"):
        Windows(length=9).split(_log(3, 3))


def test_the_last_basket_is_all_that_has_the_last_time() -> None:
    log = _timed(
        *[(0, 1, 5), (0, 2, 5), (0, 3, 7), (0, 4, 9), (0, 5, 9)],
        *[(1, 6, 9), (1, 7, 9)],  # comes once
        *[(2, 1, 3), (2, 2, 4)],
        (3, 9, 1),
    )
    split = LeaveLastBasket().split(log)
    assert _train(split) == {0: [1, 2, 3], 1: [6, 7], 2: [1], 3: [9]}
    assert _rows(split) == {0: ([1, 2, 3], [4, 5], [9, 9]), 2: ([1], [2], [4])}
    assert split.offsets is not None
    assert split.offsets.tolist() == [0, 2, 2, 3, 3]
    assert split.notes == ("2 users whose events all have one time are trained on and not judged",)


def test_repeats_in_a_basket_count_once_and_may_be_in_the_history() -> None:
    log = _timed((0, 1, 1), (0, 2, 1), (0, 1, 2), (0, 3, 2), (0, 1, 2))
    split = LeaveLastBasket().split(log)
    assert _rows(split) == {0: ([1, 2], [1, 3], [2, 2])}
    assert split.notes == ()


@given(EVENTS)
def test_the_last_basket_as_a_loop_finds_it(events: list[Event]) -> None:
    train, rows = {}, {}
    for user, own in _by_user(events).items():
        known = [one for one in own if one[2] < own[-1][2]]
        train[user] = [item for _, item, _ in known or own]
        if known:
            rows[user] = (train[user], *_found(own[len(known) :]))
    split = LeaveLastBasket().split(_timed(*events))
    assert _train(split) == train
    assert _rows(split) == rows


def _cut_at(targets: Any, at: int = 5) -> Split:
    log = _timed(
        *[(0, 10, 1), (0, 11, 4), (0, 12, 5), (0, 13, 6)],  # on both sides, and at the cut
        *[(1, 20, 2), (1, 21, 3)],  # before only
        *[(2, 30, 5), (2, 31, 9)],  # after only
        *[(3, 40, 4), (3, 40, 8), (3, 41, 8), (3, 41, 9)],  # repeats
    )
    return Temporal(at=at, targets=targets).split(log)


def test_temporal_next_is_the_first_event_at_or_after_the_cut() -> None:
    split = _cut_at("next")
    assert _train(split) == {0: [10, 11], 1: [20, 21], 3: [40]}
    assert _rows(split) == {0: ([10, 11], [12], [5]), 3: ([40], [40], [8])}
    assert split.offsets is None
    assert split.targets.tolist() == [12, -1, 40]
    assert split.notes == (
        "the cut is 1970-01-01 00:00:05 UTC: 5 events before it, 7 at or after it",
        "1 user without an event before the cut is neither trained on nor judged",
        "1 user without an event at or after the cut is trained on and not judged",
    )


def test_temporal_all_is_every_later_item_once() -> None:
    split = _cut_at("all")
    assert _train(split) == _train(_cut_at("next"))
    assert _rows(split) == {0: ([10, 11], [12, 13], [5, 6]), 3: ([40], [40, 41], [8, 8])}
    assert split.offsets is not None
    assert split.offsets.tolist() == [0, 2, 2, 4]
    assert split.notes == _cut_at("next").notes


@given(EVENTS, st.integers(0, 9), st.sampled_from(["next", "all"]))
def test_temporal_as_a_loop_finds_it(events: list[Event], at: int, targets: Any) -> None:
    before = [one for one in events if one[2] < at]
    splitter = Temporal(at=at, targets=targets)
    if not 0 < len(before) < len(events):
        with pytest.raises(RecbenchError, match="no event lies"):
            splitter.split(_timed(*events))
        return
    rows = {}
    for user, own in _by_user(events).items():
        known = [item for _, item, time in own if time < at]
        later = [one for one in own if one[2] >= at]
        if known and later:
            rows[user] = (known, *_found(later[:1] if targets == "next" else later))
    split = splitter.split(_timed(*events))
    kept = _by_user(before).items()
    assert _train(split) == {user: [item for _, item, _ in own] for user, own in kept}
    assert _rows(split) == rows


@given(EVENTS, st.floats(0.01, 0.99))
def test_a_share_of_the_events_is_before_the_cut(events: list[Event], share: float) -> None:
    times = sorted(time for _, _, time in events)
    cut = times[min(round(share * len(times)), len(times) - 1)]
    try:
        split = Temporal(share=share).split(_timed(*events))
    except RecbenchError:
        assert cut == times[0]
        return
    assert split.train.n_interactions == sum(time < cut for time in times)
    assert split.train.n_interactions <= max(round(share * len(times)), 1)
    assert split.fingerprint() == Temporal(at=cut).split(_timed(*events)).fingerprint()


def test_nine_tenths_are_before_the_cut_unless_told() -> None:
    log = _log(*[10] * 10)
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
        ("1970-01-03T12:30:00.5", 2 * DAY + 45_001),  # what happened in second 0 is before it
        ("1969-12-31", -DAY),
        ("172800", 2 * DAY),
        ("-5", -5),
        (172_800, 2 * DAY),
    ],
)
def test_a_cut_is_a_date_or_seconds(at: str | int, seconds: int) -> None:
    assert Temporal(at=at).at == seconds
    log = _timed((0, 1, seconds - 1), (0, 2, seconds))
    assert _rows(Temporal(at=at).split(log)) == {0: ([1], [2], [seconds])}


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"at": "1998-03-01", "share": 0.9}, "at=1998-03-01 and share=0.9 both say"),
        ({"share": 0.0}, "0 < share < 1, not 0.0"),
        ({"share": 1.0}, "0 < share < 1, not 1.0"),
        ({"share": float("nan")}, "0 < share < 1, not nan"),
        ({"at": "1.3.1998"}, "at=1.3.1998 is no time; write a date such as 1998-03-01"),
        ({"at": "1998-02-30"}, "is no time"),
        ({"at": ""}, "is no time"),
        ({"targets": "some"}, "targets=some is not next or all"),
    ],
)
def test_temporal_refuses_options_that_say_nothing(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Temporal(**wrong)


@pytest.mark.parametrize(
    ("at", "side"), [(DAY, "before"), (DAY - 9, "before"), (9 * DAY + 1, "at or after")]
)
def test_a_cut_outside_the_data_is_told_where_they_are(at: int, side: str) -> None:
    with pytest.raises(RecbenchError) as caught:
        Temporal(at=at).split(_timed((0, 1, DAY), (0, 2, 9 * DAY)))
    assert f"no event lies {side} the cut" in str(caught.value)
    assert "from 1970-01-02 00:00:00 UTC to 1970-01-10 00:00:00 UTC" in str(caught.value)


def test_one_time_for_all_events_cannot_be_cut() -> None:
    with pytest.raises(RecbenchError, match="no event lies before the cut"):
        Temporal().split(_timed((0, 1, 5), (0, 2, 5), (1, 1, 5)))


@pytest.mark.parametrize("splitter", [Temporal(), LeaveLastBasket()])
def test_without_times_they_send_to_leave_last_out(splitter: Any) -> None:
    log = Interactions.from_log([0, 0], [0, 1])
    with pytest.raises(RecbenchError, match=r"needs times.*use leave-last-out"):
        splitter.split(log)


def test_movielens_100k(real: Callable[[str], Path]) -> None:
    log = load_dataset(real("ml-100k/u.data")).interactions
    split = Temporal().split(log)
    assert split.train.n_interactions == 90_000
    assert len(split.judged) == 90
    assert split.notes == (
        "the cut is 1998-03-31 22:11:49 UTC: 90,000 events before it, 10,000 at or after it",
        "76 users without an event before the cut are neither trained on nor judged",
        "777 users without an event at or after the cut are trained on and not judged",
    )
    assert len(Temporal(targets="all").split(log).targets) == 2_886
    basket = LeaveLastBasket().split(log)
    assert len(basket.judged) == 943
    assert len(basket.targets) == 2_148
    assert np.count_nonzero(np.diff(basket.judged_targets[1]) > 1) == 415


def test_invoices_are_baskets(real: Callable[[str], Path]) -> None:
    path = real("online-retail/OnlineRetail.parquet")
    log = load_dataset(f"{path}:repeats=keep").interactions
    split = LeaveLastBasket().split(log)
    assert split.notes == (
        "1,314 users whose events all have one time are trained on and not judged",
    )
    assert len(split.judged) == len(log) - 1_314


def test_the_contract_looks_at_every_target_of_a_row() -> None:
    class Wrong:
        def split(self, log: Interactions) -> Split:
            made = LeaveLastBasket().split(log)
            assert made.offsets is not None
            seen = made.history.items[made.history.offsets[:-1]]
            targets = np.stack([made.targets, seen], axis=1).ravel()
            return Split(made.train, made.history, targets, offsets=2 * made.offsets)

    with pytest.raises(AssertionError, match="a target of row 0 is in its history"):
        check_splitter(Wrong)

"""Cleaning: equal times, repeats, k-core, counts."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench import Dataset, Interactions, RecbenchError, UsageError, load_dataset
from recbench.data.clean import _sort_within, clean
from recbench.data.dataset import FILE_ORDER_RULE, ORDER_RULE
from recbench_splitters import LeaveLastOut


def _dataset(pairs: list[tuple[int, int]], titles: list[str] | None = None) -> Dataset:
    users, items = zip(*pairs, strict=True)
    log = Interactions.from_log(users, items, range(len(pairs)))
    user_ids = np.arange(log.n_users) + 100
    item_ids = np.array([f"i{item}" for item in range(log.n_items)])
    return Dataset("data", log, user_ids, item_ids, None if titles is None else np.array(titles))


def _sequences(dataset: Dataset) -> list[list[str]]:
    return [list(map(str, dataset.item_ids[items])) for items in dataset.interactions.sequences()]


def test_repeats_are_merged_into_the_first_and_counted() -> None:
    raw = _dataset([(0, 1), (0, 2), (0, 1), (1, 1), (0, 1)])
    merged = clean(raw)
    assert _sequences(merged) == [["i1", "i2"], ["i1"]]
    assert merged.notes == (
        "2 repeated interactions (same user and item) were merged into the first one",
    )
    assert merged.interactions.times is not None
    assert merged.interactions.times.tolist() == [0, 1, 3]
    kept = clean(raw, repeats="keep")
    assert _sequences(kept) == [["i1", "i2", "i1", "i1"], ["i1"]]
    assert kept.notes == (
        "2 interactions repeat an earlier one of the same user and item, and are kept",
    )


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_rare_users_and_items_are_dropped_until_none_remain(
    pairs: list[tuple[int, int]], min_user_interactions: int, min_item_interactions: int
) -> None:
    left = list(dict.fromkeys(pairs))
    while True:  # the definition, as a slow loop
        users, items = [u for u, _ in left], [i for _, i in left]
        still = [
            (u, i)
            for u, i in left
            if users.count(u) >= min_user_interactions and items.count(i) >= min_item_interactions
        ]
        if still == left:
            break
        left = still
    if not left:
        with pytest.raises(RecbenchError, match="no interactions are left"):
            clean(_dataset(pairs), min_user_interactions, min_item_interactions)
        return
    made = clean(_dataset(pairs), min_user_interactions, min_item_interactions)
    expected: dict[int, list[str]] = {}
    for user, item in left:
        expected.setdefault(user, []).append(f"i{item}")
    assert _sequences(made) == [expected[user] for user in sorted(expected)]
    if max(min_user_interactions, min_item_interactions) > 1:
        assert made.user_ids.tolist() == [100 + user for user in sorted(expected)]
        assert made.interactions.n_items == len({item for _, item in left})


def test_titles_stay_with_the_remaining_items() -> None:
    raw = _dataset([(0, 0), (1, 2), (2, 2)], titles=["zero", "one", "two"])
    made = clean(raw, min_item_interactions=2)
    assert made.titles is not None
    assert made.titles.tolist() == ["two"]
    assert made.notes == (
        "1 interaction, 1 user and 2 items were dropped by min_item_interactions=2",
    )


def _rated(ratings: list[float], times: list[int] | None = None) -> Dataset:
    """Return a log where user n % 2 rates item n; the titles of items are t0, t1 and so on."""
    n = len(ratings)
    users, items = [place % 2 for place in range(n)], list(range(n))
    log = Interactions.from_log(users, items, times, ratings)
    titles = np.array([f"t{item}" for item in items])
    return Dataset("data", log, np.array(["ann", "bob"]), np.arange(n) + 10, titles)


def test_low_ratings_are_dropped_with_their_users_and_items() -> None:
    made = clean(_rated([5, 3, 4, 2, float("nan"), 3.9]), min_rating=4)
    assert made.user_ids.tolist() == ["ann"]
    assert made.item_ids.tolist() == [10, 12]
    assert made.titles is not None
    assert made.titles.tolist() == ["t0", "t2"]
    assert _sequences(made) == [["10", "12"]]
    assert made.notes == ("4 of 6 interactions have no rating of 4 or more and were dropped",)
    all_kept = clean(_rated([5, 4.5, 4]), min_rating=4)
    assert all_kept.item_ids.tolist() == [10, 11, 12]
    assert all_kept.notes == ("0 of 3 interactions have no rating of 4 or more and were dropped",)
    assert clean(_rated([3.7, 1]), min_rating=3.7).item_ids.tolist() == [10]  # 3.7 as float32


@pytest.mark.parametrize(
    ("where", "items"),
    [
        ("rating>=4", [10, 12]),
        ("user=bob", [11, 13]),
        ("user=bob|ann & item!=12", [10, 11, 13]),
        ("title=t3|t0", [10, 13]),
        ("time>=1970-01-01T00:01", [11, 12, 13]),
        ("time>90.5", [12, 13]),
        ("time=1970-01-01", [10, 11, 12]),
        ("rating<4&time<100", [11]),
    ],
)
def test_only_interactions_that_meet_the_condition_are_kept(where: str, items: list[int]) -> None:
    made = clean(_rated([5, 3, 4, 2], [0, 60, 100, 90_000]), where=where)
    assert made.item_ids.tolist() == items
    n = 4 - len(items)
    do = "does not meet" if n == 1 else "do not meet"
    assert made.notes[0].startswith(f"{n} of 4 interactions {do} ")


def test_times_below_a_second_are_filtered_exactly() -> None:
    log = Interactions.from_log([0] * 3, [0, 1, 2], [1001, 1002, 1003], time_unit="ms")
    raw = Dataset("data", log, np.array(["u"]), np.arange(3))
    assert clean(raw, where="time>=1.002").item_ids.tolist() == [1, 2]
    assert clean(raw, where="time=1970-01-01T00:00:01.002").item_ids.tolist() == [1]


def test_filters_come_before_repeats_and_minima() -> None:
    log = Interactions.from_log([0, 0, 0, 1], [0, 0, 1, 1], [1, 2, 3, 4], [1, 5, 5, 5])
    raw = Dataset("data", log, np.array(["a", "b"]), np.arange(2))
    made = clean(raw, min_user_interactions=2, where="rating>=2", min_rating=3)
    assert made.interactions.times is not None
    assert made.interactions.times.tolist() == [2, 3]
    assert made.notes == (
        "1 of 4 interactions has no rating of 3 or more and was dropped",
        "0 of 3 interactions do not meet rating>=2 and were dropped",
        "1 interaction, 1 user and 0 items were dropped by min_user_interactions=2",
    )


def test_filters_that_cannot_be_applied() -> None:
    raw = _dataset([(0, 0), (0, 1)])
    with pytest.raises(UsageError, match="min_rating=4 needs ratings, but the dataset has none"):
        clean(raw, min_rating=4)
    with pytest.raises(UsageError, match=r"no column 'rating'; available: item, time, user$"):
        clean(raw, where="rating>=4")
    with pytest.raises(UsageError, match="no column 'times'; did you mean 'time'"):
        clean(raw, where="times>4")
    with pytest.raises(RecbenchError, match="no interactions are left with where=user=7"):
        clean(raw, where="user=7")
    with pytest.raises(RecbenchError, match="no interactions are left with min_rating=6"):
        clean(_rated([5, 5]), min_rating=6)


def test_missing_titles_become_empty() -> None:
    titles = [None, float("nan"), "", "Heat", 1984]
    raw = _dataset([(0, item) for item in range(5)])
    raw = dataclasses.replace(raw, titles=np.array(titles, dtype=object))
    assert [clean(raw).title(item) for item in range(5)] == ["", "", "", "Heat", "1984"]


TIED = [(user, item, time) for time in (5, 6) for user in ("a", "b") for item in range(6)]


def _csv(path: Path, rows: list[tuple[str, int, int]], rated: bool = False) -> str:
    lines = [f"{user},{item},{time}" + ",3" * rated for user, item, time in rows]
    path.write_text(
        "user_id,item_id,timestamp" + ",rating" * rated + "\n" + "\n".join(lines) + "\n"
    )
    return str(path)


def _hashed(path: str, seed: int = 1, options: str = "") -> list[list[str]]:
    return _sequences(load_dataset(f"{path}:time_ties=hash,seed={seed}{options}"))


def test_hashed_ties_do_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    orders = set()
    for n in range(5):
        rows = random.Random(n).sample(TIED, len(TIED))
        path = _csv(tmp_path / "log.csv", rows, rated=bool(n))
        hashed, as_read = (
            _hashed(path, options=",repeats=keep"),
            _sequences(load_dataset(f"{path}:repeats=keep")),
        )
        assert [sorted(items[:6]) for items in hashed] == [[*"012345"]] * 2  # times stay in order
        orders.add((str(hashed), str(as_read)))
    assert len({hashed for hashed, _ in orders}) == 1
    assert len({as_read for _, as_read in orders}) == 5


def test_hashed_ties_depend_only_on_user_item_and_seed(tmp_path: Path) -> None:
    path = _csv(tmp_path / "log.csv", TIED)
    first, second = _hashed(path)
    assert first != second  # both users have the same items and times
    assert _hashed(path) == [first, second]
    assert len({str(_hashed(path, seed)) for seed in range(9)}) == 9
    assert _hashed(_csv(tmp_path / "part.csv", [row for row in TIED if row[0] == "b"])) == [second]
    kept = _hashed(path, options=",repeats=keep")
    assert kept == [first * 2, second * 2]  # the hash orders, and then repeats are merged


def test_hashed_ties_reorder_only_tied_interactions(tmp_path: Path) -> None:
    rows = [("a", item, item // 2 * 2) for item in range(6)] + [("b", 3, 1), ("c", 4, 1)]
    made = load_dataset(_csv(tmp_path / "log.csv", rows, rated=True) + ":time_ties=hash")
    log, plain = made.interactions, load_dataset(str(tmp_path / "log.csv")).interactions
    assert log.times is not None
    assert plain.times is not None
    assert log.times.tolist() == plain.times.tolist()
    assert log.offsets.tolist() == plain.offsets.tolist()
    assert [set(log.items[n : n + 2].tolist()) for n in (0, 2, 4)] == [{0, 1}, {2, 3}, {4, 5}]
    assert log.items[6:].tolist() == [3, 4]


def test_ratings_move_with_their_interactions_and_order_repeats() -> None:
    users, items = [0] * 6 + [1] * 2, [1, 2, 1, 3, 1, 0, 0, 1]
    for shuffled in range(6):
        order = random.Random(shuffled).sample(range(8), 8)
        log = Interactions.from_log(
            [users[n] for n in order],
            [items[n] for n in order],
            [7] * 8,
            [[5, 2, 4, 3, 1, 9, 8, 7][n] for n in order],
        )
        made = clean(
            Dataset("data", log, np.arange(2), np.arange(4)), repeats="keep", time_ties="hash"
        )
        assert made.interactions.ratings is not None
        rated = list(zip(made.interactions.items.tolist(), made.interactions.ratings, strict=True))
        assert [rating for item, rating in rated[:6] if item == 1] == [1, 4, 5]
        assert {(2, 2.0), (3, 3.0), (0, 9.0)} <= set(rated[:6])
        assert set(rated[6:]) == {(0, 8.0), (1, 7.0)}


def test_parts_move_with_their_interactions() -> None:
    log = Interactions.from_log([0] * 3, [0, 1, 2], [7] * 3, parts=[0, 1, 2])
    made = clean(Dataset("data", log, np.arange(1), np.arange(3)), time_ties="hash", seed=1)
    assert made.interactions.parts is not None
    assert made.interactions.items.tolist() != [0, 1, 2]
    assert made.interactions.parts.tolist() == made.interactions.items.tolist()


def test_repeats_in_the_test_part_give_way_to_the_training_part() -> None:
    log = Interactions.from_log([0] * 4, [5, 6, 5, 7], [1, 2, 3, 4], parts=[2, 0, 0, 2])
    dataset = Dataset("data", log, np.arange(1), np.arange(8))
    made = clean(dataset)
    assert made.interactions.items.tolist() == [6, 5, 7]
    assert made.interactions.parts is not None
    assert made.interactions.parts.tolist() == [0, 0, 2]
    assert made.notes == (
        "1 repeated interaction (same user and item) was merged into the first one",
        (
            "1 of the repeated interactions is in the test part, but not a target (repeats=keep "
            "keeps all)"
        ),
    )
    assert len(clean(dataset, repeats="keep").notes) == 1


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 7), st.integers(1, 2)), max_size=20),
    st.integers(0, 61),
)
def test_nearly_equal_hashes_are_ordered_exactly(
    rows: list[tuple[int, int, int]], place: int
) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    groups, hashes, ratings = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    order = _sort_within(groups, hashes.astype(np.uint64) << np.uint64(place), ratings)
    assert [rows[n] for n in order] == sorted(rows)


def test_the_order_is_described(tmp_path: Path) -> None:
    path = _csv(tmp_path / "log.csv", TIED)
    assert load_dataset(path).order == ORDER_RULE
    assert load_dataset(f"{path}:time=").order == FILE_ORDER_RULE
    made = load_dataset(f"{path}:min_user_interactions=1,time_ties=hash,seed=3")
    assert made.order == "by user and time, equal times by a hash of user, item and seed 3"
    assert made.name == "log.csv:seed=3,time_ties=hash"


def test_hashed_ties_need_times(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("1 2\n1 3\n2 2\n")
    with pytest.raises(
        UsageError, match="time_ties=hash orders interactions with equal times, but"
    ):
        load_dataset(f"{tmp_path / 'log.txt'}:time_ties=hash")


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30
    ),
    st.randoms(use_true_random=False),
)
def test_hashed_ties_on_any_log(
    triples: list[tuple[int, int, int]], shuffle: random.Random
) -> None:
    def made(rows: list[tuple[int, int, int]]) -> list[list[tuple[str, int]]]:
        log = Interactions.from_log(*zip(*rows, strict=True), n_users=4, n_items=6)
        ids = np.array(list("wxyz")), np.array(list("abcdef"))
        hashed = clean(Dataset("data", log, *ids), repeats="keep", time_ties="hash", seed=5)
        assert hashed.interactions.times is not None
        times = np.split(hashed.interactions.times, hashed.interactions.offsets[1:-1])
        pairs = zip(_sequences(hashed), times, strict=True)
        return [list(zip(items, when.tolist(), strict=True)) for items, when in pairs]

    by_user = made(triples)
    assert by_user == made(shuffle.sample(triples, len(triples)))
    for user, own in zip(sorted({user for user, _, _ in triples}), by_user, strict=True):
        in_log = [("abcdef"[item], time) for user_, item, time in triples if user_ == user]
        assert sorted(own) == sorted(in_log)
        assert [time for _, time in own] == sorted(time for _, time in own)


def test_hashed_ties_change_the_targets_of_movielens(real: Callable[[str], Path]) -> None:
    path = real("ml-100k/u.data")
    logs = [
        load_dataset(f"{path}{options}").interactions
        for options in ("", ":time_ties=hash,seed=1", ":time_ties=hash,seed=2")
    ]
    times = logs[0].times
    assert times is not None
    last = [own[-1] == own for own in np.split(times, logs[0].offsets[1:-1])]
    sizes = np.array([np.count_nonzero(at_last_time) for at_last_time in last])
    assert np.count_nonzero(sizes > 1) == 415
    targets = [LeaveLastOut().split(log).targets for log in logs]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        changed = targets[first] != targets[second]
        assert not changed[sizes == 1].any()
        chance = 1 - 1 / sizes  # of another target, if the order is random
        spread = np.sqrt((chance * (1 - chance)).sum())
        assert abs(np.count_nonzero(changed) - chance.sum()) < 4 * spread

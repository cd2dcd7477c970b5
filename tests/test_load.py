"""Datasets by name and by path, and cleaning: repeats, k-core, counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import plugin
from hypothesis import given
from hypothesis import strategies as st

from recbench import Dataset, Interactions, RecbenchError, UsageError, load_dataset, load_plugins
from recbench.load import clean


def _dataset(pairs: list[tuple[int, int]], **more: Any) -> Dataset:
    users, items = zip(*pairs, strict=True)
    made = Interactions.from_log(users, items, range(len(pairs)))
    ids = np.arange(made.n_users) + 100, np.array([f"i{n}" for n in range(made.n_items)])
    return Dataset("it", made, *ids, **more)


def _sequences(dataset: Dataset) -> list[list[str]]:
    return [[str(dataset.item_ids[i]) for i in one] for one in dataset.interactions.sequences()]


def test_a_path_is_a_dataset(tiny: str) -> None:
    made = load_dataset(tiny)
    assert made.name == "tiny.csv"
    assert made.interactions.n_users == 6
    assert made.item_ids.tolist() == [f"i{n}" for n in range(7)]


def test_a_path_takes_options_of_the_file_and_of_the_core(tiny: str) -> None:
    made = load_dataset(f"{tiny}:item=user_id,user=item_id,min_user=4")
    assert made.name == "tiny.csv:item=user_id,min_user=4,user=item_id"
    assert made.user_ids.tolist() == ["i3", "i4", "i5"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("no-such.csv", "no dataset and no file 'no-such.csv'"),
        ("folder/log", "no dataset and no file"),
        ("ml-100", "did you mean 'ml-100k'"),
        ("synthetic:min_itme=3", "no option 'min_itme'; did you mean 'min_item'"),
        ("synthetic:min_item=few", "min_item=few must be a whole number"),
        ("synthetic:repeats=all", "repeats=all is not a choice"),
        ("synthetic:user=3", "did you mean 'users'"),
    ],
)
def test_wrong_names_and_options(text: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        load_dataset(text)


def test_a_folder_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        load_dataset(str(tmp_path))


def test_a_plugin_that_gives_no_dataset_is_named() -> None:
    plugins = load_plugins(bad=plugin(datasets={"bad": lambda: 3}))
    with pytest.raises(RecbenchError, match="dataset bad gave int, wanted a Dataset"):
        load_dataset("bad", plugins=plugins)


def test_repeats_keep_the_first_and_are_counted() -> None:
    raw = _dataset([(0, 1), (0, 2), (0, 1), (1, 1), (0, 1)])
    merged = clean(raw)
    assert _sequences(merged) == [["i1", "i2"], ["i1"]]
    assert merged.notes == ("2 repeated events merged into the user's first with the item",)
    assert merged.interactions.times is not None
    assert merged.interactions.times.tolist() == [0, 1, 3]
    kept = clean(raw, repeats="keep")
    assert _sequences(kept) == [["i1", "i2", "i1", "i1"], ["i1"]]
    assert kept.notes == ("2 events repeat an earlier item of their user and are kept",)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_rare_ones_are_dropped_to_a_fixed_point(
    pairs: list[tuple[int, int]], min_user: int, min_item: int
) -> None:
    left = list(dict.fromkeys(pairs))
    while True:  # the definition, slowly
        users, items = [u for u, _ in left], [i for _, i in left]
        still = [
            (u, i) for u, i in left if users.count(u) >= min_user and items.count(i) >= min_item
        ]
        if still == left:
            break
        left = still
    if not left:
        with pytest.raises(RecbenchError, match="leave no event"):
            clean(_dataset(pairs), min_user, min_item)
        return
    made = clean(_dataset(pairs), min_user, min_item)
    wanted: dict[int, list[str]] = {}
    for user, item in left:
        wanted.setdefault(user, []).append(f"i{item}")
    assert _sequences(made) == [wanted[user] for user in sorted(wanted)]
    if max(min_user, min_item) > 1:
        assert made.user_ids.tolist() == [100 + user for user in sorted(wanted)]
        assert made.interactions.n_items == len({item for _, item in left})


def test_titles_follow_the_items_that_are_left() -> None:
    raw = _dataset([(0, 0), (1, 2), (2, 2)], titles=np.array(["zero", "one", "two"]))
    made = clean(raw, min_item=2)
    assert made.titles is not None
    assert made.titles.tolist() == ["two"]
    assert made.notes == ("1 events, 1 users and 2 items dropped by min_user=0, min_item=2",)

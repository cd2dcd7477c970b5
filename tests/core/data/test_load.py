"""Datasets by name and by path: how they are found, and what is said of wrong options."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import Dataset, Interactions, RecbenchError, UsageError, load_dataset, load_plugins
from recbench.data.dataset import ORDER_RULE
from recbench.data.load import find_dataset


def test_a_path_is_a_dataset(tiny: str) -> None:
    made = load_dataset(tiny)
    assert made.name == "tiny.csv"
    assert made.interactions.n_users == 6
    assert made.item_ids.tolist() == [f"i{n}" for n in range(7)]


def test_a_path_takes_options_of_the_file_and_of_the_core(tiny: str) -> None:
    made = load_dataset(f"{tiny}:item=user_id,user=item_id,min_user_interactions=4")
    assert made.name == "tiny.csv:item=user_id,min_user_interactions=4,user=item_id"
    assert made.user_ids.tolist() == ["i3", "i4", "i5"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("no-such.csv", "no dataset and no file 'no-such.csv'"),
        ("folder/log", "no dataset and no file"),
        ("ml-100", "did you mean 'ml-100k'"),
        ("synthetic:min_itme=3", "no option 'min_itme'; did you mean 'min_item_interactions'"),
        ("synthetic:min_item_interactions=few", "min_item_interactions=few must be a whole number"),
        ("synthetic:repeats=all", "repeats=all is not a choice"),
        ("synthetic:user=3", "did you mean 'users'"),
        ("synthetic:time_ties=hsah", "time_ties=hsah is not a choice; did you mean 'hash'"),
        ("synthetic:seed=few", "seed=few must be a whole number"),
        ("synthetic:time_ties=hash,seed=few", "seed=few must be a whole number"),
        ("ml-100k:seed=3", "dataset ml-100k: seed=3 means nothing without time_ties=hash"),
        ("ml-100k:seed=0,time_ties=file", "seed=0 means nothing without time_ties=hash"),
        ("ml-100k:seed=0,time_ties=hsah", "time_ties=hsah is not a choice"),
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


def test_a_datasets_own_seed_stays_its_own() -> None:
    small = "synthetic:users=20,items=30,interactions=200"
    plain, hashed = load_dataset(f"{small},seed=3"), load_dataset(f"{small},seed=3,time_ties=hash")
    assert plain.name == "synthetic:interactions=200,items=30,seed=3,users=20"
    assert hashed.name == "synthetic:interactions=200,items=30,seed=3,time_ties=hash,users=20"
    assert plain.order == ORDER_RULE
    assert hashed.order.endswith("seed 3")
    assert plain.source == hashed.source == "made by recbench_synthetic with seed 3"
    assert plain.fingerprint() == hashed.fingerprint()  # it has no equal times
    assert plain.fingerprint() != load_dataset(small).fingerprint()


def _dataset() -> Dataset:
    log = Interactions.from_log([0, 0], [0, 1], [1, 2])
    return Dataset("it", log, np.array(["u"]), np.array(["a", "b"]))


def test_a_dataset_that_takes_anything_is_given_the_seed_too() -> None:
    given: list[dict[str, Any]] = []

    def anything(**options: Any) -> Dataset:
        given.append(options)
        return _dataset()

    plugins = load_plugins(odd=plugin(datasets={"odd": anything}))
    load_dataset("odd:seed=x", plugins=plugins)
    load_dataset("odd:seed=4,time_ties=hash", plugins=plugins)
    load_dataset("odd:time_ties=hash", plugins=plugins)
    assert given == [{"seed": "x"}, {"seed": 4}, {}]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "synthetic:events=3000",
            "^dataset synthetic has no option 'events' any more; it is now interactions$",
        ),
        ("synthetic:users=3,min_item=3", "it is now min_item_interactions$"),
        (
            "ml-100k:ties=hash",
            "^dataset ml-100k has no option 'ties' any more; it is now time_ties$",
        ),
        ("ml-100k:min_user=few", "it is now min_user_interactions$"),
        (
            "{tiny}:min_user=2",
            "dataset file has no option 'min_user' any more; it is now min_user_",
        ),
        ("{tiny}:events=2", "dataset file has no option 'events'; did you mean "),
    ],
)
def test_old_names_of_options_are_refused_with_the_new(text: str, match: str, tiny: str) -> None:
    with pytest.raises(UsageError, match=match):
        load_dataset(text.format(tiny=tiny))
    with pytest.raises(UsageError, match=match):
        find_dataset(load_plugins(), text.format(tiny=tiny))


def test_an_option_of_the_datasets_own_is_no_old_name() -> None:
    given: list[Any] = []

    def own(ties: int = 0, **others: Any) -> Dataset:
        given.append((ties, others))
        return _dataset()

    plugins = load_plugins(odd=plugin(datasets={"odd": own}))
    assert load_dataset("odd:ties=3,anything=4", plugins=plugins).name == "it:anything=4,ties=3"
    assert given == [(3, {"anything": 4})]
    with pytest.raises(UsageError, match="no option 'min_user' any more"):
        load_dataset("odd:min_user=3", plugins=plugins)  # taken for anything, it would drop nobody

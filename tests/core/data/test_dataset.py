"""Datasets in memory: consistent columns, ids and fingerprints."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from recbench import Dataset, Interactions, UsageError
from recbench.data.dataset import factory_facts, numbers_of_ids, outside_ids


def _dataset(**changes: object) -> Dataset:
    log = Interactions.from_log([0, 0, 1], [0, 1, 1])
    made = Dataset("data", log, np.array([7, 9]), np.array(["a", "b"]), np.array(["A", ""]))
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_users_and_items_are_found_by_their_original_ids() -> None:
    dataset = _dataset()
    assert (dataset.user("9"), dataset.user(" 7 "), dataset.item("b")) == (1, 0, 1)
    assert (dataset.title(0), dataset.title(1), _dataset(titles=None).title(0)) == ("A", "", "")
    with pytest.raises(UsageError, match="no user '8' in data; its user ids look like: '7', '9'"):
        dataset.user("8")
    with pytest.raises(UsageError, match="no item 'c' in data; its item ids look like: 'a', 'b'"):
        dataset.item("c")


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([" 10", "11"], {"10": 0, " 10 ": 0, "11 ": 1}),
        (["10", " 10"], {"10": 0, " 10": 1, "  10": 0}),  # spaces matter only here
        ([10, 11], {"10": 0, "11.0": 1, " 11.00 ": 1}),
        (["10", "a"], {"10": 0}),
    ],
)
def test_spaces_around_ids_do_not_matter(ids: list[object], found: dict[str, int]) -> None:
    dataset = _dataset(item_ids=np.array(ids))
    assert {text: dataset.item(text) for text in found} == found


def test_only_integer_ids_may_be_written_as_fractions() -> None:
    with pytest.raises(
        UsageError, match=r"no item '10\.0' in data; its item ids look like: '10', "
    ):
        _dataset(item_ids=np.array(["10", "a"])).item("10.0")


def test_one_very_long_id_costs_no_memory_for_the_others() -> None:
    """An array of strings of the same width would take 400 MB."""
    ids = np.array([*map(str, range(1000)), "x" * 100_000], dtype=object)
    tracemalloc.start()
    try:
        assert numbers_of_ids(["999", "x" * 100_000, "y"], ids) == [999, 1000, -1]
        assert outside_ids(ids, np.array([3, -1])).tolist() == ["3", ""]
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unknown", [False, True])
def test_one_long_id_does_not_make_all_ids_long(unknown: bool) -> None:
    long = "x" * 1_000_000
    ids = np.array([long, *map(str, range(200))], dtype=object)
    numbers = np.array([200, 0, -1]) if unknown else np.array([200, 0])
    tracemalloc.start()
    found = outside_ids(ids, numbers)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == ["199", long, ""][: len(numbers)]
    assert peak < len(long)  # of one id; fixed-width strings would take 4 MB each


def test_long_ids_are_cut_in_errors() -> None:
    with pytest.raises(UsageError) as error:
        _dataset(item_ids=np.array(["x" * 61, "y" * 60])).item("z" * 99)
    assert str(error.value) == (
        f"no item '{'z' * 57}...' in data; its item ids look like: '{'x' * 57}...', '{'y' * 60}'"
    )


@pytest.mark.parametrize("dtype", [str, object])
def test_ids_that_no_file_can_hold_are_refused(dtype: type) -> None:
    ids = np.array(["a", "b\ud800"], dtype=dtype)
    with pytest.raises(ValueError, match=r"user_ids must be in UTF-8, but '\\ud800', half a char"):
        _dataset(user_ids=ids)


@pytest.mark.parametrize("column", ["user_ids", "item_ids", "titles"])
def test_columns_of_the_wrong_length_are_refused(column: str) -> None:
    with pytest.raises(
        ValueError, match=f"dataset data: {column} has 3 entries, but the interactions have 2"
    ):
        _dataset(**{column: np.array([1, 2, 3])})


def test_the_fingerprint_depends_only_on_sequences_and_ids() -> None:
    dataset = _dataset()
    assert dataset.fingerprint() == _dataset(name="other", titles=None, notes=("a",)).fingerprint()
    assert dataset.fingerprint() != _dataset(user_ids=np.array([7, 8])).fingerprint()
    assert dataset.fingerprint() != _dataset(item_ids=np.array(["a", "c"])).fingerprint()


def test_facts_about_a_dataset_come_from_its_factory() -> None:
    def factory() -> None: ...

    assert factory_facts(factory, None) == {"size": "", "licence": "", "on disk": ""}
    factory.__dict__.update(size="small", is_here=lambda data_dir: data_dir == "here")
    assert factory_facts(factory, "here") == {"size": "small", "licence": "", "on disk": "yes"}
    assert factory_facts(factory, None)["on disk"] == "no"


@pytest.mark.parametrize("name", ["", " ", None, 7])
def test_a_dataset_needs_a_name(name: object) -> None:
    with pytest.raises(ValueError, match="a dataset needs a name that is a text, not "):
        _dataset(name=name)


def test_features_have_one_value_per_user_or_item() -> None:
    dataset = _dataset(user_features={"age": [30, None]}, item_features={"genres": ["A|B", ""]})
    assert dataset.item_features["genres"].tolist() == ["A|B", ""]
    assert dataset.interactions.user_features["age"][0] == 30.0
    with pytest.raises(ValueError, match="dataset data: user feature 'age' has 3 values; it must"):
        _dataset(user_features={"age": [1, 2, 3]})
    assert dataset.fingerprint() == _dataset().fingerprint()


def test_interactions_are_described_by_their_dataset() -> None:
    history = Interactions([-1], [1, 0], [0, 2], n_users=2, n_items=2)  # type: ignore[arg-type]
    assert history.item_ids is None
    described = _dataset().describe(history)
    assert described.item_ids is not None
    assert described.item_ids.tolist() == ["a", "b"]
    assert described.titles.tolist() == ["A", ""]  # type: ignore[union-attr]
    assert history.item_ids is None

"""Datasets in memory: consistent columns, ids and fingerprints."""

import dataclasses

import numpy as np
import pytest

from recbench import Dataset, Interactions, UsageError
from recbench.data.dataset import factory_facts


def _dataset(**changes: object) -> Dataset:
    log = Interactions.from_log([0, 0, 1], [0, 1, 1])
    made = Dataset("data", log, np.array([7, 9]), np.array(["a", "b"]), np.array(["A", ""]))
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_users_and_items_are_found_by_their_original_ids() -> None:
    dataset = _dataset()
    assert (dataset.user("9"), dataset.user(" 7 "), dataset.item("b")) == (1, 0, 1)
    assert (dataset.title(0), dataset.title(1), _dataset(titles=None).title(0)) == ("A", "", "")
    with pytest.raises(UsageError, match="no user '8' in data; its user ids look like: 7, 9"):
        dataset.user("8")
    with pytest.raises(UsageError, match="no item 'c' in data; its item ids look like: a, b"):
        dataset.item("c")


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

"""What is computed from interactions: a sparse matrix and a DataFrame of their own memory."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recbench import Dataset, Interactions, load_dataset


def _log() -> Interactions:
    return Interactions.from_log([0, 0, 0, 2], [3, 1, 3, 0], ratings=[1, 2, 4, 8], n_items=5)


def test_a_matrix_counts_the_items_of_each_sequence() -> None:
    matrix = _log().matrix()
    assert isinstance(matrix, sparse.csr_matrix)
    assert matrix.dtype == np.float32
    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == [[0, 1, 0, 2, 0], [1, 0, 0, 0, 0]]


def test_a_matrix_can_have_values_of_its_own() -> None:
    log = _log()
    assert log.matrix(log.ratings).toarray().tolist() == [[0, 2, 0, 5, 0], [8, 0, 0, 0, 0]]
    with pytest.raises(ValueError, match="values has shape"):
        log.matrix([1, 2])


def test_a_matrix_can_be_changed_and_the_log_cannot() -> None:
    log = _log()
    matrix = log.matrix()
    matrix.data[:] = 7
    matrix.indices[:] = 0
    matrix.indptr[:] = 0
    assert log.items.tolist() == [3, 1, 3, 0]
    assert log.offsets.tolist() == [0, 3, 4]


def _dataset(ids: Any, **columns: Any) -> Dataset:
    log = Interactions.from_log([1, 0, 1], [1, 0, 0], **columns)
    return Dataset("shop", log, np.array(ids), np.array(["x", "y"]))


def test_a_frame_has_a_row_per_interaction_oldest_first_with_ids_and_features() -> None:
    features = {"price": [2.5, np.nan, 1], "rating": ["of the log"] * 3, "note": ["", "b", "c"]}
    data = _dataset(["ann", "bob"], times=[20.5, 7, 3], ratings=[1, 2, 3], features=features)
    frame = data.to_frame()
    assert frame.columns.tolist() == ["user", "item", "time", "rating", "price", "note"]
    assert frame["user"].tolist() == ["ann", "bob", "bob"]
    assert frame["item"].tolist() == ["x", "x", "y"]
    assert frame["time"].tolist() == [pd.Timestamp(t, unit="s", tz="UTC") for t in (7, 3, 20.5)]
    assert frame["rating"].tolist() == [2, 3, 1]
    assert frame["price"].tolist()[1:] == [1, 2.5]
    assert frame["note"].tolist() == ["b", "c", ""]


def test_a_frame_without_ids_and_times_has_numbers_and_no_times() -> None:
    frame = _log().to_frame()
    assert frame.columns.tolist() == ["user", "item", "rating"]
    assert frame["user"].tolist() == [0, 0, 0, 2]
    assert frame["item"].tolist() == [3, 1, 3, 0]
    assert _log().keep(np.zeros(4, dtype=bool)).to_frame().empty


@pytest.mark.parametrize("ids", [["ann", "bob"], [2**62 + 1, 5]])
def test_a_user_who_is_not_in_the_dataset_is_missing_in_a_frame(ids: list[Any]) -> None:
    users, items, offsets = np.array([-1, 0]), np.array([1, 0, 1]), np.array([0, 2, 3])
    rows = Interactions(users, items, offsets, n_users=2, n_items=2)
    frame = _dataset(ids).describe(rows).to_frame()
    assert frame["user"].isna().tolist() == [True, True, False]
    assert frame["user"][2] == ids[0]
    assert frame["item"].tolist() == ["y", "x", "y"]
    unnamed = rows.to_frame()["user"]
    assert unnamed.isna().tolist() == [True, True, False]
    nobody = Interactions(users[:1], items[1:2], np.array([0, 1]), n_users=0, n_items=1)
    assert nobody.to_frame()["user"].isna().all()


def test_a_frame_is_read_back_as_the_same_data_and_can_be_changed() -> None:
    data = load_dataset("synthetic:users=30,interactions=400,min_item_interactions=2")
    frame = data.to_frame()
    assert load_dataset(frame).fingerprint() == data.fingerprint()
    frame["item"] = 0
    frame.loc[:, "rating"] = 0
    assert data.interactions.ratings is not None
    assert data.interactions.ratings.any()

"""Metadata: ids, titles and features reach train and history, in the order of the interactions."""

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from recbench import Dataset, Interactions, RecbenchError, load_dataset, split
from recbench.data.metadata import Features, Metadata, UnknownFeatureError, feature


def _shop(**described: Any) -> Dataset:
    log = Interactions.from_log(
        [0, 0, 0, 1, 1],
        [2, 0, 1, 0, 3],
        times=[5, 3, 4, 9, 8],
        features={"price": [2.5, 1, None, 1, 4], "shop": ["a", "b", None, "b", "c"]},
    )
    given = {"item_features": {"genre": ["A|B", None, "C", ""], "year": [1999, None, 2001, 2002]}}
    return Dataset("shop", log, ["u1", "u2"], ["w", "x", "y", "z"], **{**given, **described})


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        ([1, 2], "int64", [1, 2]),
        ([True, False], "int64", [1, 0]),
        (np.array([1, 2], dtype="f4"), "float64", [1.0, 2.0]),
        ([1, None], "float64", [1.0, np.nan]),
        (np.array([3, 4], dtype=object), "int64", [3, 4]),
        (np.array([3, 4.5], dtype=object), "float64", [3.0, 4.5]),
        (np.array(["a", None], dtype=object), "object", ["a", ""]),
        (np.array(["a", np.nan], dtype=object), "object", ["a", ""]),
        (np.array(["a", "bc"]), "object", ["a", "bc"]),
    ],
)
def test_a_feature_is_whole_numbers_or_numbers_or_strings(
    given: Any, dtype: str, values: list[Any]
) -> None:
    made = feature("x", given, 2)
    assert made.dtype == dtype
    assert not made.flags.writeable
    assert [*map(str, made.tolist())] == [*map(str, values)]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([1, 2, 3], "x has 3 values; it must have 2"),
        ([[1], [2]], "x must have one dimension, not 2"),
        (np.array(["a", 1], dtype=object), "x must be numbers or strings, but 1 occurs"),
        (np.array(["2020", "2021"], dtype="M8[s]"), "x must be numbers or strings, not datetime64"),
        ([1 + 2j, 2], "x must be numbers or strings, not complex128"),
    ],
)
def test_other_features_are_refused(given: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error.replace("[", r"\[")):
        feature("x", given, 2)


def test_a_feature_does_not_share_memory_with_what_was_given() -> None:
    given = np.array([1, 2])
    made = feature("x", given, 2)
    given[:] = 7
    assert made.tolist() == [1, 2]


def test_an_unknown_feature_is_an_error_with_a_suggestion() -> None:
    features = _shop().item_features
    with pytest.raises(UnknownFeatureError) as caught:
        features["genres"]
    assert str(caught.value) == "there is no item feature 'genres'; did you mean 'genre'?"
    assert isinstance(caught.value, RecbenchError)
    assert "genres" not in features
    assert features.get("genres") is None
    with pytest.raises(UnknownFeatureError, match="no user feature 'age'; the data have none"):
        _shop().interactions.user_features["age"]


def test_metadata_are_loaded_once_and_only_when_they_are_asked_for() -> None:
    asked = []

    def load(name: str) -> np.ndarray:
        asked.append(name)
        return np.arange(3)

    metadata = Metadata(["titles", "item_features.year"], load)
    features = metadata.features("item")
    assert [*features] == ["year"]
    assert metadata.get("user_ids") is None
    assert asked == []
    assert features["year"].tolist() == metadata["item_features.year"].tolist() == [0, 1, 2]
    assert asked == ["item_features.year"]


def test_train_and_history_have_the_metadata_and_the_features_of_their_interactions() -> None:
    parts = split(_shop())
    for part in (parts.train, parts.history, parts.train.take([1, 0]).take([1, 0])):
        assert part.item_ids.tolist() == ["w", "x", "y", "z"]
        assert part.user_ids.tolist() == ["u1", "u2"]
        assert part.titles is None
        assert part.item_features["genre"].tolist() == ["A|B", "", "C", ""]
        assert part.items.tolist() == [0, 1, 3]
        assert [*map(str, part.features["price"])] == ["1.0", "nan", "4.0"]
        assert part.features["shop"].tolist() == ["b", "", "c"]
    batches = [batch.features["shop"].tolist() for batch in parts.train.batches(1)]
    assert batches == [["b", ""], ["c"]]


def test_features_follow_filters_and_hashed_ties() -> None:
    where = load_dataset(_shop(), where="genre=C&price<=4")
    assert where.interactions.features["price"].tolist() == [2.5]
    where = load_dataset(_shop(), where="shop=b")
    assert where.item_features["genre"].tolist() == ["A|B"]
    assert where.interactions.features["price"].tolist() == [1.0, 1.0]
    whole = load_dataset(_shop(user_features={"age": [20, 30]}), where="age>=30")
    assert whole.user_features["age"].tolist() == [30]
    tied = Interactions.from_log([0] * 9, range(9), times=[1] * 9, features={"n": range(9)})
    hashed = load_dataset(Dataset("tied", tied, [7], np.arange(9)), time_ties="hash")
    assert hashed.interactions.items.tolist() != [*range(9)]
    assert hashed.interactions.items.tolist() == hashed.interactions.features["n"].tolist()


def test_what_is_pickled_keeps_its_metadata_and_features() -> None:
    train = pickle.loads(pickle.dumps(split(_shop()).train))
    assert train.item_features["genre"].tolist() == ["A|B", "", "C", ""]
    assert train.features["shop"].tolist() == ["b", "", "c"]


def test_the_features_of_interactions_are_part_of_their_hash() -> None:
    def hash_of(features: Mapping[str, Any]) -> str:
        return Interactions.from_log([0, 0], [1, 2], features=features).fingerprint()

    plain = Interactions.from_log([0, 0], [1, 2]).fingerprint()
    texts = {("ab", "c"), ("a", "bc")}
    hashes = {plain, hash_of({"x": [1, 2]}), hash_of({"y": [1, 2]})}
    hashes |= {hash_of({"x": text}) for text in texts}
    assert len(hashes) == 5
    assert hash_of({}) == plain


def test_changed_metadata_are_named() -> None:
    metadata = _shop().metadata
    digests = metadata.digests({"item_features.genre", "item_ids", "item_features.year"})
    assert [*digests] == ["item_features.genre", "item_features.year"]  # ids have a hash elsewhere
    other = _shop(item_features={"genre": ["A", "B", "C", "D"]}).metadata
    assert metadata.changed(digests) == []
    assert other.changed(digests) == ["item_features.genre", "item_features.year"]


def test_features_show_their_names() -> None:
    assert repr(_shop().item_features) == "Features('genre', 'year')"
    assert len(Features.of("item", {})) == 0

"""Ids: exact, numbered in sorted order, of any type."""

import pyarrow as pa
import pytest


def test_ids_are_exact(read, sequences):
    dataset = read("user,item\n007,1\n7,+1\n7, 1\n007,01\n")
    assert sequences(dataset) == {"007": ["1", "01"], "7": ["+1", " 1"]}
    assert any("Spaces" in note for note in dataset.notes)


def test_ids_are_numbered_in_sorted_order(read):
    dataset = read("user,item\n10,b\n9,é\n-1,Z\n")
    assert dataset.user_ids.tolist() == [-1, 9, 10]
    assert dataset.item_ids.tolist() == ["Z", "b", "é"]
    assert read("user,item\n-1,Z\n10,b\n9,é\n").fingerprint() == dataset.fingerprint()


def test_integers_beyond_64_bits_stay_strings(read):
    assert read("user,item\n9223372036854775808,1\n").user_ids.tolist() == ["9223372036854775808"]
    assert read("user,item\n9223372036854775807,1\n").user_ids.tolist() == [2**63 - 1]


def test_a_word_for_missing_values_is_kept_as_an_id_with_a_note(read):
    dataset = read("user,item\nNULL,5\nann,5\n")
    assert dataset.user_ids.tolist() == ["NULL", "ann"]
    assert any("'NULL'" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([17850.0, None, 3.0]), [3, 17850]),
        (pa.array([17850.0, float("nan"), 3.0]), [3, 17850]),
        (pa.array([1.5, None, 3.0]), ["1.5", "3.0"]),
        (pa.array(["b", None, "a"], pa.large_string()), ["a", "b"]),
        (pa.array(["b", "", "a"]), ["a", "b"]),
        (pa.array(["12", None, "2"]), [2, 12]),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["a", "b"]),
        (pa.array([b"\x00" * 16, None, b"\xff" * 16], pa.binary(16)), ["00" * 16, "ff" * 16]),
        (pa.array([b"ab", None, b"aa"]), ["aa", "ab"]),
        (pa.array([2**63, None, 5], pa.uint64()), ["5", "9223372036854775808"]),
        (pa.array([3, None, 2], pa.int8()), [2, 3]),
    ],
)
def test_ids_of_any_type_in_parquet(read_table, column, ids):
    dataset = read_table({"user": column, "item": [1, 2, 3]})
    assert dataset.user_ids.tolist() == ids
    assert dataset.item_ids.tolist() == [1, 3]
    assert "1 row has no user and was dropped" in dataset.notes

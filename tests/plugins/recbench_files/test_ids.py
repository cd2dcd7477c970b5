"""Ids: exact, numbered in sorted order, of any type."""

import pyarrow as pa
import pytest

from recbench_files.layout import MISSING


def test_ids_are_exact(read, sequences):
    dataset = read("user,item\n007,1\n7,+1\n7, 1\n007,01\n")
    assert sequences(dataset) == {"007": ["1", "01"], "7": ["+1", "1"]}
    assert "Spaces around 1 id in column item were removed, as in ' 1'" in dataset.notes


def test_ids_are_numbered_in_sorted_order(read):
    dataset = read("user,item\n10,b\n9,é\n-1,Z\n")
    assert dataset.user_ids.tolist() == [-1, 9, 10]
    assert dataset.item_ids.tolist() == ["Z", "b", "é"]
    assert read("user,item\n-1,Z\n10,b\n9,é\n").fingerprint() == dataset.fingerprint()


def test_integers_beyond_64_bits_stay_strings(read):
    assert read("user,item\n9223372036854775808,1\n").user_ids.tolist() == ["9223372036854775808"]
    assert read("user,item\n9223372036854775807,1\n").user_ids.tolist() == [2**63 - 1]


@pytest.mark.parametrize("word", sorted(MISSING))
def test_a_word_for_missing_values_is_dropped_or_kept_as_an_id(read, read_table, word):
    for dataset in (
        read(f"user,item\n{word},5\n {word} ,5\nann,5\n"),
        read_table({"user": [word, f" {word}", "ann"], "item": [5, 5, 5]}),
    ):
        assert dataset.user_ids.tolist() == ["ann"]
        assert "2 rows have no user and were dropped" in dataset.notes
    for dataset in (
        read(f"user,item\n{word},5\n,5\nann,5\n", missing="keep"),
        read_table({"user": [word, None, "ann"], "item": [5, 5, 5]}, missing="keep"),
    ):
        assert set(dataset.user_ids) == {word, "ann"}
        assert "1 row has no user and was dropped" in dataset.notes
        note = f"The id {word!r} in column user was kept, but may stand for a missing value"
        assert note in dataset.notes


def test_words_that_only_resemble_missing_values_are_ids(read):
    dataset = read("user,item\nNan,5\nNa,5\nnothing,5\n-,5\n")
    assert dataset.user_ids.tolist() == ["-", "Na", "Nan", "nothing"]
    assert "dropped" not in " ".join(dataset.notes)


def test_whole_numbers_with_and_without_a_fraction_are_one_id(read, sequences):
    dataset = read("user,item\n1,10\n1,11.0\n2.0,10.0\n2,11.00\n-3.0,0.0\n")
    assert sequences(dataset) == {1: [10, 11], 2: [10, 11], -3: [0]}
    assert "Ids in column item were read as whole numbers, '11.0' too" in dataset.notes


def test_fractions_among_other_texts_stay_apart_with_a_note(read):
    dataset = read("user,item\n1,10\n1,10.0\n2,v1.0\n2,12.0\n")
    assert dataset.item_ids.tolist() == ["10", "10.0", "12.0", "v1.0"]
    assert (
        "1 id is written in column item both with and without a fraction, such as '10.0', and "
        "count as different" in " ".join(dataset.notes).replace("counts", "count")
    )


def test_leading_zeros_are_not_dropped_with_a_fraction(read):
    assert read("user,item\n1,007.0\n1,7\n").item_ids.tolist() == ["007.0", "7"]


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u3000"])
def test_ids_that_differ_by_spaces_around_them_are_one(read, sequences, space):
    dataset = read(f"user,item\n1,a\n1,{space}b\n{space}1{space},c\n2,b\n")
    assert sequences(dataset) == {1: ["a", "b", "c"], 2: ["b"]}
    assert dataset.item("b") == dataset.item(" b ") == 1


def test_one_very_long_id_does_not_widen_the_others(read):
    long = "x" * 1_000_000
    ids = "".join(f"u{n},{n}\n" for n in range(2000))
    dataset = read(f"user,item\n{long},1\n{ids}")
    assert dataset.user_ids.dtype == object
    assert dataset.user(long) == len(dataset.user_ids) - 1


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


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        ("café", "cafe\u0301", r"2 ids in column item, such as 'cafe\u0301', look like"),
        ("a\u200bb", "ab", r"1 id in column item, such as 'a\u200bb', looks like"),
        ("a\u00a0b", "a b", r"1 id in column item, such as 'a\xa0b', looks like"),
        ("Ann", "ann", ""),
        ("é", "e", ""),
    ],
)
def test_ids_that_look_alike_stay_different_and_are_noted(read, first, second, note):
    dataset = read(f"user,item\n1,{first}\n1,{second}\n")
    assert sorted(dataset.item_ids) == sorted([first, second])
    found = [text for text in dataset.notes if "another one, but count" in text]
    assert [text.startswith(note) for text in found] == [True] * bool(note)


@pytest.mark.parametrize("word", ["-", "Unknown", "(null)", "undefined", "-1"])
def test_other_words_that_may_be_missing_values_are_kept_and_noted(read, word):
    note = f"The id '{word}' in column user was kept, but may stand for a missing value"
    dataset = read(f"user,item\n{word},5\nann,5\n")
    assert sorted(dataset.user_ids) == sorted([word, "ann"])
    assert note in dataset.notes
    assert "The id -1 in column user was kept, but may stand for a missing value" in (
        read("user,item\n-1,5\n7,5\n").notes
    )
    assert "may stand for a missing value" not in "".join(read("user,item\n0,5\n7,5\n").notes)


def test_ids_with_and_without_a_fraction_count_as_different_among_texts(read):
    note = (
        "1 id is written in column item both with and without a fraction, such as '10.0', and "
        "counts as different"
    )
    assert note in read("user,item\n1,10\n1,10.0\n1,x\n").notes


def test_numbers_in_two_spellings_and_shortened_ones_are_noted(read):
    dataset = read("user,item\n1,7\n1,07\n2,+7\n2,8\n2,09\n")
    assert dataset.item_ids.tolist() == ["+7", "07", "09", "7", "8"]
    note = (
        "2 ids in column item, such as '+7', are numbers that another id writes differently, but "
        "count as different"
    )
    assert note in dataset.notes
    note = (
        "1 id in column item, such as '1.23457E+11', may have been shortened by a spreadsheet, so "
        "that different ids became one"
    )
    assert note in read("user,item\n1,1.23457E+11\n1,5\n").notes
    assert not any("differently" in note for note in read("user,item\n1,007\n1,08\n").notes)

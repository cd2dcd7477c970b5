"""Arrays from callers: what is refused, what is copied, and that nobody can write to the rest."""

import mmap
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbench import Dataset, Interactions, Ranking, Split
from recbench.data.arrays import as_type

MASKED: Any = np.ma.MaskedArray([0, 1], mask=[False, True])
LOG = Interactions.from_log([0, 1], [0, 1], [5, 6], [1, 2], parts=[0, 1])
DATES = np.array(["2020-01-01", "2021-01-01"], dtype="M8[s]")


def _interactions(**changed: Any) -> Interactions:
    """Return two rows of one item each."""
    good = {"users": [0, 1], "items": [0, 1], "offsets": [0, 1, 2], "n_users": 2, "n_items": 2}
    return Interactions(**{**good, **changed})


def _log(**changed: Any) -> Interactions:
    return Interactions.from_log(**{"users": [0, 1], "items": [0, 1], **changed})


def _split(**changed: Any) -> Split:
    return Split(**{"train": LOG, "history": LOG, "targets": [1, 0], **changed})


def _ranking(**changed: Any) -> Ranking:
    return Ranking(**{"above": [0, 1], "tied": [1, 1], **changed})


def _dataset(**changed: Any) -> Dataset:
    ids = {"user_ids": [7, 8], "item_ids": ["a", "b"]}
    return Dataset("mine", LOG, **{**ids, **changed})


Make = Callable[..., Any]

COLUMNS: list[tuple[Make, list[str]]] = [
    (_log, ["users", "items", "times", "ratings", "parts"]),
    (_interactions, ["users", "items", "offsets", "times", "ratings", "parts"]),
    (_split, ["targets", "times", "offsets"]),
    (_ranking, ["above", "tied", "offsets", "popularity"]),
    (_dataset, ["user_ids", "item_ids", "titles"]),
]
EACH = [(make, name) for make, names in COLUMNS for name in names]


@pytest.mark.parametrize(("make", "name"), EACH)
def test_masked_and_ragged_arrays_are_refused(make: Make, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: masked arrays are not supported; fill or drop"):
        make(**{name: MASKED})
    with pytest.raises(ValueError, match=f"{name} cannot be converted to an array"):
        make(**{name: [[0], [1, 2]]})


@pytest.mark.parametrize(
    ("given", "occurs"),
    [
        ([True, False], r"not bool \(True occurs\)"),
        (["0", "1"], r"not <U1 \('0' occurs\)"),
        ([0, None], r"not object \(None occurs\)"),
        ([0, pd.NA], r"not object \(<NA> occurs\)"),
        ([1j, 2], r"not complex128 \(1j occurs\)"),
        (np.array([0, 1], dtype=object), r"not object \(0 occurs\)"),
    ],
)
@pytest.mark.parametrize(
    ("make", "name"), [(make, name) for make, name in EACH if make is not _dataset]
)
def test_only_numbers_are_taken(make: Make, name: str, given: Any, occurs: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*, {occurs}; convert them first"):
        make(**{name: given})


@pytest.mark.parametrize("make", [_log, _interactions])
@pytest.mark.parametrize("name", ["users", "items"])
@pytest.mark.parametrize(
    ("given", "occurs"),
    [
        ([0, 1.7], "1.7"),
        ([0, np.nan], "nan"),
        ([0, np.inf], "inf"),
        ([0, 2**32], "4294967296"),
        ([0, -7], "-7"),
        (np.array([0, 2**63], dtype=np.uint64), "9223372036854775808"),
        (np.array([0, 1e300]), "1e[+]300"),
        (pd.array([0, None], dtype="Int64"), "nan|<NA>"),
        (np.ma.masked_equal([0, 1], 9), "masked"),
        ([0, 2**70], "object"),
        ([[0, 1], [0, 1]], "one dimension, not 2"),
        (0, "one dimension, not 0"),
        (None, "None"),
        (DATES, "datetime64"),
    ],
)
def test_users_and_items_are_whole_numbers(make: Make, name: str, given: Any, occurs: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}.*({occurs})"):
        make(**{name: given})


@pytest.mark.parametrize("make", [_log, _interactions])
@pytest.mark.parametrize(
    "given",
    [
        np.array([0.0, 1.0], dtype=np.float32),
        np.array([0, 1], dtype=np.uint64),
        np.array([0, 1], dtype=">i2"),
        pd.Series([0, 1], dtype="Int64"),
        range(2),
    ],
)
def test_other_types_of_whole_numbers_are_taken(make: Make, given: Any) -> None:
    made = make(users=given, items=given)
    assert made.fingerprint() == make().fingerprint()


@pytest.mark.parametrize("make", [_log, _interactions])
@pytest.mark.parametrize("name", ["n_users", "n_items"])
@pytest.mark.parametrize("wrong", [2.0, -1, True, np.True_, "2", np.nan, 2**31 + 1, [2]])
def test_numbers_of_users_and_items_are_whole(make: Make, name: str, wrong: Any) -> None:
    said = re.escape(f"{name} must be a whole number from 0 to 2147483648, not {wrong!r}")
    with pytest.raises(ValueError, match=f"^{said}$"):
        make(**{name: wrong})


@pytest.mark.parametrize("make", [_log, _interactions])
def test_numbers_of_numpy_become_those_of_python(make: Make) -> None:
    made = make(n_users=np.int32(4), n_items=np.uint8(5))
    assert (type(made.n_users), made.n_users) == (int, 4)
    assert (type(made.n_items), made.n_items) == (int, 5)
    with pytest.raises(ValueError, match=r"users must be in \[.*, 1\), but 1 occurs"):
        make(n_users=1)
    with pytest.raises(ValueError, match=r"items must be in \[0, 1\), but 1 occurs"):
        make(n_items=1)


@pytest.mark.parametrize("ratings", [[1, np.inf], [1, 1e300]])
def test_ratings_may_be_unknown_but_not_infinite(ratings: Any) -> None:
    assert np.isnan(_log(ratings=[1, np.nan]).ratings).tolist() == [False, True]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ratings must be numbers that fit float32, but"):
        _log(ratings=ratings)


def test_dates_are_times_of_a_log_only() -> None:
    made = _log(times=DATES)
    assert made.times is not None
    assert (made.times.tolist(), made.time_unit) == ([1_577_836_800, 1_609_459_200], "s")
    assert _log(times=pd.Series(DATES)).fingerprint() == made.fingerprint()
    for make in (_interactions, _split):
        with pytest.raises(ValueError, match=r"times must be numbers, not datetime64\[s\]"):
            make(times=DATES)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"above": [-1, 0]}, r"above must be in \[0, 2147483648\), but -1 occurs"),
        ({"above": [0.5, 0]}, "above must be whole numbers that fit int64, but 0.5 occurs"),
        ({"tied": [0, 1]}, r"tied must be in \[1, 2147483648\), but 0 occurs"),
        ({"tied": [1]}, "above has 2 values and tied 1; they must match"),
        ({"offsets": [0, 0, 2]}, "offsets must start at 0, rise each time, and end at 2 targets"),
        ({"offsets": []}, "offsets must start at 0"),
        ({"lists": [1, 2]}, "lists must have 2 dimensions, not 1"),
        ({"lists": [[1, 2]]}, "lists has 1 rows, but there are 2 cases"),
        ({"above": None}, "above must be numbers, not object"),
    ],
)
def test_rankings_that_do_not_fit_together_are_refused(wrong: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        _ranking(**wrong)


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        ([1.5, 2], "user_ids must be integers or strings, but 1.5 occurs"),
        (np.array(["a", np.nan], dtype=object), "but nan occurs"),
        (np.array(["a", None], dtype=object), "but None occurs"),
        (np.array([True, 2], dtype=object), "but True occurs"),
        ([b"a", b"b"], "but b'a' occurs"),
        ([[1, 2]], "user_ids must have one dimension, not 2"),
        (None, "user_ids must have one dimension, not 0"),
    ],
)
def test_ids_are_integers_or_strings(ids: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        _dataset(user_ids=ids)


def test_ids_may_be_of_both_kinds() -> None:
    ids = np.array(["a", np.int64(7)], dtype=object)
    made = _dataset(user_ids=ids, item_ids=pd.Index(["x", "y"]))
    assert (made.user("7"), made.item("y")) == (1, 1)


@pytest.mark.parametrize("rows", [[1.5], [-1], [2], MASKED, ["0"], [[0]]])
def test_rows_are_numbers_of_rows(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"^rows"):
        LOG.take(rows)
    with pytest.raises(ValueError, match=r"^cases"):
        _ranking().take(rows)


@pytest.mark.parametrize("mask", [[0, 1], [True], [[True, False]], MASKED])
def test_masks_have_a_bool_for_each(mask: Any) -> None:
    with pytest.raises(ValueError, match=r"^mask"):
        LOG.keep(mask)
    with pytest.raises(ValueError, match=r"^targets"):
        _ranking().only(mask)


# The columns, with the types that are stored: no conversion copies them.
STORED: list[tuple[Make, dict[str, Any]]] = [
    (
        _interactions,
        {
            "users": np.array([0, 1], dtype=np.int32),
            "items": np.array([0, 1], dtype=np.int32),
            "offsets": np.array([0, 1, 2]),
            "times": np.array([5, 6]),
            "ratings": np.array([1, 2], dtype=np.float32),
            "parts": np.array([0, 1], dtype=np.int8),
        },
    ),
    (
        _split,
        {
            "targets": np.array([1, 0], dtype=np.int32),
            "times": np.array([5, 6]),
            "offsets": np.array([0, 1, 2]),
        },
    ),
    (
        _ranking,
        {
            "above": np.array([0, 1]),
            "tied": np.array([1, 1]),
            "offsets": np.array([0, 1, 2]),
            "lists": np.array([[0], [1]], dtype=np.int32),
            "popularity": np.array([3, 2]),
        },
    ),
    (
        _dataset,
        {
            "user_ids": np.array([7, 8]),
            "item_ids": np.array(["a", "b"], dtype=object),
            "titles": np.array(["A", "B"]),
        },
    ),
]


@pytest.mark.parametrize(("make", "columns"), STORED)
def test_the_callers_arrays_can_change_without_effect(make: Make, columns: dict[str, Any]) -> None:
    for read_only_views in (False, True):
        owners = {name: column.copy() for name, column in columns.items()}
        given = {name: owner[:] for name, owner in owners.items()}
        for view in given.values():
            view.flags.writeable = not read_only_views
        made = make(**given)
        for owner in owners.values():
            owner[:] = owner[::-1].copy()
        for name, column in columns.items():
            assert np.array_equal(getattr(made, name), column), name


@pytest.mark.parametrize(("make", "columns"), STORED)
def test_nobody_can_make_an_array_writable_again(make: Make, columns: dict[str, Any]) -> None:
    made = make(**columns)
    for name in columns:
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
            getattr(made, name).flags.writeable = True


def test_series_that_pandas_shows_read_only_are_copied() -> None:
    items = pd.Series([0, 1], dtype=np.int32)
    made = _interactions(items=items)
    items.iloc[0] = 1
    assert made.items.tolist() == [0, 1]


def test_a_read_only_view_of_memory_that_can_be_written_is_copied() -> None:
    buffer = bytearray(8)
    items = np.frombuffer(memoryview(buffer).toreadonly(), dtype=np.int32)
    log = Interactions(np.zeros(1, np.int32), items, np.array([0, 2]), n_users=1, n_items=9)
    buffer[0] = 1
    assert log.items.tolist() == [0, 0]


@pytest.mark.filterwarnings("error")
def test_half_floats_are_whole_numbers_like_others() -> None:
    log = Interactions.from_log([0, 0], np.array([1, 2], np.float16))
    assert log.items.tolist() == [1, 2]


@pytest.mark.parametrize("buffer", [bytearray(8), memoryview(bytearray(8))])
def test_memory_that_can_be_written_elsewhere_is_copied(buffer: Any) -> None:
    items = np.frombuffer(buffer, dtype=np.int32)
    items.flags.writeable = False
    made = _interactions(items=items)
    buffer[0] = 1
    assert made.items.tolist() == [0, 0]


def test_arrays_that_nobody_can_write_are_shared(tmp_path: Path) -> None:
    frozen = np.array([0, 1], dtype=np.int32)
    frozen.flags.writeable = False
    file = tmp_path / "items"
    file.write_bytes(frozen.tobytes())
    with file.open("rb") as opened:
        pages = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
    for items in (
        frozen,
        np.frombuffer(frozen.tobytes(), dtype=np.int32),
        np.frombuffer(pages, dtype=np.int32),
        np.memmap(file, dtype=np.int32, mode="r"),
    ):
        assert np.shares_memory(_interactions(items=items).items, items)
    (batch,) = LOG.batches(2)
    assert np.shares_memory(batch.items, LOG.items)
    assert np.shares_memory(LOG.keep([True, True]).offsets, LOG.offsets) is False


def test_a_log_takes_no_more_memory_than_its_columns_and_an_order() -> None:
    n = 200_000
    users, items = np.arange(n, dtype=np.int32) % 500, np.arange(n, dtype=np.int32) % 999
    times = np.arange(n)
    tracemalloc.start()
    try:
        made = Interactions.from_log(users, items, times)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        cut = made.cut(made.users, made.offsets[:-1], made.lengths)
        after, peak_of_cut = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * n
    assert cut.fingerprint() == made.fingerprint()
    stored = after - before
    positions = 3 * 8 * n  # of the interactions, as they are selected
    assert peak_of_cut - before < stored + positions


@pytest.mark.parametrize("dtype", ["i1", "i4", "i8", "f4"])
def test_numbers_of_the_right_type_are_not_copied(dtype: str) -> None:
    values = np.array([0, 1], dtype=dtype)
    assert as_type("values", values, dtype) is values

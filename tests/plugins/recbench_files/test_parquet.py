"""Broken Parquet: one error that names the row and says what is wrong with it."""

import pyarrow as pa
import pytest

import recbench


def test_broken_parquet_files_are_errors(fails, read_table, tmp_path):
    assert "damaged or not a Parquet" in fails(b"PAR1 and nothing more", "log.parquet")
    read_table({"user": list(range(5000)), "item": list(range(5000))})
    whole = (tmp_path / "log.parquet").read_bytes()
    assert "damaged or not a Parquet" in fails(whole[: len(whole) // 2], "log.parquet")
    assert "is not a Parquet file" in fails(
        "user,item\n", kind=recbench.UsageError, format="parquet"
    )


def test_broken_rows_in_parquet_are_errors(read_table):
    rows = {"user": [1, None, 1], "item": [1, 2, 3]}
    with pytest.raises(recbench.RecbenchError, match="row 3: rating nan"):
        read_table({**rows, "rating": [1.0, None, float("nan")]})
    with pytest.raises(recbench.RecbenchError, match="row 1: rating 'a'"):
        read_table({**rows, "rating": ["a", "b", "c"]})
    with pytest.raises(recbench.RecbenchError, match="no rows"):
        read_table({"user": pa.array([], pa.int64()), "item": pa.array([], pa.int64())})
    with pytest.raises(recbench.UsageError, match="lists"):
        read_table({"user": [1], "item": [[1, 2]]})

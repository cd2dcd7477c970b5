"""Broken Parquet: one error that names the row and says what is wrong with it."""

import gzip

import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import open_table


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


def test_columns_of_the_same_name_are_an_error(fails):
    sink = pa.BufferOutputStream()
    columns = [pa.array([1, 2])] * 3
    parquet.write_table(pa.table(columns, names=["user", "item", "item"]), sink)
    content = sink.getvalue().to_pybytes()
    problem = "log.parquet: several columns are called 'item'; rename all but one"
    assert fails(content, "log.parquet", recbench.UsageError) == problem
    with pytest.raises(recbench.UsageError, match="several columns are called 'item'"):
        open_table("log.parquet", content)


def test_parquet_that_was_packed_or_encrypted_is_not_read(fails):
    compressed = gzip.compress(b"PAR1 and more")
    assert "is a compressed Parquet file; decompress it" in fails(
        compressed, "log.parquet.gz", recbench.UsageError
    )
    assert "is an encrypted Parquet file" in fails(b"PARE", kind=recbench.UsageError)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
    assert "get the file itself with: git lfs pull" in fails(pointer, kind=recbench.UsageError)

"""Fixtures of recbench_files: write a log, read it, and show its sequences."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import read_file


@pytest.fixture
def read(tmp_path):
    """Write a log and read it."""

    def write_and_read(content, name="log.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(str(path), **options)

    return write_and_read


@pytest.fixture
def fails(read):
    """Write a log and return the error of reading it."""

    def message(content, name="log.csv", kind=recbench.RecbenchError, **options):
        with pytest.raises(recbench.RecbenchError) as caught:
            read(content, name, **options)
        assert type(caught.value) is kind, caught.value
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


@pytest.fixture
def read_table(tmp_path):
    """Write columns as Parquet and read it."""

    def write_and_read(columns, **options):
        parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
        return read_file(str(tmp_path / "log.parquet"), **options)

    return write_and_read


@pytest.fixture(scope="session")
def sequences() -> Callable[[recbench.Dataset], dict]:
    """Return the items of each user by their ids, oldest first."""

    def outside(dataset):
        inside = dataset.interactions
        return {
            dataset.user_ids[user]: [dataset.item_ids[item] for item in items]
            for user, items in zip(inside.users, inside.sequences(), strict=True)
        }

    return outside

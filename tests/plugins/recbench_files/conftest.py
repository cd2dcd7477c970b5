"""Fixtures for tests of recbench_files: write a log, read it, and list its sequences."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import read_file


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a log and reads it."""

    def write_and_read(content, name="log.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(str(path), **options)

    return write_and_read


@pytest.fixture
def fails(read):
    """Return a function that writes a log and returns the error of reading it."""

    def message(content, name="log.csv", kind=recbench.RecbenchError, **options):
        with pytest.raises(recbench.RecbenchError) as caught:
            read(content, name, **options)
        assert type(caught.value) is kind, caught.value
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


@pytest.fixture
def read_table(tmp_path):
    """Return a function that writes columns as Parquet and reads them."""

    def write_and_read(columns, **options):
        parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
        return read_file(str(tmp_path / "log.parquet"), **options)

    return write_and_read


@pytest.fixture(scope="session")
def sequences() -> Callable[[recbench.Dataset], dict]:
    """Return a function that lists the item ids of each user, oldest first."""

    def outside(dataset):
        inside = dataset.interactions
        return {
            dataset.user_ids[user]: [dataset.item_ids[item] for item in items]
            for user, items in zip(inside.users, inside.sequences(), strict=True)
        }

    return outside

"""Finding stored results under files and folders: each one once, and only regular files."""

import logging
import os
import shutil
from pathlib import Path

import pytest
from made_results import SETTING

from recbench import Result, Store
from recbench.store.cells import read_cells

FAILED = Result("a" * 64, "mine", "1", "mine", None, SETTING, "failed: no", {})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    store.write(FAILED, {})
    return store


def test_a_pipe_is_reported_or_skipped(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="recbench")
    named, other = store.folder / "mine-01234567.json", store.folder / "notes.json"
    for path in (named, other):
        os.mkfifo(path)
    assert read_cells([store.folder]) == [
        (named, f"cannot read {named}: it is not a regular file"),
    ]
    assert f"skipped {other}: it is not a result of recbench" in caplog.text
    assert read_cells([other]) == [(other, f"cannot read {other}: it is not a regular file")]


def test_files_that_are_named_twice_count_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="recbench")
    (store.folder / "x-01234567.json").touch()
    read_cells([store.folder, store.path(FAILED), store.path(FAILED).parent])
    assert "left out: 1 failed result" in caplog.text


def test_a_renamed_result_is_reported(store: Store) -> None:
    path = store.path(FAILED)
    renamed = shutil.copy(path, path.with_name("yours.json"))
    ((where, reason),) = read_cells([store.folder])
    assert where == renamed
    assert f"the result of mine on data, last, which belongs in {path.name}" in str(reason)

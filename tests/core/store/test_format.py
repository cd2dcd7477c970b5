"""Files of a result that do not contain what they should are left out, and named."""

import dataclasses
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from recbench import RecbenchError, Result, Store, Value
from recbench.data.interactions import Column
from recbench.results.json_form import to_json
from recbench.results.result import Setting
from recbench.store.cells import read_cells
from recbench.store.format import _digest, encode_result, read_cell, write_columns

pytest.importorskip("fcntl", reason="needs pipes and sockets of POSIX")

SETTING = Setting("data", "d", "last", "s", 3, "first", 2, 30, 6, 2, 2, "by time")
CELL = Result("a" * 64, "mine", "1", "mine", None, SETTING, "ok", {"ndcg@3": Value(0.5)}, 30)
OTHER = dataclasses.replace(CELL, key="b" * 64, model="other")
ROWS: dict[str, Column] = {
    "user": np.array(["a", "b"]),
    "above": np.array([0, 20]),
    "tied": np.array([1, 1]),
    "ndcg@3": np.array([1.0, 0.0]),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with the results of CELL and OTHER."""
    store = Store(tmp_path)
    for cell in (CELL, OTHER):
        store.write(cell, ROWS)
    return store


def sealed(data: Any) -> bytes:
    """Return JSON with the right checksum, whatever it contains."""
    return json.dumps({**data, "sha256": _digest(data)}).encode()


def assert_left_out(store: Store, path: Path, reason: str, caplog: Any) -> None:
    """Check that only OTHER is used, and that everything names the file and says why."""
    for results in (store.all(), Store(store.folder).all()):
        assert [result.model for result in results] == ["other"]
        (text,) = results.left_out
        assert str(path) in text
        assert reason in text
        assert list(results.to_frame().model.unique()) == ["other"]
    caplog.clear()
    assert store.find(CELL) is None
    assert reason in caplog.text
    assert "The model runs again" in caplog.text
    ((_, cell), damaged) = read_cells([store.folder])
    assert isinstance(cell, Result)
    assert cell.model == "other"
    assert damaged[0] == store.path(CELL)
    assert reason in str(damaged[1])
    written = store.write(CELL, ROWS)
    assert store.find(CELL) == written
    assert not store.all().left_out


SEALED: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("setting.protocol is '3'", lambda data: data["setting"].update(protocol="3")),
    ("finished is 1.5", lambda data: data.update(finished=1.5)),
    ("values is 'ndcg'", lambda data: data["values"].update(ndcg=[1, 1, 1, 1])),
    ("cases_file is '../x.parquet'", lambda data: data["cases_file"].insert(0, "../x.parquet")),
    ("parameters is 1000", lambda data: data.update(parameters=10**400)),
    ("it has no field model", lambda data: data.pop("model")),
    ("unknown field feeling", lambda data: data.update(feeling="good")),
]


@pytest.mark.parametrize(("reason", "change"), SEALED)
def test_a_sealed_file_of_other_types_is_left_out(
    store: Store, reason: str, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.path(CELL)
    data = json.loads(path.read_text())
    del data["sha256"]
    change(data)
    data["cases_file"] = data["cases_file"][:2]
    path.write_bytes(sealed(data))
    assert_left_out(store, path, reason, caplog)


def test_deeply_nested_json_is_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = store.path(CELL)
    data = json.loads(path.read_text())
    text = json.dumps(data).replace('"provenance": {}', '"provenance": ' + '{"a":' * 990 + "0" * 1)
    path.write_text(text + "}" * 990)
    assert_left_out(store, path, "is damaged: it is not the JSON of a result", caplog)


def replace_rows(store: Store, content: bytes) -> Path:
    """Store other bytes as the cases of CELL, with right checksums; return their path."""
    path = store.path(CELL)
    result, _ = read_cell(path)
    digest = hashlib.sha256(content).hexdigest()
    cases = path.with_name(f"{path.stem}-{digest[:8]}.parquet")
    cases.write_bytes(content)
    path.write_bytes(encode_result(dataclasses.replace(result, cases_file=(cases.name, digest))))
    return cases


TABLES: list[tuple[str, dict[str, Any]]] = [
    ("the mean of ndcg@3 over its rows is 0.75, but the result says 0.5", {"ndcg@3": [1.0, 0.5]}),
    ("the mean of ndcg@3 over its rows is nan", {"ndcg@3": [1.0, None]}),
    ("TypeError", {"ndcg@3": ["a", "b"]}),
    ("KeyError: 'above'", {"above": None}),
    ("KeyError: 'user'", {"user": None}),
    ("tied must have one dimension", {"above": [[], []]}),
]


@pytest.mark.parametrize(("reason", "columns"), TABLES)
def test_rows_that_do_not_fit_their_result_are_left_out(
    store: Store, reason: str, columns: Any, caplog: pytest.LogCaptureFixture
) -> None:
    table = {"user": ["a", "b"], "above": [0, 20], "tied": [1, 1], "ndcg@3": [1.0, 0.0], **columns}
    made = pyarrow.table({key: column for key, column in table.items() if column is not None})
    if columns.get("above"):
        empty = pyarrow.array(columns["above"], pyarrow.large_list(pyarrow.int64()))
        made = made.set_column(made.column_names.index("above"), "above", empty)
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(made, buffer)
    cases = replace_rows(store, buffer.getvalue().to_pybytes())
    assert_left_out(store, cases, reason, caplog)


def test_another_number_of_rows_is_left_out(
    store: Store, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    name, _ = write_columns(tmp_path / "x", {key: column[:1] for key, column in ROWS.items()})
    cases = replace_rows(store, (tmp_path / name).read_bytes())
    assert_left_out(store, cases, "it has 1 row and 1 rank, for 2 cases", caplog)


def test_cases_that_are_no_parquet_are_left_out(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert_left_out(store, replace_rows(store, b"PAR1 no"), "is damaged: ArrowInvalid", caplog)


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def make_socket(path: Path) -> None:
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


ODD = [(os.mkfifo, "regular file"), (make_socket, "regular file"), (make_link, "is missing")]


@pytest.mark.parametrize(("make", "reason"), ODD)
@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_pipe_in_place_of_a_file_is_reported_at_once(
    store: Store, suffix: str, make: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.path(CELL)
    if suffix == ".parquet":
        path = path.with_name(read_cell(path)[0].cases_file[0])
    path.unlink()
    make(path)
    assert_left_out(store.ready(), path, reason, caplog)


def test_a_folder_in_place_of_a_file_is_reported(store: Store) -> None:
    path = store.path(CELL)
    path.unlink()
    path.mkdir()
    assert [result.model for result in store.all()] == ["other"]
    assert store.find(CELL) is None
    with pytest.raises(RecbenchError, match=r"Is a directory\. Remove this folder, or choose"):
        store.write(CELL, ROWS)


def test_a_file_that_was_copied_over_anothers_is_reported(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.path(CELL)
    shutil.copy(store.path(OTHER), path)
    reason = "it contains the result of other on data, last, which belongs in"
    assert_left_out(store, path, reason, caplog)


def test_a_copied_folder_is_reported_and_shown_once(store: Store) -> None:
    shutil.copytree(store.folder / "data", store.folder / "data-copy")
    results = store.all()
    assert [result.model for result in results] == ["mine", "other"]
    assert [text.partition(" was copied")[0] for text in results.left_out] == [
        str(store.folder / "data-copy" / "last" / store.path(cell).name) for cell in (CELL, OTHER)
    ]


def test_the_order_does_not_depend_on_the_file_system(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    glob = Path.glob
    orders = []
    for backwards in (False, True):
        listed = lambda path, pattern, order=backwards: sorted(glob(path, pattern), reverse=order)  # noqa: E731
        monkeypatch.setattr(Path, "glob", listed)
        orders.append([result.model for result in store.all()])
    assert orders == [["mine", "other"]] * 2


def test_what_could_not_be_read_back_is_not_stored(store: Store) -> None:
    before = store.path(CELL).read_bytes()
    with pytest.raises(RecbenchError, match="mine: ValueError: parameters is 1000"):
        store.write(dataclasses.replace(CELL, parameters=10**400), ROWS)
    assert store.path(CELL).read_bytes() == before


def test_long_reasons_of_stored_failures_are_shortened(store: Store) -> None:
    failed = dataclasses.replace(CELL, status="failed: \ud800 " + "a" * 900_000)
    store.path(CELL).write_bytes(sealed(json.loads(json.dumps(to_json(failed)))))
    (result,) = (result for result in store.all() if not result.ok)
    assert result.status.startswith(r"failed: \ud800 aaa")
    assert len(result.status) <= 2000

"""The folder of results: whole or not there, whatever happens to it."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from recbench import RecbenchError, Result, Store
from recbench.result import Setting, from_json, to_json

SETTING = Setting(
    dataset="data:x=1/2",
    dataset_sha256="d",
    split="leave-last-out",
    split_sha256="s",
    protocol=1,
    repeats="first",
    n_users=2,
    n_items=3,
    n_events=6,
    users=2,
    rows=2,
    order="by time",
    notes=("a note",),
)
CELL = Result(
    key="k" * 64,
    model="popular",
    model_version="1",
    plugin="popular",
    seed=None,
    setting=SETTING,
    status="ok",
    values={"ndcg@10": (0.5, 0.1)},
    depth=3,
    fit_seconds=1.0,
    finished="2026-01-01",
)
ROWS = {
    "user": np.array(["a", "b"]),
    "above": np.array([0, 2]),
    "tied": np.array([1, 1]),
    "ndcg@10": np.array([1.0, 0.0]),
}


def test_json_round_trip() -> None:
    failed = dataclasses.replace(CELL, values={"ndcg@3": (np.nan, np.nan)}, status="failed: no")
    for one in (CELL, failed):
        text = json.dumps(to_json(one), allow_nan=False)
        assert repr(from_json(json.loads(text))) == repr(one)


def test_what_is_written_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    assert store.find(CELL) == written
    assert list(store.all()) == [written]
    assert store.per_user(written)["user"].tolist() == ["a", "b"]
    assert store.ranking(written).above.tolist() == [0, 2]
    assert sorted(p.suffix for p in tmp_path.rglob("*") if p.is_file()) == [".json", ".parquet"]


def test_odd_names_stay_inside_the_folder(tmp_path: Path) -> None:
    odd = dataclasses.replace(
        CELL, model="../../x", setting=dataclasses.replace(SETTING, split="..")
    )
    path = Store(tmp_path / "in").path(odd)
    assert path.resolve().is_relative_to((tmp_path / "in").resolve())


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_file_cut_short_is_said_and_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    store = Store(tmp_path)
    store.write(CELL, ROWS)
    path = store.path(CELL)
    path.write_bytes(path.read_bytes()[:cut])
    assert store.find(CELL) is None
    assert not store.all()
    assert "is damaged and left out" in caplog.text


def test_rows_that_were_changed_are_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    path = store.path(CELL).with_name(written.per_user[0])
    path.write_bytes(path.read_bytes()[:-1])
    assert store.find(CELL) is None
    assert "not what was written" in caplog.text


@pytest.mark.parametrize("text", ["[]", "3", '{"key": 1}', "{}"])
def test_a_strange_json_is_left_out(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "c.json").write_text(text)
    assert not Store(tmp_path).all()


def test_a_failed_cell_is_shown_but_not_reused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(dataclasses.replace(CELL, status="failed: no", values={}), {})
    assert store.find(CELL) is None
    assert [one.status for one in store.all()] == ["failed: no"]


def test_only_the_newest_version_of_a_model_is_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    new = dataclasses.replace(CELL, key="n" * 64, finished="2026-02-02")
    store.write(new, ROWS)
    store.write(CELL, ROWS)
    assert [one.key for one in store.all()] == [new.key]


def test_a_failing_write_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RecbenchError, match="No space left on device; make room or choose another"):
        store.write(CELL, ROWS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_model_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def half(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        store.write_model(CELL, half)
    assert not store.model_folder(CELL).exists()
    for text in ("one", "two"):
        store.write_model(CELL, lambda folder, text=text: (folder / "w").write_text(text) and None)
        assert (store.model_folder(CELL) / "w").read_text() == text
    assert len(list(store.model_folder(CELL).parent.iterdir())) == 1


def test_what_killed_runs_left_is_swept_after_a_day(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "split"
    for name in ("old", "new"):
        (folder / f".writing-{name}").mkdir(parents=True)
        (folder / f".writing-{name}-file").write_text("half")
    for old in folder.glob("*old*"):
        os.utime(old, (0, 0))
    Store(tmp_path).ready()
    assert sorted(one.name for one in folder.iterdir()) == [".writing-new", ".writing-new-file"]

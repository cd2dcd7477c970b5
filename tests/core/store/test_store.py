"""The folder of results: a result is complete or absent. See also test_kills.py."""

import dataclasses
import errno
import io
import json
import multiprocessing
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbench import RecbenchError, Result, Results, Store, UsageError
from recbench import files as atomic
from recbench.evaluation.uncertainty import Value
from recbench.results.json_form import from_json, to_json
from recbench.results.result import Setting
from recbench.store.saved_model import MANIFEST
from recbench.store.versions import OTHER_CODE

fcntl = pytest.importorskip("fcntl", reason="needs POSIX locks and limits")
resource = pytest.importorskip("resource")

SETTING = Setting(
    dataset="data:x=1/2",
    dataset_sha256="d",
    split="leave-last-out",
    split_sha256="s",
    protocol=1,
    repeats="first",
    n_users=2,
    n_items=30,
    n_interactions=6,
    n_judged_users=2,
    n_cases=2,
    order="by time",
    notes=("a note",),
)
CELL = Result(
    key="a" * 64,
    model="popular",
    model_version="1",
    plugin="popular",
    seed=None,
    setting=SETTING,
    status="ok",
    values={"ndcg@10": Value(0.5, 0.125, 0.25, 0.75)},
    depth=30,
    fit_seconds=1.0,
    finished="2026-01-01",
)
ROWS: dict[str, Any] = {
    "user": np.array(["a", "b"]),
    "above": np.array([0, 20]),
    "tied": np.array([1, 1]),
    "ndcg@10": np.array([1.0, 0.0]),
}
FAILED = dataclasses.replace(CELL, values={"ndcg@3": Value()}, status="failed: no")


def _at(k: int, **more: Any) -> tuple[Result, dict[str, Any]]:
    """Return the result and the case columns of the cell from a run with --k k."""
    rows = {name: column for name, column in ROWS.items() if "@" not in name}
    rows |= {f"{name}@{k}": np.array([1.0 / k, 0.0]) for name in ("ndcg", "hit")}
    values = {f"{name}@{k}": Value(0.5 / k, 0.125, 0.0, 1.0) for name in ("ndcg", "hit")}
    return dataclasses.replace(CELL, values=values, **more), rows


def _files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files except locks and the checksums of saved models."""
    aside = {".lock", MANIFEST}
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in aside]
    return {path.name: path.read_bytes() for path in found}


def _rows_of(store: Store, result: Result) -> Path:
    return store.path(result).with_name(result.cases_file[0])


def test_json_round_trip() -> None:
    for result in (dataclasses.replace(CELL, cases_file=("a.parquet", "b" * 64)), FAILED):
        text = json.dumps(to_json(result), allow_nan=False)
        assert repr(from_json(json.loads(text))) == repr(result)


def test_a_written_result_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    assert store.find(CELL) == written
    (read,) = store.all()
    assert read == dataclasses.replace(written, notes=(OTHER_CODE,))
    assert store.case_columns(written)["user"].tolist() == ["a", "b"]
    assert store.ranking(written).above.tolist() == [0, 20]
    assert sorted(Path(name).suffix for name in _files(tmp_path)) == [".json", ".parquet"]


def test_columns_are_read_as_they_were_written(tmp_path: Path) -> None:
    offsets, lists = np.array([0, 3, 4]), np.array([[1, 2, -1], [3, 4, 5]], dtype=np.int32)
    above, tied = np.array([0, 4, 9, 2]), np.array([1, 1, 2, 1])
    rows = {**ROWS, "above": (above, offsets), "tied": (tied, offsets), "lists": lists}
    written = Store(tmp_path).write(CELL, rows)
    store = Store(tmp_path)
    again = store.case_columns(written)
    assert again["lists"].dtype == np.int32
    assert [array.tolist() for array in again["above"]] == [above.tolist(), offsets.tolist()]
    assert again["ndcg@10"].tolist() == [1.0, 0.0]
    ranking = store.ranking(written)
    assert len(ranking) == 2
    for name, given in (("above", above), ("tied", tied), ("offsets", offsets), ("lists", lists)):
        assert getattr(ranking, name).tolist() == given.tolist()


def test_odd_names_stay_inside_the_folder(tmp_path: Path) -> None:
    setting = dataclasses.replace(SETTING, split="..", dataset="no character: \udcff")
    odd = dataclasses.replace(CELL, model="../../x", setting=setting)
    store = Store(tmp_path / "in")
    assert store.path(odd).resolve().is_relative_to((tmp_path / "in").resolve())
    assert store.write(odd, ROWS) == store.find(odd)


@pytest.mark.parametrize("share", [*np.linspace(0, 0.99, 12)])
@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_truncated_file_is_reported_and_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float, suffix: str
) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    path = store.path(CELL) if suffix == ".json" else _rows_of(store, written)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert store.find(CELL) is None
    assert "The model runs again" in caplog.text
    assert not store.all()
    assert (
        f"{path} is damaged: it is not the JSON of a result" in caplog.text or suffix == ".parquet"
    )
    assert f"{path} is damaged: it does not match" in caplog.text or suffix == ".json"
    assert "It is left out" in caplog.text
    assert store.write(CELL, ROWS) == written == store.find(CELL)


EDITS: list[tuple[str, str, str]] = [
    ("0.5", "0.6", "does not match its checksum"),
    ('"popular"', '"unpopular"', "does not match its checksum"),
    ('"status": "ok"', '"status": "failed: x"', "does not match its checksum"),
    ('"sha256": "', '"sha256": "0', "does not match its checksum"),
    ('"sha256"', '"sha"', "has no checksum"),
    ('"depth"', '"deepness"', "does not match its checksum"),
]


@pytest.mark.parametrize(("old", "new", "match"), EDITS)
def test_an_edited_result_is_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str, new: str, match: str
) -> None:
    store = Store(tmp_path)
    store.write(CELL, ROWS)
    path = store.path(CELL)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert store.find(CELL) is None
    assert not store.all()
    assert caplog.text.count(match) == 2


def test_a_reformatted_json_file_is_still_valid(tmp_path: Path) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    path = store.path(CELL)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert store.find(CELL) == written


@pytest.mark.parametrize("damage", ["flipped", "gone", "another's"])
def test_a_changed_file_of_cases_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    store = Store(tmp_path)
    path = _rows_of(store, store.write(CELL, ROWS))
    data = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    else:
        other = dataclasses.replace(CELL, key="c" * 64)
        rows = {**ROWS, "above": np.array([5, 5])}
        path.write_bytes(_rows_of(store, store.write(other, rows)).read_bytes())
        store.path(other).unlink()
    assert store.find(CELL) is None
    assert not store.all()
    assert caplog.text.count(str(path)) >= 2
    fresh = Store(tmp_path)
    with pytest.raises(RecbenchError, match=re.escape(str(path))):
        fresh.case_columns(dataclasses.replace(CELL, cases_file=(path.name, "0" * 64)))


@pytest.mark.parametrize("text", ["[]", "3", '{"key": 1}', "{}", "null", "[" * 99_999, "\ufeff"])
def test_json_files_of_other_content_are_left_out(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "a" / "b"
    (folder / "folder.json").mkdir(parents=True)
    (folder / "c.json").write_text(text)
    assert not Store(tmp_path).all()


def test_a_failed_result_is_shown_but_not_reused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(FAILED, {})
    assert store.find(CELL) is None
    assert [result.status for result in store.all()] == ["failed: no"]


def test_a_failure_never_replaces_a_success(tmp_path: Path) -> None:
    store = Store(tmp_path)
    written = store.write(CELL, ROWS)
    assert store.write(FAILED, {}) == written == store.find(CELL)
    _rows_of(store, written).write_bytes(b"")
    assert store.write(FAILED, {}).status == "failed: no"
    assert store.write(CELL, ROWS).ok


def test_a_result_that_fails_after_it_was_stored_replaces_it_if_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        assert store.write(CELL, ROWS) == store.find(CELL)
    assert len(_files(tmp_path)) == 2
    assert store.write(FAILED, {}, replace=True).status == "failed: no"
    assert store.find(CELL) is None
    assert [result.status for result in store.all()] == ["failed: no"]
    assert len(_files(tmp_path)) == 1


def test_only_the_newest_version_of_a_model_is_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    new = dataclasses.replace(CELL, key="e" * 64, finished="2026-02-02")
    store.write(new, ROWS)
    store.write(CELL, ROWS)
    assert [result.key for result in store.all()] == [new.key]


@pytest.mark.parametrize("ks", [(3, 10, 20), (20, 3, 10)])
def test_values_at_other_ks_are_kept_in_order(tmp_path: Path, ks: list[int]) -> None:
    store = Store(tmp_path)
    for k in ks:
        written = store.write(*_at(k))
    keys = ["ndcg@3", "ndcg@10", "ndcg@20", "hit@3", "hit@10", "hit@20"]
    assert list(written.values) == keys
    assert {key for key in store.case_columns(written) if "@" in key} == set(keys)
    assert store.find(CELL) == written
    assert len(_files(tmp_path)) == 2


@pytest.mark.parametrize("what", ["above", "tied", "lists"])
def test_results_with_different_ranks_are_not_merged(tmp_path: Path, what: str) -> None:
    lists, (first, rows) = np.array([[1, 2], [3, 4]]), _at(3)
    store = Store(tmp_path)
    store.write(first, {**rows, "lists": lists})
    second, rows = _at(10)
    rows["lists"] = lists.copy()
    rows[what] = rows[what] + 1
    assert list(store.write(second, rows).values) == ["ndcg@10", "hit@10"]
    assert len(_files(tmp_path)) == 2


@pytest.mark.parametrize("order", [(3, 20), (20, 3)])
def test_the_longer_of_two_lists_is_kept(tmp_path: Path, order: list[int]) -> None:
    store, never = Store(tmp_path), np.iinfo(np.int32).max
    for k in order:
        result, rows = _at(k, depth=k)
        rows["above"] = np.array([0, 15 if k > 15 else never])
        rows["lists"] = np.arange(2 * 20).reshape(2, 20)[:, :k]
        written = store.write(result, rows)
    assert written.depth == 20
    assert len(written.values) == 4
    assert store.ranking(written).above.tolist() == [0, 15]
    assert store.ranking(written).lists.shape == (2, 20)


def _write_often(folder: Path, k: int) -> None:
    for _ in range(15):
        Store(folder).write(*_at(k))


def test_simultaneous_writers_lose_nothing_and_readers_see_complete_results(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context, ks = multiprocessing.get_context("spawn"), (1, 3, 10, 20)
    writers = [context.Process(target=_write_often, args=(tmp_path, k)) for k in ks]
    for writer in writers:
        writer.start()
    seen, store = 0, Store(tmp_path)
    while any(writer.is_alive() for writer in writers):
        for result in store.all():
            seen += 1
            assert result.values.keys() <= Store(tmp_path).case_columns(result).keys()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert seen
    assert not caplog.text
    assert len(store.all()[0].values) == 8
    assert len(_files(tmp_path)) == 2


def test_columns_that_another_run_has_added_are_found(tmp_path: Path) -> None:
    held = Store(tmp_path).write(*_at(3))
    Store(tmp_path).write(*_at(10))
    assert "hit@10" in Store(tmp_path).case_columns(held)
    result, rows = _at(10)
    Store(tmp_path).write(result, {**rows, "above": np.array([7, 7])})
    with pytest.raises(RecbenchError, match="is missing"):
        Store(tmp_path).case_columns(held)


def test_a_reader_reads_again_if_the_file_is_replaced_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, read, more = Store(tmp_path), Path.read_bytes, [10, 20]
    store.write(*_at(3))

    def replaced(path: Path) -> bytes:
        data = read(path)
        if path.suffix == ".json" and more:
            k = more.pop()
            with monkeypatch.context() as quiet:
                quiet.setattr(Path, "read_bytes", read)
                Store(tmp_path).write(*_at(k))
        return data

    monkeypatch.setattr(Path, "read_bytes", replaced)
    assert len(store.find(CELL).values) == 6
    assert not caplog.text


STAGES = [("secrets.token_hex", 1), ("secrets.token_hex", 2), ("os.fsync", 1), ("os.fsync", 3)]
STAGES += [("os.replace", 1), ("os.replace", 2)]


def _fail(monkeypatch: pytest.MonkeyPatch, call: str, nth: int, error: BaseException) -> None:
    """Make the nth call of a function fail."""
    module, _, name = call.partition(".")
    real, calls = getattr(__import__(module), name), []

    def failing(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == nth:
            raise error
        return real(*args, **more)

    monkeypatch.setattr(call, failing)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("call", "nth"), STAGES)
def test_a_full_disk_at_any_stage_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, before: bool
) -> None:
    store = Store(tmp_path)
    written = store.write(*_at(3)) if before else None
    files = _files(tmp_path)
    with monkeypatch.context() as full:
        _fail(full, call, nth, OSError(errno.ENOSPC, "No space left on device"))
        match = "cannot write .*No space left on device. Free some space, or choose"
        with pytest.raises(RecbenchError, match=match):
            store.write(*_at(10))
    assert _files(tmp_path) == files
    assert Store(tmp_path).find(CELL) == written
    assert "hit@10" in store.write(*_at(10)).values


@pytest.mark.parametrize(("call", "nth"), [*STAGES, ("os.fsync", 2), ("os.fsync", 4)])
def test_an_interrupt_at_any_stage_leaves_the_old_or_the_new_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    store = Store(tmp_path)
    store.write(*_at(3))
    with monkeypatch.context() as stopped:
        _fail(stopped, call, nth, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            store.write(*_at(10))
    assert len(Store(tmp_path).find(CELL).values) == (4 if (call, nth) == ("os.fsync", 4) else 2)
    assert not [name for name in _files(tmp_path) if name.startswith(".writing-")]


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.999])
def test_a_limit_on_file_sizes_changes_nothing(tmp_path: Path, share: float) -> None:
    for k in (3, 10):
        Store(tmp_path / "other").write(*_at(k))
    size = int(share * max(map(len, _files(tmp_path / "other").values())))
    store = Store(tmp_path / "own")
    written = store.write(*_at(3))
    files = _files(tmp_path / "own")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    error = None
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        store.write(*_at(10))
    except RecbenchError as raised:
        error = raised
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large. Raise the limit" in str(error)
    assert _files(tmp_path / "own") == files
    assert store.find(CELL) == written


def _saves(text: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        (folder / "w").write_text(text)

    return save


@pytest.mark.parametrize("error", [RuntimeError("no more"), OSError(errno.ENOSPC, "no room")])
def test_a_model_folder_is_complete_or_absent(tmp_path: Path, error: Exception) -> None:
    store = Store(tmp_path)
    folder = store.model_folder(CELL)

    def half(passing: Path) -> None:
        (passing / "w").write_text("half")
        raise error

    with pytest.raises(RecbenchError if isinstance(error, OSError) else RuntimeError, match="no "):
        store.write_model(CELL, half)
    assert not folder.exists()
    for text in ("one", "two"):
        store.write_model(CELL, _saves(text))
        assert (folder / "w").read_text() == text
    with pytest.raises((RuntimeError, RecbenchError)):
        store.write_model(CELL, half)
    assert _files(tmp_path) == {"w": b"two"}
    assert len(list(folder.parent.iterdir())) == 2  # the other is the lock


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("killed", [True, False])
def test_a_stored_model_stays_if_replacing_it_fails_or_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool, nth: int
) -> None:
    store, rename, calls = Store(tmp_path), Path.rename, []
    folder = store.write_model(CELL, _saves("one"))

    def failing(path: Path, to: Path) -> Path:
        calls.append(1)
        if len(calls) == nth or (killed and len(calls) > nth):
            raise OSError(errno.ENOSPC, "no room")
        return rename(path, to)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", failing)
        with pytest.raises(RecbenchError, match="no room"):
            store.write_model(CELL, _saves("two"))
    assert folder.exists() == (not killed or nth == 1)
    Store(tmp_path).ready()
    assert (folder / "w").read_text() == "one"
    store.write_model(CELL, _saves("two"))
    assert _files(tmp_path) == {"w": b"two"}


def test_leftovers_of_killed_runs_are_removed_after_a_day(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.path(CELL).parent
    for name in ("old", "new"):
        (folder / f".writing-{name}").mkdir(parents=True)
        (folder / f".writing-{name}-file").write_text("half")
    written = store.write(CELL, ROWS)
    rows = _rows_of(store, written)
    other = dataclasses.replace(CELL, key="01234567" * 8, seed=1)
    orphan = _rows_of(store, store.write(other, ROWS))
    store.path(other).unlink()
    damaged = dataclasses.replace(CELL, key="11234567" * 8, seed=2)
    kept = _rows_of(store, store.write(damaged, ROWS))
    store.path(damaged).write_text("cut")
    foreign = folder / "somebody-01234567-89abcdef.parquet"
    shutil.copy(rows, foreign)
    fresh = dataclasses.replace(CELL, key="21234567" * 8, seed=3)
    young = _rows_of(store, store.write(fresh, ROWS))
    store.path(fresh).unlink()
    for path in (*folder.glob(".writing-old*"), rows, orphan, kept, foreign):
        os.utime(path, (0, 0))
    Store(tmp_path).ready()
    left = {path.name for path in folder.iterdir()}
    assert left == {
        ".lock",
        ".writing-new",
        ".writing-new-file",
        store.path(CELL).name,
        store.path(damaged).name,
        *(path.name for path in (rows, kept, foreign, young)),
    }
    assert store.find(CELL) == written


def test_old_checkpoints_that_no_run_uses_are_removed(tmp_path: Path) -> None:
    store, month = Store(tmp_path), time.time() - 31 * 24 * 3600
    cells = [dataclasses.replace(CELL, key=str(nth) * 64) for nth in range(4)]
    old, young, touched, used = (store.checkpoint(cell) for cell in cells)
    for place in (old, young, touched, used):
        (place / "kept" / "epoch").mkdir(parents=True)
        (place / "kept" / ".writing-weights").write_text("half")
        (place / "kept" / "rows-01234567-89abcdef.parquet").touch()
        (place / ".lock").touch()
        for path in (*place.rglob("*"), place):
            os.utime(path, (month, 0 if place == old else month))
    os.utime(young / "kept" / "epoch", (0, time.time() - 29 * 24 * 3600))
    (touched / "kept" / "epoch" / "1").touch()
    with atomic.locked(used) as alone:
        assert alone
        Store(tmp_path).ready()
        assert set(old.parent.iterdir()) == {young, touched, used}
    for place in (young, touched, used):
        assert len(list(place.rglob("*"))) == 5 + (place == touched)
    Store(tmp_path).ready()
    assert set(old.parent.iterdir()) == {young, touched}


def test_a_lock_that_is_held_or_unavailable_does_not_block_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.write(*_at(3))
    monkeypatch.setattr(atomic, "PATIENCE", 0.05)
    with open(store.path(CELL).parent / ".lock", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        began = time.monotonic()
        assert len(store.write(*_at(10)).values) == 4
        assert time.monotonic() - began >= 0.05

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert len(store.write(*_at(20)).values) == 6
    (store.path(CELL).parent / ".lock").unlink()
    (store.path(CELL).parent / ".lock").mkdir()
    assert len(store.write(*_at(1)).values) == 8


def test_candidates_are_stored_by_their_content(tmp_path: Path) -> None:
    store, setting = Store(tmp_path), dataclasses.replace(SETTING, candidates="2:by=popularity")
    paths = {store.write_candidates(setting, np.array([[1, 2], [item, 4]])) for item in (3, 3, 5)}
    assert len(paths) == len(_files(tmp_path)) == 2
    assert all(path.name.startswith("candidates=2_by=popularity-") for path in paths)


def test_results_of_version_0_1_0_are_still_shown() -> None:
    """The folder was written by version 0.1.0, and the CSV by its `recbench table`."""
    folder = Path(__file__).parent / "stored_by_0.1.0"
    stored = Store(folder / "results").all()
    assert len(stored) == 6
    assert not stored.left_out
    first = stored[0].setting
    assert (first.n_judged_users, first.n_cases, first.n_interactions) == (30, 30, 200)
    shown = pd.read_csv(io.StringIO(stored.to_frame().to_csv(index=False)))
    table = pd.read_csv(folder / "table.csv")
    table["remark"] = table["remark"].replace("not above popular", "not better than popular")
    table = table.sort_values(["dataset", "split", "model", "seed", "metric", "k"])
    shown = shown.sort_values(["dataset", "split", "model", "seed", "metric", "k"])
    pd.testing.assert_frame_equal(*(f.reset_index(drop=True) for f in (shown, table)), rtol=1e-12)
    for result in stored:
        assert len(Store(folder / "results").ranking(result)) == result.setting.n_cases


def test_a_folder_is_a_path() -> None:
    with pytest.raises(UsageError, match="results must be the path of a folder, not Results"):
        Store(Results([]))  # type: ignore[arg-type]

"""Step 6, result: the folder of results. Nothing half-written is ever seen, or taken for whole."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
from collections.abc import Callable, ItemsView, Iterator
from pathlib import Path
from typing import Any

from recbench.data.interactions import Array, Column, Columns
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.ranking import Ranking
from recbench.files import atomic_folder, is_stale, locked, sweep, write
from recbench.models import checkpoint
from recbench.progress import log
from recbench.results.result import Result, Setting, to_json
from recbench.results.results import Results
from recbench.store.format import (
    decode,
    decode_result,
    encode_result,
    read_bytes,
    stem_of,
    write_columns,
)
from recbench.store.versions import merge, newest


class Store:
    """A folder with `dataset/split/model-seed-key.json`, and beside each its rows in Parquet.

    folder: made when something is written. Any number of runs may share it, and be killed.

    A JSON has a checksum of itself, and names its Parquet, which is named by its content. So what
    was cut, edited or mixed up is noticed, and a cell is there from one renaming of its JSON on.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._last = ("", b"")  # the digest and content of the rows that were read last

    def ready(self) -> Store:
        """The store, once its folder is there and can be written; else RecbenchError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                self._sweep()
                return self
        except OSError as error:
            raise RecbenchError(
                f"cannot write into {self.folder}: {error.strerror or error}; choose another "
                "folder with --results"
            ) from error

    def path(self, result: Result) -> Path:
        """Where this cell's JSON is, or would be."""
        seed = "" if result.seed is None else f"-{result.seed}"
        name = f"{_slug(result.model)}{seed}-{result.key[:8]}.json"
        return self.folder / _slug(result.setting.dataset) / _slug(result.setting.split) / name

    def find(self, cell: Result) -> Result | None:
        """The stored result of this cell if it is whole and succeeded."""
        result = self._read(self.path(cell), "computed again")
        return result if result and result.ok and result.key == cell.key else None

    def all(self) -> Results:
        """The newest whole results, by dataset and split.

        What is damaged, or outdated by newer code, is left out, which is said on the log and by
        `Results.left_out`.
        """
        left: list[str] = []
        found: dict[str, Result] = {}
        for path in sorted(self.folder.glob("*/*/*.json")):
            result = self._read(path, "left out", left)
            if result and result.finished >= found.get(result.key, result).finished:
                found[result.key] = result
        kept, outdated = newest(found.values())
        if outdated:
            of = ", ".join(sorted({one.model for one in outdated}))
            left.append(f"{len(outdated)} results that newer code has outdated, of {of}")
            log.info("%s: left out", left[-1])
        return Results(kept, self.per_user, left_out=left)

    def write(self, result: Result, rows: Columns) -> Result:
        """Keep a cell, and give it as it is stored now.

        rows: the columns, one row a judged row: `user` (outside id), `above`, `tied`, perhaps
            `lists`, and the metrics; none for a result that failed.

        What the stored result of the same key has further (other k, other metrics) is kept where
        both have the same ranks. A failed result never replaces one that is ok.

        Raises RecbenchError where the folder cannot be written; then all is as it was.
        """
        path = self.path(result)
        with _writing(path), locked(path.parent):
            written = self._write(path, result, rows)
        if result.ok:
            checkpoint.forget(self.checkpoint(result))
        return written

    def _write(self, path: Path, result: Result, rows: Columns) -> Result:
        """`write`, under the lock: first the rows, then the JSON that makes them valid."""
        try:
            old = self._load(path)
        except (FileNotFoundError, RecbenchError):
            old = None
        if old and old.ok and old.key == result.key:
            if not result.ok:
                return old
            result, rows = merge(old, self.per_user(old), result, rows)
        result = dataclasses.replace(result, per_user=("", ""))
        try:
            if rows:
                name = write_columns(path.with_suffix(""), rows)
                result = dataclasses.replace(result, per_user=name)
            write(path, encode_result(result))
        finally:
            for one in {result.per_user[0], old.per_user[0] if old else ""} - {""}:
                _drop(path.with_name(one), path)
        return result

    def write_candidates(self, setting: Setting, pool: Array) -> Path:
        """Keep the (judged rows, n) items that targets were ranked among; gives the file.

        Raises RecbenchError where the folder cannot be written.
        """
        folder = self.folder / _slug(setting.dataset) / _slug(setting.split)
        stem = folder / f"candidates={_slug(setting.candidates)}"
        with _writing(stem):
            return folder / write_columns(stem, {"candidates": pool})[0]

    def per_user(self, result: Result) -> dict[str, Column]:
        """The columns of a stored result. Raises RecbenchError where they are damaged.

        Where another run has stored the same numbers and more since, its columns.
        """
        path = self.path(result)
        if result.per_user[1] and result.per_user[1] == self._last[0]:
            return decode(self._last[1])
        try:
            try:
                return decode(self._rows(path, result))
            except RecbenchError:
                now = self._load(path)
                if now.key != result.key or not _numbers(result) <= _numbers(now):
                    raise
                return decode(self._rows(path, now))
        except OSError as error:
            what = f"{path} or its rows"
            raise RecbenchError(f"cannot read {what}: {error.strerror or error}") from error

    def ranking(self, result: Result) -> Ranking:
        """Where the targets of a stored result ended up; without popularity, which is no row's."""
        return Ranking.of_columns(self.per_user(result))

    def model_folder(self, result: Result) -> Path:
        """Where this cell's fitted model is, or would be."""
        return self.path(result).with_suffix(".model")

    def write_model(self, result: Result, save: Callable[[Path], None]) -> Path:
        """Keep a fitted model: `save` fills a folder that only then gets its name.

        If that fails, the model that was there stays. Raises RecbenchError where the folder cannot
        be written, and whatever else `save` raises.
        """
        folder = self.model_folder(result)
        with _writing(folder), atomic_folder(folder) as passing:
            save(passing)
        return folder

    def checkpoint(self, result: Result) -> Path:
        """Where an interrupted training of this cell is, or would be, kept until `write`."""
        path = self.path(result).absolute()
        return path.with_name(f"{path.stem}{result.key[8:]}{checkpoint.SUFFIX}")

    def _read(self, path: Path, so: str, told: list[str] | None = None) -> Result | None:
        """A stored result; None where there is none or, said and told, where it is damaged."""
        try:
            return self._load(path)
        except FileNotFoundError:
            return None
        except (OSError, RecbenchError) as error:
            log.warning("%s; it is %s", describe_error(error), so)
            if told is not None:
                told.append(describe_error(error))
            return None

    def _load(self, path: Path) -> Result:
        """A stored result. Raises RecbenchError, naming the file, unless all of it is whole."""
        text = None
        while True:
            before, text = text, path.read_bytes()
            try:
                result = decode_result(path, text)
                if result.ok:
                    self._rows(path, result)
            except RecbenchError:
                if text == before:  # else another run has replaced it, and its rows, meanwhile
                    raise
            else:
                return result

    def _rows(self, path: Path, result: Result) -> bytes:
        """The Parquet of a result, read and checked."""
        name, digest = result.per_user
        self._last = digest, read_bytes(path.with_name(name or "rows"), digest)
        return self._last[1]

    def _sweep(self) -> None:
        """Remove, or put back, what killed runs left."""
        for folder in self.folder.glob("*/*/"):
            sweep(folder)
            checkpoint.sweep(folder)
            for rows in folder.glob("*.parquet"):
                with contextlib.suppress(OSError):
                    stem = stem_of(rows) if is_stale(rows) else None
                    if stem is not None and re.search("-[0-9a-f]{8}$", stem.name):
                        with locked(folder):
                            _drop(rows, stem.with_name(f"{stem.name}.json"))


def _drop(rows: Path, path: Path) -> None:
    """Remove rows that no result has: their JSON is whole and names others, or is not there."""
    with contextlib.suppress(OSError, RecbenchError):
        if not path.exists() or decode_result(path, path.read_bytes()).per_user[0] != rows.name:
            rows.unlink()


def _numbers(result: Result) -> ItemsView[str, Any]:
    """What can be compared, NaN included."""
    values: dict[str, Any] = to_json(result)["values"]
    return values.items()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Where files are written beside `path`: errors of the disk say what to do."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RecbenchError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another folder "
            "with --results"
        ) from error


def _slug(text: str) -> str:
    """A name that is safe as a file's; the key behind it keeps different ones apart."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "_", text)[:100].strip(".") or "_"

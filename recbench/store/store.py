"""Step 6, store: the folder of results. Nothing half-written is ever seen, or taken for whole."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
from collections.abc import Callable, ItemsView, Iterator, Sequence
from pathlib import Path
from typing import Any

from recbench.data.interactions import Array, Column, Columns
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.ranking import Ranking
from recbench.files import atomic_folder, is_stale, locked, remove_leftovers, write
from recbench.models import checkpoint
from recbench.progress import log
from recbench.results.result import Result, Setting, to_json
from recbench.results.results import Results
from recbench.store.format import (
    decode_columns,
    decode_result,
    encode_result,
    read_bytes,
    stem_of,
    write_columns,
)
from recbench.store.versions import merge, newest

CELL_NAME = re.compile(r"-[0-9a-f]{8}\.json")
"""How the name of a cell's JSON ends."""


class Store:
    """A folder with `dataset/split/model-seed-key.json`, and beside each its cases in Parquet.

    folder: made when something is written. Any number of runs may share it, and be killed.

    A JSON has a checksum of itself, and names its Parquet, which is named by its content. So what
    was cut, edited or mixed up is noticed, and a cell is there from one renaming of its JSON on.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._last_read = ("", b"")  # the digest and content of the Parquet that was read last

    def ready(self) -> Store:
        """The store, once its folder is there and can be written; else RecbenchError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                self._remove_leftovers()
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
        return self._section_folder(result.setting) / name

    def find(self, cell: Result) -> Result | None:
        """The stored result of this cell if it is whole and succeeded."""
        result = self._read(self.path(cell), "computed again")
        return result if result and result.ok and result.key == cell.key else None

    def all(self) -> Results:
        """The newest whole results, by dataset and split.

        What is damaged, or outdated by newer code, is left out, which is said on the log and by
        `Results.left_out`.
        """
        left_out: list[str] = []
        by_key: dict[str, Result] = {}
        for path in sorted(self.folder.glob("*/*/*.json")):
            result = self._read(path, "left out", left_out)
            if result and result.finished >= by_key.get(result.key, result).finished:
                by_key[result.key] = result
        kept, outdated = newest(by_key.values())
        if outdated:
            models = ", ".join(sorted({result.model for result in outdated}))
            left_out.append(f"{len(outdated)} results that newer code has outdated, of {models}")
            log.info("%s: left out", left_out[-1])
        return Results(kept, self.case_columns, left_out=left_out)

    def write(self, result: Result, columns: Columns) -> Result:
        """Keep a cell, and give it as it is stored now.

        columns: a row for each case: `user` (outside id), `above`, `tied`, perhaps `lists`, and
            the metrics; none for a result that failed.

        What the stored result of the same key has further (other k, other metrics) is kept where
        both have the same ranks. A failed result never replaces one that is ok.

        Raises RecbenchError where the folder cannot be written; then all is as it was.
        """
        path = self.path(result)
        with _writing(path), locked(path.parent):
            written = self._write(path, result, columns)
        if result.ok:
            checkpoint.remove(self.checkpoint(result))
        return written

    def _write(self, path: Path, result: Result, columns: Columns) -> Result:
        """`write`, under the lock: first the cases, then the JSON that makes them valid."""
        try:
            stored = self._load(path)
        except (FileNotFoundError, RecbenchError):
            stored = None
        if stored and stored.ok and stored.key == result.key:
            if not result.ok:
                return stored
            result, columns = merge(stored, self.case_columns(stored), result, columns)
        result = dataclasses.replace(result, cases_file=("", ""))
        try:
            if columns:
                cases_file = write_columns(path.with_suffix(""), columns)
                result = dataclasses.replace(result, cases_file=cases_file)
            write(path, encode_result(result))
        finally:
            written = {result.cases_file[0], stored.cases_file[0] if stored else ""} - {""}
            for name in written:
                _remove_unless_named(path.with_name(name), path)
        return result

    def write_candidates(self, setting: Setting, pool: Array) -> Path:
        """Keep the (cases, n) items that targets were ranked among; gives the file.

        Raises RecbenchError where the folder cannot be written.
        """
        folder = self._section_folder(setting)
        stem = folder / f"candidates={_slug(setting.candidates)}"
        with _writing(stem):
            return folder / write_columns(stem, {"candidates": pool})[0]

    def case_columns(self, result: Result) -> dict[str, Column]:
        """The columns of a stored result, a row for each case.

        Where another run has stored the same numbers and more since, its columns. Raises
        RecbenchError where they are damaged.
        """
        path = self.path(result)
        if result.cases_file[1] and result.cases_file[1] == self._last_read[0]:
            return decode_columns(self._last_read[1])
        try:
            try:
                return decode_columns(self._read_cases(path, result))
            except RecbenchError:
                now = self._load(path)
                if now.key != result.key or not _numbers(result) <= _numbers(now):
                    raise
                return decode_columns(self._read_cases(path, now))
        except OSError as error:
            raise RecbenchError(
                f"cannot read {path} or its rows: {error.strerror or error}"
            ) from error

    def ranking(self, result: Result) -> Ranking:
        """Where the targets of a stored result ended up; without popularity, which is no case's."""
        return Ranking.of_columns(self.case_columns(result))

    def model_folder(self, result: Result) -> Path:
        """Where this cell's fitted model is, or would be."""
        return self.path(result).with_suffix(".model")

    def write_model(self, result: Result, save: Callable[[Path], None]) -> Path:
        """Keep a fitted model: `save` fills a folder that only then gets its name.

        If that fails, the model that was there stays. Raises RecbenchError where the folder cannot
        be written, and whatever else `save` raises.
        """
        folder = self.model_folder(result)
        with _writing(folder), atomic_folder(folder) as unfinished:
            save(unfinished)
        return folder

    def keep_model(self, result: Result, save: Callable[[Path], None]) -> None:
        """`write_model`, if that can be done; if not, say so."""
        try:
            self.write_model(result, save)
        except Exception as error:  # its numbers are still worth having
            log.warning("%s: could not be saved (%s)", result.model, describe_error(error))

    def checkpoint(self, result: Result) -> Path:
        """Where an interrupted training of this cell is, or would be, kept until `write`."""
        path = self.path(result).absolute()
        return path.with_name(f"{path.stem}{result.key[8:]}{checkpoint.SUFFIX}")

    def _section_folder(self, setting: Setting) -> Path:
        """The folder of a dataset and split."""
        return self.folder / _slug(setting.dataset) / _slug(setting.split)

    def _read(
        self, path: Path, consequence: str, left_out: list[str] | None = None
    ) -> Result | None:
        """A stored result; None where there is none or, said and noted, where it is damaged."""
        try:
            return self._load(path)
        except FileNotFoundError:
            return None
        except (OSError, RecbenchError) as error:
            log.warning("%s; it is %s", describe_error(error), consequence)
            if left_out is not None:
                left_out.append(describe_error(error))
            return None

    def _load(self, path: Path) -> Result:
        """A stored result. Raises RecbenchError, naming the file, unless all of it is whole."""
        text = None
        while True:
            before, text = text, path.read_bytes()
            try:
                result = decode_result(path, text)
                if result.ok:
                    self._read_cases(path, result)
            except RecbenchError:
                if text == before:  # else another run has replaced it, and its cases, meanwhile
                    raise
            else:
                return result

    def _read_cases(self, path: Path, result: Result) -> bytes:
        """The Parquet of a result, read and checked."""
        self._last_read = result.cases_file[1], read_cases(path, result)
        return self._last_read[1]

    def _remove_leftovers(self) -> None:
        """Remove, or put back, what killed runs left."""
        for folder in self.folder.glob("*/*/"):
            remove_leftovers(folder)
            checkpoint.remove_stale(folder)
            for cases in folder.glob("*.parquet"):
                with contextlib.suppress(OSError):
                    stem = stem_of(cases) if is_stale(cases) else None
                    if stem is not None and re.search("-[0-9a-f]{8}$", stem.name):
                        with locked(folder):
                            _remove_unless_named(cases, stem.with_name(f"{stem.name}.json"))


def read_cells(paths: Sequence[str | Path]) -> list[tuple[Path, Result | str]]:
    """The cells stored under files and folders that have numbers and are not outdated.

    A cell whose files are damaged stands as what is wrong with them. Of the cells of one model,
    seed, dataset and split only the newest is there. Raises UsageError where there is nothing.
    """
    damaged: dict[Path, str] = {}
    cells: dict[str, tuple[Path, Result]] = {}
    n_failed = 0
    for path, cell in _find_cells(paths):
        if isinstance(cell, str):
            damaged[path] = cell
        elif cell.ok:
            cells[cell.key] = path, cell
        else:
            n_failed += 1
    kept, outdated = newest(cell for _, cell in cells.values())
    for number, why in ((n_failed, "failed when run"), (len(outdated), "outdated by newer code")):
        if number:
            log.info("left out: %d cells, %s", number, why)
    if not damaged and not kept:
        raise UsageError(f"no stored numbers under {', '.join(map(str, paths))}")
    return [*(cells[cell.key] for cell in kept), *damaged.items()]


def _find_cells(paths: Sequence[str | Path]) -> Iterator[tuple[Path, Result | str]]:
    """Every stored cell under the paths, or what is wrong with its files."""
    for given in map(Path, paths):
        if not given.exists():
            raise UsageError(f"{given} is not there; name a folder of results or a cell's JSON")
        for path in sorted(given.rglob("*.json")) if given.is_dir() else [given]:
            parents = path.relative_to(given).parents
            if any(folder.suffix in (".model", checkpoint.SUFFIX) for folder in parents):
                continue
            try:
                cell = decode_result(path, path.read_bytes())
                if cell.ok:
                    read_cases(path, cell)
            except (RecbenchError, OSError) as error:
                if given.is_dir() and not CELL_NAME.search(path.name):
                    log.info("passed over, no result of recbench: %s", path)
                else:
                    yield path, describe_error(error)
            else:
                yield path, cell


def read_cases(path: Path, result: Result) -> bytes:
    """The Parquet beside a result's JSON. Raises RecbenchError where it is gone or damaged."""
    name, digest = result.cases_file
    return read_bytes(path.with_name(name or "rows"), digest)


def _remove_unless_named(cases: Path, path: Path) -> None:
    """Remove cases that no result has: their JSON is whole and names others, or is not there."""
    with contextlib.suppress(OSError, RecbenchError):
        if not path.exists() or decode_result(path, path.read_bytes()).cases_file[0] != cases.name:
            cases.unlink()


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

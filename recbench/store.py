"""Step 6, result: the folder of results. Nothing half-written is ever seen, or taken for whole."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import RecbenchError, said
from .interactions import Array
from .metric import Ranking
from .progress import log
from .result import Result, from_json, to_json
from .results import Results

DAY = 24 * 3600


class Store:
    """A folder with `dataset/split/model-seed-key.json`, and beside each its rows in Parquet.

    folder: made when something is written. Any number of runs may share it: files are written
    under a passing name and then renamed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

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

    def _sweep(self) -> None:
        """Remove what killed runs were writing, once no living one can be at it any more."""
        for left in self.folder.glob("*/*/.writing-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > DAY:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    def path(self, result: Result) -> Path:
        """Where this cell's JSON is, or would be."""
        seed = "" if result.seed is None else f"-{result.seed}"
        name = f"{_slug(result.model)}{seed}-{result.key[:8]}.json"
        return self.folder / _slug(result.setting.dataset) / _slug(result.setting.split) / name

    def find(self, cell: Result) -> Result | None:
        """The stored result of this cell if it is whole and succeeded."""
        path = self.path(cell)
        if not path.exists():
            return None
        result = self._read(path)
        if result is None or result.key != cell.key or not result.ok:
            return None
        try:
            self.ranking(result)
        except RecbenchError as error:
            log.warning("%s; it is computed again", error)
            return None
        return result

    def all(self) -> Results:
        """The newest whole result of each cell; what is damaged or outdated is said, and left out.

        Outdated: a newer result has the same model, seed, dataset, split and protocol by name.
        """
        newest: dict[Any, Result] = {}
        outdated = 0
        for path in sorted(self.folder.glob("*/*/*.json")):
            result = self._read(path)
            if result is None:
                continue
            of = (*result.setting.same, result.model, result.seed)
            outdated += of in newest
            if of not in newest or newest[of].finished < result.finished:
                newest[of] = result
        if outdated:
            log.info("%d results of earlier versions of a model are left out", outdated)
        return Results(newest.values())

    def write(self, result: Result, rows: Mapping[str, Array]) -> Result:
        """Keep a cell: first its rows, then the JSON that makes them valid.

        rows: name -> (rows,) column: `user` (outside id), `above`, `tied`, and the metrics.
        Raises RecbenchError where the folder cannot be written.
        """
        path = self.path(result)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if rows:
                data = _parquet(rows)
                table = path.with_suffix(".parquet")
                _write(table, data)
                digest = hashlib.sha256(data).hexdigest()
                result = dataclasses.replace(result, per_user=(table.name, digest))
            text = json.dumps(to_json(result), indent=1, ensure_ascii=False, allow_nan=False)
            _write(path, text.encode() + b"\n")
        except OSError as error:
            raise RecbenchError(
                f"cannot write {path}: {error.strerror or error}; make room or choose another "
                "folder with --results"
            ) from error
        return result

    def per_user(self, result: Result) -> dict[str, Array]:
        """The columns that `write` was given. Raises RecbenchError where they are damaged."""
        import pyarrow.parquet

        name, digest = result.per_user
        path = self.path(result).with_name(name or "?")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RecbenchError(f"cannot read {path}: {error.strerror or error}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise RecbenchError(f"{path} is not what was written with its JSON")
        table = pyarrow.parquet.read_table(io.BytesIO(data))
        return {key: table[key].to_numpy() for key in table.column_names}

    def ranking(self, result: Result) -> Ranking:
        """Where the targets of a stored result ended up."""
        rows = self.per_user(result)
        return Ranking(rows["above"].astype(np.int64), rows["tied"].astype(np.int64))

    def model_folder(self, result: Result) -> Path:
        """Where this cell's fitted model is, or would be."""
        return self.path(result).with_suffix(".model")

    def write_model(self, result: Result, save: Callable[[Path], None]) -> Path:
        """Keep a fitted model: `save` fills a folder that only then gets its name."""
        folder = self.model_folder(result)
        folder.parent.mkdir(parents=True, exist_ok=True)
        passing = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
        try:
            save(passing)
            if folder.exists():
                folder.rename(passing.with_name(f"{passing.name}-old"))
            passing.chmod(0o755)
            passing.rename(folder)
        finally:
            for rest in folder.parent.glob(f"{passing.name}*"):
                shutil.rmtree(rest, ignore_errors=True)
        return folder

    def _read(self, path: Path) -> Result | None:
        """A stored result, or None, said, where the file is damaged."""
        try:
            return from_json(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s is damaged and left out (%s)", path, said(error))
            return None


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[io.BufferedWriter]:
    """A file open for writing that takes its name when it is whole, and leaves nothing if not."""
    handle, passing = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(passing, 0o644)
        os.replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(passing)
        raise


def _write(path: Path, data: bytes) -> None:
    with atomic(path) as file:
        file.write(data)


def _parquet(rows: Mapping[str, Array]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    table = pyarrow.table({key: pyarrow.array(column) for key, column in rows.items()})
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _slug(text: str) -> str:
    """A name that is safe as a file's; the key behind it keeps different ones apart."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "_", text)[:100].strip(".") or "_"

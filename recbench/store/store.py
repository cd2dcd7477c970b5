"""Step 6, store: the folder of results, in which an unfinished file never counts as a result."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tempfile
from collections.abc import Callable, ItemsView
from pathlib import Path
from typing import Any

from recbench.data.interactions import Array, Column, Columns
from recbench.errors import RecbenchError, counted, describe_error
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
    read_cases,
    stem_of,
    write_columns,
)
from recbench.store.layout import Layout, cannot_write, slug, writing
from recbench.store.versions import merge, newest


class Store(Layout):
    """A folder of results, which any number of runs may share.

    Parameters
    ----------
    folder : str or path
        The folder, made when something is first written.

    Notes
    -----
    A result is the file `dataset/split/model-seed-key.json`, with its cases in a Parquet file
    beside it. The JSON holds a checksum of itself and the checksum of the Parquet, so a file that
    was cut, edited or replaced is noticed. Files are written under another name and then renamed,
    so a run that is killed leaves no damaged result.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular"], "synthetic", results=folder, in_process=True)
    ...     [result.model for result in recbench.Store(folder).all()]
    ['popular']
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder)
        self._last_read = ("", b"")  # the digest and content of the Parquet that was read last

    def ready(self) -> Store:
        """Make the folder, check that it can be written, and remove leftovers of killed runs.

        Returns
        -------
        Store
            This store.

        Raises
        ------
        RecbenchError
            If the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                self._remove_leftovers()
                return self
        except FileExistsError as error:
            raise RecbenchError(
                f"cannot use {self.folder} for results: it is not a folder. Choose another folder "
                "with --results"
            ) from error
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def find(self, cell: Result) -> Result | None:
        """Return the stored result of a cell.

        Parameters
        ----------
        cell : Result
            A result with the same key. Its values and its status are not used.

        Returns
        -------
        Result or None
            None if there is none, if it failed, or if its files are damaged. Damaged files are
            reported on the log.
        """
        result = self._read(self.path(cell), "The model runs again")
        return result if result and result.ok and result.key == cell.key else None

    def all(self) -> Results:
        """Return the current results, by dataset and split.

        Results that are damaged, or were made by an older version of a model than its newest
        result, are left out. The log and `Results.left_out` list them.

        Returns
        -------
        Results
            Successful and failed results.

        Examples
        --------
        >>> import tempfile
        >>> import recbench
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = recbench.run(["popular"], "synthetic", results=folder, in_process=True)
        ...     recbench.Store(folder).all()
        Results(popular: ok)
        """
        left_out: list[str] = []
        by_key: dict[str, Result] = {}
        for path in sorted(self.folder.glob("*/*/*.json")):
            result = self._read(path, "It is left out; run the model again to replace it", left_out)
            if result and result.finished >= by_key.get(result.key, result).finished:
                by_key[result.key] = result
        kept, outdated = newest(by_key.values())
        if outdated:
            models = ", ".join(sorted({result.model for result in outdated}))
            count = counted(len(outdated), "outdated result")
            left_out.append(f"{count} of {models}, made by an older version of the model's code")
            log.info("left out: %s", left_out[-1])
        return Results(kept, self.case_columns, left_out=left_out)

    def write(self, result: Result, columns: Columns) -> Result:
        """Store a result.

        Parameters
        ----------
        result : Result
            A result; a failed one never replaces a successful one.
        columns : mapping of str to numpy.ndarray or tuple
            Columns with one row per case: `user` (the dataset's own id), `above`, `tied`, the
            metrics, and `lists` if there are any. Empty for a failed result.

        Returns
        -------
        Result
            The result as it is stored now. If a stored result of the same key has the same ranks,
            its further cut-offs and metrics are added.

        Raises
        ------
        RecbenchError
            If the folder cannot be written. Stored results are then unchanged.
        """
        path = self.path(result)
        with writing(path), locked(path.parent):
            written = self._write(path, result, columns)
        if result.ok:
            checkpoint.remove(self.checkpoint(result))
        return written

    def _write(self, path: Path, result: Result, columns: Columns) -> Result:
        """Write under the lock: first the cases, then the JSON file that refers to them."""
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
        """Store the candidates that targets were ranked among.

        Parameters
        ----------
        setting : Setting
            Dataset, split and candidates.
        pool : numpy.ndarray of shape (n_cases, n_candidates), int32
            Item numbers.

        Returns
        -------
        pathlib.Path
            The Parquet file.

        Raises
        ------
        RecbenchError
            If the folder cannot be written.
        """
        folder = self._section_folder(setting)
        stem = folder / f"candidates={slug(setting.candidates)}"
        with writing(stem):
            return folder / write_columns(stem, {"candidates": pool})[0]

    def case_columns(self, result: Result) -> dict[str, Column]:
        """Return the columns of a stored result, with one row per case.

        Parameters
        ----------
        result : Result
            A stored result. If another run has since stored more cut-offs or metrics with the same
            numbers, the columns include them.

        Returns
        -------
        dict of str to numpy.ndarray or tuple
            `user`, `above`, `tied`, `history`, `segment`, one column per metric and cut-off, such
            as `ndcg@10`, and `lists` if there are any. A column with several values per case is a
            tuple (flat, offsets): case i has flat[offsets[i]:offsets[i + 1]].

        Raises
        ------
        RecbenchError
            If the file is missing, damaged or cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> import recbench
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = recbench.run(["popular"], "synthetic", results=folder, in_process=True)[0]
        ...     columns = recbench.Store(folder).case_columns(result)
        >>> bool(columns["ndcg@10"].mean().round(6) == round(result.value("ndcg", 10).mean, 6))
        True
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
                f"cannot read {path} or its Parquet file: {error.strerror or error}"
            ) from error

    def ranking(self, result: Result) -> Ranking:
        """Return the ranks of the targets of a stored result.

        Parameters
        ----------
        result : Result
            A stored result.

        Returns
        -------
        Ranking
            Ranks and lists. `popularity` is None, since it is not stored.

        Raises
        ------
        RecbenchError
            If the file is missing, damaged or cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> import recbench
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = recbench.run(["popular"], "synthetic", results=folder, in_process=True)[0]
        ...     ranking = recbench.Store(folder).ranking(result)
        >>> len(ranking) == result.setting.n_cases
        True
        """
        return Ranking.of_columns(self.case_columns(result))

    def write_model(self, result: Result, save: Callable[[Path], None]) -> Path:
        """Store a fitted model.

        Parameters
        ----------
        result : Result
            The model's result.
        save : callable
            Fills the empty folder that it is called with. If it raises, a model that was stored
            before is kept.

        Returns
        -------
        pathlib.Path
            The folder of the model.

        Raises
        ------
        RecbenchError
            If the folder cannot be written. Other errors of `save` are raised as they are.
        """
        folder = self.model_folder(result)
        with writing(folder), atomic_folder(folder) as unfinished:
            save(unfinished)
        return folder

    def keep_model(self, result: Result, save: Callable[[Path], None]) -> None:
        """Store a fitted model as `write_model` does, but only log a warning if that fails.

        Parameters
        ----------
        result : Result
            The model's result.
        save : callable
            Fills the empty folder that it is called with.
        """
        try:
            self.write_model(result, save)
        except Exception as error:  # the numbers are still valid
            log.warning(
                "%s: the fitted model was not saved: %s. Its numbers are not affected",
                result.label,
                describe_error(error),
            )

    def _read(
        self, path: Path, consequence: str, left_out: list[str] | None = None
    ) -> Result | None:
        """Return a stored result; None if there is none or, with a warning, if it is damaged."""
        try:
            return self._load(path)
        except FileNotFoundError:
            return None
        except (OSError, RecbenchError) as error:
            log.warning("%s. %s", describe_error(error), consequence)
            if left_out is not None:
                left_out.append(describe_error(error))
            return None

    def _load(self, path: Path) -> Result:
        """Return a stored result. Raises RecbenchError, with the file's name, if it is damaged."""
        text = None
        while True:
            before, text = text, path.read_bytes()
            try:
                result = decode_result(path, text)
                if result.ok:
                    self._read_cases(path, result)
            except RecbenchError:
                if text == before:  # else another run has replaced both files meanwhile
                    raise
            else:
                return result

    def _read_cases(self, path: Path, result: Result) -> bytes:
        """Read and check the Parquet file of a result."""
        self._last_read = result.cases_file[1], read_cases(path, result)
        return self._last_read[1]

    def _remove_leftovers(self) -> None:
        """Clean up after killed runs."""
        for folder in self.folder.glob("*/*/"):
            remove_leftovers(folder)
            checkpoint.remove_stale(folder)
            for cases in folder.glob("*.parquet"):
                with contextlib.suppress(OSError):
                    stem = stem_of(cases) if is_stale(cases) else None
                    if stem is not None and re.search("-[0-9a-f]{8}$", stem.name):
                        with locked(folder):
                            _remove_unless_named(cases, stem.with_name(f"{stem.name}.json"))


def _remove_unless_named(cases: Path, path: Path) -> None:
    """Remove a Parquet file unless its JSON file refers to it or is damaged."""
    with contextlib.suppress(OSError, RecbenchError):
        if not path.exists() or decode_result(path, path.read_bytes()).cases_file[0] != cases.name:
            cases.unlink()


def _numbers(result: Result) -> ItemsView[str, Any]:
    """Return the values in a form in which NaN equals NaN."""
    values: dict[str, Any] = to_json(result)["values"]
    return values.items()

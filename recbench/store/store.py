"""Step 6, store: the folder of results, in which an unfinished file never counts as a result."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, ItemsView
from pathlib import Path
from typing import Any

from recbench.data.interactions import Array, Column, Columns
from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.ranking import Ranking
from recbench.files import atomic_folder, locked, write
from recbench.models import checkpoint
from recbench.plugins import Plugins, current_plugins
from recbench.progress import log
from recbench.results.json_form import to_json
from recbench.results.result import Result, Setting
from recbench.results.results import Results
from recbench.results.shown import of_today
from recbench.store.format import encode_result, read_cases, read_cell, write_columns
from recbench.store.layout import Layout, cannot_write, misplaced, slug, writing
from recbench.store.leftovers import clean_up, remove_unless_named
from recbench.store.saved_model import check_model, seal_model
from recbench.store.versions import (
    OTHER_CODE,
    installed_versions,
    merge,
    newest,
    why_outdated,
    with_note_on_code,
)


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
        self._last_read: tuple[str, Columns] = "", {}  # the sha256 and the columns

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
                clean_up(self.folder)
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
        is_same = result and result.key == cell.key and result.isolated == cell.isolated
        return result if result and result.ok and is_same else None

    def all(self, plugins: Plugins | None = None) -> Results:
        """Return the current results, by dataset and split.

        Damaged, copied, renamed and outdated files are left out. Of a model, the results of the
        installed code are current or, if there are none, those that finished last. The log and
        `Results.left_out` list what is left out.

        Parameters
        ----------
        plugins : Plugins or None, default: None
            What `load_plugins` returned. None loads all installed plugins.

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
        ...     [result.model for result in recbench.Store(folder).all()]
        ['popular']
        """
        left_out: list[str] = []
        then = "It is left out; run the model again to replace it"
        paths = sorted(self.folder.glob("*/*/*.json"))
        found = filter(None, [self._read(path, then, left_out) for path in paths])
        results, changed = of_today(list(found), plugins := current_plugins(plugins))
        installed = installed_versions(results, plugins)
        kept, outdated = newest(results, installed)
        for reason in (*changed, *why_outdated(outdated, kept)):
            left_out.append(reason)
            log.info("left out: %s", reason)
        noted = [with_note_on_code(result, installed) for result in kept]
        if others := sorted({result.model for result in noted if OTHER_CODE in result.notes}):
            log.info("%s: %s", ", ".join(others), OTHER_CODE)
        return Results(noted, self.case_columns, left_out=left_out)

    def write(self, result: Result, columns: Columns, *, replace: bool = False) -> Result:
        """Store a result.

        Parameters
        ----------
        result : Result
            A result; a failed one does not replace a successful one.
        columns : mapping of str to numpy.ndarray or tuple
            Columns with one row per case: `user` (the dataset's own id), `above`, `tied`, the
            metrics, and `lists` if there are any. Empty for a failed result.
        replace : bool, default: False
            Whether a failed result replaces a successful one too.

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
            written = self._write(path, result, columns, replace)
        if result.ok:
            checkpoint.remove(self.checkpoint(result))
        return written

    def _write(self, path: Path, result: Result, columns: Columns, replace: bool) -> Result:
        """Write under the lock: first the cases, then the JSON file that refers to them."""
        try:
            stored = self._load(path)
        except RecbenchError:
            stored = None
        if stored and stored.ok and stored.key == result.key:
            if result.ok:
                result, columns = merge(stored, self.case_columns(stored), result, columns)
            elif not replace:
                return stored
        result = dataclasses.replace(result, cases_file=("", ""))
        try:
            if columns:
                cases_file = write_columns(path.with_suffix(""), columns)
                result = dataclasses.replace(result, cases_file=cases_file)
            write(path, encode_result(result))
        finally:
            written = {result.cases_file[0], stored.cases_file[0] if stored else ""} - {""}
            for name in written:
                remove_unless_named(path.with_name(name), path)
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
            A stored result. Cut-offs and metrics that another run has added since are included.

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
        if not result.cases_file[1] or result.cases_file[1] != self._last_read[0]:
            self._last_read = self._read_cases(self.path(result), result)
        return dict(self._last_read[1])

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
            Fills the empty folder that it is called with. If it raises, an older model is kept.

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
            seal_model(unfinished, result.key, result.reads)
        return folder

    def find_model(self, result: Result, metadata: Metadata) -> Path | None:
        """Return the folder of a stored model whose files are as they were written.

        Parameters
        ----------
        result : Result
            The model's result.
        metadata : Metadata
            The metadata of the dataset. What the model has read must be unchanged.

        Returns
        -------
        pathlib.Path or None
            None if there is none, or if something has changed. The log says what.
        """
        folder = self.model_folder(result)
        try:
            if folder.exists():
                check_model(folder, result.key, metadata)
                return folder
        except (OSError, RecbenchError) as error:
            log.warning("%s. It is not used", describe_error(error))
        return None

    def keep_model(self, result: Result, save: Callable[[Path], None]) -> None:
        """Store a model as `write_model` does, but only log a warning if that fails.

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
        if not os.path.lexists(path):
            return None
        try:
            return self._load(path)
        except RecbenchError as error:
            log.warning("%s. %s", describe_error(error), consequence)
            if left_out is not None:
                left_out.append(describe_error(error))
            return None

    def _load(self, path: Path) -> Result:
        """Return a stored result. Raises RecbenchError if its files are damaged or misplaced."""
        result, columns = read_cell(path)
        if path != self.path(result):
            raise misplaced(path, result, self.path(result))
        self._last_read = result.cases_file[1], columns
        return result

    def _read_cases(self, path: Path, result: Result) -> tuple[str, Columns]:
        """Return a result's columns, to which another run may have added, and their sha256."""
        try:
            return result.cases_file[1], read_cases(path, result)
        except RecbenchError:
            now, columns = read_cell(path)
            if now.key != result.key or not _numbers(result) <= _numbers(now):
                raise
            return now.cases_file[1], columns


def _numbers(result: Result) -> ItemsView[str, Any]:
    """Return the values in a form in which NaN equals NaN."""
    values: dict[str, Any] = to_json(result)["values"]
    return values.items()

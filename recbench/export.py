"""Outside the flow: write a split to files, so that other libraries can use the same one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.arguments import with_names_checked
from recbench.data.dataset import Dataset, outside_ids
from recbench.data.interactions import Array, Interactions
from recbench.data.load import Data
from recbench.data.make_split import make_split
from recbench.data.split import Split
from recbench.errors import RecbenchError, UsageError
from recbench.experiment import load_and_log
from recbench.files import atomic
from recbench.given.splitters import with_splitters
from recbench.plugins import Plugins, current_plugins
from recbench.report.report import Block, ReportOf, Table
from recbench.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

_NO_NAME = re.compile(r'[<>:"/\\|?*]')
"""What Windows refuses in the names of files."""


class ExportedSplit(ReportOf[Path]):
    """The files of a split: a sequence of paths; returned by `export_split`.

    Parameters
    ----------
    parts : iterable of pathlib.Path
        The files.

    Examples
    --------
    >>> from pathlib import Path
    >>> import recbench
    >>> files = recbench.ExportedSplit([Path("split/train.parquet"), Path("split/train.csv")])
    >>> files.to_frame()["format"].tolist()
    ['parquet', 'csv']
    """

    def to_frame(self) -> pd.DataFrame:
        """Return the files as a table.

        Returns
        -------
        pandas.DataFrame
            One row per file, with the columns part (train, history or targets), format (parquet or
            csv) and path.
        """
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=["part", "format", "path"])

    def __str__(self) -> str:
        return "\n".join(map(str, self))  # whole, for other programs

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        yield Table(self._rows())

    def _rows(self) -> list[dict[str, str]]:
        return [{"part": path.stem, "format": path.suffix[1:], "path": str(path)} for path in self]


@with_names_checked
def export_split(
    dataset: Data,
    *,
    split: Any = "leave-last-out",
    data_dir: str | None = None,
    output: str | Path = "split",
    plugins: Plugins | None = None,
) -> ExportedSplit:
    """Write train, history and targets of a split to a folder, as Parquet and CSV.

    Parameters
    ----------
    dataset : str, path, pandas.DataFrame or Dataset
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    split : str, class, object, function or path, or several of them, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions). Each of several
        splits, as in "leave-last-out,temporal", is written to a sub-folder.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    output : str or path, default: "split"
        Folder to write to. It is made if it does not exist.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    ExportedSplit
        The files: a sequence of pathlib.Path.

    Raises
    ------
    UsageError
        If a name or an option is wrong.
    RecbenchError
        If the data cannot be loaded or split, or the folder cannot be written.

    Notes
    -----
    Each file has one row per interaction, oldest first, with the columns `row` (the number of the
    sequence; history and targets have the same numbers, train has its own), `user` and `item` (the
    dataset's own ids), and `time` and `rating` if the dataset has them. Times are whole seconds
    since 1970, or timestamps in UTC if the dataset's times have fractions of a second. recbench
    reads both. History holds only the sequences that are judged.

    To evaluate what another library recommends, write a file with one row per recommended item
    and the columns `user` (or `row`), `item`, and `rank` or `score`, and run
    `recbench run --recs NAME=FILE`.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in recbench.export_split("synthetic", output=folder)][:2]
    ['train.parquet', 'train.csv']
    """
    plugins = current_plugins(plugins)
    plugins, splits = with_splitters(plugins, split)
    if not splits:
        raise UsageError("name a split. To list them: recbench splitters")
    for text in splits:
        plugins.check("splitters", Spec.parse(text))
    data = load_and_log(plugins, dataset, data_dir, log_notes=True)
    files = []
    for text in splits:
        name, parts = make_split(plugins, data, text)
        folder = Path(output) / _NO_NAME.sub("_", name) if splits[1:] else Path(output)
        files += _export(data, parts, folder)
    return ExportedSplit(files)


def _export(data: Dataset, split: Split, folder: Path) -> list[Path]:
    """Write one split to one folder."""
    judged = split.judged
    try:
        folder.mkdir(parents=True, exist_ok=True)
        history = split.history.take(judged)
        files = []
        for name, columns in (
            ("train", _sequence_columns(data, split.train, np.arange(len(split.train)))),
            ("history", _sequence_columns(data, history, judged)),
            ("targets", _target_columns(data, split)),
        ):
            files += _write(folder / name, columns)
    except OSError as error:
        raise RecbenchError(
            f"cannot write to {folder}: {error.strerror or error}. Choose another folder with "
            "--output"
        ) from error
    return files


def _sequence_columns(data: Dataset, part: Interactions, rows: Array) -> dict[str, Any]:
    """Return columns with one row per interaction.

    rows: (sequences,) the number of each sequence in the files.
    """
    columns = {
        "row": np.repeat(rows, part.lengths),
        "user": outside_ids(data.user_ids, np.repeat(part.users, part.lengths)),
        "item": outside_ids(data.item_ids, part.items),
    }
    if part.times is not None:
        columns["time"] = _instants(part.times, part.time_unit)
    if part.ratings is not None:
        columns["rating"] = part.ratings
    return columns


def _target_columns(data: Dataset, split: Split) -> dict[str, Any]:
    """Return columns with one row per target."""
    items, offsets = split.judged_targets
    rows = np.repeat(split.judged, np.diff(offsets))
    columns = {
        "row": rows,
        "user": outside_ids(data.user_ids, split.history.users[rows]),
        "item": outside_ids(data.item_ids, items),
    }
    if split.judged_target_times is not None:
        columns["time"] = _instants(split.judged_target_times, split.train.time_unit)
    return columns


def _instants(times: Array, time_unit: str) -> Any:
    """Return whole seconds as they are, and other times as timestamps, which keep their fractions.

    A number of seconds would not: nanoseconds since 1970 take more digits than a float has.
    """
    import pyarrow as pa

    return times if time_unit == "s" else pa.array(times).cast(pa.timestamp(time_unit, "UTC"))


def _write(path: Path, columns: dict[str, Any]) -> list[Path]:
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.table(columns)
    files = [path.with_suffix(".parquet"), path.with_suffix(".csv")]
    for file, write in zip(
        files, (pyarrow.parquet.write_table, pyarrow.csv.write_csv), strict=True
    ):
        with atomic(file) as writer:
            write(table, writer)
    return files

"""Beside the flow: a split as files, so that any other library can work on the very same one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.load import load_dataset
from recbench.data.split import Split, make_split, parse_split_names
from recbench.errors import RecbenchError, UsageError
from recbench.files import atomic
from recbench.plugins import Plugins, load_plugins
from recbench.spec import Spec


def export_split(
    dataset: str | Path,
    *,
    split: str = "leave-last-out",
    output: str | Path = "split",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> list[Path]:
    """Write train, history and targets as Parquet and CSV into a folder, and give the files.

    split: of several, each gets a folder of its own in that one.

    Each has a line an event, oldest first, with the columns row (which sequence it belongs to; the
    judged cases are the rows of history and targets; train counts its own), user, item (outside
    ids), and time (seconds) and rating where there are any. Rows that are not judged are in train
    only. What comes back, with a user (or row) and an item in outside ids and a rank or a score a
    line, is judged by `recbench run --recs name=file`.
    """
    plugins = plugins or load_plugins()
    splits = parse_split_names(split)
    if not splits:
        raise UsageError("name a split; see: recbench splitters")
    for text in splits:
        plugins.check("splitters", Spec.parse(text))
    data = load_dataset(dataset, data_dir, plugins)
    files = []
    for text in splits:
        name, parts = make_split(plugins, data, text)
        folder = Path(output) / name.replace("/", "_") if splits[1:] else Path(output)
        files += _export(data, parts, folder)
    return files


def _export(data: Dataset, split: Split, folder: Path) -> list[Path]:
    """One split into one folder."""
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
        raise RecbenchError(f"cannot write into {folder}: {error.strerror or error}") from error
    return files


def _sequence_columns(data: Dataset, part: Interactions, rows: Array) -> dict[str, Array]:
    """The columns of a line an interaction.

    rows: (sequences,) the number that each sequence has in the files.
    """
    columns = {
        "row": np.repeat(rows, part.lengths),
        "user": _outside_ids(data.user_ids, np.repeat(part.users, part.lengths)),
        "item": np.asarray(data.item_ids)[part.items],
    }
    if part.times is not None:
        columns["time"] = part.times
    if part.ratings is not None:
        columns["rating"] = part.ratings
    return columns


def _target_columns(data: Dataset, split: Split) -> dict[str, Array]:
    """The columns of a line a target."""
    items, offsets = split.judged_targets
    rows = np.repeat(split.judged, np.diff(offsets))
    columns = {
        "row": rows,
        "user": _outside_ids(data.user_ids, split.history.users[rows]),
        "item": np.asarray(data.item_ids)[items],
    }
    if split.judged_target_times is not None:
        columns["time"] = split.judged_target_times
    return columns


def _outside_ids(ids: Array, numbers: Array) -> Array:
    """Outside ids by number, "" for somebody unknown."""
    ids = np.asarray(ids)
    if (numbers >= 0).all():
        return np.asarray(ids[numbers])
    return np.where(numbers >= 0, ids.astype(str)[numbers], "")


def _write(path: Path, columns: dict[str, Array]) -> list[Path]:
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

"""The tracker `tensorboard`: event files, which TensorBoard shows."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import recbench

from .facts import Plain, Point, flat, numbers, origin, parameters, training_name
from .tracker import Tracker, require

LONGEST = 100
"""Names of folders are cut to this many characters."""


class TensorBoard(Tracker):
    """Event files for TensorBoard: a folder for each model, dataset and seed.

    The values that models report while they train, final metrics with their intervals, and costs
    are scalars. Parameters are hyperparameters (the tab "HParams"), and they, versions, data hashes
    and failures are texts. The table of the whole run is a text of the run `table`.

    Parameters
    ----------
    folder : pathlib.Path, default: "tensorboard"
        Where the folders of runs are made. A run whose folder exists gets a number.

    Notes
    -----
    To install it: `pip install "recbench-toolkit[tensorboard]"`. To look at the runs:
    `tensorboard --logdir tensorboard`. TensorBoard keeps numbers with 7 digits.
    """

    name: ClassVar = "tensorboard"

    def __init__(self, folder: Path = Path("tensorboard")) -> None:
        super().__init__()
        require("tensorboard", "tensorboard")
        self.folder = Path(folder).absolute()
        if self.folder.exists() and not self.folder.is_dir():
            raise recbench.UsageError(
                f"tensorboard: folder={folder} is a file; name a folder, or one that does not exist"
            )

    def _begin(self, cell: recbench.Result, began: float) -> Any:
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        setting = cell.setting
        split = f"{setting.split} {setting.candidates and f'{setting.candidates} candidates'}"
        seed = "" if cell.seed is None else f" seed={cell.seed}"
        run = self._writer(setting.dataset, split, f"{cell.model}{seed}")
        start = HParamsPluginData()
        start.session_start_info.start_time_secs = began
        for key, value in parameters(cell).items():
            _set(start.session_start_info.hparams[key], value)
        _add_hparams(run, start, "session_start_info", began)
        _add_text(run, "parameters", _as_markdown(parameters(cell)), began)
        return run

    def _write(self, run: Any, points: Sequence[Point]) -> None:
        for point in points:
            _add_scalar(run, training_name(point), point.value, point.step, point.time)
        run.flush()

    def _end(self, run: Any, result: recbench.Result, ended: float) -> None:
        for name, value in numbers(result).items():
            _add_scalar(run, name, value, 0, ended)
        _add_text(run, "status", recbench.printable(result.failure or result.status), ended)
        _add_text(run, "origin", _as_markdown(flat(origin(result))), ended)
        _close(run, "STATUS_SUCCESS" if result.ok else "STATUS_FAILURE", ended)

    def _interrupt(self, run: Any) -> None:
        _add_text(run, "status", "interrupted", time.time())
        _close(run, "STATUS_FAILURE", time.time())

    def _conclude(self, results: recbench.Results, *, interrupted: bool) -> str:
        writer = self._writer("table")
        _add_text(writer, "table", results.to_table("markdown"), time.time())
        if interrupted:
            _add_text(writer, "status", "interrupted", time.time())
        writer.close()
        return f"{self.folder}; to look at them: tensorboard --logdir {self.folder}"

    def _writer(self, *names: str) -> Any:
        """Return what writes events to a new folder."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        *parents, last = map(_as_file_name, names)
        folder, number = self.folder.joinpath(*parents), 1
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / last
        while True:  # two processes must not share a folder
            try:
                own.mkdir()
                return EventFileWriter(str(own))
            except FileExistsError:
                number += 1
                own = folder / f"{last}-{number}"


def _as_file_name(text: str) -> str:
    """Return a name that every system allows; a long one ends with a hash."""
    name = re.sub(r"[^\w.=,+-]+", "_", text.strip()).strip("._") or "_"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _set(field: Any, value: Plain) -> None:
    """Set a value of a protocol buffer that has one field for each type."""
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, str):
        field.string_value = value
    else:
        field.number_value = value


def _as_markdown(values: Mapping[str, Plain]) -> str:
    rows = [f"| {key} | {str(value).replace('|', '&#124;')} |" for key, value in values.items()]
    return "\n".join(["| name | value |", "| --- | --- |", *rows])


def _add_scalar(writer: Any, name: str, value: float, step: int, at: float) -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary

    _add(writer, Summary.Value(tag=name, simple_value=value), step, at)


def _add_text(writer: Any, name: str, text: str, at: float) -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    about, tensor = create_summary_metadata(name, ""), make_tensor_proto(text.encode())
    _add(writer, Summary.Value(tag=name, metadata=about, tensor=tensor), 0, at)


def _add_hparams(writer: Any, content: Any, tag: str, at: float) -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, create_summary_metadata

    about = create_summary_metadata(content)
    tag = f"_hparams_/{tag}"
    _add(writer, Summary.Value(tag=tag, metadata=about, tensor=NULL_TENSOR), 0, at)


def _add(writer: Any, value: Any, step: int, at: float) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    writer.add_event(Event(wall_time=at, step=step, summary=Summary(value=[value])))


def _close(run: Any, status: str, at: float) -> None:
    """End a run and its file."""
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    end = HParamsPluginData()
    end.session_end_info.status = Status.Value(status)
    end.session_end_info.end_time_secs = at
    _add_hparams(run, end, "session_end_info", at)
    run.close()

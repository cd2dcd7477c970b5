"""Outside the flow: write recommendations to a CSV, Parquet or JSON file."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from recbench.data.interactions import Array
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.files import opened_output, output_file
from recbench.progress import log

if TYPE_CHECKING:
    import pandas as pd

_WORDS = "NA N/A n/a <NA> #N/A #NA NULL null None True False"
MISSING = frozenset(_WORDS.split())
"""Words that pandas reads as missing or as truth values, besides those that are numbers."""

Frames = Callable[[], Iterator["pd.DataFrame"]]
"""Returns the rows of a file, one part after the other, each with the same columns."""


def lists_file(output: str | Path) -> Path:
    """Return the path of a file for recommendations.

    Raises UsageError for a suffix that is not that of a known format, and for a file that cannot be
    written, before any long work starts.
    """
    if _suffix(Path(output)) not in FORMATS:
        raise UsageError(
            f"cannot write -o {output}: its suffix is none of {', '.join(FORMATS)}; use one of "
            "these"
        )
    output_file(str(output))
    return Path(output)


def write_lists(path: Path, frames: Frames) -> None:
    """Write recommendations to a file, in the format of its suffix.

    If that fails, for example because the disk is full, they are written to the folder for
    temporary files, and the error says where. Raises RecbenchError.
    """
    try:
        _write(path, path, frames)
    except OSError as error:
        problem = f"cannot write {path}: {error.strerror or describe_error(error)}"
        try:
            saved = Path(tempfile.mkdtemp(prefix="recbench-")) / path.name
            _write(saved, path, frames)
        except OSError:
            raise RecbenchError(
                f"{problem}. Free some space, or choose another file with -o"
            ) from error
        raise RecbenchError(f"{problem}. The recommendations are in {saved} instead") from error
    log.info("wrote %s", path)


def _write(path: Path, named: Path, frames: Frames) -> None:
    with opened_output(path) as file:
        FORMATS[_suffix(named)](file, frames())


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _write_csv(file: BinaryIO, frames: Iterator[pd.DataFrame]) -> None:
    for nth, frame in enumerate(frames):
        frame.to_csv(file, index=False, header=not nth, encoding="utf-8", lineterminator="\n")


def _write_json(file: BinaryIO, frames: Iterator[pd.DataFrame]) -> None:
    """Write a list of records, with one record per line."""
    before = "["
    for frame in frames:
        for record in frame.to_dict("records"):
            file.write(f"{before}{json.dumps(record, ensure_ascii=False)}".encode())
            before = ",\n"
    file.write(b"[]\n" if before == "[" else b"]\n")


def _write_parquet(file: BinaryIO, frames: Iterator[pd.DataFrame]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    first = next(frames)
    types = {"O": pa.string(), "f": pa.float64()}
    schema = pa.schema(
        [(name, types.get(kind.kind, pa.int64())) for name, kind in first.dtypes.items()]
    )
    with parquet.ParquetWriter(file, schema) as writer:
        for frame in itertools.chain([first], frames):
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))


FORMATS = {".csv": _write_csv, ".parquet": _write_parquet, ".json": _write_json}
"""Suffix -> the function that writes the format."""


def how_to_read(path: str, ids: Mapping[str, Array]) -> str:
    """Return the call of pandas that reads the ids of a file as they are; "" if any call does.

    ids: column of the file -> the ids in it.
    """
    suffix, texts = _suffix(Path(path)), {k: v for k, v in ids.items() if v.dtype.kind not in "iu"}
    if suffix == ".parquet" or not any(map(_is_changed, itertools.chain(*texts.values()))):
        return ""
    if suffix == ".json":
        return f"pandas.read_json({path!r}, dtype=False)"
    types = ", ".join(f"{name!r}: str" for name in texts)
    return f"pandas.read_csv({path!r}, dtype={{{types}}}, keep_default_na=False)"


def _is_changed(text: str) -> bool:
    """Whether pandas reads a text as a number or as missing, unless it is told otherwise."""
    try:
        float(text)
    except ValueError:
        return text in MISSING
    return True

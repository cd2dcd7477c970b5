"""The command line, output: tables in the requested format, and the files of --output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recbench.cli.options import Answer
from recbench.errors import RecbenchError, describe_error
from recbench.files import output_file, write_output
from recbench.plugins import load_plugins
from recbench.progress import log
from recbench.results.results import Results

FORMATS = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}
"""Suffix of an output file -> the format of the table in it."""


def table_writer(form: str | None, output: str | None) -> Callable[[Results], Answer]:
    """Return a function that formats and writes a table; check format and file right away."""
    form = form or FORMATS.get(Path(output or "").suffix.lower(), "plain")
    offer = load_plugins().find("tables", form)
    path = output_file(output)

    def write(results: Results) -> Answer:
        text = offer.call(results)
        if not isinstance(text, str):
            raise RecbenchError(
                f"{offer.what} returned {type(text).__name__}; it must return a str"
            )
        return text, save(path, text.encode)

    return write


def save(path: Path | None, content: Callable[[], bytes]) -> int:
    """Write the file of --output, if there is one; return the exit code.

    What the command prints is still useful if this fails, so it raises nothing.
    """
    if path is None:
        return 0
    try:
        write_output(path, content())
    except OSError as error:
        reason = error.strerror or describe_error(error)
        log.error(
            "cannot write %s: %s. Choose another file with -o, or free some space", path, reason
        )
        return 1
    except Exception as error:
        log.error("cannot make %s: %s", path, describe_error(error))
        return 1
    log.info("wrote %s", path)
    return 0

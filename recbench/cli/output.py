"""The command line, output: tables in the requested format, and the files of --output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from recbench.cli.options import Answer
from recbench.errors import UsageError, describe_error
from recbench.files import output_file, write_output
from recbench.given.functions import with_table
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.results import Results

PLAIN = "plain"
"""The format without a suffix of --output."""


def table_writer(
    plugins: Plugins, form: str | None, output: str | None
) -> Callable[[Results], Answer]:
    """Return a function that formats and writes a table; check format and file right away."""
    form = form or _form(output or "", plugins.offers("tables"))
    plugins, form = with_table(plugins, form)
    form = plugins.find("tables", form).name
    path = output_file(output)

    def write(results: Results) -> Answer:
        text = results.to_table(form, plugins=plugins)
        return text, save(path, text.encode)

    return write


def _form(output: str, offers: Sequence[Offer]) -> str:
    """Return the format for the suffix of a file. Raises UsageError if there is none."""
    suffix = Path(output).suffix.lower().removeprefix(".")
    names = {name.lower(): offer.name for offer in offers for name in (*offer.aliases, offer.name)}
    form = names.get(suffix) if suffix else PLAIN
    if form is None:
        suffixes = sorted(name for offer in offers for name in offer.aliases or [offer.name])
        raise UsageError(
            f"cannot write -o {output}: no table has the suffix .{suffix}. "
            f"Use {', '.join(f'.{suffix}' for suffix in suffixes)}, or choose one with --format"
        )
    return form


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

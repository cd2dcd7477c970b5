"""The command line, output: tables and reports as text, and the files of --output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import click

from recbench.cli.options import Answer
from recbench.errors import UsageError, describe_error
from recbench.files import output_file, write_output
from recbench.given.functions import with_table
from recbench.heatmap import picture_form
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.report.report import Report
from recbench.results.results import Results

PLAIN = "plain"
"""The format without a suffix of --output."""

_FORMS = ("plain", "markdown", "html", "csv", "json")
"""The formats of reports that are text; others are pictures."""

_SUFFIXES = {".txt": PLAIN, ".md": "markdown", ".html": "html", ".csv": "csv", ".json": "json"}


class Drawn(Protocol):
    """A report with a picture."""

    def picture(self, form: str = ...) -> bytes:
        """Return the content of a picture file."""

    def to_markdown(self) -> str:
        """Return what is printed in Markdown."""

    def _repr_html_(self) -> str: ...


def report_output(rows: str) -> Callable[[Any], Any]:
    """Return the option --output of a report with a picture. rows: what its frame holds."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="FILE",
        help=f"Also write a picture (.png, .svg, .pdf), all {rows} (.csv, .json), or what is "
        "printed (.md, .html, .txt). Can be given several times.",
    )


report_format = click.option(
    "--format",
    "form",
    type=click.Choice([form for form in _FORMS if form != "html"]),
    default=PLAIN,
    show_default=True,
    help="Format of the list.",
)


def report_writer(output: str, rows: str) -> Callable[[Drawn, Report], int]:
    """Return a function that writes a file of `report_output`; check the file right away.

    It takes a report, and that whose frame a .csv or .json file holds, and returns the exit code.
    """
    path = output_file(output)
    form = _report_form(Path(output), rows)

    def write(made: Drawn, listed: Report) -> int:
        if form in _FORMS:
            return save(path, lambda: as_text(made, listed, form).encode())
        return save(path, lambda: made.picture(form))

    return write


def _report_form(path: Path, rows: str) -> str:
    """Return the format for the suffix of a file. Raises UsageError if there is none."""
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    try:
        return picture_form(path)
    except UsageError:
        raise UsageError(
            f"cannot write -o {path}: use .png, .svg or .pdf for a picture, .csv or .json for all "
            f"{rows}, or .md, .html or .txt for what is printed"
        ) from None


def as_text(made: Drawn, listed: Report, form: str) -> str:
    """Return a report as text. listed: that whose frame the formats csv and json hold."""
    if form == "markdown":
        return made.to_markdown()
    if form == "html":
        return f"{made._repr_html_()}\n"
    if form == PLAIN:
        return f"{made}\n"
    frame = listed.to_frame()
    if form == "csv":
        return str(frame.to_csv(index=False))
    return f"{frame.to_json(orient='records', indent=1, force_ascii=False, double_precision=15)}\n"


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

"""The command line, learning curves: what stored models have reported while they trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from recbench.cli.options import Answer, command, options
from recbench.cli.output import as_text, report_format, report_output, report_writer
from recbench.curves import curves
from recbench.reported import VALIDATION


@command("curves")
@click.argument("models", nargs=-1)
@click.option(
    "--dataset", metavar="NAME", help="Only this dataset, named as in the table.  [default: all]"
)
@click.option(
    "--split", metavar="NAME", help="Only this split, named as in the table.  [default: all]"
)
@click.option(
    "--values",
    metavar="NAME",
    default=VALIDATION,
    show_default=True,
    help="The values to draw, such as loss.",
)
@report_format
@report_output("points")
@options("results")
def curves_command(form: str, outputs: Sequence[str], **arguments: Any) -> Answer:
    """Show the learning curves of MODELS, or of all stored models: validation while they trained.

    A name without options stands for all settings of the model. A picture shows the values by
    seconds and by epoch, with the models together.

    \b
    Examples:
      recbench curves -o curves.png
      recbench curves transformer --values loss -o loss.svg -o points.csv
    """
    writers = [report_writer(path, "points") for path in outputs]
    found = curves(**arguments)
    codes = [write(found, found) for write in writers]
    return as_text(found, found, form), max(codes, default=0)

"""The command line, learning curves: what stored models have reported while they trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from recbench.cli.options import Answer, command, only_dataset, only_split, options
from recbench.cli.output import as_text, report_format, report_output, report_writer
from recbench.curves import curves
from recbench.reported import VALIDATION


@command("curves")
@click.argument("models", nargs=-1)
@only_dataset
@only_split
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
    """Show how good MODELS were on their own validation data while they trained.

    Without MODELS, all stored models are shown.
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

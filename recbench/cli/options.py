"""The command line, options: those that several commands share, and the classes of commands."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from recbench.progress import log
from recbench.results.section import RANKED_BY

Answer = tuple[str, int]
"""What a command returns: the text for stdout and the exit code."""


class UnfinishedError(Exception):
    """An error after a part of the text for stdout was made, which is printed before the error."""

    def __init__(self, text: str, error: Exception) -> None:
        super().__init__(text)
        self.text, self.error = text, error


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers separated by commas: `3,5,10`."""

    def __init__(self, least: int, letter: str) -> None:
        self.least, self.name = least, f"{letter},{letter},..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the numbers in ascending order, without repeats."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(sorted({int(number) for number in str(value).split(",")}))
        except ValueError:
            numbers = ()
        if not numbers or numbers[0] < self.least:
            self.fail(
                f"{value!r} is not a list of whole numbers of at least {self.least}. Separate them "
                "with commas, as in 3,5,10.",
                param,
                ctx,
            )
        return numbers


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "NAME,NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002
        """Return the names in order, without repeats."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


def _start_logging(ctx: click.Context, _: click.Parameter, debug: bool) -> None:
    """Send the core's log messages to stderr."""
    meta = ctx.find_root().meta
    meta["recbench.debug"] = debug or meta.get("recbench.debug")
    log.setLevel(logging.DEBUG if meta["recbench.debug"] else logging.INFO)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())


_DATASET = "Dataset name or path of a log; options follow it: log.csv:user=customer,item=sku."

_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "dataset": click.option(
        "--dataset",
        metavar="NAME|PATH",
        default="ml-100k",
        show_default=True,
        help=_DATASET,
    ),
    "datasets": click.option(
        "--dataset",
        metavar="NAME|PATH",
        multiple=True,
        default=("ml-100k",),
        show_default=True,
        help=f"{_DATASET} Can be given several times.",
    ),
    "split": click.option(
        "--split",
        metavar="NAME",
        default="leave-last-out",
        show_default=True,
        help="How to hold out targets; see `recbench splitters`.",
    ),
    "splits": click.option(
        "--split",
        metavar="NAME,...",
        default="leave-last-out",
        show_default=True,
        help="How to hold out targets, one table per splitter; see `recbench splitters`.",
    ),
    "seed": click.option(
        "--seed",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Random seed.",
    ),
    "metrics": click.option(
        "--metrics",
        type=Names(),
        default=(RANKED_BY,),
        help="Metrics to show, or all; see `recbench metrics`.  [default: ndcg]",
    ),
    "candidates": click.option(
        "--candidates",
        metavar="N",
        help="Rank each target among N sampled items instead of all items, as older papers did. "
        "Write 100 or 100:by=popularity.",
    ),
    "device": click.option(
        "--device",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="Device of models that use torch: auto, cpu, cuda, mps.",
    ),
    "results": click.option(
        "--results",
        metavar="FOLDER",
        default="results",
        show_default=True,
        help="Folder of stored results.",
    ),
    "data_dir": click.option(
        "--data-dir",
        metavar="FOLDER",
        help="Folder holding one sub-folder per dataset.  [default: $RECBENCH_DATA]",
    ),
    "format": click.option(
        "--format",
        "form",
        metavar="NAME",
        help="Format of the table: plain, markdown, latex, csv, json, or one from a plugin.  "
        "[default: by the suffix of --output, else plain]",
    ),
    "output": click.option(
        "-o", "--output", metavar="FILE", help="Also write the table to this file."
    ),
    "verbose": click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Show all notes under the table, not only the first six lines.",
    ),
    "debug": click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_start_logging,
        help="Show tracebacks and debug messages.",
    ),
}


def options(*names: str) -> Callable[[Any], Any]:
    """Add the named options, in this order, and --debug."""
    return lambda command: functools.reduce(
        lambda done, name: _OPTIONS[name](done), reversed((*names, "debug")), command
    )


class Command(click.Command):
    """A command that prints the text it returns; output of plugins goes to stderr.

    An option that takes one value is refused if it is given twice.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in given:
            once = isinstance(option, click.Option) and not (option.is_flag or option.multiple)
            if once and given.count(option) > 1:
                form = option.make_metavar(ctx)
                several = f", as {option.opts[0]} {form}" if "..." in form else ""
                raise click.UsageError(
                    f"{option.opts[0]} is given more than once; give it once{several}", ctx
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                text, code = super().invoke(ctx)
        except UnfinishedError as stopped:
            click.echo(stopped.text, nl=False)
            raise stopped.error from stopped
        click.echo(text, nl=False)
        return int(code)


class Group(click.Group):
    """A group of commands, listed under headings.

    sections: heading -> the names of its commands.
    """

    sections: Mapping[str, Sequence[str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading and its commands, with the first sentence of their help."""
        listed = {name for names in self.sections.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in listed]
        width = max(map(len, self.commands))
        for heading, names in {**self.sections, "Other commands": others}.items():
            commands = [(name, self.commands[name]) for name in names if name in self.commands]
            if commands:
                with formatter.section(heading):
                    formatter.write_dl(
                        [
                            (name.ljust(width), command.get_short_help_str(limit=100))
                            for name, command in commands
                        ]
                    )

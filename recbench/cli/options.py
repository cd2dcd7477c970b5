"""The command line, options: those that several commands share, and the classes of commands."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from recbench.cli.hints import command_hint, option_hint
from recbench.cli.streams import LogHandler, show
from recbench.progress import log
from recbench.results.section import RANKED_BY
from recbench.spec import parse_names

Answer = tuple[str, int]
"""What a command returns: the text for stdout and the exit code."""


class UnfinishedError(Exception):
    """An error after a part of the text for stdout was made, which is printed before the error."""

    def __init__(self, text: str, error: BaseException) -> None:
        super().__init__(text)
        self.text, self.error = text, error


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers separated by commas: `3,5,10`."""

    def __init__(self, letter: str) -> None:
        self.name = f"{letter},{letter},..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return the numbers in ascending order, without repeats."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(sorted({int(number) for number in str(value).split(",")}))
        except ValueError:
            self.fail(
                f"{value!r} is not a list of whole numbers. Separate them with commas and no "
                "spaces, as in 3,5,10.",
                param,
                ctx,
            )


class Limit(click.ParamType[float]):
    """A number of seconds or megabytes."""

    def __init__(self, name: str, unit: str) -> None:
        self.name, self.unit = name, unit

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the number: an int if it is a whole number."""
        try:
            number = float(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a number. Write it in {self.unit}, without a unit.", param, ctx
            )
        return int(number) if number.is_integer() else number


class Jobs(click.ParamType[int | str]):
    """A number of jobs, or auto."""

    name = "N|auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        """Return the number, or "auto"."""
        try:
            return "auto" if value == "auto" else int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor auto.", param, ctx)


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "NAME,NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002
        """Return the names in order, without repeats."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(parse_names(value)))


def _start_logging(ctx: click.Context, _: click.Parameter, debug: bool) -> None:
    """Send the core's log messages to stderr."""
    meta = ctx.find_root().meta
    meta["recbench.debug"] = debug or meta.get("recbench.debug")
    log.setLevel(logging.DEBUG if meta["recbench.debug"] else logging.INFO)
    if not log.handlers:
        log.addHandler(LogHandler())


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
        type=int,
        default=0,
        show_default=True,
        help="Random seed.",
    ),
    "metrics": click.option(
        "--metrics",
        type=Names(),
        default=(RANKED_BY,),
        help="Metrics to show, or all; see `recbench metrics`. Options follow a name: "
        "ndcg,rbp:persistence=0.95.  [default: ndcg]",
    ),
    "by": click.option(
        "--by",
        type=Names(),
        default=(),
        help="Also show each metric in groups of users or targets, and the differences between "
        "groups: by a column of users or items, such as gender or genres; by history, its length; "
        "or by popularity, that of the target.",
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
    "timeout": click.option(
        "--timeout",
        type=Limit("SECONDS", "seconds"),
        help="Time limit per model and seed, in seconds.",
    ),
    "memory": click.option(
        "--memory",
        type=Limit("MB", "megabytes"),
        help="Memory limit per model, in megabytes.  [default: 90% of what is free]",
    ),
    "in_process": click.option(
        "--in-process",
        is_flag=True,
        help="Run models in this process, without limits, to debug them.",
    ),
    "jobs": click.option(
        "--jobs",
        default=1,
        type=Jobs(),
        show_default=True,
        help="Number of models that run side by side, each with its share of cores and memory.",
    ),
    "executor": click.option(
        "--executor",
        metavar="NAME",
        help="Run models in other processes, perhaps on other machines: dask:workers=2, "
        "slurm:partition=gpu,minutes=120; see `recbench executors`.",
    ),
    "shared_results": click.option(
        "--shared-results",
        is_flag=True,
        help="With --executor: its processes store results in the folder of --results themselves, "
        "which they must share.",
    ),
    "track": click.option(
        "--track",
        metavar="NAME",
        multiple=True,
        help="Record what is run in a tracker: mlflow:experiment=mine, wandb, tensorboard; see "
        "`recbench trackers`. Can be given several times.",
    ),
    "format": click.option(
        "--format",
        "form",
        metavar="NAME",
        help="Format of the table: plain, markdown, latex, html, csv, json, or one of a plugin.  "
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


only_dataset = click.option(
    "--dataset", metavar="NAME", help="Only this dataset, named as in the table.  [default: all]"
)
only_split = click.option(
    "--split", metavar="NAME", help="Only this split, named as in the table.  [default: all]"
)


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
        try:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        except click.NoSuchOption as error:
            name = error.option_name
            hint = option_hint(name, self)
            raise click.UsageError(f"no such option {name!r}; {hint}", ctx) from None
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
            show(stopped.text)
            raise stopped.error from stopped
        show(text)
        return int(code)


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a command of a function that returns an `Answer`."""
    return click.command(name, cls=Command, **attributes)


class Group(click.Group):
    """A group of commands, listed under headings.

    sections: heading -> its commands.
    """

    sections: Mapping[str, Sequence[click.Command]] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            wrong = error.command_name
            raise click.UsageError(
                f"no such command {wrong!r}; {command_hint(wrong, [*self.commands])}", ctx
            ) from None

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading and its commands, with the first sentence of their help."""
        width = max(map(len, self.commands))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (str(each.name).ljust(width), each.get_short_help_str(limit=100))
                        for each in commands
                    ]
                )

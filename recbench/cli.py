"""The command line's frame: options, what goes to stdout, exit codes. The commands are beside."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from .errors import RecbenchError, UsageError, said
from .progress import log
from .section import RANKED_BY

Answer = tuple[str, int]
"""What a command gives: the text for stdout and the exit code."""


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers with commas between: `3,5,10`."""

    def __init__(self, least: int, letter: str) -> None:
        self.least, self.name = least, f"{letter},{letter},..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """The numbers, each once, in order."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(sorted({int(one) for one in str(value).split(",")}))
        except ValueError:
            numbers = ()
        if not numbers or numbers[0] < self.least:
            self.fail(
                f"{value!r} must be whole numbers from {self.least}, such as 3,5,10", param, ctx
            )
        return numbers


class Words(click.ParamType[tuple[str, ...]]):
    """Names with commas between."""

    name = "NAME,NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002
        """The names, each once."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(one.strip() for one in value.split(",") if one.strip()))


def _start(ctx: click.Context, _: click.Parameter, debug: bool) -> None:
    """Let the core speak on stderr."""
    ctx.find_root().meta["recbench.debug"] = debug or ctx.find_root().meta.get("recbench.debug")
    log.setLevel(logging.DEBUG if ctx.find_root().meta["recbench.debug"] else logging.INFO)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "dataset": click.option(
        "--dataset", default="ml-100k", show_default=True, help="Name or path, with options."
    ),
    "split": click.option(
        "--split",
        default="leave-last-out",
        show_default=True,
        help="Splitter, with options; of `run` and `export-split` also several: NAME,NAME.",
    ),
    "seed": click.option("--seed", default=0, show_default=True, help="For models that take one."),
    "metrics": click.option(
        "--metrics",
        type=Words(),
        default=(RANKED_BY,),
        help="What to show: NAME,NAME, or all.  [default: ndcg]",
    ),
    "candidates": click.option(
        "--candidates",
        metavar="N",
        help="Rank among N sampled items only, as older papers did: 100, 100:by=popularity.",
    ),
    "device": click.option(
        "--device", default="auto", show_default=True, help="For models that take one."
    ),
    "results": click.option(
        "--results", default="results", show_default=True, help="Folder that keeps each result."
    ),
    "data_dir": click.option("--data-dir", help="Folder with one folder a dataset."),
    "format": click.option(
        "--format", "form", help="plain, markdown, latex, csv, json or a plugin's."
    ),
    "output": click.option("-o", "--output", help="Write the table to this file too."),
    "debug": click.option(
        "--debug", is_flag=True, expose_value=False, callback=_start, help="Show tracebacks."
    ),
}


def options(*names: str) -> Callable[[Any], Any]:
    """The named options, and --debug, in this order."""
    return lambda command: functools.reduce(
        lambda done, name: _OPTIONS[name](done), reversed((*names, "debug")), command
    )


class Command(click.Command):
    """Prints the text that the command gives; what plugins print meanwhile goes to stderr."""

    def invoke(self, ctx: click.Context) -> int:
        with contextlib.redirect_stdout(sys.stderr):
            text, code = super().invoke(ctx)
        click.echo(text, nl=False)
        return int(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recbench")
@options()
def cli() -> None:
    """Compare recommenders under one referee that cannot be fooled."""


cli.command_class = Command


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed work, 2 wrong use, 130 interrupted."""
    from . import commands  # noqa: F401  they add themselves to `cli`

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(args, prog_name="recbench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was finished is stored; run it again to go on.", err=True)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if log.isEnabledFor(logging.DEBUG):
            log.exception("Traceback:")
        known = isinstance(error, (RecbenchError, OSError))
        hint = "" if known else " (not meant to happen; --debug shows where)"
        click.echo(f"Error: {said(error)}{hint}", err=True)
        code = 2 if isinstance(error, UsageError) else 1
    sys.exit(code)

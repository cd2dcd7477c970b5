"""The command line, options: those that several commands share, and how a command is called."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import click

from recbench.progress import log
from recbench.results.section import RANKED_BY

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
            numbers = tuple(sorted({int(number) for number in str(value).split(",")}))
        except ValueError:
            numbers = ()
        if not numbers or numbers[0] < self.least:
            self.fail(
                f"{value!r} must be whole numbers from {self.least}, such as 3,5,10", param, ctx
            )
        return numbers


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between."""

    name = "NAME,NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002
        """The names, each once."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


def _start_logging(ctx: click.Context, _: click.Parameter, debug: bool) -> None:
    """Let the core speak on stderr."""
    meta = ctx.find_root().meta
    meta["recbench.debug"] = debug or meta.get("recbench.debug")
    log.setLevel(logging.DEBUG if meta["recbench.debug"] else logging.INFO)
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
        type=Names(),
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
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_start_logging,
        help="Show tracebacks.",
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

"""The command line: parse, call, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from . import listings
from .errors import RecbenchError, UsageError, said
from .plugins import load_plugins
from .progress import log
from .recommend import recommend
from .run import KS, run
from .store import Store, atomic

SUFFIXES = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}


Answer = tuple[str, int]
"""What a command gives: the text for stdout and the exit code."""


class _Ks(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1 with commas between: `3,5,10`."""

    name = "K,K,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            ks = tuple(sorted({int(one) for one in value.split(",")}))
        except ValueError:
            ks = ()
        if not ks or ks[0] < 1:
            self.fail(f"{value!r} must be whole numbers from 1, such as 3,5,10", param, ctx)
        return ks


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
        "--split", default="leave-last-out", show_default=True, help="Splitter, with options."
    ),
    "seed": click.option("--seed", default=0, show_default=True, help="For models that take one."),
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


def _options(*names: str) -> Callable[[Any], Any]:
    """The named options, and --debug, in this order."""
    return lambda command: functools.reduce(
        lambda done, name: _OPTIONS[name](done), reversed((*names, "debug")), command
    )


class _Command(click.Command):
    """Prints the text that the command gives; what plugins print meanwhile goes to stderr."""

    def invoke(self, ctx: click.Context) -> int:
        with contextlib.redirect_stdout(sys.stderr):
            text, code = super().invoke(ctx)
        click.echo(text, nl=False)
        return int(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recbench")
@_options()
def cli() -> None:
    """Compare recommenders under one referee that cannot be fooled."""


cli.command_class = _Command


@cli.command("run")
@click.argument("models", nargs=-1, required=True)
@click.option("--k", "ks", type=_Ks(), default=KS, help="Cut-offs.  [default: 3,5,10]")
@_options("dataset", "split", "seed", "device", "results", "data_dir", "format", "output")
@click.option("--force", is_flag=True, help="Run again what is stored already.")
def run_command(form: str | None, output: str | None, **given: Any) -> Answer:
    """Train and judge MODELS on one split, and print how they compare."""
    show = _table(form, output)
    results = run(**given)
    return show(results), 1 if results.failed else 0


@cli.command()
@_options("results", "format", "output")
def table(results: str, form: str | None, output: str | None) -> Answer:
    """The leaderboard of everything stored, a section a dataset and split, best first."""
    show = _table(form, output)
    stored = Store(results).all()
    if not stored:
        raise RecbenchError(f"nothing is stored under {results}; start with: recbench run popular")
    return show(stored), 0


@cli.command("recommend")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@_options("dataset", "split", "seed", "device", "results", "data_dir")
def recommend_command(**given: Any) -> Answer:
    """What MODEL recommends to one user, or after a history typed by hand."""
    return listings.recommendation(recommend(**given)), 0


def _listing(kind: str) -> None:
    @cli.command(kind, help=f"List the {kind} there are, or all about one NAME.")
    @click.argument("name", required=False)
    @_options(*(["data_dir"] if kind == "datasets" else []))
    def command(name: str | None, data_dir: str | None = None) -> Answer:
        plugins = load_plugins()
        for info in plugins.broken:
            log.warning("plugin %s is broken; see: recbench plugins", info.name)
        if name:
            return listings.offer(plugins.find(kind, name)), 0
        return listings.offers(plugins, kind, data_dir), 0


for _kind in ("models", "datasets", "splitters", "metrics"):
    _listing(_kind)


@cli.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_options()
def plugins_command(as_json: bool) -> Answer:
    """Every plugin: version and what it gives, or why it is broken (then the exit code is 1)."""
    plugins = load_plugins()
    told = listings.plugins_as_json(plugins)
    text = f"{json.dumps(told, indent=2)}\n" if as_json else listings.plugins(plugins)
    return text, 1 if plugins.broken else 0


def _table(form: str | None, output: str | None) -> Callable[[Any], str]:
    """What makes text of results, and the file, checked before anything long is done for it."""
    form = form or SUFFIXES.get(Path(output or "").suffix.lower(), "plain")
    offer = load_plugins().find("tables", form)
    path = Path(output).resolve() if output else None
    if path and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise UsageError(f"cannot write -o {output}; name a file in a folder that can be written")

    def show(results: Any) -> str:
        text = offer.call(results)
        if not isinstance(text, str):
            raise RecbenchError(f"{offer.what} gave {type(text).__name__}, wanted text")
        if path and path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a pipe or a device keeps its place
        elif path:
            with atomic(path) as file:
                file.write(text.encode())
        return text

    return show


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed work, 2 wrong use, 130 interrupted."""
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

"""The command line: parse, call, print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recbench")
@_options()
def cli() -> None:
    """Compare recommenders under one referee that cannot be fooled."""


@cli.command("run")
@click.argument("models", nargs=-1, required=True)
@click.option("--k", "ks", type=_Ks(), default=KS, help="Cut-offs.  [default: 3,5,10]")
@_options("dataset", "split", "seed", "device", "results", "data_dir", "format", "output")
@click.option("--force", is_flag=True, help="Run again what is stored already.")
def run_command(form: str | None, output: str | None, **given: Any) -> int:
    """Train and judge MODELS on one split, and print how they compare."""
    show = _table(form, output)
    results = run(**given)
    show(results)
    return 1 if results.failed else 0


@cli.command()
@_options("results", "format", "output")
def table(results: str, form: str | None, output: str | None) -> int:
    """The leaderboard of everything stored, a section a dataset and split, best first."""
    show = _table(form, output)
    stored = Store(results).all()
    if not stored:
        raise RecbenchError(f"nothing is stored under {results}; start with: recbench run popular")
    show(stored)
    return 0


@cli.command("recommend")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@_options("dataset", "split", "seed", "device", "results", "data_dir")
def recommend_command(items: str | None, **given: Any) -> int:
    """What MODEL recommends to one user, or after a history typed by hand."""
    typed = None if items is None else [one.strip() for one in items.split(",") if one.strip()]
    click.echo(listings.recommendation(recommend(items=typed, **given)), nl=False)
    return 0


def _listing(kind: str) -> None:
    @cli.command(kind, help=f"List the {kind} there are, or all about one NAME.")
    @click.argument("name", required=False)
    @_options(*(["data_dir"] if kind == "datasets" else []))
    def command(name: str | None, data_dir: str | None = None) -> int:
        plugins = load_plugins()
        if name:
            click.echo(listings.offer(plugins.find(kind, name)), nl=False)
        else:
            click.echo(listings.offers(plugins, kind, data_dir), nl=False)
        for info in plugins.broken:
            log.warning("plugin %s is broken; see: recbench plugins", info.name)
        return 0


for _kind in ("models", "datasets", "splitters", "metrics"):
    _listing(_kind)


@cli.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_options()
def plugins_command(as_json: bool) -> int:
    """Every plugin: version and what it gives, or why it is broken (then the exit code is 1)."""
    plugins = load_plugins()
    told = listings.plugins_as_json(plugins)
    click.echo(json.dumps(told, indent=2) if as_json else listings.plugins(plugins).rstrip())
    return 1 if plugins.broken else 0


def _table(form: str | None, output: str | None) -> Callable[[Any], None]:
    """What prints results, checked before anything long is done for it."""
    form = form or SUFFIXES.get(Path(output or "").suffix.lower(), "plain")
    offer = load_plugins().find("tables", form)
    if output and (Path(output).is_dir() or not os.access(Path(output).parent, os.W_OK)):
        raise UsageError(f"cannot write -o {output}; name a file in a folder that can be written")

    def show(results: Any) -> None:
        text = offer.factory(results)
        click.echo(text, nl=False)
        if output:
            with atomic(Path(output)) as file:
                file.write(text.encode())

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
        known = isinstance(error, RecbenchError)
        hint = "" if known else " (not meant to happen; --debug shows where)"
        click.echo(f"Error: {said(error)}{hint}", err=True)
        code = 2 if isinstance(error, UsageError) else 1
    sys.exit(code)

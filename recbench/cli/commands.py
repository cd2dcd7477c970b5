"""The commands: each parses, calls one function of the core and prints what it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from recbench.cli import listings, reports
from recbench.cli.options import Answer, Numbers, cli, options
from recbench.compare import compare
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.referee import PROTOCOL
from recbench.explain import explain, picture_form
from recbench.export import export_split
from recbench.files import output_file, put
from recbench.inspect_user import inspect_user
from recbench.plugins import load_plugins
from recbench.progress import log
from recbench.recommend import recommend
from recbench.run import KS, run
from recbench.selfcheck import selfcheck
from recbench.store.store import Store
from recbench.verify import verify

SUFFIXES = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}


@cli.command("run")
@click.argument("models", nargs=-1)
@click.option("--k", "ks", type=Numbers(1, "K"), default=KS, help="Cut-offs.  [default: 3,5,10]")
@click.option(
    "--seed",
    "--seeds",
    "seed",
    type=Numbers(0, "N"),
    default=(0,),
    help="For models that take one; several run them so often.  [default: 0]",
)
@options(
    "dataset",
    "split",
    "metrics",
    "candidates",
    "device",
    "results",
    "data_dir",
    "format",
    "output",
)
@click.option("--recs", multiple=True, metavar="NAME=FILE", help="Judge lists or scores as a row.")
@click.option("--timeout", type=float, metavar="SECONDS", help="What a cell may take.")
@click.option("--memory", type=int, metavar="MB", help="What a cell may take.")
@click.option("--in-process", is_flag=True, help="Models in this process, for debuggers.")
@click.option("--force", is_flag=True, help="Run again what is stored already.")
def run_command(form: str | None, output: str | None, recs: Sequence[str], **given: Any) -> Answer:
    """Train and judge MODELS on one split, and print how they compare."""
    show = _table(form, output)
    results = run(recs=_named_files(recs), **_with_metrics(given))
    return show(results), 1 if results.failed or results.unstored else 0


@cli.command()
@options("results", "metrics", "format", "output")
@click.option("--segments", is_flag=True, help="Users and items apart, by history and popularity.")
def table(
    results: str, metrics: Sequence[str], segments: bool, form: str | None, output: str | None
) -> Answer:
    """The leaderboard of everything stored, a section a dataset and split, best first."""
    show = _table(form, output)
    plugins = load_plugins()
    shown = _with_metrics({"metrics": metrics})["metrics"]
    stored = Store(results).all().of_protocol(PROTOCOL)
    if not stored:
        left = "".join(f"; left out: {one}" for one in stored.left_out)
        raise RecbenchError(
            f"nothing is stored under {results}{left}; start with: recbench run popular"
        )
    apart = {name: plugins.find("metrics", name).factory for name in shown} if segments else None
    return show(stored.showing(shown, apart)), 0


@cli.command("compare")
@click.argument("first")
@click.argument("second")
@click.option("--k", "ks", type=Numbers(1, "K"), help="Cut-offs.  [default: all stored]")
@click.option("--dataset", help="As tables name it.  [default: all stored]")
@click.option("--split", help="As tables name it.  [default: all stored]")
@options("metrics", "results")
def compare_command(**given: Any) -> Answer:
    """Whether FIRST is better than SECOND, both stored already, and for how many users."""
    return reports.comparison(compare(**_with_metrics(given))), 0


@cli.command("selfcheck")
@click.option("--dataset", default="synthetic", show_default=True, help="Name or path.")
@options("split", "data_dir")
def selfcheck_command(**given: Any) -> Answer:
    """Judge models whose numbers are known beforehand; the exit code is 1 if one is not met."""
    checks = selfcheck(**given)
    return reports.checks(checks), 0 if all(one.holds for one in checks) else 1


@cli.command("export-split")
@click.argument("dataset")
@options("split", "data_dir")
@click.option("-o", "--output", default="split", show_default=True, help="Folder to write into.")
def export_command(**given: Any) -> Answer:
    """Write train, history and targets of DATASET as Parquet and CSV, for other libraries."""
    return "".join(f"{path}\n" for path in export_split(**given)), 0


@cli.command("inspect")
@click.option("--user", required=True, help="The user's id in the dataset.")
@click.option("--k", default=10, show_default=True, help="How many items of each list.")
@options("dataset", "split", "results", "data_dir")
def inspect_command(**given: Any) -> Answer:
    """One user: the history, what was held out, and what each stored model made of it."""
    return reports.inspection(inspect_user(**given)), 0


@cli.command("verify")
@click.argument("paths", nargs=-1, required=True)
@click.option("--bound", type=float, help="How far a number may be off.  [default: by model]")
@click.option("--dataset", help="Where the data are, if not under the name that they had.")
@click.option("--all", "every", is_flag=True, help="Every number, not the furthest of each cell.")
@options("device", "data_dir")
def verify_command(every: bool, **given: Any) -> Answer:
    """Run the stored cells under PATHS again and compare number by number."""
    checks = verify(**given)
    return reports.verification(checks, every), 0 if all(one.holds for one in checks) else 1


@cli.command("recommend")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@options("dataset", "split", "seed", "device", "results", "data_dir")
def recommend_command(**given: Any) -> Answer:
    """What MODEL recommends to one user, or after a history typed by hand."""
    return listings.recommendation(recommend(**given)), 0


@cli.command("explain")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@options("dataset", "split", "seed", "device", "results", "data_dir")
@click.option("-o", "--output", help="Draw it into this file too: .png, .svg, .pdf.")
def explain_command(output: str | None, **given: Any) -> Answer:
    """What in the history each recommendation of MODEL leaned on, as a table and a picture."""
    path = output_file(output)
    form = picture_form(path) if path else ""
    found = explain(**given)
    text = listings.explanation(found)
    try:
        if path:
            put(path, found.picture(form))
    except Exception as error:  # the table is still worth having
        log.error("%s was not drawn: %s", output, describe_error(error))
        return text, 1
    return text, 0


def _listing(kind: str) -> None:
    @cli.command(kind, help=f"List the {kind} there are, or all about one NAME.")
    @click.argument("name", required=False)
    @options(*(["data_dir"] if kind == "datasets" else []))
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
@options()
def plugins_command(as_json: bool) -> Answer:
    """Every plugin: version and what it gives, or why it is broken (then the exit code is 1)."""
    plugins = load_plugins()
    told = listings.plugins_as_json(plugins)
    text = f"{json.dumps(told, indent=2)}\n" if as_json else listings.plugins(plugins)
    return text, 1 if plugins.broken else 0


def _with_metrics(given: dict[str, Any]) -> dict[str, Any]:
    """The options with `all` spelt out, and every metric known."""
    plugins, names = load_plugins(), given["metrics"]
    shown = sorted(plugins.metrics()) if names == ("all",) else names
    for name in shown:
        plugins.find("metrics", name)
    return {**given, "metrics": shown}


def _named_files(recs: Sequence[str]) -> dict[str, str]:
    """`name=file` as a mapping."""
    named = {}
    for text in recs:
        name, equals, path = text.partition("=")
        if not name or not equals or not Path(path).is_file():
            raise UsageError(f"--recs {text}: wanted NAME=FILE with a file that is there")
        if name in named:
            raise UsageError(f"--recs {name}=... is given twice")
        named[name] = path
    return named


def _table(form: str | None, output: str | None) -> Callable[[Any], str]:
    """What makes text of results, and the file, checked before anything long is done for it."""
    form = form or SUFFIXES.get(Path(output or "").suffix.lower(), "plain")
    offer = load_plugins().find("tables", form)
    path = output_file(output)

    def show(results: Any) -> str:
        text = offer.call(results)
        if not isinstance(text, str):
            raise RecbenchError(f"{offer.what} gave {type(text).__name__}, wanted text")
        if path:
            put(path, text.encode())
        return text

    return show

"""The command line, commands: each calls one function of the core and prints what it gives.

A new command is a function in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from recbench.cli import listings, reports
from recbench.cli.options import Answer, Command, Numbers, options
from recbench.compare import compare
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.referee import PROTOCOL
from recbench.explain import explain, picture_form
from recbench.export import export_split
from recbench.files import output_file, write_output
from recbench.inspect_user import inspect_user
from recbench.plugins import load_plugins
from recbench.progress import log
from recbench.recommend import recommend
from recbench.results.results import Results
from recbench.run import KS, run
from recbench.selfcheck import selfcheck
from recbench.store.store import Store
from recbench.verify import verify

FORMATS = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}
"""The form of a table that is written into a file, by the file's suffix."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recbench-toolkit")
@options()
def cli() -> None:
    """Compare recommenders under one referee that cannot be fooled."""


cli.command_class = Command


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
def run_command(
    form: str | None, output: str | None, recs: Sequence[str], **arguments: Any
) -> Answer:
    """Train and judge MODELS on one split, and print how they compare."""
    write = _table_writer(form, output)
    results = run(recs=_named_files(recs), **_with_known_metrics(arguments))
    return write(results), 1 if results.failed or results.not_stored else 0


@cli.command()
@options("results", "metrics", "format", "output")
@click.option("--segments", is_flag=True, help="Users and items apart, by history and popularity.")
def table(
    results: str, metrics: Sequence[str], segments: bool, form: str | None, output: str | None
) -> Answer:
    """The leaderboard of everything stored, a section a dataset and split, best first."""
    write = _table_writer(form, output)
    known = _known_metrics(metrics)
    stored = Store(results).all().of_protocol(PROTOCOL)
    if not stored:
        left_out = "".join(f"; left out: {reason}" for reason in stored.left_out)
        raise RecbenchError(
            f"nothing is stored under {results}{left_out}; start with: recbench run popular"
        )
    return write(stored.showing(list(known), known if segments else None)), 0


@cli.command("compare")
@click.argument("first")
@click.argument("second")
@click.option("--k", "ks", type=Numbers(1, "K"), help="Cut-offs.  [default: all stored]")
@click.option("--dataset", help="As tables name it.  [default: all stored]")
@click.option("--split", help="As tables name it.  [default: all stored]")
@options("metrics", "results")
def compare_command(**arguments: Any) -> Answer:
    """Whether FIRST is better than SECOND, both stored already, and for how many users."""
    return reports.comparison(compare(**_with_known_metrics(arguments))), 0


@cli.command("selfcheck")
@click.option("--dataset", default="synthetic", show_default=True, help="Name or path.")
@options("split", "data_dir")
def selfcheck_command(**arguments: Any) -> Answer:
    """Judge models whose numbers are known beforehand; the exit code is 1 if one is not met."""
    checks = selfcheck(**arguments)
    return reports.selfcheck(checks), 0 if all(check.holds for check in checks) else 1


@cli.command("export-split")
@click.argument("dataset")
@options("split", "data_dir")
@click.option("-o", "--output", default="split", show_default=True, help="Folder to write into.")
def export_command(**arguments: Any) -> Answer:
    """Write train, history and targets of DATASET as Parquet and CSV, for other libraries."""
    return "".join(f"{path}\n" for path in export_split(**arguments)), 0


@cli.command("inspect")
@click.option("--user", required=True, help="The user's id in the dataset.")
@click.option("--k", default=10, show_default=True, help="How many items of each list.")
@options("dataset", "split", "results", "data_dir")
def inspect_command(**arguments: Any) -> Answer:
    """One user: the history, what was held out, and what each stored model made of it."""
    return reports.inspection(inspect_user(**arguments)), 0


@cli.command("verify")
@click.argument("paths", nargs=-1, required=True)
@click.option("--bound", type=float, help="How far a number may be off.  [default: by model]")
@click.option("--dataset", help="Where the data are, if not under the name that they had.")
@click.option("--all", "every", is_flag=True, help="Every number, not the furthest of each cell.")
@options("device", "data_dir")
def verify_command(every: bool, **arguments: Any) -> Answer:
    """Run the stored cells under PATHS again and compare number by number."""
    checks = verify(**arguments)
    return reports.verification(checks, every), 0 if all(check.holds for check in checks) else 1


@cli.command("recommend")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@options("dataset", "split", "seed", "device", "results", "data_dir")
def recommend_command(**arguments: Any) -> Answer:
    """What MODEL recommends to one user, or after a history typed by hand."""
    return listings.recommendation(recommend(**arguments)), 0


@cli.command("explain")
@click.argument("model")
@click.option("--user", help="The user's id in the dataset.")
@click.option("--items", help='A history instead of a user: "ID,ID,ID", oldest first.')
@click.option("--k", default=10, show_default=True, help="How many.")
@options("dataset", "split", "seed", "device", "results", "data_dir")
@click.option("-o", "--output", help="Draw it into this file too: .png, .svg, .pdf.")
def explain_command(output: str | None, **arguments: Any) -> Answer:
    """What in the history each recommendation of MODEL leaned on, as a table and a picture."""
    path = output_file(output)
    form = picture_form(path) if path else ""
    explained = explain(**arguments)
    text = listings.explanation(explained)
    try:
        if path:
            write_output(path, explained.picture(form))
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
            return listings.offer_details(plugins.find(kind, name)), 0
        return listings.offers(plugins, kind, data_dir), 0


for _kind in ("models", "datasets", "splitters", "metrics"):
    _listing(_kind)


@cli.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@options()
def plugins_command(as_json: bool) -> Answer:
    """Every plugin: version and what it gives, or why it is broken (then the exit code is 1)."""
    plugins = load_plugins()
    as_text = listings.plugins_as_json if as_json else listings.plugins
    return as_text(plugins), 1 if plugins.broken else 0


def _known_metrics(names: Sequence[str]) -> dict[str, Any]:
    """The metrics by name, every one for `all`. Raises UsageError for one that is unknown."""
    plugins = load_plugins()
    names = sorted(plugins.metrics()) if names == ("all",) else names
    return {name: plugins.find("metrics", name).factory for name in names}


def _with_known_metrics(arguments: dict[str, Any]) -> dict[str, Any]:
    """A command's arguments, with `all` spelt out and every metric known."""
    return {**arguments, "metrics": list(_known_metrics(arguments["metrics"]))}


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


def _table_writer(form: str | None, output: str | None) -> Callable[[Results], str]:
    """What makes text of results, and the file, checked before anything long is done for it."""
    form = form or FORMATS.get(Path(output or "").suffix.lower(), "plain")
    offer = load_plugins().find("tables", form)
    path = output_file(output)

    def write(results: Results) -> str:
        text = offer.call(results)
        if not isinstance(text, str):
            raise RecbenchError(f"{offer.what} gave {type(text).__name__}, wanted text")
        if path:
            write_output(path, text.encode())
        return text

    return write

"""The command line, commands: each calls one function of the core and prints its result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from recbench.attention import Attention, attention
from recbench.cli.hints import check_models, plugins_that_work
from recbench.cli.options import Answer, Numbers, command, only_dataset, only_split, options
from recbench.cli.output import save, table_writer
from recbench.compare import compare
from recbench.data.load import paths_in
from recbench.errors import UsageError
from recbench.explain import Explanation, explain
from recbench.export import export_split
from recbench.files import check_not_read, output_file
from recbench.heatmap import picture_form
from recbench.inspect_user import inspect_user
from recbench.plugins import load_plugins
from recbench.recommend import recommend
from recbench.report.report import Report
from recbench.run import KS, run
from recbench.selfcheck import selfcheck
from recbench.table import table
from recbench.verify import verify

user = click.option("--user", metavar="ID", help="The user's id, as in the data.")
items = click.option(
    "--items", metavar="ID,ID,...", help="A history instead of a user: item ids, oldest first."
)
top_k = click.option(
    "--k", metavar="K", default=10, show_default=True, help="Number of items to recommend."
)

fit = click.option(
    "--fit",
    metavar="split|all",
    default="split",
    show_default=True,
    help="Train on the training part of --split, or on all interactions of the dataset.",
)

query = (
    *("dataset", "split", "seed", "device", "timeout", "memory", "in_process"),
    *("results", "data_dir"),
)


@command("run")
@click.argument("models", nargs=-1)
@click.option(
    "--k",
    "--ks",
    "ks",
    type=Numbers("K"),
    default=KS,
    help="Cut-offs: each metric is measured on the first K items.  [default: 3,5,10]",
)
@click.option(
    "--seed",
    "--seeds",
    "seed",
    type=Numbers("N"),
    default=(0,),
    help="Random seed; with several, seeded models run once per seed.  [default: 0]",
)
@options(
    "datasets",
    "splits",
    "metrics",
    "by",
    "candidates",
    "device",
    "timeout",
    "memory",
    "in_process",
    "jobs",
    "executor",
    "shared_results",
    "track",
    "results",
    "data_dir",
    "format",
    "output",
    "verbose",
)
@click.option(
    "--recs",
    multiple=True,
    metavar="NAME=FILE",
    help="Evaluate recommendations made elsewhere as model NAME; FILE holds lists or scores.",
)
@click.option(
    "--tuned",
    is_flag=True,
    help="Use the best options that `recbench tune` has stored for these data and this split.",
)
@click.option("--force", is_flag=True, help="Run models again even if their results are stored.")
def run_command(
    models: Sequence[str],
    form: str | None,
    output: str | None,
    verbose: bool,
    recs: Sequence[str],
    **arguments: Any,
) -> Answer:
    """Train MODELS, evaluate them on the same held-out targets, and print a table.

    Options of a model follow its name: transformer:dim=128,layers=3. With several values, each is
    a row of its own. The path of a .py file can stand in place of a name. Results are stored, so
    running the same command again only shows them.

    \b
    Examples:
      recbench run transformer popular
      recbench run popular rules --dataset log.csv:user=customer,item=product,time=date
      recbench run transformer popular --seeds 0,1,2 --metrics ndcg,recall -o table.md
      recbench run "rules:decay=0.5|0.7|0.9" popular
      recbench run my_model.py my_models.py:Other:dim=32 --metrics ndcg,my_metric.py
      recbench run transformer popular --by gender,age
    """
    plugins = plugins_that_work()
    check_models(plugins, models)
    write = table_writer(plugins, form, output)
    files = _named_files(recs)
    if output:
        paths = [path for data in arguments["dataset"] for path in paths_in(data)]
        check_not_read(output, {"--dataset": paths, "--recs": files.values()})
    results = run(models, recs=files, plugins=plugins, **arguments)
    text, code = write(results.showing(verbose=verbose, plugins=plugins))
    lost = results.failed or results.not_stored or results.not_measured
    return text, 1 if lost else code


@command("table")
@options("results", "metrics", "by", "data_dir", "format", "output", "verbose")
def table_command(form: str | None, output: str | None, verbose: bool, **arguments: Any) -> Answer:
    """Show all stored results, one table per dataset and split, best model first."""
    plugins = load_plugins()
    write = table_writer(plugins, form, output)
    stored = table(plugins=plugins, **arguments)
    return write(stored.showing(verbose=verbose, plugins=plugins))


@command("compare")
@click.argument("first")
@click.argument("second")
@only_dataset
@only_split
@click.option(
    "--k", "--ks", "ks", type=Numbers("K"), help="Cut-offs to show.  [default: all stored ones]"
)
@options("metrics", "results")
def compare_command(**arguments: Any) -> Answer:
    """Test whether FIRST beats SECOND, from stored results."""
    return _printed(compare(**arguments)), 0


@command("selfcheck")
@click.option(
    "--dataset", metavar="NAME|PATH", default="synthetic", show_default=True, help="Data to use."
)
@options("split", "data_dir")
def selfcheck_command(**arguments: Any) -> Answer:
    """Check the evaluation with models whose metrics are known in advance.

    The exit code is 1 if a number is wrong.
    """
    checks = selfcheck(**arguments)
    return _printed(checks), 0 if checks.holds else 1


@command("export-split")
@click.argument("dataset")
@click.option(
    "--split",
    metavar="NAME,...",
    default="leave-last-out",
    show_default=True,
    help="How to hold out targets, one sub-folder per splitter if there are several; see "
    "`recbench splitters`.",
)
@options("data_dir")
@click.option(
    "-o", "--output", metavar="FOLDER", default="split", show_default=True, help="Output folder."
)
def export_command(**arguments: Any) -> Answer:
    """Write the training data, histories and targets of DATASET as Parquet and CSV files."""
    return _printed(export_split(**arguments)), 0


@command("inspect")
@click.option("--user", metavar="ID", required=True, help="The user's id, as in the data.")
@click.option(
    "--k", metavar="K", default=10, show_default=True, help="Number of items to show per model."
)
@options("dataset", "split", "results", "data_dir")
def inspect_command(**arguments: Any) -> Answer:
    """Show one user's history and targets, and where each stored model ranks them."""
    return _printed(inspect_user(**arguments)), 0


@command("verify")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--bound",
    type=float,
    metavar="X",
    help="Largest difference allowed.  [default: depends on the model]",
)
@click.option(
    "--dataset",
    metavar="NAME|PATH",
    help="Where the data are now, if they have moved since the results were stored.",
)
@click.option(
    "--models",
    multiple=True,
    metavar="FILE",
    help="The .py file of a model that is not installed. Can be given several times.",
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="FILE",
    help="The .py file of a metric that is not installed. Can be given several times.",
)
@click.option(
    "--all", "every", is_flag=True, help="Show every number, not only the largest difference."
)
@options("device", "data_dir")
def verify_command(every: bool, **arguments: Any) -> Answer:
    """Reproduce the stored results under PATHS and compare each number.

    The exit code is 1 if a number differs by more than its bound.
    """
    checks = verify(**arguments)
    return _printed(checks.showing(every=every)), 0 if checks.holds else 1


@command("recommend")
@click.argument("model")
@user
@click.option(
    "--users", metavar="all|ID,ID,...", help="Many users: all of the dataset, or some by their ids."
)
@click.option(
    "--users-file",
    metavar="FILE",
    help="Many users: a file with one id per line, or a table with a column of users.",
)
@items
@top_k
@fit
@click.option(
    "--new",
    metavar="PATH",
    help="A log with interactions that came after those of the dataset: they are added to the "
    "histories. Read with the options of the dataset, unless options follow it.",
)
@options(*query)
@click.option(
    "-o", "--output", metavar="FILE", help="Write all lists to a .csv, .parquet or .json file."
)
def recommend_command(**arguments: Any) -> Answer:
    """Recommend items of MODEL to one user, to many, or for one history.

    \b
    Examples:
      recbench recommend rules --user 42
      recbench recommend rules --users all --fit all -o recs.csv
      recbench recommend rules --new today.csv -o recs.parquet
    """
    return _printed(recommend(**arguments)), 0


@command("explain")
@click.argument("model")
@user
@items
@top_k
@fit
@options(*query)
@click.option(
    "--attention",
    "of_attention",
    is_flag=True,
    help="Show the attention weights of each layer and head instead, if the model has any.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Also draw a picture: a .png, .svg or .pdf file."
)
def explain_command(output: str | None, of_attention: bool, **arguments: Any) -> Answer:
    """Show which items of the history led to each recommendation of MODEL."""
    path = output_file(output)
    form = picture_form(path) if path else ""
    explained: Explanation | Attention
    explained = attention(**arguments) if of_attention else explain(**arguments)
    return _printed(explained), save(path, lambda: explained.picture(form))


def _printed(result: Report) -> str:
    return f"{result}\n"


def _named_files(recs: Sequence[str]) -> dict[str, str]:
    """Return the values of --recs, `name=file`, as a mapping."""
    named = {}
    for text in recs:
        name, equals, path = text.partition("=")
        if not name or not equals or not Path(path).is_file():
            raise UsageError(
                f"--recs {text}: write NAME=FILE"
                if not equals or not name
                else f"--recs {text}: there is no file {path!r}"
            )
        if name in named:
            raise UsageError(f"--recs names {name!r} twice; give each file another name")
        named[name] = path
    return named

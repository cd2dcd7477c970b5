"""The command line, commands of tuning: look for the best options, and list what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from recbench.cli.hints import check_models, plugins_that_work
from recbench.cli.options import (
    Answer,
    Limit,
    Numbers,
    UnfinishedError,
    command,
    only_dataset,
    only_split,
    options,
)
from recbench.cli.output import as_text, report_format, report_output, report_writer
from recbench.data.load import paths_in
from recbench.files import check_not_read
from recbench.results.result import OBJECTIVE
from recbench.run import KS
from recbench.trials import trials
from recbench.tune import TRIALS, TuningInterrupted, tune
from recbench.tuning.trial_list import Trials

metric = click.option(
    "--metric",
    "--objective",
    "metric",
    metavar="NAME@K",
    default=OBJECTIVE,
    show_default=True,
    help="Metric and cut-off that trials are compared by, on validation targets.",
)


@command("tune")
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--trials",
    type=int,
    metavar="N",
    help=f"Number of trials per model; the first has the default options.  [default: {TRIALS}]",
)
@click.option(
    "--minutes",
    type=Limit("N", "minutes"),
    help="Time for the trials of each model, instead of their number.",
)
@metric
@click.option(
    "--space",
    multiple=True,
    metavar="MODEL:OPTION=RANGE,...",
    help="Where to look for the best value of an option, instead of in the model's own range: "
    "LOW..HIGH, LOW..HIGH:log, or A|B. Can be given several times.",
)
@click.option(
    "--tuning-seed",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed of the search, and of the models in trials.",
)
@click.option(
    "--k",
    "--ks",
    "ks",
    type=Numbers("K"),
    default=KS,
    help="Cut-offs of the table of test results.  [default: 3,5,10]",
)
@click.option(
    "--seed",
    "--seeds",
    "seed",
    type=Numbers("N"),
    default=(0,),
    help="Random seed on the test targets; with several, seeded models run once per seed.  "
    "[default: 0]",
)
@click.option(
    "--defaults",
    is_flag=True,
    help="Also judge the default options on the test targets, and test the difference.",
)
@report_output("trials")
@options(
    "dataset",
    "split",
    "metrics",
    "device",
    "timeout",
    "memory",
    "in_process",
    "jobs",
    "results",
    "data_dir",
    "verbose",
)
def tune_command(
    models: Sequence[str], outputs: Sequence[str], verbose: bool, **arguments: Any
) -> Answer:
    """Tune MODELS on validation targets, all with the same budget, and judge their best options.

    The validation targets are held out from the training data, in the same way as the test targets,
    which no trial uses. The best options are then judged once on the test targets. Options that
    follow a model's name are not tuned. Trials are stored: the same command continues where it was
    stopped, and several processes can share the work.

    \b
    Examples:
      recbench tune rules ease item-knn --trials 20
      recbench tune transformer --minutes 60 --seeds 0,1,2
      recbench tune ease:decay=1 --space "ease:l2=1..5000:log" -o tuning.png
      recbench run --tuned rules ease popular
    """
    plugins = plugins_that_work()
    check_models(plugins, models)
    writers = [report_writer(path, "trials") for path in outputs]
    for path in outputs:
        check_not_read(path, {"--dataset": paths_in(arguments["dataset"])})
    try:
        tuning = tune(models, plugins=plugins, **arguments).showing(verbose=verbose)
    except TuningInterrupted as stop:
        raise UnfinishedError(f"{stop.tuning}\n", stop) from stop
    listed = Trials(tuning.studies, tuning.results)
    codes = [write(tuning, listed) for write in writers]
    return f"{tuning}\n", max([*codes, int(not tuning.holds)])


@command("trials")
@click.argument("models", nargs=-1)
@only_dataset
@only_split
@click.option(
    "--metric",
    "--objective",
    "metric",
    metavar="NAME@K",
    help="Only trials compared by this metric.  [default: all]",
)
@report_format
@report_output("trials")
@options("results")
def trials_command(form: str, outputs: Sequence[str], **arguments: Any) -> Answer:
    """List the stored trials of MODELS, or of all tuned models."""
    writers = [report_writer(path, "trials") for path in outputs]
    found = trials(**arguments)
    codes = [write(found, found) for write in writers]
    return as_text(found, found, form), max(codes, default=0)

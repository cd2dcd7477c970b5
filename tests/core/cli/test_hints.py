"""Words in the wrong place: each gets the hint that helps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import recbench
from recbench.cli.main import main


def _error(capsys: pytest.CaptureFixture[str], args: Sequence[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(args)
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    return err.rpartition("Error: ")[2].rstrip("\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--k 3 5 10",
            (
                "'5' is not a model. Separate several numbers with commas and no spaces, as in "
                "--k 3,5,10"
            ),
        ),
        (
            "--k 3, 5",
            (
                "Invalid value for '--k' / '--ks': '3,' is not a list of whole numbers. Separate "
                "them with commas and no spaces, as in 3,5,10."
            ),
        ),
        ("--seeds 0 1", "'1' is not a model. Separate several numbers with commas"),
        (
            "--metrics ndcg hit",
            (
                "'hit' is a metric, not a model; write --metrics hit. Separate several with commas "
                "and no spaces"
            ),
        ),
        ("--metrics ndcg HR", "'HR' is a metric, not a model; write --metrics HR. Separate"),
        ("NDCG", "'NDCG' is a metric, not a model; write --metrics NDCG. Separate several"),
        (
            "transformer dim=64",
            (
                "'dim=64' is not a model. Options follow a name, without a space, as in "
                "transformer:dim=64"
            ),
        ),
        (
            "--split random temporal",
            "'temporal' is a splitter, not a model; write --split temporal",
        ),
        ("--split leave-last-out leave-one-out", "'leave-one-out' is a splitter, not a model"),
        ("ml-100k", "'ml-100k' is a dataset, not a model; write --dataset ml-100k"),
        ("dask", "'dask' is an executor, not a model; write --executor dask"),
        ("tensorboard", "'tensorboard' is a tracker, not a model; write --track tensorboard"),
        ("--executor dsk", "no executor 'dsk'; did you mean 'dask'?"),
        ("--workers 2", "options of executors follow names, as in dask:workers=VALUE"),
        ("some.csv", "'some.csv' is a dataset, not a model; write --dataset some.csv"),
        ("rules,popular", "no model 'rules,popular'; name each separately, as in: rules popular"),
        ("rules,", "no model 'rules,'; did you mean 'rules'?"),
        ("POPULAR", "no model 'POPULAR'; did you mean 'popular'?"),
        (
            "popular(rule=rated)",
            "no model 'popular(rule=rated)'; options follow a colon, as in popular:OPTION=VALUE",
        ),
        ("popular:rated", "options follow a colon, as in popular:OPTION=VALUE"),
        ("--metrics NDCG@10", "no metric 'NDCG@10'; write 'NDCG', and 10 as a value of --k"),
        ("--split LeaveOneOut", "no splitter 'LeaveOneOut'; did you mean 'leave-one-out'?"),
        ("--split temporal=0.8", "options follow a colon, as in temporal:OPTION=VALUE"),
        ("--dataset ml_100K", "no dataset 'ml_100K'; did you mean 'ml-100k'?"),
        ("--metric ndcg", "no such option '--metric'; did you mean '--metrics'?"),
        ("-k 3", "no such option '-k'; did you mean '--k'?"),
        ("--models popular", "no such option '--models'; write its value without --models"),
        (
            "--epochs 3",
            (
                "no such option '--epochs'; options of models follow names, as in "
                "transformer:epochs=VALUE"
            ),
        ),
        ("--share 3", "options of splitters follow names, as in random:share=VALUE"),
        (
            "--min-rating 3",
            "options of datasets follow names, as in --dataset NAME:min_rating=VALUE",
        ),
        ("--timeout 5m", "'5m' is not a number. Write it in seconds, without a unit."),
        ("--memory 2GB", "'2GB' is not a number. Write it in megabytes, without a unit."),
        ("--memory 1.5", "--memory must be a whole number, not 1.5"),
        ("--timeout nan", "--timeout must be above 0 and at most 1,000,000,000 seconds, not nan"),
        ("--device gpu", "no device 'gpu'; choose auto, cpu, cuda, cuda:N or mps"),
        ("--format latx", "no table 'latx'; did you mean 'latex'?"),
    ],
)
def test_run_says_what_to_write(
    capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    Path("some.csv").touch()
    dataset = () if "--dataset" in words else ("--dataset", "synthetic")
    assert message in _error(capsys, ["run", "popular", *dataset, *words.split()])


def test_commands_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert _error(capsys, ["popular:rule=rated"]) == (
        "no such command 'popular:rule=rated'; to run a model, write: recbench run "
        "popular:rule=rated"
    )
    assert _error(capsys, ["Tables"]) == "no such command 'Tables'; did you mean 'table'?"
    assert "available: compare, curves, datasets, executors," in _error(capsys, ["judge"])
    assert "no such option '--dim'; available: --by, --data-dir, --debug" in _error(
        capsys, ["table", "--dim", "8"]
    )


def test_python_says_the_same() -> None:
    for model, message in (("rules,popular", "as in: rules popular"), ("Popular", "'popular'")):
        with pytest.raises(recbench.UsageError, match=message):
            recbench.run(model, "synthetic", results=None)
    with pytest.raises(recbench.UsageError, match="no metric 'ndgc'; did you mean 'ndcg'"):
        recbench.run("popular", "synthetic", metrics="ndgc", results=None)

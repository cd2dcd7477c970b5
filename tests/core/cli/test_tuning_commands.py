"""The commands tune, trials and run --tuned: output, exit codes, and processes that end early."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from made_tuning import end, fits, start, wait_for, write_log, write_model

import recbench
from recbench.cli.main import main

TUNE = ("tune", "mine.py", "--dataset", "log.csv", "--trials")
RUN = ("run", "mine.py", "--dataset", "log.csv", "--tuned")
TRAIN, TEST = "320", "360"
"""How many interactions a model is fitted on in trials, and for the test."""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs recbench and returns its exit code, stdout and stderr."""

    def called(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(args)
        return int(stop.value.code or 0), *capsys.readouterr()

    return called


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run models in this process, which is faster."""
    monkeypatch.setattr(recbench.experiment, "AVAILABLE", False)


@pytest.fixture(autouse=True)
def _files() -> None:
    write_log()
    write_model()


def _text(shown: str) -> str:
    """Return a text without line breaks."""
    return " ".join(shown.split())


def _options(n_train: str) -> list[str]:
    """Return the options of all fits on training data of this size."""
    return [f"{a} {n}" for a, n, size, _ in map(str.split, fits()) if size == n_train]


def _states() -> list[tuple[int, str, str]]:
    (path,) = Path("results").glob("*/*/*.tuning/trials.json")
    return [
        (trial["number"], trial["model"], trial["state"])
        for trial in json.loads(path.read_text())["trials"]
    ]


def test_tune_prints_the_studies_and_the_results(quick: None, call: Any) -> None:
    code, out, err = call("tune", "mine.py", "popular", "--dataset", "log.csv", "--trials", "3")
    assert code == 0
    assert out.startswith("log.csv, leave-last-out: tuning\n")
    assert "Budget: 3 trials per model. No trial used the test targets." in _text(out)
    assert re.search(r"^Mine:a=\S+,n=\d \(tuned: 3 trials\)", out, re.MULTILINE)
    assert re.search(r"^popular \(not tuned\)", out, re.MULTILINE)
    lines = [line for line in err.splitlines() if line.startswith("Mine: trial ")]
    assert [line.split(",")[0] for line in lines] == [f"Mine: trial {n}/3" for n in (1, 2, 3)]
    assert "best 0." in lines[0]
    assert "with the default options" in lines[0]
    assert re.search(r"best 0\.\d+ with a=\S+,n=\d$", lines[2])
    code, again, err = call("tune", "mine.py", "popular", "--dataset", "log.csv", "--trials", "3")
    assert (code, again) == (0, out)
    assert "Mine: using 3 stored trials" in err
    assert "popular: using 1 stored trial\n" in err
    code, table, _ = call("table")
    assert "(tuned: 3 trials)" in table
    assert "popular (not tuned)" in table


def test_the_exit_code_is_1_if_a_model_has_no_trial_that_succeeded(quick: None, call: Any) -> None:
    write_model("raise ZeroDivisionError('always')", path="bad.py")
    code, out, err = call("tune", "bad.py:Mine", "popular", "--dataset", "log.csv", "--trials", "2")
    assert code == 1
    assert "no trial succeeded" in out
    assert "trials 0, 1 failed: fit raised ZeroDivisionError: always" in _text(out)
    assert "popular (not tuned)" in out
    assert "Mine failed: fit raised ZeroDivisionError: always" in err
    code, out, err = call("tune", "bad.py", "--dataset", "log.csv", "--trials", "2")
    assert code == 1
    assert "no trial succeeded" in out
    code, out, err = call("run", "bad.py", "--dataset", "log.csv", "--tuned")
    assert code == 2
    assert "Mine has no trial that succeeded on log.csv, leave-last-out" in err


def test_trials_are_listed_in_all_formats(quick: None, call: Any) -> None:
    call(*TUNE, "4")
    code, out, _ = call("trials")
    assert code == 0
    assert out.startswith("Mine on log.csv, leave-last-out\n")
    assert re.search(r"^0 +ok\S* .*default +0\.\d{4}", out, re.MULTILINE)
    assert "Search space: a 0..1, n 1..5." in out
    code, out, _ = call("trials", "mine.py", "--format", "csv", "-o", "all.json", "-o", "all.md")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("model,dataset,split,metric,trial,state,value,best,seconds,options")
    assert len(lines) == 5
    records = json.loads(Path("all.json").read_text())
    assert [record["trial"] for record in records] == [0, 1, 2, 3]
    assert sum(record["best"] for record in records) == 1
    assert records[1]["spec"].startswith("Mine:a=")
    assert "| trial" in Path("all.md").read_text()
    for wrong in (["--dataset", "other.csv"], ["--split", "temporal"], ["--metric", "mrr@5"]):
        code, _, err = call("trials", *wrong)
        assert code == 2
        assert "results has no trials like these. To run some: recbench tune" in err
    code, _, err = call("trials", "ease")
    assert code == 2
    assert "results has no trials of 'ease'" in err
    code, _, err = call("trials", "--results", "elsewhere")
    assert code == 2
    assert "elsewhere has no trials. To run some: recbench tune MODEL" in err


def test_several_files_are_written(quick: None, call: Any) -> None:
    names = ("p.png", "p.svg", "t.csv", "t.json", "t.md", "t.html", "t.txt")
    code, out, _ = call(*TUNE, "6", *(part for name in names for part in ("-o", name)))
    assert code == 0
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in Path("p.svg").read_text()
    assert len(Path("t.csv").read_text().splitlines()) == 7
    assert len(json.loads(Path("t.json").read_text())) == 6
    assert "(tuned: 6 trials)" in Path("t.md").read_text()
    assert Path("t.html").read_text().count("<table") == 2
    assert Path("t.txt").read_text() == out
    n_fits = len(fits())
    for wrong, why in (
        ("t.xlsx", "cannot write -o t.xlsx: use .png, .svg or .pdf for a picture, .csv or .json"),
        ("gone/t.csv", "there is no folder"),
        ("log.csv", "--dataset reads this file"),
    ):
        code, _, err = call(*TUNE, "9", "-o", wrong)
        assert code == 2
        assert why in _text(err)
    assert len(fits()) == n_fits


def test_the_best_options_are_run_again_by_name(quick: None, call: Any) -> None:
    code, _, err = call(*RUN)
    assert code == 2
    assert "Mine is not tuned on log.csv, leave-last-out; run: recbench tune" in _text(err)
    assert "mine.py:Mine --dataset log.csv --split leave-last-out" in _text(err)
    call(*TUNE, "4")
    code, out, err = call(*RUN)
    assert code == 0
    assert re.search(r"^Mine:a=\S+ \(tuned: 4 trials\)", out, re.MULTILINE)
    assert "using the stored result" in err
    n_fits = len(fits())
    code, out, _ = call(*RUN, "--seeds", "0,1", "popular")
    assert len(fits()) == n_fits + 1
    assert "popular (not tuned)" in out
    for more, of in (
        (["--split", "temporal"], "Mine is not tuned on log.csv, temporal"),
        (["--dataset", "synthetic"], "Mine is not tuned on synthetic"),
    ):
        args = [part for part in RUN if part not in ("--dataset", "log.csv")]
        given = more if "--dataset" in more else [*more, "--dataset", "log.csv"]
        code, _, err = call(*args, *given)
        assert code == 2
        assert of in _text(err)
    code, _, err = call("run", "mine.py:Mine:n=2", "--dataset", "log.csv", "--tuned")
    assert code == 2
    assert "Mine:n=2 is not tuned on log.csv, leave-last-out" in _text(err)
    call("tune", "mine.py:Mine:n=2", "--dataset", "log.csv", "--trials", "2")
    code, out, _ = call("run", "mine.py:Mine:n=2", "--dataset", "log.csv", "--tuned")
    assert code == 0
    assert re.search(r"^Mine:(a=\S+,)?n=2 \(tuned: 2 trials\)", out, re.MULTILINE)
    write_model("# changed")
    code, _, err = call(*RUN)
    assert code == 2
    assert "was tuned with another version of the code of plugin mine.py" in _text(err)


def test_the_best_of_several_studies_is_used_and_named(quick: None, call: Any) -> None:
    call(*TUNE, "2", "--space", "mine.py:a=0.01..0.02")
    call(*TUNE, "3")
    call(*TUNE, "4", "--metric", "hit@3")
    code, out, err = call(*RUN)
    assert code == 0
    assert "Mine: using the best of 3 studies, " in _text(err)
    assert "search space: a 0..1, n 1..5)" in _text(err)
    assert "(tuned: 3 trials)" in out


def test_wrong_options_are_explained(quick: None, call: Any) -> None:
    for args, why in (
        (["--trials", "0"], "--trials must be 1 or more, not 0"),
        (["--trials", "2", "--minutes", "1"], "give --trials or --minutes, not both"),
        (["--minutes", "0"], "--minutes must be above 0"),
        (["--metric", "ndcg"], "--metric ndcg: write a metric and a cut-off, such as ndcg@10"),
        (
            ["--space", "mine.py:a=1"],
            "--space Mine: a=1 is not a range; write numbers as LOW..HIGH",
        ),
        (["--space", "mine.py:b=1..2"], "--space Mine has no option 'b'"),
        (["--space", "ease:l2=1..2"], "--space ease: this model is not tuned here"),
        (["--space", "mine.py:a=2..1"], "--space Mine: a=2..1"),
        (["--space", "mine.py:seed=1..3"], "--space Mine: seed cannot be tuned; remove it"),
    ):
        code, out, err = call("tune", "mine.py", "--dataset", "log.csv", *args)
        assert (code, out) == (2, ""), (args, err)
        assert why in _text(err)
    code, _, err = call("tune", "raise", "--dataset", "log.csv")
    assert code == 2
    assert fits() == []
    assert not Path("results").exists()


def test_kill_9_loses_at_most_the_trial_that_runs() -> None:
    """Kill the command in its third trial and while it judges the best options."""
    write_model("while Path(f'hold-{count}').exists():", "    time.sleep(0.01)")
    Path("hold-3").touch()
    Path("hold-8").touch()
    first = start(*TUNE, "6")
    wait_for(lambda: len(fits()) == 3)
    end(first, signal.SIGKILL)
    assert [number for number, *_ in _states()] == [0, 1]
    second = start(*TUNE, "6")
    wait_for(lambda: len(fits()) == 8)
    end(second, signal.SIGKILL)
    tried = _options(TRAIN)
    assert len(tried) == 7
    assert tried[2] == tried[3]
    assert len(set(tried)) == 6
    assert [number for number, *_ in _states()] == list(range(6))
    Path("hold-8").unlink()
    third = start(*TUNE, "6")
    out, err = third.communicate()
    assert third.returncode == 0
    assert "Mine: using 6 stored trials" in err
    assert len(_options(TRAIN)) == 7
    assert _options(TEST) == [_options(TEST)[0]] * 2
    alone = recbench.tune("mine.py", "log.csv", trials=6, results="alone", in_process=True)
    assert [model for _, model, _ in _states()] == [
        trial.model for trial in alone.studies[0].trials
    ]
    assert alone.best["Mine"] in out


def test_kill_9_between_trials() -> None:
    """Kill processes as soon as a trial is stored, until one of them has all."""
    starts = 0
    for stored in (1, 2, 4):
        process = _forked_tune()
        starts += 1
        wait_for(lambda stored=stored: _n_stored() >= stored)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    process = _forked_tune()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert [(number, state) for number, _, state in _states()] == [(n, "ok") for n in range(6)]
    assert len(_options(TRAIN)) <= 6 + starts
    assert len(set(_options(TRAIN))) == 6
    assert len(_options(TEST)) == 1


def _n_stored() -> int:
    found = [*Path("results").glob("*/*/*.tuning/trials.json")]
    return len(json.loads(found[0].read_text())["trials"]) if found else 0


def _forked_tune() -> int:
    """Return the id of a process that tunes, forked from this one."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            recbench.tune("mine.py", "log.csv", trials=6, in_process=True)
            code = 0
        finally:
            os._exit(code)
    return pid


def test_two_processes_share_the_trials() -> None:
    write_model("time.sleep(0.2)")
    both = [start(*TUNE, "8"), start(*TUNE, "8")]
    (out, err), (other, other_err) = (process.communicate() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    tried = _options(TRAIN)
    assert len(tried) == len(set(tried)) == 8
    assert len(_options(TEST)) == 1
    assert [number for number, *_ in _states()] == list(range(8))
    assert out == other
    shares = [text.count(": trial ") for text in (err, other_err)]
    assert sum(shares) == 8
    assert min(shares) > 0


def test_two_processes_run_a_model_without_a_space_once() -> None:
    write_model("time.sleep(0.5)", space="")
    both = [start(*TUNE, "8"), start(*TUNE, "8")]
    (out, _), (other, _) = (process.communicate() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert len(_options(TRAIN)) == len(_options(TEST)) == 1
    assert out == other


def test_a_killed_process_leaves_its_trial_to_the_other() -> None:
    write_model("while count == 1 and not Path('go').exists():", "    time.sleep(0.01)")
    first = start(*TUNE, "3")
    wait_for(lambda: len(fits()) == 1)
    second = start(*TUNE, "3")
    wait_for(lambda: len(fits()) == 3)
    end(first, signal.SIGKILL)
    out, _ = second.communicate()
    assert second.returncode == 0
    assert [number for number, *_ in _states()] == [0, 1, 2]
    assert _options(TRAIN).count("0.5 3") == 2
    assert "(tuned: 3 trials)" in out


def test_ctrl_c_prints_what_is_known_so_far() -> None:
    write_model("while count == 3:", "    time.sleep(0.01)")
    process = start(*TUNE, "6")
    wait_for(lambda: len(fits()) == 3)
    end(process, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out.startswith("log.csv, leave-last-out: tuning\n")
    assert re.search(r"^Mine .* 2 +0 +0 ", out, re.MULTILINE)
    assert "(tuned:" not in out
    assert "Traceback" not in err
    assert len(err.strip().splitlines()[-1]) < 100
    assert len(recbench.trials()[0].trials) == 2


def test_ctrl_c_before_the_first_trial() -> None:
    Path("slow.py").write_text(
        "import time\nfrom pathlib import Path\n\n\nclass Slow:\n"
        "    def split(self, interactions):\n"
        "        Path('splitting').touch()\n        time.sleep(60)\n"
    )
    process = start(*TUNE, "3", "--split", "slow.py")
    wait_for(Path("splitting").exists)
    end(process, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err

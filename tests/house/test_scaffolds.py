"""`recbench plugin new`: what it writes works unchanged in a fresh environment, for each kind."""

import json
import re
from pathlib import Path

import pytest
from made_venv import Venv

import recbench
from recbench.scaffold.new import KINDS

SHOWN = {
    "model": r"\nmy-model +0\.0\d+ ",
    "dataset": r"\Amy-dataset, leave-last-out\n",
    "splitter": r"\Aml-100k, my-splitter\n",
    "metric": r"\nmodel +my-metric@3 ",
    "table": r"\A\* ml-100k, leave-last-out\n\| model \| NDCG@3 ",
    "executor": r"\npopular +0\.0\d+ ",
    "tracker": r"\npopular +0\.0\d+ ",
}
"""What the first command of the README of each kind prints."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_of_its_readme_work(kind: str, made: tuple[Venv, Path], ml_100k: Path) -> None:
    env, work = made
    folder = work / f"my-{kind}"
    page = (folder / "README.md").read_text()
    install, run, pytest_too, test, check = re.findall(r"(?m)^    (.+)$", page)
    assert (install, pytest_too) == ("pip install -e .", "pip install pytest")
    shown = env.run(run, folder, RECBENCH_DATA=str(ml_100k.parent))
    assert re.search(SHOWN[kind], shown), shown
    if kind == "tracker":
        log = (folder / "my-tracker.jsonl").read_text()
        assert [json.loads(line)["model"] for line in log.splitlines()] == ["popular"]
    assert "1 passed" in env.run(test, folder)
    assert re.search(r" [1-9]\d* passed, 0 failed, ", env.run(check, folder))


def test_they_are_listed(made: tuple[Venv, Path]) -> None:
    env, work = made
    listed = env.run("recbench plugins", work)
    for kind in KINDS:
        assert re.search(rf"(?m)^my-{kind} +0\.1\.0 ", listed), kind
    assert "BROKEN" not in listed


def test_the_model_predicts_better_than_popular(made: tuple[Venv, Path]) -> None:
    env, work = made
    shown = env.run("recbench run my-model popular --dataset synthetic --format csv", work)
    values = {
        line.split(",")[0]: float(line.split(",")[7])
        for line in shown.splitlines()
        if ",ndcg,10," in line
    }
    assert values["my-model"] > 1.5 * values["popular"], "the order of items must help"


def test_names_are_taken_once_a_plugin_is_installed(
    made: tuple[Venv, Path], tmp_path: Path
) -> None:
    env, _ = made
    command = "recbench plugin new My_Model 2>&1 || true"
    assert env.run(command, tmp_path) == (
        "Error: the name 'My_Model' is taken by the installed plugin my-model; choose another "
        "name\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_value_of_the_metric() -> None:
    folder = recbench.new_plugin("mine", kind="metric").folder
    code: dict[str, object] = {}
    exec((folder / "recbench_mine.py").read_text(), code)
    metric = code["mine"]
    ranking = recbench.Ranking(above=[0, 3, 9], tied=[1, 1, 1])
    assert callable(metric)
    assert metric(ranking, 5).tolist() == [1, 0.5, 0]
    assert metric(ranking, 5, steepness=1.0).tolist() == [1, 0.25, 0]
    assert metric(ranking, 5, steepness=0.0).tolist() == [1, 1, 0]
    two = recbench.Ranking(above=[0, 3], tied=[1, 1], offsets=[0, 2])
    assert metric(two, 5).tolist() == [0.75]
    with pytest.raises(recbench.UsageError, match="steepness=-1 must not be negative"):
        metric(ranking, 5, steepness=-1)

"""A third-party plugin, installed with pip and run from the command line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "sample_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that has the sample plugin installed."""
    folder = tmp_path_factory.mktemp("sample")
    source = shutil.copytree(SAMPLE, folder / "source")
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def _recbench(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recbench", *args]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_the_plugin_is_listed(installed: dict[str, str]) -> None:
    done = _recbench(installed, "plugins")
    assert done.returncode == 0
    assert "follows-last  0.1.0" in done.stdout
    assert "First-order Markov chain over items." in _recbench(installed, "models").stdout


def test_the_model_is_evaluated(installed: dict[str, str]) -> None:
    done = _recbench(
        installed, "run", "follows-last", "popular", "--dataset", "synthetic", "--format", "csv"
    )
    assert done.returncode == 0, done.stderr
    values = {
        line.split(",")[0]: float(line.split(",")[7])
        for line in done.stdout.splitlines()
        if ",ndcg,10," in line
    }
    assert values["follows-last"] > 1.5 * values["popular"], "the order of items must help"


def test_the_model_recommends(installed: dict[str, str]) -> None:
    args = ["recommend", "follows-last", "--dataset", "synthetic", "--items", "1,2", "--k", "3"]
    done = _recbench(installed, *args)
    assert done.returncode == 0, done.stderr
    assert (
        "3 recommendations by follows-last (split leave-last-out), trained now in " in done.stdout
    )

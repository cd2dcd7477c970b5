"""plugins/README.md: its examples are files that work, and it lists all hooks and plugins."""

import importlib
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recbench import hookspecs

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
EXAMPLES, SAMPLE = ROOT / "tests" / "examples", ROOT / "tests" / "sample_plugin"
PAGE = (PLUGINS / "README.md").read_text()

FILES = [path for place in (SAMPLE, EXAMPLES) for path in sorted(place.rglob("*.py"))]
FILES += [place / "pyproject.toml" for place in (SAMPLE, EXAMPLES)]

BLOCKS = re.findall(r"(?ms)^```(?:python|toml)\n(.*?)^```$", PAGE)
"""The code blocks of the page."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_examples_are_quoted_exactly(path: Path) -> None:
    assert path.read_text() in BLOCKS


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the examples importable, as if they were installed."""
    for place in (SAMPLE, EXAMPLES):
        monkeypatch.syspath_prepend(str(place))


@pytest.mark.usefixtures("_importable")
def test_all_other_blocks_run() -> None:
    texts = {path.read_text() for path in FILES}
    others = [block for block in BLOCKS if block not in texts]
    assert len(others) == 3
    for block in others:
        exec(compile(block, "plugins/README.md", "exec"), {})


@pytest.mark.usefixtures("_importable")
def test_the_examples_meet_the_contract() -> None:
    contracts = importlib.import_module("contracts")
    checks = [check for name, check in vars(contracts).items() if name.startswith("test_")]
    assert len(checks) == 3
    for check in checks:
        check()


def test_every_hook_is_listed_with_its_parameters() -> None:
    hooks = {
        name: str(inspect.signature(hook)).partition(" ->")[0]
        for name, hook in vars(hookspecs).items()
        if name.startswith("recbench_")
    }
    listed = dict(re.findall(r"^\| `(recbench_\w+)(\([^`]*\))`", PAGE, re.MULTILINE))
    expected = {name: re.sub(r": '?\w+'?", "", text) for name, text in hooks.items()}
    assert listed == expected


def test_every_shipped_plugin_is_listed() -> None:
    folders = {folder.name for folder in PLUGINS.iterdir() if (folder / "__init__.py").exists()}
    assert set(re.findall(r"\[(recbench_\w+)\]\(\1\)", PAGE)) == folders


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process for which pip has installed all examples."""
    folder = tmp_path_factory.mktemp("examples")
    sources = [str(shutil.copytree(place, folder / place.name)) for place in (SAMPLE, EXAMPLES)]
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target)]
    done = subprocess.run([*command, *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "120"}


COMMANDS = re.findall(r"(?m)^    ((?:RECBENCH_\w+=\S+ )?recbench .*)$", PAGE)


def test_every_command_works(installed: dict[str, str], tmp_path: Path) -> None:
    printed = {}
    for command in COMMANDS:
        if "ml-100k" in command:
            continue  # see below
        words = shlex.split(command)
        variables = dict(word.split("=") for word in words if word.startswith("RECBENCH_"))
        words = [sys.executable, "-m", *words[len(variables) :]]
        if "run" in words and "--dataset" not in words:
            words += ["--dataset", "library"]
        done = subprocess.run(
            words, capture_output=True, text=True, env={**installed, **variables}, cwd=tmp_path
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[command] = done.stdout
    output = "\n".join(printed.values())
    for name in (
        "content",
        "follows-last",
        "json-log",
        "library",
        "neighbours",
        "new-users",
        "org",
        "rbp",
    ):
        assert re.search(rf"(?m)^{name} +0\.1\.0 ", printed["recbench plugins"]), name
    assert "BROKEN" not in output
    assert "failed" not in output
    assert "library, new-users:share=0.3" in output
    assert "rbp@10" in printed["recbench run neighbours popular --metrics ndcg,rbp"]
    titles = (EXAMPLES / "recbench_library" / "books.csv").read_text()
    recommended = printed["recbench recommend neighbours --dataset library --user R07 --k 3"]
    assert sum(line.split(",")[1] in recommended for line in titles.splitlines()) >= 3
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 2
    page = (tmp_path / "results.org").read_text()
    assert page.count("| model | NDCG@") == 2  # the dataset under two splits
    assert re.search(r"(?m)^\| follows-last !? *\|  \| 0\.", page)


def test_content_beats_popular_on_items_with_few_interactions(
    installed: dict[str, str], tmp_path: Path, ml_100k: Path
) -> None:
    place = COMMANDS.index("recbench run content popular --dataset ml-100k --k 10")
    env = {**installed, "RECBENCH_DATA": str(ml_100k.parent)}
    for command in COMMANDS[place : place + 2]:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, capture_output=True, text=True, env=env, cwd=tmp_path)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    shown = PAGE.partition("recbench table --segments")[2].split("```")[1]
    measured = re.compile(r"(?<=\]..).*[0-9].*")  # seconds and memory differ between machines
    printed = [measured.sub("", line) for line in done.stdout.splitlines()]
    for line in shown.strip("\n").splitlines():
        assert measured.sub("", line) in printed
    _, popular, content = re.search(
        r"NDCG@10 +\(.*\n(.*)\n(popular .*)\n(content .*)", done.stdout
    ).groups()
    assert float(content.split()[3]) > float(popular.split()[3])  # target in tail
    assert content.split()[3] == "0.0259"


def test_the_tracker_receives_each_new_result_once(
    installed: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "runs.jsonl"
    env = {**installed, "RECBENCH_JSON_LOG": str(file)}
    command = [sys.executable, "-m", "recbench", "run", "neighbours", "popular", "random"]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--dataset", "library", "--k", "3"], capture_output=True, text=True, env=env
        )
        assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [entry["model"] for entry in entries] == ["neighbours", "popular", "random"]
    assert [entry["seed"] for entry in entries] == [None, None, 0]
    assert all(0 <= entry["rbp@3"] <= entry["ndcg@3"] <= 1 for entry in entries)


def test_options_are_described(installed: dict[str, str]) -> None:
    command = [sys.executable, "-m", "recbench", "models", "neighbours"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed)
    assert done.returncode == 0, done.stderr
    assert "Number of latest items of a history that are used." in done.stdout


def test_explanations_are_shown(installed: dict[str, str]) -> None:
    command = [sys.executable, "-m", "recbench", "explain", "neighbours", "--dataset", "library"]
    done = subprocess.run(
        [*command, "--user", "R07", "--k", "2"], capture_output=True, text=True, env=installed
    )
    assert done.returncode == 0, done.stderr
    assert "Part of the score that each interaction contributes" in done.stdout

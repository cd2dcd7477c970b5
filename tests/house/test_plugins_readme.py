"""plugins/README.md: its examples are files that work, and it lists all hooks and plugins."""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_venv import Venv

import recbench
from recbench import hookspecs
from recbench.offers import EVENTS
from recbench.scaffold.new import KINDS

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
SAMPLE = ROOT / "tests" / "sample_plugin"
PAGE = (PLUGINS / "README.md").read_text()

FILES = [*sorted(SAMPLE.rglob("*.py")), SAMPLE / "pyproject.toml"]

BLOCKS = re.findall(r"(?ms)^```(?:python|toml)\n(.*?)^```$", PAGE)
"""The code blocks of the page."""

COMMANDS = re.findall(r"(?m)^    (\S.*)$", re.sub(r"(?ms)^```.*?^```$", "", PAGE))

WRITE = re.findall(r"(?m)^\| `(recbench plugin new my-\w+.*)` \| `(.*)` \|$", PAGE)
"""Commands that write a plugin of each kind, and those that show it."""

NEW = {kind: f"recbench_my_{kind}.py" for kind in KINDS}
"""Kind -> the module of a new plugin."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_sample_is_quoted_exactly(path: Path) -> None:
    assert path.read_text() in BLOCKS


@pytest.mark.parametrize("kind", KINDS)
def test_new_plugins_are_quoted_exactly(kind: str) -> None:
    folder = recbench.new_plugin(f"my-{kind}", kind=kind).folder
    assert (folder / NEW[kind]).read_text() in BLOCKS
    assert kind != "model" or (folder / "pyproject.toml").read_text() in BLOCKS


def test_every_kind_is_written_and_shown_by_the_commands_of_its_readme() -> None:
    assert len(WRITE) == len(KINDS)
    for kind, (write, show) in zip(KINDS, WRITE, strict=True):
        assert write in (
            f"recbench plugin new my-{kind} --kind {kind}",
            "recbench plugin new my-model",
        )
        assert recbench.new_plugin(f"my-{kind}", kind=kind).commands[1] == show
    assert COMMANDS[:3] == ["recbench plugin new my-model", "cd my-model", "pip install -e ."]


@pytest.fixture
def _importable(made: tuple[Venv, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the examples importable, as if they were installed, in one test."""
    for place in (SAMPLE, *(made[1] / f"my-{kind}" for kind in KINDS)):
        monkeypatch.syspath_prepend(str(place))
    before = {*sys.modules}
    yield
    for name in sys.modules.keys() - before:
        if name.startswith("recbench_") or name == "contracts":
            del sys.modules[name]


@pytest.mark.usefixtures("_importable")
def test_all_other_blocks_run() -> None:
    modules = [importlib.import_module(name.removesuffix(".py")) for name in NEW.values()]
    texts = {path.read_text() for path in FILES} | {inspect.getsource(each) for each in modules}
    others = [block for block in BLOCKS if block not in texts and not block.startswith("[project]")]
    assert len(others) >= 4
    for block in others:
        exec(compile(block, "plugins/README.md", "exec"), {})


@pytest.mark.usefixtures("_importable")
def test_the_sample_meets_the_contract() -> None:
    contracts = importlib.import_module("contracts")
    checks = [check for name, check in vars(contracts).items() if name.startswith("test_")]
    assert len(checks) == 3
    for check in checks:
        check()


def test_every_hook_is_listed_with_its_parameters() -> None:
    hooks = {
        name: f"({', '.join(inspect.signature(hook).parameters)})"
        for name, hook in vars(hookspecs).items()
        if name.startswith("recbench_")
    }
    rows = re.findall(r"^\| `(recbench_\w+)(\([^`]*\))`", PAGE, re.MULTILINE)
    assert dict(rows) == hooks
    assert len(rows) == len(hooks) + len(EVENTS)  # the events are in a table of their own too


def test_every_shipped_plugin_is_listed() -> None:
    rows = re.findall(r"(?m)^\| \[(recbench_\w+)\]\(\1\) ((?:.*\n)(?:\| \| .*\n)*)", PAGE)
    listed = {folder: re.findall(r"`([\w-]+)`", row) for folder, row in rows}
    infos = recbench.load_plugins().infos
    for folder in PLUGINS.iterdir():
        if (folder / "__init__.py").exists():
            gives = infos[folder.name.removeprefix("recbench_")].gives
            names = [name for names in gives.values() for name in names]
            assert sorted(listed.pop(folder.name)) == sorted(names)
    assert not listed


MINE = {
    "my_model.py": """
import numpy as np

class MyModel:
    def __init__(self, dim=8):
        self.dim = dim

    def fit(self, train):
        return self

    def score(self, history):
        return np.tile(np.arange(history.n_items) % self.dim, (len(history), 1))
""",
    "my_metric.py": """
def first(ranking, k):
    return ranking.expectation([1])
""",
    "my_splitter.py": """
import numpy as np

import recbench

class Last:
    def split(self, interactions):
        log = interactions.take(np.flatnonzero(interactions.lengths >= 2))
        last = log.offsets[1:] - 1
        before = log.keep(~np.isin(np.arange(log.n_interactions), last))
        return recbench.Split(before, before, log.items[last])
""",
    "my_dataset.py": """
import numpy as np

import recbench

def two_users():
    log = recbench.Interactions.from_log([0, 0, 1, 1], [0, 1, 2, 1], [10, 20, 15, 30])
    return recbench.Dataset("two-users", log, np.array([7, 9]), np.array(["a", "b", "c"]))
""",
    "my_table.py": """
def names(results):
    return " and ".join(row.model for part in results.sections() for row in part.rows) + "\\n"
""",
    "my_tracker.py": """
import recbench

class Counts:
    @recbench.hookimpl
    def recbench_all_finished(self, results):
        with open("counted.txt", "a") as file:
            file.write(f"{len(results)} result\\n")
""",
}
"""The files that commands on the page name."""


def test_every_command_works(made: tuple[Venv, Path], tmp_path: Path) -> None:
    env, _ = made
    for name, code in MINE.items():
        (tmp_path / name).write_text(code)
    printed = {}
    for command in COMMANDS[3:]:
        if "ml-100k" in command:
            continue  # see below
        words = command
        if " run " in words and "--dataset" not in words:
            words += " --dataset library"
        printed[command] = env.run(words, tmp_path)
    output = "\n".join(printed.values())
    assert "BROKEN" not in output
    assert " 0 failed, " in printed["recbench plugin check my-model"]
    assert "failed" not in output.replace(" 0 failed, ", "")
    assert printed["recbench run popular --format my_table.py"] == "popular\n"
    assert (tmp_path / "counted.txt").read_text() == "1 result\n"
    mine = (tmp_path / "mine.jsonl").read_text()
    assert [json.loads(line)["model"] for line in mine.splitlines()] == ["neighbours", "popular"]
    for text in (
        *("library, my-splitter:share=0.3", "library, Last", "first@10"),
        *("MyModel:dim=32 ", "rules:decay=0.9 ", "my-metric:steepness=1@10", "two-users, "),
    ):
        assert text in output, text
    for name in ("content", "library", "neighbours", "new-genres"):
        assert re.search(rf"(?m)^{name} +0\.1\.0 ", env.run("recbench plugins", tmp_path)), name
    titles = (SAMPLE / "recbench_library" / "books.csv").read_text()
    recommended = printed["recbench recommend neighbours --dataset library --user R07 --k 3"]
    assert sum(line.split(",")[1] in recommended for line in titles.splitlines()) >= 3
    page = (tmp_path / "results.my-table").read_text()
    assert page.count("| model | NDCG@") >= 2  # the dataset under several splits
    assert re.search(r"(?m)^\| my-model !? *\| ", page)


def test_commands_that_need_movielens(
    made: tuple[Venv, Path], tmp_path: Path, ml_100k: Path
) -> None:
    data = {"RECBENCH_DATA": str(ml_100k.parent)}
    env, _ = made
    with_genres = "recbench run neighbours popular --dataset ml-100k --metrics ndcg,new-genres"
    assert "new-genres@10" in env.run(with_genres, tmp_path, **data)
    content = "recbench run content popular --dataset ml-100k --k 10"
    assert [command for command in COMMANDS if "ml-100k" in command] == [content, with_genres]
    by_popularity = COMMANDS[COMMANDS.index(content) + 1]
    env.run(f"{content} --results content", tmp_path, **data)
    shown = env.run(f"{by_popularity} --results content", tmp_path, **data)
    quoted = PAGE.partition(by_popularity)[2].split("```")[1]
    measured = re.compile(r"(?<=\]..).*[0-9].*")  # seconds and memory differ between machines
    printed = [measured.sub("", line) for line in shown.splitlines()]
    for line in quoted.strip("\n").splitlines():
        assert measured.sub("", line) in printed
    _, popular, content = re.search(
        r"by popularity +\(.*\n(.*)\n(popular .*)\n(content .*)", shown
    ).groups()
    assert float(content.split()[3]) > float(popular.split()[3])  # the target is in the tail
    assert content.split()[3] == "0.0259"


def test_the_tracker_receives_each_new_result_once(made: tuple[Venv, Path], tmp_path: Path) -> None:
    env, _ = made
    for _ in range(2):
        command = "recbench run neighbours popular random --dataset library --k 3"
        env.run(f"{command} --track my-tracker", tmp_path)
    entries = [
        json.loads(line) for line in (tmp_path / "my-tracker.jsonl").read_text().splitlines()
    ]
    assert [entry["model"] for entry in entries] == ["neighbours", "popular", "random"]
    assert [entry["seed"] for entry in entries] == [None, None, 0]
    assert all(0 <= entry["my-metric@3"] <= entry["recall@3"] <= 1 for entry in entries)


def test_options_are_described(made: tuple[Venv, Path], tmp_path: Path) -> None:
    shown = made[0].run("recbench models neighbours", tmp_path)
    assert "Number of latest items of a history that are used." in shown
    shown = made[0].run("recbench metrics my-metric", tmp_path)
    assert "How much less lower ranks count." in shown


def test_explanations_are_shown(made: tuple[Venv, Path], tmp_path: Path) -> None:
    shown = made[0].run("recbench explain neighbours --dataset library --user R07 --k 2", tmp_path)
    assert "Part of the score that each interaction contributes" in shown

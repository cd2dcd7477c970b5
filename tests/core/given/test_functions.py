"""Datasets and tables that are named by the .py file of their function."""

from pathlib import Path

import pytest

import recbench
from recbench import Results, UsageError
from recbench.cli.main import main

DATA = """
import recbench

def make(users: int = 30, data_dir=None):
    text = f"synthetic:users={users},items=40,interactions=600"
    return recbench.load_dataset(text)

def needing(users: int):
    return make(users)
"""

TABLE = """
def short(results):
    return "".join(f"{row.model}\\n" for section in results.sections() for row in section.rows)

def helper(text): ...
"""


@pytest.fixture
def files(place: Path) -> Path:
    (place / "data.py").write_text(DATA)
    (place / "table.py").write_text(TABLE)
    return place


def test_a_file_is_a_dataset(files: Path) -> None:
    dataset = recbench.load_dataset("data.py:make:users=25,min_user_interactions=2")
    assert dataset.interactions.n_users == 25
    assert dataset.name.startswith("synthetic:")
    assert dataset.name.endswith(",users=25")
    with pytest.raises(
        UsageError, match=r"has several datasets \(make, needing\); name one of the"
    ):
        recbench.load_dataset("data.py")
    with pytest.raises(UsageError, match=r"write data\.py:needing:users=VALUE$"):
        recbench.load_dataset("data.py:needing")
    with pytest.raises(UsageError, match=r"^data\.py has no dataset 'mkae'; did you mean 'make'"):
        recbench.load_dataset("data.py:mkae")


def test_files_stand_wherever_names_do_on_the_command_line(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "run popular random --dataset data.py:make --format table.py --in-process --k 5"
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    assert stop.value.code == 0
    assert sorted(capsys.readouterr().out.split()) == ["popular", "random"]


def count_results(results: Results) -> str:
    return f"{len(results)} results"


def test_a_function_is_a_table(files: Path) -> None:
    results = recbench.run("popular", "data.py:make", results=None, ks=5)
    assert results.to_table(count_results) == "1 results"
    assert results.to_table("table.py") == results.to_table("table.py:short") == "popular\n"
    with pytest.raises(
        UsageError, match=r"^data\.py has no table: it has no function of \(results"
    ):
        results.to_table("data.py")

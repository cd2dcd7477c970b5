"""Source files: docstrings, length, variable names, and tests with matching paths."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import recbench

ROOT = Path(__file__).parents[2]
SOURCES = [path for part in ("recbench", "plugins") for path in sorted((ROOT / part).rglob("*.py"))]

OF_SEVERAL_FILES = {
    "core/store/test_kills.py",
    "core/store/test_metadata_of_results.py",
    "core/test_aliases.py",
    "core/test_notebook.py",
    "core/test_platforms.py",
    "plugins/recbench_dask/test_cells.py",
    "plugins/recbench_files/test_round_trip.py",
    "plugins/recbench_slurm/test_cells.py",
    "plugins/recbench_transformer/test_lesson.py",
    "plugins/recbench_transformer/test_readme.py",
}
"""Tests of several files, or of pages and notebooks."""


def test_public_names_are_sorted_and_have_docstrings() -> None:
    assert list(recbench.__all__) == sorted(recbench.__all__)
    for name in recbench.__all__:
        assert inspect.getdoc(getattr(recbench, name)), f"recbench.{name} has no docstring"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_has_a_docstring_and_at_most_400_lines(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "the file has no docstring"
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_is_called_one(path: Path) -> None:
    assert lines_that_name("one", path.read_text()) == [], "use a name that says what it holds"


def lines_that_name(name: str, source: str) -> list[int]:
    """Return the lines on which this name is defined or used."""
    return sorted(
        {node.lineno for node in ast.walk(ast.parse(source)) if name in set(_names_of(node))}
    )


def _names_of(node: Any) -> Iterator[str]:
    for field in ("id", "arg", "attr", "name", "asname", "rest", "names"):
        name = getattr(node, field, None)
        yield from [name] if isinstance(name, str) else []
        if isinstance(name, list):  # of `global` and `nonlocal`
            yield from (part for part in name if isinstance(part, str))


@pytest.mark.parametrize(
    "source",
    [
        "one = 1",
        "print(one)",
        "[one.name for one in names]",
        "lambda one: 1",
        "def f(*one): pass",
        "def f(*, one=1): pass",
        "def one(): pass",
        "class one: pass",
        "self.one = 1",
        "f(one=1)",
        "import numpy as one",
        "for nth, (one, other) in pairs: pass",
        "with path.open() as one: pass",
        "try: pass\nexcept OSError as one: pass",
        "match x:\n case [*one]: pass",
        "match x:\n case {**one}: pass",
        "def f():\n nonlocal one",
        "f'{one}'",
    ],
)
def test_a_name_is_found_in_every_kind_of_syntax(source: str) -> None:
    assert lines_that_name("one", f"\n{source}")[-1] > 1


def test_words_and_parts_of_names_are_allowed() -> None:
    assert lines_that_name("one", '"""one"""\nnone = every_one = "one"  # one') == []


def test_tests_have_the_paths_of_the_files_they_test() -> None:
    """Tests of a complete plugin have its name, as in recbench_tables/test_tables.py."""
    homes = {"core": ROOT / "recbench", "plugins": ROOT / "plugins"}
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    for test in sorted(tests):
        if test.parts[0] != "house" and test.as_posix() not in OF_SEVERAL_FILES:
            tested = homes[test.parts[0]].joinpath(*test.parts[1:-1], test.name[len("test_") :])
            plugin = tested.with_name(f"recbench_{tested.name}").stem
            assert tested.is_file() or tested.parent.name == plugin, (
                f"{test}: {tested} does not exist"
            )


def test_the_exceptions_exist() -> None:
    assert all((ROOT / "tests" / name).is_file() for name in OF_SEVERAL_FILES)

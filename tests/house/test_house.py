"""The shape of the house: what guards it against drifting."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recbench
from recbench import hookspecs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SOURCES = sorted((ROOT / "recbench").rglob("*.py")) + sorted((ROOT / "plugins").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
SHIPPED = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()}


def _imports(path: Path) -> set[str]:
    """Every module, or name of a module, that a file imports from elsewhere, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


def test_all_is_sorted_and_is_what_there_is() -> None:
    assert list(recbench.__all__) == sorted(recbench.__all__)
    for name in recbench.__all__:
        assert inspect.getdoc(getattr(recbench, name)), f"recbench.{name} says nothing of itself"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_plugins_import_only_what_is_public(path: Path) -> None:
    public = {"recbench", "recbench.testing", *(f"recbench.{name}" for name in recbench.__all__)}
    for name in _imports(path):
        if name.startswith("recbench") and name.partition(".")[0] not in SHIPPED:
            assert name in public or name.startswith("recbench.testing."), f"{path} imports {name}"


def test_the_core_imports_no_plugin() -> None:
    for path in (ROOT / "recbench").rglob("*.py"):
        found = {name.partition(".")[0] for name in _imports(path)}
        assert not found & SHIPPED, f"{path.name} imports {found & SHIPPED}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_has_one_idea(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "say what the file is for"
    assert len(text.splitlines()) <= 400


def test_every_shipped_plugin_has_an_entry_point() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert set(points["recbench"].values()) == SHIPPED


def test_readme_tells_every_hook_as_it_is() -> None:
    hooks = {
        name: str(inspect.signature(hook)).partition(" ->")[0]
        for name, hook in vars(hookspecs).items()
        if name.startswith("recbench_")
    }
    told = dict(re.findall(r"^\| `(recbench_\w+)(\([^`]*\))`", README, re.MULTILINE))
    assert told == {name: re.sub(r": '?\w+'?", "", signature) for name, signature in hooks.items()}


def test_readme_shows_the_sample_plugin_as_it_is() -> None:
    sample = ROOT / "tests" / "sample_plugin"
    for file in ("recbench_follows_last.py", "pyproject.toml"):
        assert (sample / file).read_text().strip() in README


def test_readme_points_at_lines_that_say_what_it_tells() -> None:
    found = re.findall(r"`([^`]+)` \(\[network\.py:(\d+)\]\(([^)#]+)#L(\d+)\)\)", README)
    assert len(found) >= 5
    for words, line, path, anchor in found:
        assert line == anchor
        text = (ROOT / path).read_text().splitlines()[int(line) - 1]
        assert words in text, f"line {line} of {path} is: {text}"


@pytest.mark.parametrize("tool", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_the_checkers_agree(tool: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""README tells what is so."""

import inspect
import re
from pathlib import Path

from recbench import hookspecs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_readme_tells_every_hook_as_it_is() -> None:
    hooks = {
        name: str(inspect.signature(hook)).partition(" ->")[0]
        for name, hook in vars(hookspecs).items()
        if name.startswith("recbench_")
    }
    shown = dict(re.findall(r"^\| `(recbench_\w+)(\([^`]*\))`", README, re.MULTILINE))
    assert shown == {name: re.sub(r": '?\w+'?", "", signature) for name, signature in hooks.items()}


def test_readme_shows_the_sample_plugin_as_it_is() -> None:
    sample = ROOT / "tests" / "sample_plugin"
    for file in ("recbench_follows_last.py", "pyproject.toml"):
        assert (sample / file).read_text().strip() in README


def test_readme_points_at_lines_that_say_what_it_tells() -> None:
    pointers = re.findall(r"`([^`]+)` \(\[network\.py:(\d+)\]\(([^)#]+)#L(\d+)\)\)", README)
    assert len(pointers) >= 5
    for words, line, path, anchor in pointers:
        assert line == anchor
        text = (ROOT / path).read_text().splitlines()[int(line) - 1]
        assert words in text, f"line {line} of {path} is: {text}"


def test_the_map_of_the_core_names_every_file_of_it() -> None:
    core = ROOT / "recbench"
    page = (core / "README.md").read_text()
    rows = dict(re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+) \|.*?\| (.*) \|$", page, re.MULTILINE))
    for path in core.rglob("*.py"):
        if path.stem in ("__init__", "__main__"):
            continue
        place = path.relative_to(core)
        holds = page if place.parent == Path() else rows[f"`{place.parent}/`"]
        assert f"`{place if place.parent == Path() else place.stem}`" in holds, place
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (core / link).exists(), link


def test_a_run_can_be_followed_through_twenty_files() -> None:
    page = (ROOT / "recbench" / "README.md").read_text()
    assert 10 <= len(re.findall(r"^\d+\. \[", page, re.MULTILINE)) <= 20

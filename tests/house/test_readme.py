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

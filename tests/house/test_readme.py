"""The README files agree with the code."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from recbench import load_plugins, new_plugin
from recbench.cli.group import cli
from recbench.spec import Spec

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FOLDERS = ("recbench", "plugins", "results", "benchmarks", "tests")
PAGES = [
    ROOT / "README.md",
    *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("README.md"))),
]
PAGES = [page for page in PAGES if "templates" not in page.parts]  # they link to nothing


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_readme_quotes_a_new_plugin_exactly() -> None:
    assert "recbench plugin new my-model" in README
    code = new_plugin("my-model").folder / "recbench_my_model.py"
    assert f"```python\n{code.read_text()}```" in README


def test_the_first_table_has_the_numbers_of_the_committed_results() -> None:
    (table,) = [block for block in README.split("```\n") if block.startswith("ml-100k, leave")]
    committed = (ROOT / "results" / "reference" / "ml-100k.txt").read_text()
    numbers = re.findall(r"\d\.\d{4} \[[^]]*\]", table)
    assert len(numbers) == 6
    assert [number for number in numbers if number not in committed] == []


def test_the_python_of_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for block in _blocks("python") if "recbench.run(" in block]
    code = code.replace('"ml-100k"', '"synthetic"').replace("transformer", "rules")
    code = code.replace("k=5)", 'k=5, dataset="synthetic")')
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert set(names["frame"]["model"]) == {"rules", "popular"}


def test_the_commands_of_readme_are_valid() -> None:
    commands = re.findall(r"(?:^    |&& |`)(recbench \w[^`#\n]*)", README, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        _, name, *args = shlex.split(command)
        if name == "--help":
            continue
        cli.commands[name].make_context(name, args)  # raises for a wrong option or argument
        for text in args:
            if re.match(r"(transformer|rules|popular)\b", text):
                load_plugins().check("models", Spec.parse(text))


def test_the_claims_about_the_transformer_are_those_of_the_committed_tables() -> None:
    table = (ROOT / "results" / "reference" / "sasrec-ml-1m.md").read_text()
    (row,) = [line for line in table.splitlines() if line.startswith("| transformer ")]
    (ndcg,) = re.findall(r"NDCG@10 of (0\.\d{4}) on MovieLens 1M", README)
    assert f" {ndcg} ±" in row
    table = (ROOT / "benchmarks" / "time_to_quality-ml-1m.md").read_text()
    ours, theirs = re.findall(r"(?m)^\| [^|]* \| ([\d,.]+) \|", table)
    seconds = float(ours)
    assert f"After {seconds:.0f} seconds, it is better" in README
    assert (
        f"more than {int(float(theirs.replace(',', '')) / seconds)} times as long to reach 0.15"
        in README
    )
    assert re.search(r"RecTools SASRec \|.*not in 3,6\d\d s; best 0\.16", table)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_have_targets(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, link


def _anchor(heading: str) -> str:
    """Return the anchor that code hosts make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_map_of_the_core_names_every_file() -> None:
    core = ROOT / "recbench"
    page = (core / "README.md").read_text()
    rows = dict(re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+) \|.*?\| (.*) \|$", page, re.MULTILINE))
    for path in core.rglob("*.py"):
        if path.stem in ("__init__", "__main__") or "templates" in path.parts:
            continue
        place = path.relative_to(core)
        holds = page if place.parent == Path() else rows[f"`{place.parent}/`"]
        assert f"`{place if place.parent == Path() else place.stem}`" in holds, place


def test_the_path_of_a_run_has_at_most_twenty_files() -> None:
    page = (ROOT / "recbench" / "README.md").read_text()
    assert 10 <= len(re.findall(r"^\d+\. \[", page, re.MULTILINE)) <= 20

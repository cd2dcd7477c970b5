"""The distribution: its name, its plugins, and the versions of its dependencies."""

import glob
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from recbench.code.installed import DISTRIBUTION, GROUP

ROOT = Path(__file__).parents[2]


def _project(path: Path) -> Any:
    return tomllib.loads(path.read_text())["project"]


OURS = _project(ROOT / "pyproject.toml")


def test_every_shipped_plugin_has_an_entry_point() -> None:
    shipped = {folder.name for folder in (ROOT / "plugins").iterdir() if folder.is_dir()}
    assert set(OURS["entry-points"][GROUP].values()) == shipped


def test_the_templates_of_new_plugins_are_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["recbench.scaffold"]
    place = ROOT / "recbench" / "scaffold"
    shipped = {name for pattern in patterns for name in glob.glob(pattern, root_dir=place)}
    files = {path for path in place.glob("templates/**/*") if path.is_file()}
    assert shipped == {
        str(path.relative_to(place)) for path in files if path.parent.name != "__pycache__"
    }


def test_the_distribution_has_the_same_name_everywhere() -> None:
    sample = _project(ROOT / "tests" / "sample_plugin" / "pyproject.toml")
    assert OURS["name"] == DISTRIBUTION
    assert sample["dependencies"] == [DISTRIBUTION]
    assert metadata.version(DISTRIBUTION) == OURS["version"]


def test_pinned_versions_are_within_the_bounds() -> None:
    text = (ROOT / "results" / "environment.txt").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    for line in (*OURS["dependencies"], *OURS["optional-dependencies"]["test"]):
        requirement = Requirement(line)
        assert [bound.operator for bound in requirement.specifier] == [">="], line
        assert requirement.specifier.contains(pins[requirement.name]), line

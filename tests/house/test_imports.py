"""Imports: the core in a fixed order without cycles, and plugins only the public names."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

import recbench
import recbench.testing

ROOT = Path(__file__).parents[2]

ORDER = (
    *(
        "errors",
        "report",
        "arguments",
        "bars",
        "reported",
        "progress",
        "bar_relay",
        "spec",
        "space",
        "option_docs",
        "files",
    ),
    *("code", "guard", "hookspecs", "offers", "missing", "plugins", "given"),
    *("data", "models", "isolation", "evaluation", "results", "store"),
    *("experiment", "trial", "keeper", "cell", "jobs", "heatmap", "tuning"),
    *("external_file", "external", "tracking", "run"),
    *("recommending", "recommend", "explain", "attention"),
    *("inspect_user", "stored", "compare", "export", "verification", "verify", "table"),
    *("curves_picture", "curves", "trials", "tune"),
    *("oracles", "selfcheck", "checking", "testing", "scaffold", "cli", "__init__", "__main__"),
)
"""The core's packages and files: each imports only from those before it, and from within itself."""

SHIPPED = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if folder.is_dir())

MODULES = {"recbench", "recbench.testing"}
PUBLIC = {
    *(f"recbench.{name}" for name in recbench.__all__),
    *(f"recbench.testing.{name}" for name in recbench.testing.__all__),
}
"""The modules that plugins may import, and the names that they may use."""

Sources = Mapping[str, str]
"""Dotted module -> its source; the `__init__` of a package has the name of the package."""

Graph = Mapping[str, set[str]]
"""Dotted module -> the modules that it imports, of those that are in the graph."""


def sources_of(package: Path) -> dict[str, str]:
    """Return every module of a package on disk."""
    return {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path.read_text()
        for path in sorted(package.rglob("*.py"))
    }


def imported_names(source: str, package: str) -> Iterator[str]:
    """Yield what a file imports: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`.

    Relative imports start from `package`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def graph_of(sources: Sources) -> dict[str, set[str]]:
    """Return which of these modules import which; a name in a module counts as the module."""
    packages = {module.rpartition(".")[0] for module in sources}
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        package = module if module in packages else module.rpartition(".")[0]
        names = imported_names(source, package)
        owners = (
            next((owner for owner in _prefixes(name) if owner in sources), None) for name in names
        )
        graph[module] = {owner for owner in owners if owner is not None}
    return graph


def _prefixes(name: str) -> Iterator[str]:
    """Yield `a.b.c`, `a.b` and `a`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def section(module: str) -> str:
    """Return the entry of ORDER that a module of the core belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def order_violations(graph: Graph, order: Collection[str] = ORDER) -> list[str]:
    """Return the imports that violate the order."""
    places = {name: place for place, name in enumerate(order)}
    return [
        f"{module} imports {imported}"
        for module, imports in graph.items()
        for imported in sorted(imports)
        if section(imported) != section(module)
        and places[section(imported)] > places[section(module)]
    ]


def cycle(graph: Graph) -> list[str]:
    """Return modules that import each other in a cycle, or []."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def non_public_uses(source: str) -> list[str]:
    """Return the names of the core that a file of a plugin uses and that are not public."""
    reached: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):  # without an alias, so that its uses are found below
            reached += [
                alias.name for alias in node.names if alias.asname or alias.name not in MODULES
            ]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            reached += [name for name in names if name not in PUBLIC]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in MODULES:
            name = ast.unparse(node)
            reached += [name] if name not in PUBLIC | MODULES else []
    return [name for name in reached if name.partition(".")[0] == "recbench"]


TEMPLATES = sources_of(ROOT / "recbench" / "scaffold" / "templates")
"""The code of new plugins, which is no part of the core."""

CORE = {
    module: source
    for module, source in sources_of(ROOT / "recbench").items()
    if not module.startswith("recbench.scaffold.templates.")
}
PLUGINS = {
    module: source
    for name in SHIPPED
    for module, source in sources_of(ROOT / "plugins" / name).items()
} | TEMPLATES


def test_the_order_names_every_section_and_nothing_else() -> None:
    assert sorted(ORDER) == sorted({section(module) for module in CORE})


def test_imports_follow_the_order() -> None:
    assert order_violations(graph_of(CORE)) == []


def test_imports_have_no_cycle() -> None:
    assert cycle(graph_of(CORE)) == []
    for name in SHIPPED:
        assert cycle(graph_of(sources_of(ROOT / "plugins" / name))) == []


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_no_plugin(module: str) -> None:
    tops = {name.partition(".")[0] for name in imported_names(CORE[module], "recbench")}
    assert not tops & set(SHIPPED)


@pytest.mark.parametrize("module", PLUGINS)
def test_plugins_use_only_public_names(module: str) -> None:
    assert non_public_uses(PLUGINS[module]) == []


# The checks themselves, on sources that break each rule


@pytest.mark.parametrize(
    "source",
    [
        "import recbench.store.format",
        "import recbench.store.format as form",
        "from recbench.store.format import read",
        "from recbench.store import format",
        "from recbench.store import format as form",
        "from ..store.format import read",
        "from ..store import format",
        "def late():\n    from recbench.store import format",
        "if TYPE_CHECKING:\n    from recbench.store import format",
        "try:\n    import recbench.store.format\nexcept ImportError:\n    pass",
    ],
)
def test_every_form_of_an_upward_import_is_caught(source: str) -> None:
    graph = graph_of({"recbench.data.load": source, "recbench.store.format": ""})
    assert order_violations(graph) == ["recbench.data.load imports recbench.store.format"]


@pytest.mark.parametrize(
    "source",
    ["import recbench", "from recbench import Result", "from recbench import load_dataset, data"],
)
def test_the_core_does_not_import_the_public_names(source: str) -> None:
    graph = graph_of({"recbench": "", "recbench.data": "", "recbench.cli.main": source})
    assert order_violations(graph) == ["recbench.cli.main imports recbench"]


def test_imports_down_the_order_and_within_a_section_are_allowed() -> None:
    graph = graph_of(
        {
            "recbench": "from recbench.data.load import load",
            "recbench.__main__": "import recbench",
            "recbench.cli": "",
            "recbench.cli.main": "from recbench.cli import options\nfrom . import options",
            "recbench.cli.options": "from recbench.data import load",
            "recbench.data.load": "from .split import Split",
            "recbench.data.split": "import numpy, recbench_popular",
        }
    )
    assert graph["recbench.cli.main"] == {"recbench.cli.options"}
    assert graph["recbench.data.load"] == {"recbench.data.split"}
    assert graph["recbench.data.split"] == set()
    assert order_violations(graph) == []
    assert cycle(graph) == []


@pytest.mark.parametrize(
    "back",
    [
        "from recbench.data import load",
        "from . import load",
        "def f():\n    import recbench.data.load",
    ],
)
def test_a_cycle_within_a_section_is_caught(back: str) -> None:
    graph = graph_of(
        {
            "recbench.data.load": "from recbench.data.clean import clean",
            "recbench.data.clean": "from recbench.data.split import Split",
            "recbench.data.split": back,
        }
    )
    assert order_violations(graph) == []
    assert set(cycle(graph)) == set(graph)


@pytest.mark.parametrize(
    ("source", "reached"),
    [
        ("import recbench.data", "recbench.data"),
        ("import recbench.run", "recbench.run"),
        ("import recbench as core", "recbench"),
        ("from recbench import evaluation", "recbench.evaluation"),
        ("from recbench import testing", "recbench.testing"),
        ("from recbench import *", "recbench.*"),
        ("from recbench.store.store import Store", "recbench.store.store.Store"),
        ("from recbench.run import run", "recbench.run.run"),
        ("from recbench.testing import np", "recbench.testing.np"),
        ("def f():\n    from recbench.spec import Spec", "recbench.spec.Spec"),
        ("import recbench\nrecbench.evaluation.referee.evaluate()", "recbench.evaluation"),
        ("import recbench\nrecbench.spec", "recbench.spec"),
        ("import recbench.testing\nrecbench.testing.evaluate", "recbench.testing.evaluate"),
    ],
)
def test_a_plugin_that_uses_other_names_of_the_core_is_caught(source: str, reached: str) -> None:
    assert non_public_uses(source) == [reached]


def test_public_names_and_other_plugins_are_allowed() -> None:
    source = """
import recbench, recbench.testing
import recbench_files.text.reader
import numpy as np
from recbench import Interactions, run as go
from recbench.testing import check_model
from recbench_files import read_file
from .data import load
recbench.Interactions.from_log([], [])
recbench.testing.check_model(go)
self.recbench.spec
"""
    assert non_public_uses(source) == []

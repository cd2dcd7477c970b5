"""Plugins: a broken one does not affect the others, and is reported."""

import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin

import recbench
from recbench import UsageError, hookimpl, load_plugins
from recbench.code.installed import warn_of_namesake
from recbench.offers import Offer
from recbench.plugins import Plugins
from recbench.spec import Spec
from recbench_popular import Popular


def _model(dim: int = 1) -> object:
    """A model for a test.

    More about it.
    """
    return object()


def test_all_shipped_plugins_are_found_and_not_broken() -> None:
    plugins = load_plugins()
    assert not plugins.broken
    assert {"popular", "random", "transformer"} <= set(plugins.names("models"))
    assert {"ml-100k", "ml-1m", "ml-32m", "synthetic", "file"} <= set(plugins.names("datasets"))
    assert {
        *("given", "leave-last-basket", "leave-last-out", "leave-n-out", "random", "sessions"),
        *("temporal", "users", "windows"),
    } <= set(plugins.names("splitters"))
    assert {"ndcg", "hit", "mrr", "recall", "map", "coverage", "gini", "novelty"} <= set(
        plugins.names("metrics")
    )
    assert {"plain", "markdown", "latex", "csv", "json"} <= set(plugins.names("tables"))


def test_the_core_has_no_list_of_built_ins() -> None:
    assert not any(Plugins().names(kind) for kind in ("models", "datasets", "splitters"))


def test_an_offer_has_the_summary_of_its_docstring() -> None:
    offer = load_plugins(mine=plugin(models={"mine": _model})).find("models", "mine")
    assert offer.summary == "A model for a test."
    assert offer.plugin == "mine"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (plugin(models=RuntimeError("no luck")), "RuntimeError: no luck"),
        (plugin(models=SystemExit(3)), "SystemExit: 3"),
        (plugin(models=["mine"]), "returned an object of type list; it must return a mapping"),
        (
            plugin(models={"mine": 3}),
            "returned an object of type int for the name 'mine'; it must map names",
        ),
        (
            plugin(model={}),
            "it implements an unknown hook, recbench_model; did you mean 'recbench_models'?",
        ),
        (types.SimpleNamespace(recbench_models=dict), "not marked; add @recbench.hookimpl"),
        (types.SimpleNamespace(), "it implements no hook"),
    ],
)
def test_a_broken_plugin_is_listed_and_the_others_work(broken: Any, reason: str) -> None:
    plugins = load_plugins(bad=broken, good=plugin(models={"good": _model}))
    assert [info.name for info in plugins.broken] == ["bad"]
    assert reason in plugins.broken[0].broken
    assert plugins.find("models", "good")
    with pytest.raises(UsageError, match=r"may belong to a broken plugin \(bad\)"):
        plugins.find("models", "mine")


def test_a_plugin_with_wrong_hook_arguments_is_broken_and_not_registered() -> None:
    @hookimpl
    def recbench_models(surprise: Any) -> dict[str, Any]:
        return {"half": _model}

    plugins = load_plugins(bad=types.SimpleNamespace(recbench_models=recbench_models))
    assert plugins.broken
    assert not plugins.manager.has_plugin("bad")
    assert "half" not in plugins.names("models")


def test_unknown_names_get_a_suggestion_or_a_list() -> None:
    plugins = load_plugins()
    with pytest.raises(UsageError, match="did you mean 'transformer'"):
        plugins.find("models", "transfomer")
    with pytest.raises(
        UsageError, match="available: given, leave-last-basket, leave-last-out, leave-n-out, leave"
    ):
        plugins.find("splitters", "zzz")


def test_a_name_of_two_plugins_is_an_error_only_if_it_is_requested() -> None:
    twice = plugin(models={"twice": _model})
    plugins = load_plugins(first=twice, second=plugin(models={"twice": _model, "once": _model}))
    assert plugins.find("models", "once")
    with pytest.raises(UsageError, match="offered by the plugins first and second"):
        plugins.find("models", "twice")


def test_an_edited_source_is_another_version(tmp_path: Path) -> None:
    file = tmp_path / "edited.py"
    versions = []
    for text in ("def make(): return 1\n", "def make(): return 2\n"):
        file.write_text(text)
        module = types.ModuleType("edited")
        module.__file__ = str(file)
        sys.modules["edited"] = module
        exec(compile(text, str(file), "exec"), module.__dict__)
        versions.append(Offer("models", "m", module.make, "p", "1.0").source_version())
    del sys.modules["edited"]
    assert versions[0] != versions[1]
    assert all(version.startswith("1.0+") for version in versions)


def test_trackers_are_notified_and_their_errors_do_not_stop_a_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    received = []

    @hookimpl
    def hears(result: Any) -> None:
        received.append(result)

    @hookimpl
    def breaks(result: Any) -> None:
        raise RuntimeError("tracker is down")

    @hookimpl
    def leaves(result: Any) -> None:
        raise SystemExit(0)

    plugins = load_plugins(
        **{
            name: types.SimpleNamespace(recbench_run_finished=listener)
            for name, listener in (("first", hears), ("second", breaks), ("third", leaves))
        }
    )
    plugins.notify("recbench_run_finished", result="result")
    assert received == ["result"]
    messages = sorted(caplog.messages)
    assert [message.partition(" (test_plugins.py, line ")[0] for message in messages] == [
        "recbench_run_finished (plugin second) failed: RuntimeError: tracker is down",
        "recbench_run_finished (plugin third) failed: SystemExit: 0",
    ]


def test_events_are_passed_on_with_the_parameters_that_a_hook_has() -> None:
    heard: list[Any] = []

    class Steps:
        @hookimpl
        def recbench_progress(self, step: int) -> None:
            heard.append(step)

    class Changes:
        @hookimpl
        def recbench_progress(self, values: Any, cell: Any) -> None:
            heard.append((dict(values), list(cell)))
            values.clear()
            cell.append("changed")

        @hookimpl
        def recbench_all_finished(self, results: Any) -> None:
            heard.append(results)

    values, cell = {"loss": 0.5}, ["a cell"]
    plugins = load_plugins(steps=Steps(), first=Changes(), second=Changes())
    plugins.notify("recbench_progress", cell=cell, step=3, values=values)
    assert sorted(heard, key=str) == [({"loss": 0.5}, ["a cell"])] * 2 + [3]
    assert (values, cell) == ({"loss": 0.5}, ["a cell"])
    heard.clear()
    plugins.notify("recbench_all_finished", results=cell)
    assert heard == [cell, cell]
    assert heard[0] is cell  # results can be large, so they are not copied


def test_each_tracker_gets_a_copy_of_its_own(tiny: str) -> None:
    """What one writes to it changes neither the table and the store nor what others get."""
    seen = []

    class Writes:
        @hookimpl
        def recbench_run_finished(self, result: Any) -> None:
            seen.append((repr(result.values), repr(result.provenance), result.setting.n_items))
            result.values.clear()
            result.provenance.clear()
            object.__setattr__(result.setting, "n_items", 1)

    plugins = load_plugins(first=Writes(), second=Writes())
    results = recbench.run("popular", tiny, ks=(3, 5, 10), plugins=plugins, in_process=True)
    (stored,) = recbench.Store("results").all()
    assert seen[0] == seen[1] == (repr(stored.values), repr(stored.provenance), 7)
    assert results[0].values == stored.values
    assert results[0].value("ndcg", 10).mean > 0
    assert results[0].setting.n_items == stored.setting.n_items == 7


def test_a_class_that_is_redefined_in_a_notebook_is_used(busy: str) -> None:
    """The plugins were loaded before: what an object offers is asked for in every run."""
    models: dict[str, Any] = {"mine": Popular}
    plugins = load_plugins(mine=plugin(models=models))
    (first,) = recbench.run("mine", busy, results=None, in_process=True, plugins=plugins)

    class Reverse(Popular):
        def score(self, history: Any) -> Any:
            return -super().score(history)

    models["mine"] = Reverse
    (second,) = recbench.run("mine", busy, results=None, in_process=True, plugins=plugins)
    assert second.value("ndcg", 3) != first.value("ndcg", 3)


def test_a_check_before_the_run_finds_wrong_options() -> None:
    with pytest.raises(UsageError, match="model popular has no option 'rul'; did you mean 'rule'"):
        load_plugins().check("models", Spec.parse("popular:rul=rated"))


@pytest.mark.parametrize("code", ["import recbench", "import recbench; recbench.load_plugins()"])
def test_discovery_imports_no_torch(code: str) -> None:
    check = f"{code}; import sys; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def namesake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on the path with a distribution called `recbench`, as pip installs it."""
    metadata = tmp_path / "site" / "recbench-0.0.1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: recbench\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    warn_of_namesake.cache_clear()
    yield tmp_path / "site"
    warn_of_namesake.cache_clear()


def test_another_distribution_of_the_name_is_reported_once(
    namesake: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        load_plugins()
    (message,) = caplog.messages
    assert message == (
        "the installed distribution `recbench` is not recbench-toolkit and may have overwritten "
        "its files. Run pip uninstall recbench, then pip install --force-reinstall --no-deps "
        "recbench-toolkit"
    )


def test_without_a_namesake_nothing_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_namesake.cache_clear()
    load_plugins()
    assert caplog.messages == []


def test_a_namesake_that_has_overwritten_recbench_is_reported(
    namesake: Path, tmp_path: Path
) -> None:
    """Then every plugin is broken, and the command line says why."""
    package = Path(recbench.__file__).parent
    shutil.copytree(package, namesake / "recbench", ignore=shutil.ignore_patterns("__pycache__"))
    (namesake / "recbench" / "__init__.py").write_text("def hello(): print('hello')\n")
    done = subprocess.run(
        [sys.executable, "-m", "recbench", "models"],
        env={**os.environ, "PYTHONPATH": str(namesake)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    first, *_ = done.stderr.splitlines()
    assert first.startswith("the installed distribution `recbench` is not recbench-toolkit")
    assert done.stderr.count("is not recbench-toolkit") == 1
    assert "plugin popular is broken" in done.stderr

"""Executors and trackers that are named by the .py file that they are in."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from recbench import RecbenchError, UsageError, hookimpl, load_plugins
from recbench.given.services import with_executor, with_trackers
from recbench.spec import Spec

EXECUTORS = """
from concurrent.futures import ThreadPoolExecutor

class Threads(ThreadPoolExecutor):
    def __init__(self, workers: int = 2):
        super().__init__(workers)

def helper(): ...
"""

FUNCTIONS = """
from concurrent.futures import ThreadPoolExecutor

def threads(workers: int = 2):
    return ThreadPoolExecutor(workers)
"""

TRACKERS = """
import recbench

class First:
    def __init__(self, file: str = "first.txt"):
        self.file = file

    @recbench.hookimpl
    def recbench_run_finished(self, result): ...

class Second:
    @recbench.hookimpl
    def recbench_progress(self, step): ...

class Other: ...
"""

HOOKS = """
import recbench

@recbench.hookimpl
def recbench_all_finished(results): ...
"""

NAMED = f"""{TRACKERS}
@recbench.hookimpl
def recbench_trackers():
    return {{"named": First}}
"""


@pytest.fixture
def files(place: Path) -> Path:
    texts = {"classes": EXECUTORS, "functions": FUNCTIONS, "trackers": TRACKERS}
    for name, text in {**texts, "hooks": HOOKS, "named": NAMED, "empty": "x = 1\n"}.items():
        (place / f"{name}.py").write_text(text)
    return place


def _made(kind: str, found: tuple[Any, str]) -> Any:
    plugins, text = found
    return plugins.build(kind, Spec.parse(text))


@pytest.mark.parametrize("text", ["classes.py:Threads:workers=1", "functions.py:threads:workers=1"])
def test_a_class_or_a_function_in_a_file_is_an_executor(files: Path, text: str) -> None:
    made = _made("executors", with_executor(load_plugins(), text))
    assert isinstance(made, ThreadPoolExecutor)
    assert made._max_workers == 1
    made.shutdown()


def test_a_file_with_one_executor_needs_no_name(files: Path) -> None:
    for file in ("classes.py", "functions.py"):
        plugins, text = with_executor(load_plugins(), file)
        assert text in ("Threads", "threads")
        assert plugins.find("executors", text).where.endswith(f"(plugin {file})")


def test_a_name_stays_what_it_is() -> None:
    plugins = load_plugins()
    assert with_executor(plugins, "dask:workers=2") == (plugins, "dask:workers=2")
    assert with_trackers(plugins, ["mine:a=1", "theirs"]) == (plugins, ["mine:a=1", "theirs"])
    assert with_trackers(plugins, []) == (plugins, [])


def test_what_is_no_executor_is_an_error(files: Path) -> None:
    for given, message in (
        ("empty.py", "^empty.py has no executor: it has no function that returns a concurrent.fut"),
        ("functions.py:thread", "^functions.py has no executor 'thread'; did you mean 'threads'"),
        ("functions.py:threads:worker=1", "executor threads has no option 'worker'; did you mean"),
        ("gone.py", "gone.py"),
        (3, "give a name, a concurrent.futures.Executor, or the path of a .py file"),
        ([], "name a single executor, not 0"),
    ):
        with pytest.raises(UsageError, match=message):
            with_executor(load_plugins(), given)


def test_trackers_of_a_file_are_named_or_all_that_its_hook_offers(files: Path) -> None:
    plugins, texts = with_trackers(load_plugins(), ["trackers.py:First:file=a", "named.py"])
    assert texts == ["First:file=a", "named"]
    assert plugins.build("trackers", Spec.parse(texts[0])).file == "a"
    assert plugins.find("trackers", "named").plugin == "named.py"
    with pytest.raises(UsageError, match=r"several trackers \(First, Second\); name one of them"):
        with_trackers(load_plugins(), "trackers.py")
    with pytest.raises(
        UsageError, match=r"class Other is not a tracker: it has no recbench_progres"
    ):
        with_trackers(load_plugins(), "trackers.py:Other")


def test_a_file_with_event_hooks_is_a_plugin_and_needs_no_name(files: Path) -> None:
    plugins, texts = with_trackers(load_plugins(), "hooks.py")
    assert texts == []
    assert plugins.infos["hooks.py"].hooks == ("recbench_all_finished",)
    with pytest.raises(
        UsageError, match=r"^empty.py has no tracker: it has no class with recbench_"
    ):
        with_trackers(load_plugins(), "empty.py")
    (files / "wrong.py").write_text(f"{HOOKS}\n@recbench.hookimpl\ndef recbench_progres(): ...\n")
    with pytest.raises(
        RecbenchError, match="unknown hook, recbench_progres; did you mean 'recbenc"
    ):
        with_trackers(load_plugins(), "wrong.py")


def test_a_class_can_be_given_in_place_of_a_name() -> None:
    class Mine:
        @hookimpl
        def recbench_progress(self, step: int) -> None: ...

    plugins, texts = with_trackers(load_plugins(), Mine)
    assert texts == ["Mine"]
    assert isinstance(plugins.build("trackers", Spec("Mine")), Mine)
    plugins, text = with_executor(plugins, ThreadPoolExecutor)
    assert text == "ThreadPoolExecutor"

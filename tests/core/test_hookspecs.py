"""The six hooks: their names, docstrings and types."""

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import recbench
from recbench import hookspecs
from recbench.offers import HOOKS, KINDS
from recbench.plugins import Plugins

SPECS = {name: getattr(hookspecs, name) for name in HOOKS}


def test_there_is_a_hook_for_each_kind_and_one_for_the_end_of_a_run() -> None:
    assert {*(f"recbench_{kind}" for kind in KINDS), "recbench_run_finished"} == HOOKS


def test_every_hook_has_a_docstring_and_types() -> None:
    for spec in SPECS.values():
        assert inspect.getdoc(spec)
        assert "return" in typing.get_type_hints(spec)


def test_hooks_without_an_implementation_return_nothing() -> None:
    plugins = Plugins()
    for name in HOOKS - {"recbench_run_finished"}:
        assert SPECS[name]() == {}
        assert getattr(plugins.manager.hook, name)() == []
    assert SPECS["recbench_run_finished"](None) is None


def test_hookspecs_import_only_pluggy() -> None:
    code = "import sys, hookspecs; print([m for m in ('recbench', 'numpy') if m in sys.modules])"
    folder = Path(recbench.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_hookimpl_is_a_public_name() -> None:
    assert recbench.hookimpl is hookspecs.hookimpl

"""The hooks: their names, docstrings and types."""

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import recbench
from recbench import hookspecs
from recbench.offers import EVENTS, HOOKS, KINDS
from recbench.plugins import Plugins

SPECS = {name: getattr(hookspecs, name) for name in HOOKS}


def test_there_is_a_hook_for_each_kind_and_each_event() -> None:
    assert {*(f"recbench_{kind}" for kind in KINDS), *EVENTS} == HOOKS
    for event, parameters in EVENTS.items():
        assert tuple(inspect.signature(SPECS[event]).parameters) == parameters


def test_the_page_says_how_many_hooks_there_are() -> None:
    assert inspect.getdoc(hookspecs).startswith("Before step 1: the ten hooks ")  # type: ignore[union-attr]
    assert (len(KINDS), len(EVENTS)) == (7, 3)


def test_every_hook_has_a_docstring_and_types() -> None:
    for spec in SPECS.values():
        assert inspect.getdoc(spec)
        assert "return" in typing.get_type_hints(spec)


def test_hooks_without_an_implementation_return_nothing() -> None:
    plugins = Plugins()
    for name in HOOKS - EVENTS.keys():
        assert SPECS[name]() == {}
        assert getattr(plugins.manager.hook, name)() == []
    for event, parameters in EVENTS.items():
        assert SPECS[event](*parameters) is None


def test_hookspecs_import_only_pluggy() -> None:
    code = "import sys, hookspecs; print([m for m in ('recbench', 'numpy') if m in sys.modules])"
    folder = Path(recbench.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_hookimpl_is_a_public_name() -> None:
    assert recbench.hookimpl is hookspecs.hookimpl

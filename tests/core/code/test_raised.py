"""Errors of plugins: one line with the innermost file and line of the plugin's own code."""

import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin
from scipy import sparse

import recbench
from recbench import RecbenchError, UsageError
from recbench.code import installed, raised
from recbench.code.raised import describe_raised, place_of

DEBUG = "; --debug shows the traceback)"


def _run(code: str, filename: str) -> types.ModuleType:
    """Run code as if it came from a file."""
    module = types.ModuleType("mine")
    exec(compile(code, filename, "exec"), vars(module))
    return module


def _raised_by(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("/home/me/my_model.py", "my_model.py"),
        ("my_model.py", "my_model.py"),
        ("/tmp/ipykernel_4211/1934.py", "notebook cell"),
        (r"C:\Users\me\Temp\ipykernel_4211\1934.py", "notebook cell"),
        ("<ipython-input-3-0a1b>", "notebook cell"),
        ("<stdin>", "typed code"),
        ("<python-input-0>", "typed code"),
        ("<doctest README.md[2]>", "typed code"),
        ("<frozen importlib._bootstrap>", ""),
        ("<__array_function__ internals>", ""),
        ("pandas/_libs/index.pyx", ""),
        (np.__file__, ""),
        (re.__file__, ""),
        (raised.__file__, ""),
        (str(Path(np.__file__).parents[1] / "some_library.py"), ""),
    ],
)
def test_a_place_is_in_own_code_and_has_no_folders(filename: str, name: str) -> None:
    module = _run("def f():\n\n    1 / 0", filename)
    assert place_of(_only(_raised_by(module.f))) == (f"{name}, line 3" if name else "")


def _only(error: BaseException) -> BaseException:
    """Leave this file out of the traceback of an error."""
    assert error.__traceback__ is not None
    return error.with_traceback(error.__traceback__.tb_next)


def test_a_file_of_a_package_is_named_with_its_package(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    module = _run("def f():\n    1 / 0", str(tmp_path / "mine" / "model.py"))
    text = "ZeroDivisionError: division by zero (mine/model.py, line 2"
    assert describe_raised(_raised_by(module.f)) == text + DEBUG


def test_a_plugin_that_pip_has_installed_is_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(np.__file__).parents[1]
    monkeypatch.setattr(raised, "plugin_packages", lambda: {"my_plugin", "other", ""})
    for name, place in (("my_plugin.py", "my_plugin.py, line 2"), ("library.py", "")):
        module = _run("def f():\n    1 / 0", str(folder / name))
        assert place_of(_only(_raised_by(module.f))) == place
    assert installed.is_library(folder / "my_plugin.py")


def test_an_error_in_a_library_is_placed_where_own_code_calls_it() -> None:
    line = _raised_by.__code__.co_firstlineno
    error = _raised_by(lambda: sparse.csr_matrix([[1, 2]]) @ sparse.csr_matrix([[1, 2]]))
    assert place_of(error) != f"test_raised.py, line {line + 2}", "the outer call"
    assert place_of(error).startswith("test_raised.py, line ")


def test_generated_code_counts_only_if_there_is_no_other() -> None:
    def f() -> None:
        exec("1 / 0")

    assert place_of(_raised_by(f)).startswith("test_raised.py")
    error = _only(_raised_by(_run("def f():\n    1 / 0", "<string>").f))
    assert place_of(error) == "typed code, line 2"


def test_a_syntax_error_is_placed_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "my_model.py"
    file.write_text("def f():\n    return (\n")
    error = _raised_by(lambda: compile(file.read_text(), str(file), "exec"))
    assert (
        describe_raised(error) == f"SyntaxError: '(' was never closed (my_model.py, line 2{DEBUG}"
    )
    typed = _raised_by(lambda: compile("1 +", "<unknown>", "exec"))
    assert re.fullmatch(
        r"SyntaxError: invalid syntax \(test_raised.py, line \d+; --debug .*\)",
        describe_raised(typed),
    )


def test_a_long_text_is_cut_and_keeps_its_place() -> None:
    def fails() -> None:
        raise ValueError("x" * 3000)

    text = describe_raised(_raised_by(fails))
    assert len(text) < 500
    assert re.search(r"x \.\.\. \(test_raised.py, line \d+; --debug shows the traceback\)$", text)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def _recurse() -> None:
    _recurse()


def _chain() -> None:
    try:
        _ = {}["inner"]
    except KeyError as error:
        raise ValueError("outer") from error


def _raise(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_raise(UnspeakableError()), "UnspeakableError"),
        (_recurse, "RecursionError: maximum recursion depth exceeded"),
        (_chain, "ValueError: outer"),
        (_raise(SystemExit(3)), "SystemExit: 3"),
        (_raise(ExceptionGroup("two", [ValueError("a"), KeyError("b")])), "ExceptionGroup: two"),
    ],
)
def test_whatever_is_raised_is_described(function: Callable[[], None], text: str) -> None:
    said = describe_raised(_raised_by(function))
    assert re.fullmatch(re.escape(text) + r".*\(test_raised.py, line \d+; --debug .*\)", said)


@pytest.mark.parametrize("error", [RecbenchError("no log"), UsageError("no option")])
def test_errors_for_users_have_no_place(error: RecbenchError) -> None:
    assert describe_raised(_raised_by(_raise(error))) == str(error)


def test_an_error_without_a_traceback_has_no_place() -> None:
    assert describe_raised(ValueError("x")) == "ValueError: x"


MODEL = """
import numpy as np
class Mine:
    def {method}(self, *_):
        raise ValueError("no {method}")
    {others}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="models are isolated on Linux only")
@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("filename", ["my_model.py", "/tmp/ipykernel_42/7.py"])
def test_a_failed_row_names_the_line(tiny: str, filename: str, in_process: bool) -> None:
    place = "notebook cell" if "ipykernel" in filename else filename
    for method in ("fit", "score", "__init__"):
        methods = {"fit": "return self", "score": "return np.zeros((len(_[0]), _[0].n_items))"}
        others = "\n    ".join(
            f"def {name}(self, *_): {body}" for name, body in methods.items() if name != method
        )
        module = _run(MODEL.format(method=method, others=others), filename)
        plugins = recbench.load_plugins(mine=plugin(models={"mine": module.Mine}))
        (row,) = recbench.run("mine", tiny, results=None, plugins=plugins, in_process=in_process)
        what = "its factory" if method == "__init__" else method
        assert f"{what} raised ValueError: no {method} ({place}, line 5{DEBUG}" in row.status

"""Every step: describe what code of a plugin raised, with its file and line, or broken rules."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

from recbench.code.installed import FOLDERS, is_library, plugin_packages
from recbench.errors import RecbenchError, clean_reason, describe_error

CORE = Path(__file__).parents[1]

NOTEBOOK = re.compile(r".*[/\\]ipykernel_\d+[/\\][^/\\]*|<ipython-input-.*")
"""How Jupyter and IPython call the code of a cell."""

TYPED = re.compile(r"<(stdin|string|console|python-input.*|doctest .*)>")
"""How Python calls code that was typed or is generated."""

COMPILED = {".pyx", ".pxi", ".pxd"}

LONGEST = 400
"""Texts of exceptions are cut to this many characters, as the traceback has all of them."""


def describe_raised(error: BaseException) -> str:
    """Return an exception as one line, with the place in the plugin that it came from.

    A RecbenchError is meant for users, so only its text is returned.
    """
    text, place = describe_error(error), place_of(error)
    if isinstance(error, RecbenchError) or not place:
        return text
    text = clean_reason(text, LONGEST)
    if isinstance(error, SyntaxError):  # Python adds a place of its own
        text = re.sub(r" \([^()]*, line \d+\)$", "", text)
    return f"{text} ({place}; --debug shows the traceback)"


class BrokenRuleError(AssertionError):
    """A rule is broken: its text is the rule and an example, which a list of rules shows alone."""

    def __init__(self, rule: str, example: str) -> None:
        super().__init__(f"{rule}: {example}")
        self.example = example


def require(holds: Any, rule: str, example: str = "") -> None:
    """Raise AssertionError if a rule is broken; unlike `assert`, also under `python -O`."""
    if not holds:
        raise BrokenRuleError(rule, example) if example else AssertionError(rule)


def describe_broken(error: BaseException) -> str:
    """Return what a check has raised as one line: the rule that is broken, or another exception."""
    is_rule = isinstance(error, AssertionError) and not place_of(error)
    return clean_reason(str(error)) if is_rule else describe_raised(error)


def place_of(error: BaseException) -> str:
    """Return the innermost line of a plugin's own code that led to an exception.

    It is as in `my_model.py, line 12` or `notebook cell, line 3`, without folders other than the
    file's package; "" if only the core and libraries were involved.
    """
    trace = traceback.walk_tb(error.__traceback__)
    lines = [(frame.f_code.co_filename, line) for frame, line in trace]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((str(error.filename), error.lineno or 1))
    places = [(_name(file), line) for file, line in reversed(lines)]
    own = [place for place in places if place[0]]
    in_file = [place for place in own if place[0] != "typed code"]  # which may be generated
    name, line = (*in_file, *own, ("", 0))[0]
    return f"{name}, line {line}" if name else ""


def place_of_code(function: Any) -> str:
    """Return where a plugin's function begins, as `place_of` does; "" if that is unknown."""
    code = getattr(function, "__code__", None)
    name = "" if code is None else _name(code.co_filename)
    return "" if code is None or not name else f"{name}, line {code.co_firstlineno}"


def is_of_call(error: BaseException) -> bool:
    """Whether the core could not call a plugin's function, so that none of its code has run."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return Path(innermost.f_code.co_filename).is_relative_to(CORE)


def _name(file: str) -> str:
    """Return how errors call a file with code of a plugin; "" for other code."""
    if NOTEBOOK.fullmatch(file):
        return "notebook cell"
    if file.startswith("<"):
        return "typed code" if TYPED.fullmatch(file) else ""
    path = Path(file)
    if path.is_relative_to(CORE) or path.suffix in COMPILED or _is_of_others(path):
        return ""
    in_package = (path.parent / "__init__.py").exists()
    return f"{path.parent.name}/{path.name}" if in_package else path.name


def _is_of_others(path: Path) -> bool:
    """Whether a file belongs to Python or to an installed library that offers no plugin."""
    if not is_library(path):
        return False
    after = [place for place, part in enumerate(path.parts) if part in FOLDERS]
    return not after or path.parts[after[0] + 1].partition(".")[0] not in plugin_packages()

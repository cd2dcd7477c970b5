"""Before step 1: load a .py file that the user names, as it is now."""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib
import importlib.util
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbench.code.installed import is_library
from recbench.errors import UsageError

_FILE = re.compile(r"(?P<file>.*\.py)(?::(?P<member>\w[\w.+-]*))?", re.IGNORECASE | re.DOTALL)

FILES: dict[str, Path] = {}
"""Name of each module that was loaded from a path in this process -> its file."""

_siblings: dict[str, tuple[Path, str]] = {}
"""The modules that such files have imported from their own folders, with their files and hashes."""


def is_python_file(text: str) -> bool:
    """Whether a text names a .py file, which may not exist, or something in it: `mine.py:Mine`."""
    return _FILE.fullmatch(text) is not None


def file_and_member(text: str) -> tuple[str, str]:
    """Return the path of a .py file, and the name of what is meant in it, or ""."""
    match = _FILE.fullmatch(text)
    return (match["file"], match["member"] or "") if match else (text, "")


def load_file(text: str) -> types.ModuleType:
    """Run a file as a module, and what it imports from its own folder too, as all of it is now.

    The folder stays the first in which Python looks for modules. The module has the same name in
    every process.

    Raises UsageError if there is no such file, and whatever its code raises.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        raise UsageError(f"{text!r} is a folder; name a .py file in it")
    if not path.is_file():
        raise UsageError(f"there is no file {text!r}; {_hint(path)}")
    path = path.resolve()
    mark = hashlib.sha256(bytes(path)).hexdigest()[:8]
    name = re.sub(r"\W", "_", f"{path.stem}_{mark}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UsageError(f"{text!r} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    with _importing_beside(path.parent, name):
        sys.modules[name] = module
        try:
            code = compile(path.read_bytes(), path, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102  not from the cache, which can be out of date
        except BaseException:
            del sys.modules[name]
            raise
    FILES[name] = path
    return module


def loaded(path: str) -> types.ModuleType:
    """Return the module of a file, in the process of a model; it is loaded once."""
    for name, file in FILES.items():
        if str(file) == path:
            return sys.modules[name]
    sys.dont_write_bytecode = True
    return load_file(path)


def found_in(path: str, qualname: str) -> Any:
    """Return a class or function of a file, in the process of a model."""
    return functools.reduce(getattr, qualname.split("."), loaded(path))


@contextlib.contextmanager
def _importing_beside(folder: Path, own: str) -> Iterator[None]:
    """In this block, modules of the folder come first.

    Those imported earlier come anew, unless they are of this folder and all are unchanged.

    own: the name of the module that is loaded.
    """
    as_loaded = [
        file.is_relative_to(folder) and _hash_of(file) == digest
        for file, digest in _siblings.values()
    ]
    if not all(as_loaded):
        for name in _siblings:
            sys.modules.pop(name, None)
        _siblings.clear()
    sys.path[:] = [str(folder), *(place for place in sys.path if place != str(folder))]
    importlib.invalidate_caches()
    before, writes = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # the cache does not notice two edits within a second
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        for name in sys.modules.keys() - before - {own}:
            file = Path(getattr(sys.modules[name], "__file__", None) or "")
            if file.is_relative_to(folder) and not is_library(file):
                _siblings[name] = file, _hash_of(file)


def _hash_of(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _hint(path: Path) -> str:
    with contextlib.suppress(OSError):
        files = [file.name for file in path.parent.glob("*.py")]
        for near in difflib.get_close_matches(path.name, files, n=1):
            return f"did you mean {str(path.with_name(near))!r}?"
    return "check the path"

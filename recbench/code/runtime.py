"""Before step 1: tell apart what the same file can make: other functions, classes and values."""

from __future__ import annotations

import contextlib
import dis
import functools
import hashlib
import inspect
import pickle
import types
from collections.abc import Callable, Iterator
from typing import Any

from recbench.code.python_file import FILES


def runtime_digest(parts: list[Any], is_own: Callable[[str], bool]) -> bytes:
    """Return a hash of the code of functions and classes, and of the values that it uses.

    Such values are defaults, variables of classes, modules and outer functions, and what the
    functions and classes among them use in turn.

    is_own: whether the code of a module counts; other code counts by its name.

    Raises whatever pickling raises, for a value of `__main__` that cannot be compared. Of those of
    other modules, which a model's process imports again, the type counts.
    """
    return _Reading(is_own).digest(parts)


def captured(part: Any) -> Iterator[Any]:
    """Yield the values that a part of a factory got at run time, which no file shows."""
    if isinstance(part, functools.partial):
        if part.args or part.keywords:
            yield part.args, part.keywords
    elif inspect.ismethod(part):
        yield part.__self__
    elif inspect.isclass(part):
        for function in methods_of(part):
            yield from (value for value in _cells(function) if value is not part)
    elif inspect.isfunction(part):
        yield from _cells(part)
    elif not inspect.isroutine(part):
        yield part


def _cells(function: types.FunctionType) -> Iterator[Any]:
    """Yield the variables of outer functions that a function uses."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # it is empty
            yield cell.cell_contents


def methods_of(made: type) -> list[types.FunctionType]:
    """Return the functions that the text of a class contains; not those that are generated."""
    values = [getattr(value, "__func__", value) for value in vars(made).values()]
    values = [value.fget if isinstance(value, property) else value for value in values]
    return [
        function
        for function in (inspect.unwrap(value) for value in values if inspect.isfunction(value))
        if function.__code__.co_qualname.startswith(f"{made.__qualname__}.")
    ]


class _Reading:
    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self.is_own = is_own
        self.seen: set[int] = set()

    def digest(self, value: Any, *, strict: bool = True) -> bytes:
        """Return a hash of a value. strict: raise what pickling raises."""
        if inspect.isclass(value) or inspect.isroutine(value):
            return _hash(*self._code(inspect.unwrap(value)))
        if isinstance(value, types.ModuleType):
            return _hash("module", value.__name__)
        if isinstance(value, functools.partial):
            return self.digest([value.func, value.args, value.keywords], strict=strict)
        if isinstance(value, property):
            return self.digest([value.fget, value.fset, value.fdel], strict=strict)
        if isinstance(value, functools.cached_property):
            return self.digest(value.func, strict=strict)
        if type(value) in (list, tuple, dict, set, frozenset):
            every = value.items() if type(value) is dict else value
            found = [self.digest(each, strict=strict) for each in every]
            found = sorted(found) if type(value) in (set, frozenset) else found
            return _hash(type(value).__name__, *found)
        kind = self.digest(type(value))
        try:
            return _hash(kind, pickle.dumps(value))
        except Exception:
            if strict:
                raise
            return kind

    def _code(self, made: Any) -> Iterator[str | bytes]:
        """Yield what a class or function consists of."""
        module = str(getattr(made, "__module__", None) or "")
        file = FILES.get(module)  # whose name, but not whose place, is part of what it is
        yield f"{module if file is None else file.stem}.{getattr(made, '__qualname__', '')}"
        is_plain = inspect.isclass(made) or isinstance(made, (types.FunctionType, types.MethodType))
        if not is_plain or not self.is_own(module) or id(made) in self.seen:
            return
        self.seen.add(id(made))
        strict = module == "__main__"
        if isinstance(made, types.MethodType):
            yield self.digest([made.__func__, made.__self__])
        elif isinstance(made, types.FunctionType):
            yield from _instructions(made.__code__)
            yield self.digest([made.__defaults__, made.__kwdefaults__], strict=strict)
            for cell in made.__closure__ or ():
                with contextlib.suppress(ValueError):  # it is empty
                    yield self.digest(cell.cell_contents, strict=strict)
            for name in sorted(set(_globals(made.__code__)) & made.__globals__.keys()):
                yield name
                yield self.digest(made.__globals__[name], strict=strict)
        else:
            yield self.digest(list(made.__bases__))
            for name in sorted(vars(made)):
                value = getattr(vars(made)[name], "__func__", vars(made)[name])  # of static methods
                is_made_by_python = name.startswith(("__", "_abc_")) or _is_slot(value)
                if inspect.isfunction(value) or not is_made_by_python:
                    yield name
                    yield self.digest(value, strict=strict)


def _is_slot(value: Any) -> bool:
    return inspect.ismemberdescriptor(value) or inspect.isgetsetdescriptor(value)


def _instructions(code: types.CodeType) -> Iterator[str | bytes]:
    """Yield what code does, whatever its file and lines."""
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            yield from _instructions(value)
        else:
            yield repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


def _globals(code: types.CodeType) -> Iterator[str]:
    """Yield the global variables that code uses."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            yield from _globals(value)


def _hash(*pieces: str | bytes) -> bytes:
    every = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in every)).digest()

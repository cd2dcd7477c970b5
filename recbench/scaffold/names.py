"""For plugin authors: what a new plugin and its parts are called, and which names it cannot have.

The templates are complete plugins that are called `my-plugin`.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import keyword
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from recbench.code.python_file import is_python_file
from recbench.errors import UsageError
from recbench.offers import HOOKS
from recbench.plugins import Plugins

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]{0,99}")

VARIABLE, CLASS = "my_plugin", "MyPlugin"
"""What the function or class of a template is called."""


def names_of(name: str) -> dict[str, str]:
    """Return what the templates call the plugin and its parts -> what the new ones are called."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    variable = "_".join(words).lower()
    return {
        "recbench-my-plugin": f"recbench-{variable.replace('_', '-')}",  # the package, for pip
        "my-plugin": name,
        "recbench_my_plugin": f"recbench_{variable}",  # the module
        VARIABLE: variable,
        CLASS: "".join(word[0].upper() + word[1:] for word in words),
    }


def renamed(text: str, names: dict[str, str]) -> str:
    """Return the text of a template, or the name of its file, with the new names."""
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def check_name(name: str, kind: str, sources: Iterable[str], plugins: Plugins) -> None:
    """Raise UsageError for a name that is none, that its code cannot use, or that is taken.

    sources: the code of the templates of this kind.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a plugin. Use 1 to 100 letters from a to z, digits "
            "and characters of '-_.+', and begin with a letter"
        )
    if is_python_file(name):
        raise UsageError(
            f"{name!r} cannot be the name of a plugin, as it would be read as a file. Leave out "
            f"{name[-3:]!r}"
        )
    names = names_of(name)
    used = {word for source in sources for word in _words_of(source)}
    for word in (names[VARIABLE], names[CLASS]):
        if keyword.iskeyword(word):
            raise UsageError(f"{name!r} cannot be imported: {word!r} is a word of Python{_OTHER}")
    for own in {VARIABLE, CLASS} & used:
        word = names[own]
        if word in HOOKS | used - {own} or hasattr(builtins, word):
            raise UsageError(f"{name!r} cannot be used: its code needs another {word!r}{_OTHER}")
    for taken in _taken(name, names, kind, plugins):
        raise UsageError(f"the name {name!r} is taken by {taken}{_OTHER}")


_OTHER = "; choose another name"


def _words_of(source: str) -> Iterator[str]:
    """Yield the names that code defines or uses, without attributes."""
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "arg", "name"):
            word = getattr(node, field, None)
            if isinstance(word, str):
                yield word


def _taken(name: str, names: dict[str, str], kind: str, plugins: Plugins) -> Iterator[str]:
    """Yield what has this name, or one that is the same for pip or for some file systems."""
    for info in plugins.infos.values():
        if _same(info.name, name):
            yield f"the installed plugin {info.name}"
    for offer in plugins.offers(f"{kind}s"):
        if any(_same(other, name) for other in (offer.name, *offer.aliases)):
            yield f"the {offer.where}"
    package = names["recbench-my-plugin"]
    if any(metadata.distributions(name=package)):
        yield f"the installed package {package}"
    for module in (names[VARIABLE], names["recbench_my_plugin"]):
        if _can_be_imported(module):
            yield f"the module {module}, which Python can import already"


def _same(first: str, second: str) -> bool:
    return names_of(first)[VARIABLE] == names_of(second)[VARIABLE]


def _can_be_imported(module: str) -> bool:
    """Whether there is a module; a folder without Python files is none."""
    if module in sys.modules:
        return True
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None

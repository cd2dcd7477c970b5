"""Every step: the options of a factory, with types, defaults and texts from its docstring."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recbench.space import space_of, spaces_text
from recbench.spec import parameters, signature, unwrapped


@dataclass(frozen=True)
class Option:
    """One option: type, default and description as text; group is "" if it belongs to none.

    tuned_over: the range that its model is tuned over, as text; "" if it is not tuned.
    """

    name: str
    type: str
    default: str
    description: str
    group: str
    tuned_over: str = ""


@dataclass(frozen=True)
class FactoryDocs:
    """The documentation of a factory, from its docstring and signature.

    text: the summary and the description below it. options: in the order of their groups.
    sections: heading -> text, for Notes and References.
    """

    text: str
    options: tuple[Option, ...]
    sections: dict[str, str]


def factory_docs(factory: Callable[..., Any]) -> FactoryDocs:
    """Read the numpydoc docstring and the signature of a factory.

    The type of an option comes from the docstring or, if that has none, from the signature. The
    default comes from the signature. If it is None there, the docstring may give the value that is
    used instead, as in `dim : int, default: 64`.

    A factory may have an attribute `option_groups`, a dict from headings to the names of options.
    Descriptions end with the other names of the option, of the attribute `option_aliases`.
    """
    from docstring_parser import DocstringStyle, parse

    docstring = parse(inspect.getdoc(unwrapped(factory)) or "", style=DocstringStyle.NUMPYDOC)
    documented = {
        name.strip(): entry for entry in docstring.params for name in entry.arg_name.split(",")
    }
    groups = getattr(unwrapped(factory), "option_groups", {})
    group_of = {name: group for group, names in groups.items() for name in names}
    aliases = getattr(unwrapped(factory), "option_aliases", {})
    own, space = signature(factory), spaces_text(space_of(factory))
    options = []
    for name, kind in parameters(factory)[0].items():
        entry = documented.get(name)
        stated_default = (entry and entry.default) or ""
        options.append(
            Option(
                name=name,
                type=_stated_type((entry and entry.type_name) or "") or _type_name(kind),
                default=_default(own[name].default, stated_default),
                description=_described(
                    (entry and entry.description) or "",
                    [alias for alias, of in aliases.items() if of == name],
                ),
                group=group_of.get(name, ""),
                tuned_over=space.get(name, ""),
            )
        )
    order = [*groups, ""]
    paragraphs = (docstring.short_description, docstring.long_description)
    return FactoryDocs(
        text="\n\n".join(paragraph for paragraph in paragraphs if paragraph),
        options=tuple(sorted(options, key=lambda option: order.index(option.group))),
        sections={
            entry.args[0].capitalize(): entry.description
            for entry in docstring.meta
            if entry.args[0] in ("notes", "references") and entry.description
        },
    )


def _default(value: Any, stated: str) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    if value is None:
        return {"True": "true", "False": "false", "None": "none"}.get(
            stated, stated.strip("\"'")
        ) or "none"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stated_type(text: str) -> str:
    """Return a type of a docstring for people to read: `a or b` for `{"a", "b"}`."""
    if not text.startswith("{"):
        return text
    return " or ".join(choice.strip(" \"'") for choice in text.strip("{}").split(","))


def _type_name(kind: Any) -> str:
    """Return an annotation for people to read; "" for any type."""
    if kind is Any:
        return ""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(map(str, choices))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(
            "none" if choice is type(None) else _type_name(choice) for choice in choices
        )
    if origin in (list, tuple) and choices:
        return f"list of {_type_name(choices[0])}"
    return getattr(kind, "__name__", str(kind))


def _described(text: str, aliases: Sequence[str]) -> str:
    """Return the first sentence of a text, and the other names that it does not mention."""
    first = _first_sentence(text)
    others = [alias for alias in aliases if not re.search(rf"\b{re.escape(alias)}\b", first)]
    also = f"Also called {' or '.join(others)}." if others else ""
    return " ".join(filter(None, (first, also)))


def _first_sentence(text: str) -> str:
    """Return the text up to the end of its first sentence."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"`])|\n\n", " ".join(text.split()), maxsplit=1)[0]

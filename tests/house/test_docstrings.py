"""Public names have numpydoc docstrings that match their signatures, and examples that run."""

import doctest
import inspect
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docstring_parser import DocstringStyle, parse

import recbench
import recbench.testing
from recbench.offers import KINDS
from recbench.option_docs import factory_docs

MODULES = (recbench, recbench.testing)
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
OFFERS = [
    offer
    for kind in KINDS
    for offer in recbench.load_plugins().offers(kind)
    if offer.plugin in PROJECT["entry-points"]["recbench"]
]


def _public() -> Iterator[tuple[str, Any]]:
    """Yield every public name, and every public method and property of a public class."""
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            yield f"{module.__name__}.{name}", value
            if inspect.isclass(value):
                for member, entry in vars(value).items():
                    if not member.startswith("_") and _is_documented(entry):
                        yield f"{module.__name__}.{name}.{member}", entry


def _is_documented(entry: Any) -> bool:
    kinds = (property, classmethod, staticmethod, types.FunctionType)
    return isinstance(entry, kinds) or hasattr(entry, "func")  # a cached property has a func


PUBLIC = dict(_public())
FUNCTIONS = {
    name: value
    for name, value in PUBLIC.items()
    if isinstance(value, (types.FunctionType, classmethod, staticmethod))
}


def _function(value: Any) -> Any:
    return getattr(value, "__func__", value)


def _parsed(value: Any) -> Any:
    return parse(inspect.getdoc(value) or "", style=DocstringStyle.NUMPYDOC)


def _documented(docstring: Any) -> list[str]:
    return [
        name.strip().lstrip("*")
        for parameter in docstring.params
        if parameter.args[0] == "param"
        for name in parameter.arg_name.split(",")
    ]


def _in_signature(value: Any) -> list[str]:
    return [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_summary(name: str) -> None:
    docstring = _parsed(PUBLIC[name])
    assert docstring.short_description
    assert "\n" not in docstring.short_description, "the summary must be one line"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_parameters_are_those_of_the_signature(name: str) -> None:
    value = _function(FUNCTIONS[name])
    docstring = _parsed(value)
    assert _documented(docstring) == _in_signature(value)
    for parameter in docstring.params:
        assert parameter.type_name, f"{parameter.arg_name} has no type"
        assert parameter.description, f"{parameter.arg_name} has no description"
    returned = inspect.signature(value).return_annotation
    if returned not in ("None", None, inspect.Signature.empty):
        assert docstring.many_returns or "Yields" in (inspect.getdoc(value) or ""), (
            "there is no section Returns"
        )


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isclass(value)])
def test_classes_document_their_constructor(name: str) -> None:
    value = PUBLIC[name]
    is_protocol = getattr(value, "_is_protocol", False)
    if issubclass(value, Exception) or is_protocol or value.__init__ is object.__init__:
        return
    assert _documented(_parsed(value)) == _in_signature(value)


@pytest.mark.parametrize("offer", OFFERS, ids=[f"{offer.kind}-{offer.name}" for offer in OFFERS])
def test_every_shipped_factory_documents_its_parameters(offer: Any) -> None:
    documented = _documented(_parsed(offer.factory))
    assert sorted(documented) == sorted(_in_signature(offer.factory))
    if offer.kind not in ("metrics", "tables"):
        for option in factory_docs(offer.factory).options:
            assert option.type, option
            assert option.description, option
            assert option.name == "data_dir" or option.default != "none" or "none" in option.type


def _examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    for name, value in PUBLIC.items():
        target = _function(value)
        target = getattr(target, "fget", None) or getattr(target, "func", None) or target
        yield from finder.find(target, name, globs={"recbench": recbench})
    for offer in OFFERS:
        factory = offer.factory if inspect.isroutine(offer.factory) else type(offer.factory)
        factory = offer.factory if inspect.isclass(offer.factory) else factory
        globs = {**vars(inspect.getmodule(factory)), "recbench": recbench}
        yield from finder.find(factory, f"{offer.kind}-{offer.name}", globs=globs)


EXAMPLES = {example.name: example for example in _examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir())
    if str(EXAMPLES[name].globs["__name__"]).startswith("recbench_implicit"):
        pytest.importorskip("implicit")  # an extra
    output: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    outcome = doctest.DocTestRunner(optionflags=flags).run(EXAMPLES[name], out=output.append)
    assert not outcome.failed, "".join(output)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in PUBLIC.items()
        if name.count(".") < (3 if name.startswith("recbench.testing.") else 2)
        and (inspect.isroutine(value) or inspect.isclass(value))
        and not (inspect.isclass(value) and issubclass(value, Exception))
    ],
)
def test_every_public_function_and_class_has_an_example(name: str) -> None:
    assert name in EXAMPLES

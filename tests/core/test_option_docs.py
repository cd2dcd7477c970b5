"""The options of a factory, as its docstring and its signature state them."""

import functools
from typing import Any, ClassVar, Literal

import pytest

import recbench
from recbench.option_docs import factory_docs


class Model:
    """A model.

    It has a second paragraph.

    Parameters
    ----------
    dim : int, default: 64
        Size of the embeddings. More about it.
    rate : float, default: 0.2 up to 300,000 interactions, 0.1 above
        Share of dropped inputs, e.g. 0.1
        of them.
    rule : {"a", "b"}, default: "a"
        Which rule.
    seed : int, default: 0
        Random seed.

    Notes
    -----
    A note.

    References
    ----------
    A paper.

    Examples
    --------
    >>> Model().dim
    """

    option_groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "network": ("dim", "rate"),
        "other": ("seed",),
    }

    def __init__(
        self,
        seed: int = 0,
        rule: Literal["a", "b"] = "b",
        dim: int | None = None,
        rate: float | None = None,
    ) -> None:
        self.given = seed, rule, dim, rate


def test_types_defaults_and_first_sentences_in_the_order_of_the_groups() -> None:
    docs = factory_docs(Model)
    assert docs.text == "A model.\n\nIt has a second paragraph."
    assert docs.sections == {"Notes": "A note.", "References": "A paper."}
    assert [
        (option.group, option.name, option.type, option.default, option.description)
        for option in docs.options
    ] == [
        ("network", "dim", "int", "64", "Size of the embeddings."),
        (
            *("network", "rate", "float", "0.2 up to 300,000 interactions, 0.1 above"),
            "Share of dropped inputs, e.g. 0.1 of them.",
        ),
        ("other", "seed", "int", "0", "Random seed."),
        ("", "rule", "a or b", "b", "Which rule."),
    ]


def test_a_partial_has_the_groups_of_its_function() -> None:
    docs = factory_docs(functools.partial(Model, dim=8))
    assert {option.name: option.group for option in docs.options}["dim"] == "network"
    assert {option.name: option.default for option in docs.options}["dim"] == "8"


class Tuned:
    """A model with a search space.

    Parameters
    ----------
    l2 : float, default: 500
        Strength of the penalty. More about it.
    loss : {"a", "b"}, default: "a"
        Which loss.
    """

    option_aliases: ClassVar = {"lambda": "l2", "kind": "loss", "reg": "l2"}
    search_space: ClassVar = {
        "l2": recbench.Float(1, 2000, log=True),
        "loss": recbench.Choice("a", "b"),
    }

    def __init__(self, l2: float = 500, loss: str = "a", limit: int = 9) -> None:
        self.given = l2, loss, limit


def test_options_have_the_ranges_they_are_tuned_over_and_their_other_names() -> None:
    for factory in (Tuned, functools.partial(Tuned, l2=3)):
        assert [
            (option.name, option.tuned_over, option.description)
            for option in factory_docs(factory).options
        ] == [
            ("l2", "1..2000:log", "Strength of the penalty. Also called lambda or reg."),
            ("loss", "a|b", "Which loss. Also called kind."),
            ("limit", "", ""),
        ]
    assert {option.tuned_over for option in factory_docs(Model).options} == {""}


def _plain(
    path: str,
    hidden: tuple[int, ...] = (1, 2),
    tied: bool = False,
    limit: int | None = None,
    kind: Literal["a", "b"] = "a",
    bare=1.5,  # type: ignore[no-untyped-def]
    anything: Any = None,
) -> None:
    """Make it."""


@pytest.mark.parametrize(
    ("name", "type_name", "default"),
    [
        ("path", "str", "required"),
        ("hidden", "list of int", "1,2"),
        ("tied", "bool", "false"),
        ("limit", "int or none", "none"),
        ("kind", "a or b", "a"),
        ("bare", "float", "1.5"),
        ("anything", "", "none"),
    ],
)
def test_without_a_docstring_the_signature_is_used(name: str, type_name: str, default: str) -> None:
    (option,) = [option for option in factory_docs(_plain).options if option.name == name]
    assert (option.type, option.default, option.description) == (type_name, default, "")


def test_a_factory_without_a_signature_has_a_text_and_no_options() -> None:
    docs = factory_docs(dict)
    assert docs.text.startswith("dict() -> new empty dictionary")
    assert docs.options == ()

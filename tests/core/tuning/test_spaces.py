"""Search spaces of models: their own, those of the user, and options that are fixed."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from helpers import plugin

from recbench import Choice, Float, Int, UsageError, load_plugins
from recbench.tuning.spaces import Given, spaces_of
from recbench_popular import Popular


class Mine(Popular):
    """A model with a space, and aliases of its own name and of an option."""

    aliases = ("my-own",)
    search_space: ClassVar[Mapping[str, Any]] = {"l2": Float(1, 9), "loss": Choice("a", "b")}
    option_aliases: ClassVar[Mapping[str, str]] = {"lambda": "l2"}

    def __init__(self, l2: float = 2, loss: str = "a", k: int = 3, seed: int = 0) -> None:
        pass


class Plain(Popular):
    """A model without a space."""

    def __init__(self, k: int = 3, big: bool = False) -> None:
        pass


PLUGINS = load_plugins(mine=plugin(models={"mine": Mine, "plain": Plain}))
OWN = dict(Mine.search_space)


def _spaces(*models: str, given: Given = ()) -> dict[str, dict[str, Any]]:
    return {model: dict(space) for model, space in spaces_of(PLUGINS, models, given).items()}


def test_models_have_their_own_spaces() -> None:
    assert _spaces("mine", "plain") == {"mine": OWN, "plain": {}}


def test_options_that_a_name_sets_are_fixed() -> None:
    assert _spaces("mine:l2=3")["mine:l2=3"] == {"loss": OWN["loss"]}
    assert _spaces("mine:lambda=3")["mine:lambda=3"] == {"loss": OWN["loss"]}
    assert _spaces("mine:k=3")["mine:k=3"] == OWN
    assert _spaces("mine:l2=3,loss=b")["mine:l2=3,loss=b"] == {}


GIVEN: list[tuple[Given, dict[str, Any]]] = [
    (["mine:l2=1..5000:log"], OWN | {"l2": Float(1, 5000, log=True)}),
    ("mine:lambda=1..50", OWN | {"l2": Float(1, 50)}),
    (["mine:l2=1..5,k=1..4", "mine:loss=a|c"], {**OWN, "l2": Float(1, 5), "k": Int(1, 4)}),
    ({"mine": {"lambda": Float(2, 3), "k": "1..4"}}, OWN | {"l2": Float(2, 3), "k": Int(1, 4)}),
    ({"mine": {}}, OWN),
    ({}, OWN),
]


@pytest.mark.parametrize(("given", "space"), GIVEN)
def test_ranges_replace_those_of_a_model_or_add_to_them(
    given: Given, space: dict[str, Any]
) -> None:
    if isinstance(given, list) and len(given) > 1:
        space = space | {"loss": Choice("a", "c")}
    assert _spaces("mine", given=given) == {"mine": space}


def test_a_range_holds_for_every_row_of_a_model() -> None:
    spaces = _spaces("mine", "mine:loss=b", given="mine:l2=1..5")
    assert spaces["mine"] == OWN | {"l2": Float(1, 5)}
    assert spaces["mine:loss=b"] == {"l2": Float(1, 5)}


def test_models_without_a_space_get_one() -> None:
    given = ["plain:k=1..9,big=true|false"]
    assert _spaces("plain", given=given)["plain"] == {"k": Int(1, 9), "big": Choice(True, False)}


def test_models_are_named_by_their_aliases_too() -> None:
    assert _spaces("my-own", given="mine:k=5..9") == {"my-own": OWN | {"k": Int(5, 9)}}
    assert _spaces("mine", given="my-own:k=5..9") == {"mine": OWN | {"k": Int(5, 9)}}


WRONG: list[tuple[Given, str]] = [
    ("mine", "--space mine: write MODEL:OPTION=LOW..HIGH"),
    ("plain:k=1..9", "--space plain: this model is not"),
    ("nothing:k=1..9", "nothing"),
    ("mine:l3=1..9", "l3"),
    ("mine:l2=1", "l2=1 is not a range"),
    ("mine:l2=9..1", "the first number must be below"),
    ("mine:l2=0..1:log", "must begin above 0"),
    ("mine:l2=a..b", "'a' is not a number"),
    ("mine:k=1.5..2.5", "k"),
    ("mine:loss=1..9", "the option takes no numbers; write choices as"),
    ("mine:loss=a", "is not a range"),
    ("mine:loss=a|a", "two or more different values"),
    ("mine:seed=0..9", "--space mine: seed cannot be tuned; remove it"),
    ("mine:l2=1..2,lambda=1..3", "l2"),
    ({"mine": {"l2": (1, 2)}}, "is not a range"),
    ({"mine": {"l2": None}}, "is not a range"),
    ({"mine": "l2=1..2"}, "space of mine: give a dict from options to ranges"),  # type: ignore[dict-item]
    ({"mine": Float(1, 2)}, "space of mine: give a dict"),  # type: ignore[dict-item]
]


@pytest.mark.parametrize(("given", "match"), WRONG)
def test_ranges_that_do_not_fit_are_refused(given: Given, match: str) -> None:
    with pytest.raises(UsageError) as raised:
        _spaces("mine", given=given)
    assert match in str(raised.value)


def test_an_option_that_is_fixed_and_searched_is_refused() -> None:
    with pytest.raises(UsageError, match="mine:l2=3 sets l2, and --space gives a range for it"):
        _spaces("mine:l2=3", given="mine:lambda=1..9")


def test_unknown_models_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing"):
        _spaces("nothing")

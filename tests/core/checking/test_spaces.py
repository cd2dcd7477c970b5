"""The rule for search spaces: a model takes the ends of its ranges, which hold its defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

import recbench
from recbench.checking.rule import NotApplicableError
from recbench.checking.spaces import fits_options
from recbench.checking.subject import Subject
from recbench.testing import _model, _model_with, check_model
from tests.core.checking.test_models import Good

RULE = "the search space fits the options"


class Spaced(Good):
    """Its l2 must be above 0."""

    built: ClassVar[list[dict[str, Any]]] = []
    """The options of all objects, as they are built."""

    def __init__(
        self,
        l2: float = 500,
        dim: int | None = None,
        loss: Literal["softmax", "bce"] = "softmax",
        hidden: tuple[int, ...] = (64, 32),
    ) -> None:
        self.built.append({"l2": l2, "dim": dim, "loss": loss, "hidden": hidden})
        recbench.check_options("spaced", ("l2", l2, l2 > 0, "above 0"))


class Needs(Good):
    """Its source has no default."""

    search_space: ClassVar = {"l2": recbench.Float(1, 9)}

    def __init__(self, source: Any, l2: float = 2, lr: float = 0.1) -> None:
        Spaced.built.append({"source": source, "l2": l2, "lr": lr})


@pytest.fixture(autouse=True)
def _nothing_built() -> None:
    Spaced.built.clear()


def check(factory: Callable[..., Any], space: Any = None, **options: Any) -> str:
    """Check the rule alone, as `check_model` does."""
    if space is not None:
        factory = type("Mine", (factory,), {"search_space": space})  # type: ignore[arg-type]
    open_cell = functools.partial(_model, factory, options)
    open_with = functools.partial(_model_with, factory, options)
    return fits_options(Subject(open_cell, factory=factory, open_with=open_with))


def test_the_ends_of_each_range_are_built_one_at_a_time() -> None:
    space = {
        "l2": recbench.Float(1e-5, 2000, log=True),
        "dim": recbench.Int(8, 512),
        "loss": recbench.Choice("softmax", "bce"),
        "hidden": recbench.Choice("64,32", "128"),
    }
    found = check(Spaced, space)
    assert found == "l2=1e-05..2000:log, dim=8..512, loss=softmax|bce, hidden=64,32|128"
    default = {"l2": 500, "dim": None, "loss": "softmax", "hidden": (64, 32)}
    assert Spaced.built == [
        {**default, "l2": 1e-5},
        {**default, "l2": 2000.0},
        {**default, "dim": 8},
        {**default, "dim": 512},
        default,
        {**default, "loss": "bce"},
        default,
        {**default, "hidden": (128,)},
    ]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"l2": recbench.Float(0, 2000)}, "l2=0: spaced: l2 must be above 0, not 0.0"),
        ({"l2": recbench.Float(1, 100)}, "the default of l2, 500, is not in 1..100"),
        ({"hidden": recbench.Choice("9", "8")}, "the default of hidden, 64,32, is not in 9|8"),
    ],
)
def test_a_space_that_does_not_fit_shows_the_smallest_example(space: Any, message: str) -> None:
    with pytest.raises(AssertionError) as error:
        check(Spaced, space)
    assert str(error.value).startswith(f"the search space must fit the options: {message}")


def test_another_error_of_the_factory_names_the_option_too() -> None:
    class Fails(Good):
        search_space: ClassVar = {"l2": recbench.Float(1, 9)}

        def __init__(self, l2: float = 2) -> None:
            if l2 == 9:
                raise ZeroDivisionError("nine")

    with pytest.raises(AssertionError, match=r": l2=9: its factory raised ZeroDivisionError: nine"):
        check(Fails)


def test_a_space_of_options_that_do_not_exist_breaks_the_rule() -> None:
    with pytest.raises(recbench.RecbenchError, match="the model has no option 'l3', which is in"):
        check(Spaced, {"l3": recbench.Float(0, 1)})


def test_of_other_options_only_those_without_a_default_are_set() -> None:
    source = object()
    check(Needs, source=source, l2=3, lr=0.5)
    assert Spaced.built == [
        {"source": source, "l2": 1.0, "lr": 0.1},
        {"source": source, "l2": 9.0, "lr": 0.1},
    ]


def test_without_a_space_the_rule_is_not_applicable() -> None:
    with pytest.raises(NotApplicableError, match="it has no search_space"):
        check(Spaced)
    with pytest.raises(NotApplicableError, match="it has no search_space"):
        check(lambda l2=1: Spaced(l2))


def test_check_model_checks_it() -> None:
    check_model(Needs, source=3)
    wrong = type("Wrong", (Spaced,), {"search_space": {"l2": recbench.Float(0, 2000)}})
    with pytest.raises(AssertionError, match="l2=0: spaced: l2 must be above 0"):
        check_model(wrong, l2=3)


FILE = '''
import numpy as np
import recbench

class Mine:
    """Popular items.

    Parameters
    ----------
    source : str
        Where it is from.
    power : float, default: 1.0
        Exponent of the counts.
    """

    search_space = {"power": recbench.Float(LOW, 4)}

    def __init__(self, source: str, power: float = 1.0):
        recbench.check_options("mine", ("power", power, power > 0, "above 0"))
        self.power = power

    def fit(self, train):
        self.counts_ = np.bincount(train.items, minlength=train.n_items) ** self.power
        return self

    def score(self, history):
        return np.tile(self.counts_, (len(history), 1))
'''


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        ("0", ("failed", "power=0: model Mine (plugin mine.py): mine: power must be above 0, not")),
        ("0.5", ("passed", "power=0.5..4")),
    ],
)
def test_check_plugin_checks_it(tmp_path: Path, low: str, expected: tuple[str, str]) -> None:
    (tmp_path / "mine.py").write_text(FILE.replace("LOW", low))
    checked = recbench.check_plugin(f"{tmp_path / 'mine.py'}:source=shop,power=2")
    (found,) = [each for each in checked if each.rule == RULE]
    outcome, detail = expected
    assert found.outcome == outcome
    assert found.detail.startswith(detail)
    (others,) = [each.rule for each in checked if each.outcome == "failed" and each.rule != RULE]
    assert others == "options have defaults and descriptions"  # as the source has no default

"""Search spaces: ranges that a model states or a user writes, and the errors for wrong ones."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from recbench import Choice, Float, Int, RecbenchError, UsageError
from recbench.space import (
    Range,
    check_space,
    default_of,
    option_text,
    read_range,
    space_of,
    spaces_text,
    takes,
)


class Model:
    """A model with a search space."""

    search_space: ClassVar = {"l2": Float(1, 2000, log=True), "loss": Choice("softmax", "bce")}

    def __init__(self, l2: float = 500, loss: str = "softmax", limit: int | None = None) -> None:
        self.given = l2, loss, limit


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2, 1), "Float(2, 1): the first number must be below the second"),
        (lambda: Float(1, 1), "Float(1, 1): the first number must be below the second"),
        (
            lambda: Float(0, 1, log=True),
            "Float(0, 1, log=True): a logarithmic range must begin above 0",
        ),
        (
            lambda: Float(0, float("inf")),
            "Float(0, inf): both ends of the range must be finite numbers",
        ),
        (
            lambda: Float(float("nan"), 1),
            "Float(nan, 1): both ends of the range must be finite numbers",
        ),
        (lambda: Float("0", 1), "Float('0', 1): both ends of the range must be finite numbers"),
        (lambda: Float(False, 2), "Float(False, 2): both ends of the range must be finite numbers"),
        (lambda: Int(1, 2.0), "Int(1, 2.0): both ends of the range must be whole numbers"),
        (lambda: Int(False, True), "Int(False, True): both ends of the range must be whole num"),
        (lambda: Int(5, 4), "Int(5, 4): the first number must be below the second"),
        (lambda: Int(0, 9, log=True), "Int(0, 9, log=True): a logarithmic range must begin above"),
        (Choice, "choices must be two or more different values, not ()"),
        (lambda: Choice("a"), "choices must be two or more different values, not ('a',)"),
        (lambda: Choice(["a"]), "choices must be two or more different values, not ('a',)"),
        (lambda: Choice("a", "b", "a"), "two or more different values, not ('a', 'b', 'a')"),
        (lambda: Choice(1, "1"), "two or more different values, not (1, '1')"),
        (
            lambda: Choice("a", b"b"),
            "a choice must be a text, a number, true, false or None, not b'b'",
        ),
    ],
)
def test_ranges_that_make_no_sense_are_refused(make: Callable[[], Range], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


RANGES: list[tuple[Range, Any, str, tuple[Any, ...]]] = [
    (Float(1, 2000, log=True), float, "1..2000:log", (1.0, 2000.0)),
    (Float(1e-5, 0.1, log=True), float, "1e-05..0.1:log", (1e-5, 0.1)),
    (Float(-0.5, 1), float, "-0.5..1", (-0.5, 1.0)),
    (Float(0.12345678, 1234567.5), float, "0.12345678..1234567.5", (0.12345678, 1234567.5)),
    (Int(5, 1000), int, "5..1000", (5, 1000)),
    (Int(1, 12_345_678, log=True), int | None, "1..12345678:log", (1, 12_345_678)),
    (Choice("softmax", "bce"), str, "softmax|bce", ("softmax", "bce")),
    (Choice([0.5, None]), float | None, "0.5|none", (0.5, None)),
    (Choice(True, False), bool, "true|false", (True, False)),
    (Choice("a|b", "c"), str, "a||b|c", ("a|b", "c")),
    (Choice(32, 64, 128), Literal[32, 64, 128], "32|64|128", (32, 64, 128)),
]


@pytest.mark.parametrize(("values", "kind", "text", "ends"), RANGES)
def test_ranges_are_written_as_users_write_them(
    values: Range, kind: Any, text: str, ends: tuple[Any, ...]
) -> None:
    assert str(values) == text
    assert read_range("m: x", text, kind) == values
    assert values.ends == ends
    assert [type(end) for end in values.ends] == [type(end) for end in ends]
    assert all(map(values.holds, ends))


@pytest.mark.parametrize(
    ("values", "inside", "outside"),
    [
        (Float(0, 1), (0, 1, 0.3), (-0.01, 1.01, float("nan"), True, None, "0.5")),
        (Int(2, 9), (2, 9, 4.0), (1, 10, 4.5, float("inf"), float("nan"), True, None, "4")),
        (Choice("a", 1, None), ("a", 1, 1.0, "1", None), ("b", 2, True)),
        (Choice("64,32", "128"), ("128", 128, [64, 32], (64, 32)), ([32, 64], "64")),
    ],
)
def test_a_range_holds_what_lies_in_it(
    values: Range, inside: tuple[Any, ...], outside: tuple[Any, ...]
) -> None:
    assert [value for value in inside if not values.holds(value)] == []
    assert [value for value in outside if values.holds(value)] == []


def test_values_are_written_as_options() -> None:
    values = {None: "none", 0.1 + 0.2: "0.3", 3.0: "3", 7: "7", 1e-9: "1e-09", "x": "x"}
    assert {value: option_text(value) for value in values} == values
    assert [option_text(value) for value in (True, False)] == ["true", "false"]
    assert option_text([64, 0.5, None]) == option_text((64, 0.5, None)) == "64,0.5,none"


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        (" 1..9 ", int, Int(1, 9)),
        ("1..9", float, Float(1, 9)),
        ("1..9", int | float, Int(1, 9)),  # the type of a default 1 without an annotation
        ("0.5..9", int | float, Float(0.5, 9)),
        ("1..9", Any, Int(1, 9)),
        ("1e-4..1e-2:log", Any, Float(0.0001, 0.01, log=True)),
        ("1..9", int | None, Int(1, 9)),
        ("1..9", float | None, Float(1, 9)),
        ("-3..-1", int, Int(-3, -1)),
        ("1|9", int, Choice(1, 9)),
        ("1|9", Any, Choice(1, 9)),
        ("8|none", int | None, Choice(8, None)),
        ("yes|no", bool, Choice(True, False)),
        ("a|bee", Literal["a", "bee"], Choice("a", "bee")),
        ("../a|../b", str, Choice("../a", "../b")),
    ],
)
def test_the_type_of_the_option_decides_what_a_range_is(
    text: str, kind: Any, values: Range
) -> None:
    read = read_range("m: x", text, kind)
    assert read == values
    assert [type(end) for end in read.ends] == [type(end) for end in values.ends]


def test_choices_of_lists_and_paths_stay_text() -> None:
    values = read_range("m: x", "64,32|128", list[int])
    assert values == Choice("64,32", "128")
    assert values.holds([64, 32])
    assert read_range("m: x", "a.csv|b.csv", Path) == Choice("a.csv", "b.csv")
    with pytest.raises(UsageError, match=r"^m: x=z must be a whole number$"):
        read_range("m: x", "64,z|128", list[int])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "5",
            int,
            "m: x=5 is not a range; write numbers as LOW..HIGH or LOW..HIGH:log, and choices as A|",
        ),
        ("", int, "m: x= is not a range; write numbers"),
        ("a|", str, "m: x=a| is not a range; write numbers"),
        ("a||b", str, "m: x=a||b is not a range; write numbers"),
        ("1..", int, "m: x: '' is not a number; write a range as LOW..HIGH"),
        ("one..9", int, "m: x: 'one' is not a number; write a range as LOW..HIGH"),
        ("1..9:lag", int, "m: x: '9:lag' is not a number; write a range as LOW..HIGH"),
        ("0.5..9", int, "m: x=0.5..9: both ends of the range must be whole numbers"),
        ("9..1", float, "m: x=9..1: the first number must be below the second"),
        ("0..1:log", float, "m: x=0..1:log: a logarithmic range must begin"),
        ("nan..1", float, "m: x=nan..1: both ends of the range must be finite"),
        ("1..9", str, "m: x=1..9: the option takes no numbers; write choices as A|B"),
        ("1..9", Literal["a", "b"], "m: x=1..9: the option takes no numbers; write choices as A|B"),
        ("0..1", bool, "m: x=0..1: the option takes no numbers; write choices as A|B"),
        ("a|a", str, "m: x=a|a: choices must be two or more different values, not ('a', 'a')"),
        ("1|x", int, "m: x=x must be a whole number"),
        ("1|x", float, "m: x=x must be a number"),
        ("a|be", Literal["a", "bee"], "m: x=be is not allowed; did you mean 'bee'?"),
        ("yes|maybe", bool, "m: x=maybe must be true or false"),
    ],
)
def test_texts_that_are_no_range_are_refused(text: str, kind: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read_range("m: x", text, kind)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (int, {int}),
        (float, {float}),
        (int | None, {int}),
        (int | float, {int, float}),
        (Any, {int, float}),
        (bool, set()),
        (str, set()),
        (Literal[1, 2], set()),
        (list[int], set()),
    ],
)
def test_which_options_take_numbers(kind: Any, numbers: set[type]) -> None:
    assert {wanted for wanted in (int, float) if takes(kind, wanted)} == numbers


def _open(width: int = 1, **others: Any) -> dict[str, Any]:
    return {"width": width, **others}


def _literal(kind: Literal["a", "b"] = "a") -> str:
    return kind


@pytest.mark.parametrize(
    ("space", "factory", "message"),
    [
        (
            ["l2"],
            Model,
            "model m has the search_space ['l2']; it must be a dict from options to ranges, as in",
        ),
        (
            {"zz": Float(0, 1)},
            Model,
            "model m has no option 'zz', which is in its search_space; available: l2, limit, loss",
        ),
        (
            {"los": Choice("a", "b")},
            Model,
            "model m has no option 'los', which is in its search_space; did you mean 'loss'?",
        ),
        (
            {"l2": (1, 2000)},
            Model,
            "model m: the search_space of l2 is (1, 2000); write a recbench.Float, recbench.Int",
        ),
        ({"seed": Int(0, 9)}, _open, "model m has 'seed' in its search_space; remove it"),
        ({"device": Choice("cpu", "cuda")}, _open, "model m has 'device' in its search_space;"),
        (
            {"limit": Float(1, 9)},
            Model,
            "model m: limit takes whole numbers, but its range is a recbench.Float; write recben",
        ),
        (
            {"limit": Choice(1, 2.5)},
            Model,
            "model m: the range 1|2.5 does not fit: limit=2.5 must be a whole number",
        ),
        (
            {"kind": Choice("a", "c")},
            _literal,
            "model m: the range a|c does not fit: kind=c is not allowed; available: a, b",
        ),
        ({"depth": 3}, _open, "model m: the search_space of depth is 3; write a recbench.Float"),
    ],
)
def test_a_space_must_fit_the_options_of_its_factory(
    space: Any, factory: Callable[..., Any], message: str
) -> None:
    with pytest.raises(RecbenchError) as error:
        check_space("model m", space, factory)
    assert str(error.value).startswith(message)


def test_spaces_that_fit_are_accepted() -> None:
    check_space("model m", Model.search_space, Model)
    check_space("model m", {}, Model)
    check_space("model m", {"depth": Int(1, 9)}, _open)  # **others take any option


def test_the_space_of_a_factory_is_its_own_or_empty() -> None:
    assert space_of(Model) == space_of(functools.partial(Model, l2=5)) == Model.search_space
    assert space_of(_open) == {}
    assert spaces_text(space_of(Model)) == {"l2": "1..2000:log", "loss": "softmax|bce"}


class Narrower(Model):
    """A subclass with fewer options."""

    def __init__(self, loss: str = "softmax") -> None:
        super().__init__(7, loss)


def test_a_subclass_or_a_partial_may_have_fewer_options_than_the_space() -> None:
    for factory in (Narrower, functools.partial(Model, 7)):
        check_space("model m", Model.search_space, factory)
        assert list(space_of(factory)) == ["loss"]


def test_the_default_of_an_option_is_that_of_the_signature() -> None:
    assert [default_of(option, Model) for option in ("l2", "loss", "limit")] == [
        *(500, "softmax"),
        None,
    ]
    assert default_of("l2", functools.partial(Model, l2=7)) == 7
    assert default_of("nothing", Model) is None
    assert default_of("x", lambda x: x) is None

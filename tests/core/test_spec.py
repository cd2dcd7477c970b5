"""Names with options: how they are parsed, and the errors for invalid ones."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest

from recbench import UsageError
from recbench.spec import (
    Spec,
    build,
    check_option_names,
    each_value,
    parameters,
    parse_names,
    seed_of,
    with_own_names,
)


def _make(
    dim: int = 64,
    lr: float = 0.1,
    tied: bool = True,
    rule: Literal["a", "bee"] = "a",
    limit: int | None = None,
    name: str = "x",
    bare=1,  # type: ignore[no-untyped-def]
) -> dict[str, Any]:
    return {**locals()}


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("popular", "popular", {}),
        ("t:dim=128,layers=2", "t", {"dim": "128", "layers": "2"}),
        ("log.csv:user=Customer ID,time=a,b", "log.csv", {"user": "Customer ID", "time": "a,b"}),
        (r"C:\data\log.csv:user=u", r"C:\data\log.csv", {"user": "u"}),
        ("/a:b/log.csv", "/a:b/log.csv", {}),
        ("x:a=1=2", "x", {"a": "1=2"}),
        ("x:a=", "x", {"a": ""}),
    ],
)
def test_parse(text: str, name: str, options: dict[str, str]) -> None:
    assert Spec.parse(text) == Spec(name, options)


def test_the_order_of_options_does_not_matter() -> None:
    assert str(Spec.parse("t:b=2,a=1")) == str(Spec.parse("t:a=1,b=2")) == "t:a=1,b=2"


@pytest.mark.parametrize("text", ["", " ", "t:", "t:a=1,a=2"])
def test_invalid_specs_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Spec.parse(text)


def _choose(what: Literal["a", 2, True] | None = "a") -> Any:
    return what


@pytest.mark.parametrize(
    ("text", "value"),
    [("a", "a"), ("none", None), ("2", 2), ("true", True), ("True", True)],
)
def test_choices_that_are_no_texts_are_written_as_elsewhere(text: str, value: Any) -> None:
    assert build("model m", _choose, {"what": text}) is value
    with pytest.raises(UsageError, match="what=A is not allowed"):
        build("model m", _choose, {"what": "A"})


def test_values_are_converted_to_the_types_of_the_signature() -> None:
    made = build(
        "model m",
        _make,
        {
            "dim": "8",
            "lr": "1e-3",
            "tied": "no",
            "rule": "bee",
            "limit": "none",
            "name": "7",
            "bare": "0.5",
        },
    )
    assert made == {
        "dim": 8,
        "lr": 1e-3,
        "tied": False,
        "rule": "bee",
        "limit": None,
        "name": "7",
        "bare": 0.5,
    }


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dmi": "8"}, "model m has no option 'dmi'; did you mean 'dim'?"),
        ({"dim": "8.5"}, "dim=8.5 must be a whole number"),
        ({"lr": "fast"}, "lr=fast must be a number"),
        ({"tied": "maybe"}, "must be true or false"),
        ({"rule": "be"}, "rule=be is not allowed; did you mean 'bee'?"),
        ({"limit": "x"}, "limit=x must be a whole number"),
    ],
)
def test_errors_about_options_say_what_is_allowed(options: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match.replace("?", r"\?")):
        build("model m", _make, options)


def test_a_missing_required_option_is_an_error() -> None:
    def needs(path: str) -> str:
        return path

    with pytest.raises(UsageError, match="needs the option path"):
        build("model m", needs, {})


def test_options_of_a_factory_without_options_are_refused() -> None:
    with pytest.raises(UsageError, match="has no options"):
        build("model m", lambda: 1, {"a": "1"})


def test_given_options_take_precedence_and_unknown_defaults_are_ignored() -> None:
    assert build("model m", _make, {"dim": "1"}, {"dim": 2, "seed": 3})["dim"] == 1
    assert build("model m", _make, {}, {"dim": 2, "seed": 3})["dim"] == 2


def test_factories_with_arbitrary_options_accept_anything() -> None:
    assert build("model m", lambda **given: given, {"a": "1", "b": "true", "c": "x"}) == {
        "a": 1,
        "b": True,
        "c": "x",
    }


def test_classes_and_instances_are_factories() -> None:
    class Kind:
        def __init__(self, dim: int = 1) -> None:
            self.dim = dim

        def __call__(self, width: int = 2) -> int:
            return width

    assert build("model m", Kind, {"dim": "3"}).dim == 3
    assert build("model m", Kind(), {"width": "4"}) == 4


def test_lists_are_written_with_commas() -> None:
    def make(
        hidden: tuple[int, ...] = (1,),
        names: list[str] | None = None,
        bare=(1, 2),  # type: ignore[no-untyped-def]
    ) -> tuple[Any, ...]:
        return hidden, names, bare

    spec = Spec.parse("m:hidden=64,32,names=a,b,bare=3,x")
    assert build("model m", make, spec.options) == ((64, 32), ["a", "b"], (3, "x"))


def test_an_option_that_cannot_be_given_as_text_is_refused() -> None:
    def make(inner: dict[str, int] | None = None) -> None: ...

    with pytest.raises(UsageError, match="can be set from Python only"):
        build("model m", make, {"inner": "1"})


class _Sub(dict[str, Any]):
    """A class whose constructor is written in C."""


class _Nonsense:
    __signature__ = "nonsense"

    def __call__(self) -> int:
        return 7


class _Raises:
    @property
    def __signature__(self) -> inspect.Signature:
        raise SystemExit(0)

    def __call__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("factory", "made"),
    [
        (dict, {}),
        (int, 0),
        (_Sub, {}),
        (functools.partial(dict, a=1), {"a": 1}),
        (functools.partial(functools.partial(int), "3"), 3),
        (_Nonsense(), 7),
        (_Raises(), 7),
    ],
)
def test_factories_without_a_signature_have_no_options(
    factory: Callable[..., Any], made: Any
) -> None:
    assert parameters(factory) == ({}, False)
    assert seed_of(factory, Spec("m", {"seed": "3"}), 1) is None
    assert build("model m", factory, {}, {"seed": 3}) == made
    with pytest.raises(UsageError, match=r"^model m has no options; remove a=1$"):
        build("model m", factory, {"a": "1"})


def test_renamed_options_are_refused_with_their_new_names() -> None:
    def make(width: int = 1) -> int:
        return width

    make.__dict__["renamed_options"] = {"dim": "width", "size": "width"}
    assert build("model m", make, {"width": "2"}) == 2
    for old in ("dim", "size"):
        match = f"^model m has no option '{old}'; it is now called 'width'$"
        with pytest.raises(UsageError, match=match):
            build("model m", make, {old: "2"})
        with pytest.raises(UsageError, match=match):
            build("model m", functools.partial(make, width=3), {old: "2"})


def test_classes_and_instances_may_have_renamed_options() -> None:
    class Kind:
        renamed_options: ClassVar = {"dim": "width"}

        def __init__(self, width: int = 1) -> None: ...

        def __call__(self, **others: int) -> dict[str, int]:
            return others

    for factory in (Kind, Kind()):
        with pytest.raises(UsageError, match="'dim'; it is now called 'width"):
            build("model m", factory, {"dim": "3"})
    assert build("model m", Kind(), {"width": "3"}) == {"width": 3}


class Named:
    """Papers call its l2 lambda or reg."""

    option_aliases: ClassVar = {"lambda": "l2", "reg": "l2", "half": "decay"}

    def __init__(self, l2: float = 500, decay: float = 0.9, scale: float = 1) -> None:
        self.given = l2, decay, scale


def test_other_names_of_options_are_read_as_their_own() -> None:
    for factory in (Named, functools.partial(Named, scale=3)):
        assert build("model m", factory, {"lambda": "7", "half": "0.5"}).given[:2] == (7, 0.5)
    assert build("model m", Named, {"l2": "7", "half": "0.5"}).given == (7, 0.5, 1)
    with pytest.raises(UsageError, match=r"^model m: l2=x must be a number$"):
        build("model m", Named, {"lambda": "x"})


def test_options_get_their_own_names_in_the_same_order() -> None:
    options = {"scale": "2", "lambda": "7", "decay": "0.5"}
    named = with_own_names("model m", options, Named)
    assert list(named.items()) == [("scale", "2"), ("l2", "7"), ("decay", "0.5")]
    assert with_own_names("model m", options, _make) == options
    assert list(options) == ["scale", "lambda", "decay"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l2": "1", "reg": "1"}, "l2 is set twice, as reg is another name of it; set it once"),
        ({"lambda": "1", "l2": "2"}, "l2 is set twice, as lambda is another name of it; set it"),
        ({"lambda": "1", "reg": "2"}, "l2 is set twice, as lambda is another name of it; set it"),
    ],
)
def test_an_option_is_set_under_one_of_its_names(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=f"^model m: {message}"):
        build("model m", Named, options)


def test_other_names_of_options_are_right() -> None:
    check_option_names("model m", {"lambda": "7", "half": "0.5"}, Named)
    with pytest.raises(UsageError, match=r"^model m has no option 'lamda'; did you mean 'lambda"):
        check_option_names("model m", {"lamda": "7"}, Named)


def test_an_existing_option_is_not_an_old_name() -> None:
    def make(ties: int = 0, time_ties: int = 0) -> tuple[int, int]:
        return ties, time_ties

    make.__dict__["renamed_options"] = {"ties": "time_ties"}
    assert build("model m", make, {"ties": "2"}) == (2, 0)


def test_an_option_of_any_of_several_factories_is_accepted() -> None:
    def other(ties: int = 0) -> int:
        return ties

    def renamed(time_ties: int = 0) -> int:
        return time_ties

    renamed.__dict__["renamed_options"] = {"ties": "time_ties", "order": "time_ties"}
    check_option_names("model m", {"time_ties": "1", "ties": "1"}, other, renamed)
    with pytest.raises(UsageError, match="'order'; it is now called 'time_ties"):
        check_option_names("model m", {"order": "1"}, other, renamed)
    with pytest.raises(UsageError, match="no option 'time_tie'; did you mean 'time_ties'"):
        check_option_names("model m", {"time_tie": "1"}, other, renamed)


def test_lists_and_values_of_objects_are_read_as_options() -> None:
    assert build("m", lambda x=None: x, {"x": "[64,32]"}) == [64, 32]
    assert build("m", lambda x=None: x, {"x": "{'a': (1, 2.5)}"}) == {"a": (1, 2.5)}
    assert build("m", lambda x=None: x, {"x": "[64,"}) == "[64,"
    factory = functools.partial(lambda x=None, dim=3: (x, dim))
    factory.option_values = {"len-1": len}  # type: ignore[attr-defined]
    assert build("m", factory, {"x": "len-1", "dim": "4"}) == (len, 4)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("leave-last-out", ["leave-last-out"]),
        ("temporal, leave-last-out", ["temporal", "leave-last-out"]),
        ("windows:length=3,test=0.5,temporal", ["windows:length=3,test=0.5", "temporal"]),
        ("temporal:at=2001-01-01,targets=all", ["temporal:at=2001-01-01,targets=all"]),
        ("ndcg,rbp:p=0.95,ild:by=genres", ["ndcg", "rbp:p=0.95", "ild:by=genres"]),
        ("a:x=1,2,b", ["a:x=1,2", "b"]),
        ("a,./b.py,/c/d.py:e:x=1,../f.py", ["a", "./b.py", "/c/d.py:e:x=1", "../f.py"]),
        ("a:x=1,2024.py", ["a:x=1", "2024.py"]),
        (" , a,,b, ", ["a", "b"]),
    ],
)
def test_several_names_with_options_are_parsed(text: str, names: list[str]) -> None:
    assert parse_names(text) == names


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("rules", ["rules"]),
        ("rules:decay=0.5", ["rules:decay=0.5"]),
        ("r:decay=0.5|0.7|0.9", ["r:decay=0.5", "r:decay=0.7", "r:decay=0.9"]),
        ("r:d=1|2,w=5|9", ["r:d=1,w=5", "r:d=1,w=9", "r:d=2,w=5", "r:d=2,w=9"]),
        ("r:d=1|1", ["r:d=1"]),
        ("r:l=1,2|3", ["r:l=1,2", "r:l=3"]),
        ("r:sign=a||b", ["r:sign=a|b"]),
        ("./m.py:Mine:d=1|2", ["./m.py:Mine:d=1", "./m.py:Mine:d=2"]),
    ],
)
def test_several_values_are_several_names(text: str, texts: list[str]) -> None:
    assert each_value(text) == texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "r:d=1|",
            r"^'r:d=1|' has an empty value of d\. Write several as in d=1|2, and || for the",
        ),
        ("r:d=" + "|".join("abcdefghijk") + ",e=" + "|".join(map(str, range(99))), "1,089 combi"),
    ],
)
def test_values_that_are_no_list_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("|", r"\|")):
        each_value(text)


def test_a_missing_option_is_named_as_it_is_typed() -> None:
    def needs(size: int) -> int:
        return size

    with pytest.raises(UsageError, match=r"^model mine needs the option size; write mine:size=VAL"):
        build("model mine", needs, {})

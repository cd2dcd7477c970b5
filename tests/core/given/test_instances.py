"""What a model object was built with, read from the object."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from recbench import UsageError
from recbench.code.content import same
from recbench.given.instances import built_with, unfitted


class Usual:
    """A model in the style of scikit-learn."""

    def __init__(self, dim: int = 16, weights: Any = None, metric: Any = sum) -> None:
        self.dim, self.weights, self.metric = dim, weights, metric

    def fit(self, train: Any) -> "Usual":
        self.counts_ = train
        return self


class Hidden:
    __slots__ = ("__rate", "_dim")

    def __init__(self, dim: int, rate: float = 0.5) -> None:
        self._dim, self.__rate = dim, rate


class Property:
    def __init__(self, dim: int = 16) -> None:
        self._inside = {"dim": dim}

    @property
    def dim(self) -> int:
        return self._inside["dim"]


class Renamed:
    def __init__(self, neighbours: int = 5, decay: float = 0.5) -> None:
        self.k, self.d = neighbours, decay
        self.counts = None


class Passes(Usual):
    def __init__(self, extra: bool = False, **others: Any) -> None:
        super().__init__(**others)
        self.extra = extra


@dataclass
class Data:
    dim: int = 16
    layers: tuple[int, ...] = (8, 8)


class Resolves:
    """A model whose constructor replaces the default."""

    def __init__(self, device: str = "auto", rng: Any = None) -> None:
        self.device = "cpu" if device == "auto" else device
        self.rng = np.random.default_rng(rng)


ARRAY = np.arange(6.0)


@pytest.mark.parametrize(
    ("instance", "values"),
    [
        (Usual(), {}),
        (Usual(16), {}),
        (Usual(dim=32), {"dim": 32}),
        (Usual(weights=ARRAY, metric=max), {"weights": ARRAY, "metric": max}),
        (Usual(weights=Usual(3)), {"weights": Usual(3)}),
        (Hidden(3), {"dim": 3}),
        (Hidden(3, 0.25), {"dim": 3, "rate": 0.25}),
        (Property(3), {"dim": 3}),
        (Renamed(), {}),
        (Renamed(7), {"neighbours": 7}),
        (Renamed(decay=0.25), {"decay": 0.25}),
        (Passes(extra=True, dim=8), {"extra": True, "dim": 8}),
        (Data(layers=(4,)), {"layers": (4,)}),
        (Resolves(), {}),
        (Resolves("cuda"), {"device": "cuda"}),
    ],
)
def test_parameters_that_differ_from_the_defaults_are_read(
    instance: Any, values: dict[str, Any]
) -> None:
    before = dict(getattr(instance, "__dict__", {}))
    found, changed = built_with(instance)
    assert same(found, values)
    assert changed == []
    assert same(dict(getattr(instance, "__dict__", {})), before)


def test_what_was_learned_is_named_and_is_no_parameter() -> None:
    fitted = Usual(dim=3).fit(np.ones(4))
    assert built_with(fitted) == ({"dim": 3}, ["counts_"])
    renamed = Renamed(7)
    renamed.counts = np.ones(4)  # type: ignore[assignment]
    assert built_with(renamed) == ({"neighbours": 7}, ["counts"])


def test_torch_modules_keep_parameters_as_submodules() -> None:
    import torch

    class Net(torch.nn.Module):
        def __init__(self, inner: Any = None, dim: int = 4) -> None:
            super().__init__()
            self.inner, self.dim = inner, dim
            self.table = torch.nn.Embedding(3, dim)  # random numbers

    inner = torch.nn.Linear(2, 2)
    values, changed = built_with(Net(inner, dim=3))
    assert values == {"inner": inner, "dim": 3}
    assert changed == []


class Lost:
    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)


class Doubles:
    def __init__(self, dim: int = 4) -> None:
        self.dim = 2 * dim


class Learns:
    def __init__(self, table: Any = None) -> None:
        self.table = table

    def fit(self, train: Any) -> "Learns":
        self.table = train
        return self


class Fills:
    def __init__(self, table: Any = None) -> None:
        self.table = table or {}


class Needs:
    def __init__(self, n: int) -> None:
        self.size = np.arange(n)


class Picky:
    def __init__(self, dim: int = 4) -> None:
        self.dim = dim
        if dim < 0:
            raise ValueError("dim is negative")


def _filled() -> Fills:
    fills = Fills()
    fills.table.update(enumerate(range(99)))
    return fills


def _negative() -> Picky:
    picky = Picky()
    picky.dim = -3
    return picky


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            functools.partial(Lost, 3),
            "^Lost: recbench cannot tell which 'seed' .* Give .*: {'Lost': lambda: Lost(...)}",
        ),
        (
            functools.partial(Doubles, 8),
            "'dim' .* its constructor does not keep the value as it is",
        ),
        (
            lambda: Learns().fit(ARRAY),
            "'table' this object was built with, because fit may have set it",
        ),
        (_filled, "'table' .* its constructor does not keep the value as it is"),
        (functools.partial(Needs, 3), "'n' this object was built with, because no attribute"),
        (_negative, "Picky: this object cannot be built again: .*dim is negative"),
    ],
)
def test_what_cannot_be_told_or_might_be_learned_is_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(...)", r"\(...\)")):
        built_with(make())


def test_an_object_with_all_defaults_needs_no_readable_parameter() -> None:
    assert built_with(Lost()) == ({}, [])


class Inner:
    def __init__(self, dim: int = 4) -> None:
        self.dim = dim

    def fit(self, train: Any) -> "Inner":
        self.scores_ = train
        return self


class Around:
    def __init__(self, base: Any, more: Any = ()) -> None:
        self.base, self.more = base, more

    def fit(self, train: Any) -> "Around":
        self.base.fit(train)
        return self


def test_objects_inside_of_an_object_are_made_anew_if_they_were_fitted() -> None:
    fresh = [Inner(3), {"a": (Inner(), 1, "x")}, Around(Inner(2))]
    assert unfitted(fresh) == (fresh, [])
    fitted: list[Any] = [
        Inner(3).fit([1]),
        {"a": (Inner(), 1, "x")},
        Around(Inner(2), [4]).fit([1]),
    ]
    new, names = unfitted(fitted)
    assert names == ["Inner", "Inner"]
    assert vars(new[0]) == {"dim": 3}
    assert new[1] == fitted[1]
    assert vars(new[2].base) == {"dim": 2}
    assert new[2].more == [4]
    assert vars(fitted[0]).keys() == {"dim", "scores_"}, "the object itself is not changed"
    values, changed = built_with(Around(Inner(5).fit([1])))
    assert not changed
    assert vars(unfitted(values)[0]["base"]) == {"dim": 5}

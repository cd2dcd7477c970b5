"""The protocols of models: isinstance tells what a model can do."""

from typing import Any

import pytest

import recbench
from recbench_random import Random

PROTOCOLS = (
    recbench.Model,
    recbench.Scorer,
    recbench.Lister,
    recbench.Storable,
    recbench.Explainer,
    recbench.Resumable,
    recbench.Attentive,
)


class Everything(Random):
    def fit(self, train: Any, checkpoint: Any = None) -> Any:
        return super().fit(train)

    def recommend(self, history: Any, k: int) -> Any: ...

    def save(self, folder: Any) -> None: ...

    def load(self, folder: Any) -> Any: ...

    def explain(self, history: Any, items: Any) -> Any: ...

    def attention(self, history: Any) -> Any: ...


class Layers(Random):
    """A network with a layer that is called attention."""

    attention = staticmethod(lambda queries, keys: queries @ keys)


class AnyAttribute:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("model", "met"),
    [
        (Everything(), PROTOCOLS),
        (Random(), (recbench.Model, recbench.Scorer)),
        (Layers(), (recbench.Model, recbench.Scorer)),
        (object(), ()),
    ],
)
def test_isinstance_tells_what_a_model_can_do(model: Any, met: tuple[type, ...]) -> None:
    assert tuple(protocol for protocol in PROTOCOLS if isinstance(model, protocol)) == met


@pytest.mark.parametrize("protocol", [recbench.Resumable, recbench.Attentive])
def test_attributes_that_raise_count_as_missing(protocol: Any) -> None:
    assert not isinstance(AnyAttribute(), protocol)

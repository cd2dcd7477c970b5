"""A limit on time for a while, besides the one that a host was made with."""

import math
import time
from typing import Any, Self

import pytest
from helpers import plugin

from recbench import RecbenchError, load_plugins
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.in_process import InProcessHost
from recbench.testing import example
from recbench_popular import Popular


class Waits(Popular):
    """Takes a while to fit."""

    def fit(self, train: Any) -> Self:
        time.sleep(0.7)
        return super().fit(train)


PLUGINS = load_plugins(mine=plugin(models={"waits": Waits}))


def _fit(host: Any) -> None:
    with host.cell("waits", {"seed": 0, "device": "cpu"}) as handle:
        handle.fit(example())
        assert handle.score(example()).any()


@pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
@pytest.mark.parametrize("own", [None, 60.0])
def test_a_limit_ends_with_its_block(own: float | None) -> None:
    with IsolatedHost(PLUGINS, own) as host:
        for seconds in (0.3, 0.0, -1.0):
            began = time.monotonic()
            with (
                host.limited(seconds),
                pytest.raises(RecbenchError, match=r"the time limit of .* s .* ran out"),
            ):
                _fit(host)
            assert time.monotonic() - began < 10
            assert host._launcher.timeout == own
        with host.limited(math.inf):
            assert host._launcher.timeout == own
            _fit(host)
        with host.limited(30), host.limited(40):
            assert host._launcher.timeout == 30
            _fit(host)
        assert host._launcher.timeout == own


@pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
def test_the_smaller_limit_holds() -> None:
    with IsolatedHost(PLUGINS, 0.3) as host:
        with host.limited(60), pytest.raises(RecbenchError, match=r"the time limit of 0.3 s"):
            _fit(host)
        with host.limited(math.inf), pytest.raises(RecbenchError, match=r"the time limit of 0.3 s"):
            _fit(host)


def test_models_in_this_process_have_no_limit() -> None:
    with InProcessHost(PLUGINS) as host, host.limited(0.1):
        _fit(host)

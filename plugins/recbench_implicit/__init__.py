"""Factor models by the library implicit: `als` and `bpr`."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .als import Als
from .bpr import Bpr

__all__ = ["Als", "Bpr"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"als": Als, "bpr": Bpr}

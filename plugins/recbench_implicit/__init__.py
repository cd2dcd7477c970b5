"""The models `als` and `bpr`, by the library implicit."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {}

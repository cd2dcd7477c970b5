"""The ways to hold events out: each user's last one or last basket, a cut in time, windows."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .basket import LeaveLastBasket
from .last import LeaveLastOut
from .temporal import Temporal
from .windows import Windows

__all__ = ["LeaveLastBasket", "LeaveLastOut", "Temporal", "Windows", "recbench_splitters"]


@recbench.hookimpl
def recbench_splitters() -> Mapping[str, Callable[..., Any]]:
    return {
        "leave-last-out": LeaveLastOut,
        "leave-last-basket": LeaveLastBasket,
        "temporal": Temporal,
        "windows": Windows,
    }

"""The splitters: leave-last-out, leave-last-basket, temporal and windows."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .leave_last_basket import LeaveLastBasket
from .leave_last_out import LeaveLastOut
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

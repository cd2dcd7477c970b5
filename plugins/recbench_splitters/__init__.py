"""The splitters: how targets are held out, and what models are trained on."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .given import Given
from .leave_last_basket import LeaveLastBasket
from .leave_last_out import LeaveLastOut
from .leave_n_out import LeaveNOut
from .random_share import RandomShare
from .sessions import Sessions
from .temporal import Temporal
from .users import UnseenUsers
from .windows import Windows

__all__ = [
    "Given",
    "LeaveLastBasket",
    "LeaveLastOut",
    "LeaveNOut",
    "RandomShare",
    "Sessions",
    "Temporal",
    "UnseenUsers",
    "Windows",
    "recbench_splitters",
]


@recbench.hookimpl
def recbench_splitters() -> Mapping[str, Callable[..., Any]]:
    return {
        "given": Given,
        "leave-last-basket": LeaveLastBasket,
        "leave-last-out": LeaveLastOut,
        "leave-n-out": LeaveNOut,
        "random": RandomShare,
        "sessions": Sessions,
        "temporal": Temporal,
        "users": UnseenUsers,
        "windows": Windows,
    }

"""The two ways to hold events out: each user's last one, and the notebook's windows."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .last import LeaveLastOut
from .windows import Windows


@recbench.hookimpl
def recbench_splitters() -> Mapping[str, Callable[..., Any]]:
    return {"leave-last-out": LeaveLastOut, "windows": Windows}

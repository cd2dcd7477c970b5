"""Tables to read (plain, markdown, latex) and tables for programs (csv, json)."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .human import latex, markdown, plain
from .tidy import csv, json


@recbench.hookimpl
def recbench_tables() -> Mapping[str, Callable[..., Any]]:
    return {"plain": plain, "markdown": markdown, "latex": latex, "csv": csv, "json": json}

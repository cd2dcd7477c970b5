"""Tables to read (plain, markdown, latex, html) and tables for programs (csv, json)."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .human import latex, markdown, plain
from .page import html
from .tidy import csv, json

for _table, _suffix in ((plain, "txt"), (markdown, "md"), (latex, "tex")):
    vars(_table)["aliases"] = (_suffix,)


@recbench.hookimpl
def recbench_tables() -> Mapping[str, Callable[..., Any]]:
    tables = (plain, markdown, latex, html, csv, json)
    return {table.__name__: table for table in tables}

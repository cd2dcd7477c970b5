"""Step 6, result: which of the stored results are outdated by others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .result import Result


def newest(results: Iterable[Result]) -> tuple[list[Result], list[Result]]:
    """The results that stand, by dataset and split, and those that newer ones outdate.

    All seeds of a model are of the code that ran last; where there is nothing but a failure without
    any version, since the plugin was broken, what was found before stands.
    """
    given = sorted(results, key=lambda one: one.setting.same)
    last: dict[Any, Result] = {}
    for one in sorted(given, key=lambda one: (bool(one.model_version), one.finished)):
        last[one.setting.same, one.model] = last[one.setting.same, one.model, one.seed] = one
    stands: list[Result] = []
    outdated: list[Result] = []
    for one in given:
        same = one.model_version == last[one.setting.same, one.model].model_version
        alone = one is last[one.setting.same, one.model, one.seed]
        (stands if same and alone else outdated).append(one)
    return stands, outdated

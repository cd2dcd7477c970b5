"""Results made of given numbers, for tests of sections, tables and the store."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from recbench import Result, Value
from recbench.data.interactions import Column
from recbench.evaluation.uncertainty import number_users, summarise
from recbench.results.result import Setting

USERS = np.array([f"u{user:02}" for user in range(40)])
RANDOM = np.random.default_rng(3)
SETTING = Setting(
    dataset="data",
    dataset_sha256="d" * 64,
    split="last",
    split_sha256="s" * 64,
    protocol=2,
    repeats="first",
    n_users=40,
    n_items=9,
    n_interactions=200,
    n_judged_users=40,
    n_cases=40,
    order="by time",
)
ROWS: dict[str, Mapping[str, Column]] = {}


def result_of(
    model: str,
    values: Mapping[str, np.ndarray],
    seed: int | None = None,
    users: np.ndarray = USERS,
    setting: Setting = SETTING,
    **more: Any,
) -> Result:
    """Return a result with these values per case, which `columns_of` reads."""
    key = f"{model} {seed} {len(ROWS)}"
    ROWS[key] = {"user": users, **values}
    columns = {key: column for key, column in values.items() if "@" in key}
    numbers = summarise(columns, number_users(users))
    made = Result(key, model, "1", "mine", seed, setting, "ok", numbers)
    return dataclasses.replace(made, **more)


def failed(model: str, seed: int | None = None, keys: tuple[str, ...] = ("ndcg@3",)) -> Result:
    """Return a failed result."""
    values = {key: Value() for key in keys}
    return Result(f"{model} {seed}", model, "1", "mine", seed, SETTING, "failed: no", values)


def columns_of(result: Result) -> Mapping[str, Column]:
    return ROWS.get(result.key, {})


def gains(shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return (40,) values that differ a little from those of other seeds."""
    common = np.random.default_rng(99).random(40)
    return common + shift + 0.2 * np.random.default_rng(seed).random(40)


GOOD, FAIR, ALIKE, POOR = gains(0.2), gains(0.0, 1), gains(0.19, 2), gains(-0.3, 3)

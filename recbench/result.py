"""Step 6, result: what the referee found for one cell, and its form on disk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .metric import Value


@dataclass(frozen=True)
class Setting:
    """What two results must share to stand in one table.

    dataset, split: as people call them; dataset_sha256, split_sha256: their content.
    protocol: the version of the referee. notes: what was read, dropped, merged or assumed.
    users, rows: how many users, and rows, are judged.
    """

    dataset: str
    dataset_sha256: str
    split: str
    split_sha256: str
    protocol: int
    repeats: str
    n_users: int
    n_items: int
    n_events: int
    users: int
    rows: int
    order: str
    source: str = ""
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> tuple[str, str, str, str, int]:
        """Equal for results that may be compared."""
        return (
            self.dataset,
            self.split,
            self.dataset_sha256,
            self.split_sha256,
            self.protocol,
        )


@dataclass(frozen=True)
class Result:
    """One cell: one model with its options, on one dataset, one split, one seed.

    key: sha256 (hex) of all that decides the numbers.
    seed: None where the model takes none.
    status: "ok", or "failed: reason".
    values: "ndcg@10" -> (mean, standard error) over the judged rows; NaN where it failed.
    depth: the largest k that the model's answers allow.
    fit_seconds, score_seconds: time inside the model, for all of train and all judged rows.
    per_user: name and sha256 of the file with one line a judged row, in the cell's folder.
    """

    key: str
    model: str
    model_version: str
    plugin: str
    seed: int | None
    setting: Setting
    status: str
    values: Mapping[str, Value]
    depth: int = 0
    fit_seconds: float = math.nan
    score_seconds: float = math.nan
    versions: Mapping[str, str] = field(default_factory=dict)
    finished: str = ""
    per_user: tuple[str, str] = ("", "")

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return self.status == "ok"

    def value(self, metric: str, k: int) -> Value:
        """Mean and standard error, NaN where they were not computed."""
        return self.values.get(f"{metric}@{k}", (math.nan, math.nan))


def to_json(result: Result) -> dict[str, Any]:
    """A result as plain JSON values; NaN becomes null."""
    return {key: _plain(value) for key, value in dataclasses.asdict(result).items()}


def from_json(data: Mapping[str, Any]) -> Result:
    """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    given = dict(data)
    setting = dict(given["setting"])
    setting["notes"] = tuple(setting["notes"])
    given["setting"] = Setting(**setting)
    given["values"] = {key: (_number(a), _number(b)) for key, (a, b) in given["values"].items()}
    given["per_user"] = tuple(given["per_user"])
    for key in ("fit_seconds", "score_seconds"):
        given[key] = _number(given[key])
    return Result(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)

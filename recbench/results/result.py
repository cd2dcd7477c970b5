"""Step 6, result: what the referee found for one cell, and its form on disk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recbench.evaluation.uncertainty import Value


@dataclass(frozen=True)
class Setting:
    """What two results must share to stand in one table.

    dataset, split: as people call them; dataset_sha256, split_sha256: their content.
    protocol: the version of the referee. notes: what was read, dropped, merged, not judged or
        assumed.
    n_judged_users, n_cases, n_targets: how many users and cases are judged, and on how many
        targets; n_unjudged_users: users of the data who are not.
    candidates: "" for full ranking, else which sample of items the targets were ranked among,
        and its content.
    future_share: the mean share of training events that are later than a target; time_tied: how
        many of the targets depend on how equal times are ordered; None where there are no times.
    """

    dataset: str
    dataset_sha256: str
    split: str
    split_sha256: str
    protocol: int
    repeats: str
    n_users: int
    n_items: int
    n_interactions: int
    n_judged_users: int
    n_cases: int
    order: str
    source: str = ""
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()
    candidates: str = ""
    candidates_sha256: str = ""
    n_unjudged_users: int = 0
    n_targets: int = 0
    future_share: float | None = None
    time_tied: int | None = None

    @property
    def comparison_key(self) -> tuple[str, str, str, str, str, str, int]:
        """Equal for results that may be compared."""
        return (
            self.dataset,
            self.split,
            self.candidates,
            self.dataset_sha256,
            self.split_sha256,
            self.candidates_sha256,
            self.protocol,
        )


@dataclass(frozen=True)
class Result:
    """One cell: one model with its options, on one dataset, one split, one seed.

    key: sha256 (hex) of all that decides the numbers.
    seed: None where the model takes none.
    status: "ok", or "failed: reason".
    values: "ndcg@10" -> Value over the judged rows; NaN where it failed.
    depth: the largest k that the model's answers allow.
    fit_seconds, score_seconds: time inside the model, for all of train and all judged rows.
    peak_memory: bytes that the model's process had at most, None if not measured.
    parameters: how many numbers the model learned, None if it does not say.
    provenance: versions, commit, machine, threads, command: what it takes to run it again.
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
    peak_memory: int | None = None
    parameters: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    per_user: tuple[str, str] = ("", "")

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return self.status == "ok"

    @property
    def ks(self) -> set[int]:
        """Every k that it was measured at."""
        return {int(key.partition("@")[2]) for key in self.values}

    def value(self, metric: str, k: int) -> Value:
        """What was found, NaN where nothing was."""
        return self.values.get(f"{metric}@{k}", Value())


def to_json(result: Result) -> dict[str, Any]:
    """A result as plain JSON values; NaN becomes null."""
    return {key: _plain(value) for key, value in dataclasses.asdict(result).items()}


def from_json(data: Mapping[str, Any]) -> Result:
    """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
    given = dict(data)
    setting = dict(given["setting"])
    setting["notes"] = tuple(setting["notes"])
    given["setting"] = Setting(**setting)
    given["values"] = {
        key: Value(*map(_number, numbers)) for key, numbers in given["values"].items()
    }
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

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
    values: "ndcg@10" -> Value over the cases; NaN where it failed.
    depth: the largest k that the model's answers allow.
    fit_seconds, score_seconds: time inside the model, for all of train and for all cases.
    peak_memory: bytes that the model's process had at most, None if not measured.
    parameters: how many numbers the model learned, None if it does not say.
    provenance: versions, commit, machine, threads, command: what it takes to run it again.
    cases_file: name and sha256 of the file with a row for each case, in the cell's folder.
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
    cases_file: tuple[str, str] = ("", "")

    @property
    def label(self) -> str:
        """How people tell it from other cells: `transformer, seed 0`."""
        return self.model if self.seed is None else f"{self.model}, seed {self.seed}"

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
    """The inverse of `to_json`, also for files of before some fields were renamed.

    Raises KeyError, TypeError or ValueError for anything else.
    """
    fields = _with_new_names(data, OLD_RESULT_FIELDS)
    setting = _with_new_names(fields["setting"], OLD_SETTING_FIELDS)
    setting["notes"] = tuple(setting["notes"])
    fields["setting"] = Setting(**setting)
    fields["values"] = {
        key: Value(*map(_number, numbers)) for key, numbers in fields["values"].items()
    }
    fields["cases_file"] = tuple(fields["cases_file"])
    for key in ("fit_seconds", "score_seconds"):
        fields[key] = _number(fields[key])
    return Result(**fields)


OLD_RESULT_FIELDS = {"per_user": "cases_file"}
OLD_SETTING_FIELDS = {
    "n_events": "n_interactions",
    "users": "n_judged_users",
    "rows": "n_cases",
    "unjudged": "n_unjudged_users",
    "targets": "n_targets",
    "later": "future_share",
    "tied": "time_tied",
}
"""What fields were called in results that version 0.1.0 stored, and are called now."""


def _with_new_names(data: Mapping[str, Any], old_names: Mapping[str, str]) -> dict[str, Any]:
    return {old_names.get(key, key): value for key, value in data.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)

"""What trackers record of a result: parameters, where it comes from, numbers and their names."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import recbench

Plain = str | int | float | bool
"""What all three trackers can record as a parameter."""

LONGEST_NAME = 200
"""Names of metrics are cut to this many characters; MLflow allows 250."""


class Point(NamedTuple):
    """A value that a model reported while it trained.

    name: as the model reported it. time: when, in seconds since 1970.
    """

    name: str
    step: int
    value: float
    time: float


def title(cell: recbench.Result) -> str:
    """Return what the run of a cell is called."""
    return recbench.printable(f"{cell.label} on {cell.setting.dataset_title}")


def parameters(cell: recbench.Result) -> dict[str, Plain]:
    """Return what was chosen for a cell; `options.dim` is the option `dim` of the model."""
    found: dict[str, Plain] = {
        "model": cell.model,
        "model_name": cell.model_name,
        **{f"options.{key}": _as_number(value) for key, value in cell.options.items()},
        "dataset": cell.setting.dataset,
        "split": cell.setting.split,
        "candidates": cell.setting.candidates or "all items",
        "device": cell.device or "auto",
    }
    if cell.seed is not None:
        found["seed"] = cell.seed
    if cell.tuned is not None:
        found["tuned"] = str(cell.tuned)
    return {key: _printable(value) for key, value in found.items()}


def _as_number(text: str) -> Plain:
    """Return an option as a number if it is one, so that trackers can sort and draw it."""
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            value = kind(text)
            return value if abs(value) < 2**53 else text  # neither NaN nor rounded
    return text


def _printable(value: Any) -> Any:
    return recbench.printable(value) if isinstance(value, str) else value


def origin(result: recbench.Result) -> dict[str, Any]:
    """Return where a result comes from: data, code, versions, machine and command.

    Values are texts, numbers and dicts of these.
    """
    made, setting = result.provenance, result.setting
    found = {
        "key": result.key,
        "dataset_sha256": setting.dataset_sha256,
        "split_sha256": setting.split_sha256,
        "candidates_sha256": setting.candidates_sha256,
        "protocol": setting.protocol,
        "plugin": result.plugin,
        "model_version": result.model_version,
        **{name: made.get(name, "") for name in ("versions", "commits", "machine", "threads")},
        "command": made.get("command", ""),
        "finished": result.finished,
        "notes": " ".join(f"{note}." for note in result.notes),
    }
    return {name: value for name, value in found.items() if value not in ("", {})}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Plain]:
    """Return nested values with one key each, as in `versions.numpy`."""
    found: dict[str, Plain] = {}
    for key, value in values.items():
        name = recbench.printable(f"{prefix}{key}")
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        else:
            found[name] = _printable(value if isinstance(value, Plain) else str(value))
    return found


def numbers(result: recbench.Result) -> dict[str, float]:
    """Return the metrics on test targets, with their intervals, and the costs; without NaN."""
    found: dict[str, float | None] = {
        f"{group}/{metric_name(key)}": number
        for key, value in result.values.items()
        for group, number in (
            ("test", value.mean),
            ("test_low", value.low),
            ("test_high", value.high),
            ("test_stderr", value.stderr),
        )
    }
    found["cost/fit_seconds"] = result.fit_seconds
    found["cost/score_seconds"] = result.score_seconds
    found["cost/parameters"] = result.parameters
    if result.peak_memory is not None:
        found["cost/peak_memory_mb"] = result.peak_memory / 2**20
    return {
        name: float(number)
        for name, number in found.items()
        if number is not None and math.isfinite(number)
    }


def metric_name(text: str) -> str:
    """Return a name of letters, digits and _, which all trackers allow: `ndcg_at_10`."""
    words = recbench.printable(text).replace("@", "_at_")
    return re.sub(r"\W+", "_", words)[:LONGEST_NAME] or "_"


def training_name(point: Point) -> str:
    """Return what the values of a learning curve are called."""
    return f"training/{metric_name(point.name)}"


def points_of(result: recbench.Result) -> Iterator[Point]:
    """Yield the learning curves of a result, step by step."""
    began = began_at(result)
    points = [
        Point(name, step, value, began + seconds)
        for name, curve in result.curves.items()
        for step, seconds, value in curve
    ]
    yield from sorted(points, key=lambda point: point.step)


def ended_at(result: recbench.Result) -> float:
    """Return when a result was finished, in seconds since 1970."""
    return datetime.fromisoformat(result.finished).timestamp()


def began_at(result: recbench.Result) -> float:
    """Return about when the training of a result began, in seconds since 1970."""
    last = max((curve[-1][1] for curve in result.curves.values() if curve), default=0.0)
    scoring = result.score_seconds if math.isfinite(result.score_seconds) else 0.0
    training = result.fit_seconds if math.isfinite(result.fit_seconds) else 0.0
    return ended_at(result) - scoring - max(training, last)

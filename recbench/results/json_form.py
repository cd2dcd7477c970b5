"""Step 6, results: the JSON form of a result, whose types are all checked when it is read."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import reprlib
import sys
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from recbench.errors import UsageError, clean_reason
from recbench.evaluation.uncertainty import Value
from recbench.results.result import EXTERNAL_PLUGIN, Result
from recbench.spec import Spec

OLD_NAMES = {
    "per_user": "cases_file",
    "n_events": "n_interactions",
    "users": "n_judged_users",
    "rows": "n_cases",
    "unjudged": "n_unjudged_users",
    "targets": "n_targets",
    "later": "future_share",
    "tied": "time_tied",
}
"""Field names in results stored by version 0.1.0, and the names they have now."""

PROVENANCE = {
    "dataset": str,
    "split": str,
    "metrics": Mapping[str, str],
    "file": str,
    "command": str,
    "versions": Mapping[str, str],
    "commits": Mapping[str, str],
}
"""The types of what other steps read from a provenance. Other keys can have any value."""

LARGEST = {int: 2**63 - 1, float: sys.float_info.max}
WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as plain JSON values; NaN and infinity become null."""
    return {key: plain(value) for key, value in dataclasses.asdict(result).items()}


def plain(value: Any) -> Any:
    """Return a value with lists for tuples, and null for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_json(data: Any) -> Result:
    """Return the result that `to_json` or version 0.1.0, with other field names, wrote.

    Raises ValueError for anything else. The text names the field and the value.
    """
    result: Result = read_as(Result, data)
    for name, kind in PROVENANCE.items():
        if name in result.provenance:
            read_as(kind, result.provenance[name], f"provenance.{name}")
    _check(result)
    if "isolated" not in data and result.ok and result.plugin != EXTERNAL_PLUGIN:
        # older files: only of a separate process is the memory known
        result = dataclasses.replace(result, isolated=result.peak_memory is not None)
    return dataclasses.replace(result, status=clean_reason(result.status))


def read_as(kind: Any, value: Any, name: str = "it") -> Any:
    """Return a JSON value as an object of a type.

    name: the field, for errors. Raises ValueError for a value that does not fit.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:  # such as int | None
        return None if value is None else read_as(arguments[0], value, name)
    if dataclasses.is_dataclass(kind):
        return _read_fields(value, kind, name)
    if kind is Value:
        return Value(*read_as(tuple[float, float, float, float], value, name))
    if origin is tuple:
        _require(isinstance(value, list), name, value, "a list")
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        _require(len(value) == len(kinds), name, value, f"a list of {len(kinds)}")
        return tuple(read_as(kind, item, name) for item, kind in zip(value, kinds, strict=True))
    if origin is not None:
        _require(isinstance(value, dict), name, value, "an object")
        return {key: read_as(arguments[1], item, f"{name}.{key}") for key, item in value.items()}
    if kind is float:
        if value is None:
            return math.nan
        _require(type(value) in (int, float), name, value, WORDS[kind])
    else:
        _require(type(value) is kind, name, value, WORDS[kind])
    if kind in LARGEST:
        _require(abs(value) <= LARGEST[kind], name, value, "within the range of numbers")
    return kind(value)


def _read_fields(value: Any, kind: Any, name: str) -> Any:
    """Return a JSON object as a dataclass."""
    _require(isinstance(value, dict), name, value, "an object")
    given = {OLD_NAMES.get(key, key): item for key, item in value.items()}
    fields, types_of = dataclasses.fields(kind), _types(kind)
    prefix = "" if name == "it" else f"{name}."
    for key in given.keys() - types_of.keys():
        raise ValueError(f"it has an unknown field {prefix}{key}")
    for field in fields:
        no_default = field.default is field.default_factory is dataclasses.MISSING
        if field.name not in given and no_default:
            raise ValueError(f"it has no field {prefix}{field.name}")
    return kind(**{key: read_as(types_of[key], given[key], f"{prefix}{key}") for key in given})


@functools.cache
def _types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _check(result: Result) -> None:
    """Raise ValueError for values of the right type that no run stores."""
    setting, (file, digest) = result.setting, result.cases_file
    for named in (result, setting):
        for name, value in vars(named).items():
            if isinstance(value, int) and name != "seed":
                _require(value >= 0, name, value, "0 or more")
    for name, text in (
        ("model", result.model),
        ("setting.dataset", setting.dataset),
        ("setting.split", setting.split),
        ("setting.candidates", setting.candidates or "none"),
    ):
        try:
            Spec.parse(text)
        except UsageError as error:
            raise ValueError(f"{name}: {error}") from error
    _require(bool(re.fullmatch("[0-9a-f]{64}", result.key)), "key", result.key, "a sha256")
    for key in result.values:
        _require(bool(re.fullmatch(r"(?s:.+)@[1-9][0-9]{0,8}", key)), "values", key, "METRIC@K")
    known = result.ok or result.status.startswith("failed: ")
    _require(known, "status", result.status, "ok, or failed with a reason")
    if result.finished:
        datetime.fromisoformat(result.finished)
    if result.ok:
        plain = bool(re.fullmatch(r"[^/\\]+\.parquet", file))
        _require(plain, "cases_file", file, "the name of a Parquet file")
        _require(bool(re.fullmatch("[0-9a-f]{64}", digest)), "cases_file", digest, "a sha256")


def _require(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {reprlib.repr(value)}, not {expected}")

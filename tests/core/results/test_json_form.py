"""The JSON form of a result: every type is checked, and older forms are read."""

import dataclasses
import json
import math
from typing import Any

import pytest
from made_results import GOOD, result_of

from recbench import Result
from recbench.results.json_form import from_json, to_json
from recbench.results.result import Tuned

NOTES = ("3 of 9 rows recommend items that are not in \"shop\", such as 'é'", "1 case is short")
RESULT = dataclasses.replace(
    result_of("mine:x=1", {"ndcg@3": GOOD, "hit@10": GOOD}, seed=3, notes=NOTES),
    key="0123456789abcdef" * 4,
    cases_file=("mine-12345678.parquet", "a" * 64),
    parameters=12,
    finished="2026-01-02T03:04:05.678+00:00",
    provenance={"versions": {"numpy": "2"}, "dataset": "a b", "threads": 2},
)
FAILED = dataclasses.replace(RESULT, status="failed: no", cases_file=("", ""), seed=None)


def _as_json(result: Result = RESULT) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(to_json(result), allow_nan=False))
    return data


def _changed(path: str, value: Any) -> dict[str, Any]:
    """Return the JSON form with another value at a path such as `setting.protocol`."""
    data = part = _as_json()
    *parents, last = path.split(".")
    for parent in parents:
        part = part[parent]
    part[last] = value
    return data


TUNED = dataclasses.replace(RESULT, tuned=Tuned("ab" * 32, "ndcg@10", 0.25, 30, 2, 7))
UNTUNED = dataclasses.replace(RESULT, tuned=Tuned())


@pytest.mark.parametrize("result", [RESULT, FAILED, TUNED, UNTUNED])
def test_a_result_is_read_as_it_was_written(result: Result) -> None:
    assert repr(from_json(_as_json(result))) == repr(result)
    assert from_json(_as_json(result)).notes == NOTES


def test_numbers_that_are_not_finite_are_unknown() -> None:
    read = from_json(_as_json(dataclasses.replace(RESULT, fit_seconds=math.inf)))
    assert math.isnan(read.fit_seconds)
    assert from_json(_changed("fit_seconds", 2)).fit_seconds == 2.0


@pytest.mark.parametrize(("memory", "isolated"), [(None, False), (2**20, True)])
def test_fields_that_older_versions_lacked_have_their_defaults(
    memory: int | None, isolated: bool
) -> None:
    """Older files tell by the memory whether a separate process ran the model."""
    data = _as_json(dataclasses.replace(RESULT, peak_memory=memory))
    for name in ("notes", "device", "isolated", "tuned"):
        del data[name]
    read = from_json(data)
    assert (read.notes, read.device, read.isolated) == ((), "", isolated)
    assert read.tuned is None


WRONG: list[tuple[str, Any, str]] = [
    ("setting.protocol", "3", "setting.protocol is '3', not a whole number"),
    ("setting.protocol", True, "setting.protocol is True, not a whole number"),
    ("setting.protocol", 3.0, "setting.protocol is 3.0, not a whole number"),
    ("setting.n_cases", -1, "n_cases is -1, not 0 or more"),
    ("setting.n_users", 10**400, "setting.n_users is 1000.*, not within the range"),
    ("setting.notes", "a note", "setting.notes is 'a note', not a list"),
    ("setting.notes", [["a note"]], r"setting.notes is \['a note'\], not a text"),
    ("setting.dataset", None, "setting.dataset is None, not a text"),
    ("setting.dataset", "", "setting.dataset: '' is not a name"),
    ("setting.split", "a:x=1,x=2", "setting.split: .* sets x twice"),
    ("setting.candidates", ["9"], r"setting.candidates is \['9'\], not a text"),
    ("setting.future_share", "0.5", "setting.future_share is '0.5', not a number"),
    ("setting.mood", 1, "unknown field setting.mood"),
    ("setting", [], r"setting is \[\], not an object"),
    ("finished", 1.5, "finished is 1.5, not a text"),
    ("finished", "yesterday", "Invalid isoformat string"),
    ("values.ndcg", [0.5, 0, 0, 0], "values is 'ndcg', not METRIC@K"),
    ("values.ndcg@x", [0.5, 0, 0, 0], "values is 'ndcg@x', not METRIC@K"),
    ("values.ndcg@0", [0.5, 0, 0, 0], "values is 'ndcg@0', not METRIC@K"),
    ("values.ndcg@9", 0.5, "values.ndcg@9 is 0.5, not a list"),
    ("values.ndcg@9", [0.5], r"values.ndcg@9 is \[0.5\], not a list of 4"),
    ("values.ndcg@9", [0.5, 0, 0, "1"], "values.ndcg@9 is '1', not a number"),
    ("values.ndcg@9", [0.5, 0, 0, True], "values.ndcg@9 is True, not a number"),
    ("values.ndcg@9", [0.5, 0, 0, math.inf], "values.ndcg@9 is inf, not within the range"),
    ("values", [1], r"values is \[1\], not an object"),
    ("cases_file", ["../x.parquet", "a" * 64], "cases_file is '../x.parquet', not the name"),
    ("cases_file", ["/etc/passwd", "a" * 64], "cases_file is '/etc/passwd', not the name"),
    ("cases_file", ["", ""], "cases_file is '', not the name"),
    ("cases_file", ["x.parquet", "a"], "cases_file is 'a', not a sha256"),
    ("cases_file", ["x.parquet"], "cases_file is .* not a list of 2"),
    ("cases_file", "x", "cases_file is 'x', not a list"),
    ("key", "../../../x", "key is '../../../x', not a sha256"),
    ("key", 3, "key is 3, not a text"),
    ("model", "", "model: '' is not a name"),
    ("seed", "1", "seed is '1', not a whole number"),
    ("seed", False, "seed is False, not a whole number"),
    ("status", "fine", "status is 'fine', not ok"),
    ("isolated", 1, "isolated is 1, not true or false"),
    ("parameters", 10**400, "parameters is 1000.*, not within the range"),
    ("parameters", -3, "parameters is -3, not 0 or more"),
    ("fit_seconds", "9", "fit_seconds is '9', not a number"),
    ("notes", [3], "notes is 3, not a text"),
    ("provenance", [], r"provenance is \[\], not an object"),
    ("provenance.dataset", 3, "provenance.dataset is 3, not a text"),
    ("provenance.file", ["x"], r"provenance.file is \['x'\], not a text"),
    ("provenance.versions", {"numpy": 2}, "provenance.versions.numpy is 2, not a text"),
    ("tuned", True, "tuned is True, not an object"),
    ("tuned", {"n_trials": "30"}, "tuned.n_trials is '30', not a whole number"),
    ("tuned", {"mood": 1}, "it has an unknown field tuned.mood"),
    ("feeling", "good", "it has an unknown field feeling"),
]


@pytest.mark.parametrize(("path", "value", "match"), WRONG)
def test_values_of_other_types_are_refused(path: str, value: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        from_json(_changed(path, value))


@pytest.mark.parametrize("data", [None, 3, [], "text", {}])
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^it (is|has no field key)"):
        from_json(data)


@pytest.mark.parametrize("missing", ["key", "setting", "values", "status"])
def test_a_missing_field_is_named(missing: str) -> None:
    data = _as_json()
    del data[missing]
    with pytest.raises(ValueError, match=f"it has no field {missing}"):
        from_json(data)


def test_a_stored_reason_is_one_line_of_limited_length() -> None:
    long = dataclasses.replace(FAILED, status=f"failed: a\n\ud800\x1b[31m{'b' * 900_000}")
    read = from_json(_as_json(long))
    assert read.status.startswith(r"failed: a \ud800\x1b[31mbbb")
    assert len(read.status) <= 2000
    assert from_json(_as_json(read)) == read or math.isnan(read.fit_seconds)

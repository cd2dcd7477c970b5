"""Facts: options, names, numbers and times of results, as trackers record them."""

import dataclasses
import math

import pytest

import recbench
from recbench_trackers.facts import (
    began_at,
    ended_at,
    flat,
    metric_name,
    numbers,
    origin,
    parameters,
    points_of,
    title,
)


def test_parameters_have_every_option_that_was_set(results: recbench.Results) -> None:
    found = parameters(results[0])
    assert found["model"] == results[0].model
    assert found["model_name"] == "tiny"
    assert found["options.dim"] == 3
    assert found["options.note"] == 'b&c<d>_*"$%#\\ 日本'
    assert found["seed"] == 0
    assert found["split"] == "leave-last-out"
    assert found["candidates"] == "all items"
    assert "seed" not in parameters(results[2])
    assert title(results[2]) == "popular on synthetic"


def test_options_that_are_numbers_are_recorded_as_numbers(results: recbench.Results) -> None:
    text = f"a:i=3,f=0.5,t=true,s=x,nan=nan,inf=inf,large={10**400},long={10**30}"
    found = parameters(dataclasses.replace(results[0], model=text))
    assert [found[f"options.{name}"] for name in "ifts"] == [3, 0.5, True, "x"]
    assert found["options.nan"] == "nan"
    assert found["options.inf"] == "inf"
    assert found["options.large"] == str(10**400)
    assert found["options.long"] == str(10**30)


def test_the_origin_has_hashes_versions_and_the_command(results: recbench.Results) -> None:
    found = flat(origin(results[0]))
    assert found["key"] == results[0].key
    assert found["dataset_sha256"] == results[0].setting.dataset_sha256
    assert found["split_sha256"] == results[0].setting.split_sha256
    assert found["versions.numpy"] == results[0].provenance["versions"]["numpy"]
    assert found["machine.cores"] == results[0].provenance["machine"]["cores"]
    assert found["command"] == results[0].provenance["command"]


def test_numbers_have_intervals_and_costs_but_no_nan(results: recbench.Results) -> None:
    value = results[0].value("ndcg", 5)
    found = numbers(results[0])
    assert found["test/ndcg_at_5"] == value.mean
    assert found["test_low/ndcg_at_5"] == value.low
    assert found["test_high/ndcg_at_5"] == value.high
    assert found["test_stderr/ndcg_at_5"] == value.stderr
    assert found["cost/fit_seconds"] == results[0].fit_seconds
    assert found["cost/score_seconds"] == results[0].score_seconds
    assert all(math.isfinite(number) for number in found.values())
    assert not any(name.startswith("test") for name in numbers(results[1]))


def test_memory_and_parameters_are_recorded_if_they_are_known(results: recbench.Results) -> None:
    known = dataclasses.replace(results[0], peak_memory=3 * 2**20, parameters=12)
    assert numbers(known)["cost/peak_memory_mb"] == 3
    assert numbers(known)["cost/parameters"] == 12
    unknown = dataclasses.replace(results[0], peak_memory=None, parameters=None)
    assert not {"cost/peak_memory_mb", "cost/parameters"} & numbers(unknown).keys()


def test_names_of_metrics_have_only_letters_digits_and_underscores() -> None:
    assert metric_name("ndcg@10") == "ndcg_at_10"
    assert metric_name("rbp:persistence=0.95@5") == "rbp_persistence_0_95_at_5"
    assert metric_name("../loss") == "_loss"
    assert len(metric_name("x" * 1000)) < 250
    assert metric_name("\ud800").isprintable()


def test_curves_come_step_by_step_with_their_times(results: recbench.Results) -> None:
    curves = {"loss": ((1, 2.0, 0.5), (2, 4.0, 0.25)), "hit": ((2, 4.5, 0.1),)}
    result = dataclasses.replace(results[0], curves=curves, fit_seconds=math.nan, score_seconds=1.0)
    assert began_at(result) == pytest.approx(ended_at(result) - 5.5)
    points = list(points_of(result))
    assert [(point.name, point.step, point.value) for point in points] == [
        ("loss", 1, 0.5),
        ("loss", 2, 0.25),
        ("hit", 2, 0.1),
    ]
    assert points[0].time == pytest.approx(ended_at(result) - 3.5)

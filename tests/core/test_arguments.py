"""Checks of the arguments that users give."""

import math
import re
from typing import Any

import numpy as np
import pytest

import recbench
from recbench import UsageError
from recbench.arguments import check_arguments

REFUSED = [
    ({"timeout": math.inf}, "--timeout must be above 0 and at most 1,000,000,000 seconds, not inf"),
    ({"timeout": math.nan}, "seconds, not nan"),
    ({"timeout": 0}, "seconds, not 0"),
    ({"timeout": -1.5}, r"seconds, not -1\.5"),
    ({"timeout": 10**400}, "seconds, not a number of about 400 digits"),
    ({"timeout": "5"}, "seconds, not '5'"),
    ({"memory": 0}, "--memory must be 1 or more, not 0"),
    ({"memory": -5}, "--memory must be 1 or more, not -5"),
    ({"memory": 0.5}, r"--memory must be a whole number, not 0\.5"),
    ({"memory": math.inf}, "--memory must be a whole number, not inf"),
    ({"memory": 10**30}, "--memory must be at most 1,000,000,000, not a number of about 30 digits"),
    ({"timeout": True}, "seconds, not True"),
    ({"memory": True}, "--memory must be a whole number, not True"),
    ({"seed": True}, "--seed must be a whole number, not True"),
    ({"device": "gpu"}, "no device 'gpu'; choose auto, cpu, cuda, cuda:N or mps"),
    ({"device": "CUDA"}, "no device 'CUDA'"),
    ({"device": "cuda0"}, "no device 'cuda0'"),
    ({"device": None}, "no device None"),
    ({"seed": -1}, "--seed must be 0 or more, not -1"),
    ({"seed": 2**32}, "--seed must be at most 4,294,967,295, not 4294967296"),
    (
        {"seed": 10**5000},
        "--seed must be at most 4,294,967,295, not a number of about 5,000 digits",
    ),
]
KS = [
    (0, "--k must be 1 or more, not 0"),
    (10**30, "--k must be at most 1,000,000, not a number of about 30 digits"),
    (2.5, r"--k must be a whole number, not 2\.5"),
    (True, "--k must be a whole number, not True"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_run_and_recommend_refuse_what_makes_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recbench.run("random", "gone.csv", results=None, **given)
    with pytest.raises(UsageError, match=message):
        recbench.recommend("random", user=1, dataset="gone.csv", results=None, **given)


@pytest.mark.parametrize(("k", "message"), KS)
def test_cut_offs_that_make_no_sense_are_refused(k: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recbench.run("random", "gone.csv", ks=[3, k], results=None)
    with pytest.raises(UsageError, match=message):
        recbench.explain("random", user=1, k=k, dataset="gone.csv", results=None)


@pytest.mark.parametrize("seed", ["-1", "4294967296", "9" * 4000])
def test_a_seed_in_the_options_of_a_model_is_checked_too(seed: str) -> None:
    with pytest.raises(UsageError, match="--seed must be"):
        recbench.run(f"random:seed={seed}", "gone.csv", results=None)


def test_what_makes_sense_is_taken() -> None:
    for device in ("auto", "cpu", "cuda", "cuda:1", "mps"):
        check_arguments([1, 1_000_000], [0, 2**32 - 1], device, 0.1, 512)


def test_numbers_of_numpy_are_taken() -> None:
    limits: dict[str, Any] = {"timeout": np.float32(60), "memory": np.int64(4000)}
    numbers: dict[str, Any] = {"ks": np.array([3, 5]), "seed": np.array([0, 1])}
    results = recbench.run("random", "synthetic", results=None, **limits, **numbers)
    assert [result.seed for result in results] == [0, 1]


@pytest.mark.parametrize(
    ("function", "wrong", "meant"),
    [
        (recbench.run, "k", "ks"),
        (recbench.run, "metric", "metrics"),
        (recbench.recommend, "user_file", "users_file"),
        (recbench.compare, "splits", "split"),
        (recbench.table, "result", "results"),
    ],
)
def test_an_unknown_parameter_has_a_hint(function: Any, wrong: str, meant: str) -> None:
    told = f"recbench.{function.__name__} has no parameter '{wrong}'; did you mean '{meant}'?"
    with pytest.raises(TypeError, match=re.escape(told)):
        function("popular", **{wrong: "x"})


def test_the_dataset_is_the_second_argument() -> None:
    found = recbench.recommend("popular", "synthetic", user="7", k=2, results=None)
    assert len(found.to_frame()) == 2
    with pytest.raises(TypeError, match="recommend: too many positional arguments"):
        recbench.recommend("popular", "synthetic", "7")  # type: ignore[call-arg]


def test_the_first_option_that_is_not_valid_is_an_error() -> None:
    recbench.check_options("mine", ("dim", 1, True, "1 or more"))
    with pytest.raises(UsageError, match=r"^mine: seed must be 0 or more, not -1$"):
        recbench.check_options(
            "mine",
            ("dim", 1, True, "1 or more"),
            ("seed", -1, False, "0 or more"),
            ("k", 0, False, "1 or more"),
        )


def test_an_option_out_of_its_range_is_named() -> None:
    recbench.check_options("plain", ("size", 1, True, "1 or more"))
    with pytest.raises(UsageError, match=r"^plain: size must be 1 or more, not 0$"):
        recbench.check_options("plain", ("size", 0, False, "1 or more"))

"""Ranges, trials and studies as optuna has them."""

import importlib
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from made_studies import made_study, made_trials

import recbench
from recbench import Choice, Float, Int, RecbenchError
from recbench.tuning.optuna_study import (
    in_memory,
    known_defaults,
    mend,
    n_combinations,
    open_journal,
    quiet_optuna,
    suggest,
    values_of,
)
from recbench.tuning.study import FAILED, PRUNED, STOPPED

optuna = pytest.importorskip("optuna")

RANGES = {"x": Float(0, 1), "n": Int(1, 9), "c": Choice("a", True, None, 0.5)}


def test_defaults_are_known_if_they_are_in_their_ranges() -> None:
    known = known_defaults(RANGES, {"x": 1, "n": 3.0, "c": True, "other": 5})
    assert known == {"x": 1.0, "n": 3, "c": "true"}
    assert {name: type(value) for name, value in known.items()} == {"x": float, "n": int, "c": str}
    assert known_defaults(RANGES, {"x": 1.5, "n": 2.5, "c": "b"}) == {}
    assert known_defaults(RANGES, {"x": None, "n": True, "c": None}) == {"c": "none"}
    assert known_defaults({"x": Float(0, 1)}, {}) == {}


def test_combinations_are_counted() -> None:
    assert n_combinations({}) == 1
    assert n_combinations({"n": Int(1, 9), "c": Choice("a", "b")}) == 18
    assert n_combinations({"n": Int(1, 10**15)}) == 10**15
    assert n_combinations(RANGES) == float("inf")
    assert values_of(Int(-1, 1)) == [-1, 0, 1]
    assert values_of(RANGES["c"]) == ["a", "true", "none", "0.5"]


class Fixed:
    """A trial for which the same number is always suggested."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def suggest_float(self, *_: object, **__: object) -> Any:
        return self.value


@pytest.mark.parametrize(
    ("value", "values", "text"),
    [
        (0.123456, Float(0, 1), "0.123"),
        (1234.56, Float(1, 2000, log=True), "1230"),
        (0.00098765, Float(0.0001, 1), "0.000988"),
        (0.99999, Float(0, 0.99999), "0.99999"),
        (0.123456, Float(0.1234, 1), "0.1234"),
        (2.0, Float(1, 5), "2"),
        (1.23456e-8, Float(1e-9, 1), "1.23e-08"),
    ],
)
def test_fractions_have_three_digits_within_their_range(
    value: float, values: Float, text: str
) -> None:
    suggested = suggest(Fixed(value), "x", values)  # type: ignore[arg-type]
    assert suggested == text
    assert values.holds(float(suggested))


def test_stored_trials_are_those_of_optuna() -> None:
    trials = made_trials(0.5, FAILED, PRUNED, STOPPED, 0.25)
    study = made_study(trials, better="lower")
    with quiet_optuna():
        made = in_memory(study, {"x": Float(0, 9)})
    assert [trial.state.name for trial in made.trials] == [
        *("COMPLETE", "FAIL", "PRUNED", "FAIL", "COMPLETE")
    ]
    assert made.best_value == 0.25
    assert made.best_params == {"x": 4.0}
    assert [trial.user_attrs["number"] for trial in made.trials] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("content", "left"),
    [(b"", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n"), (b"torn", b"")],
)
def test_a_last_line_without_end_is_removed(content: bytes, left: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    mend(path)
    assert path.read_bytes() == left


@pytest.mark.parametrize(("better", "direction"), [("lower", "MINIMIZE"), ("higher", "MAXIMIZE")])
def test_a_journal_is_opened_again(better: str, direction: str, tmp_path: Path) -> None:
    with quiet_optuna():
        first = open_journal(tmp_path / "journal.log", better)
        first.ask()
        again = open_journal(tmp_path / "journal.log", better)
    assert again.direction.name == direction
    assert len(again.trials) == 1
    assert isinstance(again.pruner, optuna.pruners.MedianPruner)


def test_optuna_is_quiet_only_within_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    with quiet_optuna():
        assert optuna.logging.get_verbosity() == logging.ERROR
        warnings.warn("an experiment", optuna.exceptions.ExperimentalWarning, stacklevel=1)
        optuna.create_study()
    assert optuna.logging.get_verbosity() == before
    assert capsys.readouterr().err == ""


def test_without_optuna_nothing_is_computed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    loads = importlib.import_module("recbench.tune")
    monkeypatch.setattr(loads, "prepare", lambda *_: pytest.fail("the data were loaded"))
    with pytest.raises(RecbenchError, match=r'pip install "recbench-toolkit\[tune\]"'):
        recbench.tune(["popular"], "synthetic", trials=2, results=tmp_path / "results")
    assert not (tmp_path / "results").exists()

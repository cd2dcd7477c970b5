"""Stored studies: written, read, checked, and why another one is not used."""

import dataclasses
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_results import SETTING
from made_studies import made_study, made_trials

from recbench import RecbenchError
from recbench.store.format import seal
from recbench.store.layout import Layout
from recbench.tuning.records import (
    others,
    path_of,
    read_studies,
    read_study,
    why_new,
    write_study,
)
from recbench.tuning.study import FAILED, Study

STUDY = made_study(
    made_trials(0.1, FAILED, 0.25, seconds=[1.5, 0.1, math.nan]),
    model="mine:y=a b",
    max_seconds=90.5,
    exhausted=True,
    device="cpu",
    isolated=False,
    space={"x": "0..1", "loss": "a|b||c"},
    provenance={"versions": {"numpy": "2"}, "threads": 2},
)


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write_study(Layout(tmp_path), STUDY)
    read = read_study(path_of(Layout(tmp_path), STUDY))
    assert str(dataclasses.asdict(read)) == str(dataclasses.asdict(written))
    assert read.changed > "2026"
    assert math.isnan(read.trials[1].value)
    assert math.isnan(read.trials[2].seconds)
    assert [study.key for study in read_studies(tmp_path)] == [STUDY.key]


def _damage(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Return a function that changes the values of a file and writes a new checksum."""

    def changed(content: bytes) -> bytes:
        data = json.loads(content)
        del data["sha256"]
        change(data)
        return seal(data)

    return changed


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "edited": (lambda content: content.replace(b"0.25", b"0.95"), "was edited"),
    "truncated": (lambda content: content[:-40], "is damaged: it is not the JSON of a study"),
    "empty": (lambda content: b"", "is damaged: it is not the JSON"),
    "a list": (lambda content: b"[1]", "is damaged: it is not the JSON"),
    "no checksum": (lambda content: b"{}", "has no checksum"),
    "unknown": (_damage(lambda data: data.update(mood=1)), "it has an unknown field mood"),
    "missing": (_damage(lambda data: data.pop("seed")), "it has no field seed"),
    "of a trial": (
        _damage(lambda data: data["trials"][1].pop("state")),
        "it has no field trials.state",
    ),
    "type": (
        _damage(lambda data: data["trials"][0].update(number="0")),
        "trials.number is '0', not a whole number",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_studies_are_left_out_with_a_reason(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_study(Layout(tmp_path), STUDY)
    path = path_of(Layout(tmp_path), STUDY)
    change, why = DAMAGES[damage]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RecbenchError, match=why) as raised:
        read_study(path)
    assert str(path) in str(raised.value)
    left_out: list[str] = []
    with caplog.at_level(logging.WARNING):
        assert read_studies(tmp_path, left_out=left_out) == []
    assert len(left_out) == 1
    assert "It is left out; run recbench tune again" in caplog.text


def test_missing_and_unreadable_files_are_errors(tmp_path: Path) -> None:
    path = path_of(Layout(tmp_path), STUDY)
    with pytest.raises(RecbenchError, match=r"trials\.json is missing"):
        read_study(path)
    path.mkdir(parents=True)
    with pytest.raises(RecbenchError, match=r"cannot read .*: it is not a regular file"):
        read_study(path)
    assert read_studies(tmp_path / "nowhere") == []


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(RecbenchError, match="choose another folder with --results"):
        write_study(Layout(tmp_path), STUDY)


def test_studies_are_listed_by_data_and_model_the_latest_last(tmp_path: Path) -> None:
    store = Layout(tmp_path)
    other = dataclasses.replace(SETTING, dataset="another", dataset_sha256="e" * 64)
    for key, model, setting in (
        ("b", "mine", SETTING),
        ("a", "mine", SETTING),
        ("c", "ease", SETTING),
        ("d", "mine", other),
    ):
        write_study(store, made_study(key=key * 64, model=model, setting=setting))
    assert [study.key[0] for study in read_studies(tmp_path)] == ["d", "c", "b", "a"]
    assert [study.key[0] for study in read_studies(tmp_path, other)] == ["d"]
    found = others(store, made_study(key="a" * 64))
    assert [study.key[0] for study in found] == ["b"]


CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"model_version": "2"}, ["the code of plugin mine has changed"]),
    (
        {"plugin": "theirs", "model_version": "2"},
        ["the stored trials are of another plugin, theirs"],
    ),
    ({"space": {"x": "0..2"}}, ["the search space has changed"]),
    ({"metric": "mrr@5"}, ["the metric was MRR@5"]),
    ({"seed": 3}, ["the tuning seed was 3"]),
    ({"isolated": False}, ["it was run in the main process"]),
    ({"device": "cuda"}, ["it ran with --device cuda"]),
    ({"validation_sha256": "w" * 64}, ["the validation targets have changed"]),
    (
        {"setting": dataclasses.replace(SETTING, split_sha256="t" * 64), "validation_sha256": "w"},
        ["the data have changed"],
    ),
    (
        {"setting": dataclasses.replace(SETTING, protocol=1), "seed": 3},
        ["the rules of the evaluation have changed", "the tuning seed was 3"],
    ),
]


@pytest.mark.parametrize(("fields", "why"), CHANGES)
def test_every_difference_of_a_stored_study_is_named(
    fields: dict[str, Any], why: list[str]
) -> None:
    assert why_new(made_study(), made_study(**fields)) == why


def test_the_process_and_device_that_a_stored_study_had_are_named() -> None:
    now: Study = made_study(isolated=False, device="cpu")
    why = why_new(now, made_study())
    assert why == ["it was run in a separate process", "it ran with --device auto"]

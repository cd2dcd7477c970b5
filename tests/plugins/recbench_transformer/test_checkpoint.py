"""Checkpoints: an interrupted training resumes and ends with the same weights."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_transformer import SMALL, script_validation, watch_epochs

from recbench import Interactions
from recbench.testing import example
from recbench_transformer import Transformer
from recbench_transformer.checkpoint import read_state, write_state
from recbench_transformer.presets import PRESETS

LONG: dict[str, Any] = {**SMALL, "epochs": 6, "finish": 0.5, "patience": 9, "batch": 64}


def interrupt(options: dict[str, Any], log: Interactions, folder: Path, after: int) -> None:
    epochs = Transformer(**options).fit_epochs(log, folder)
    for _ in range(after):
        next(epochs)
    epochs.close()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("after", [2, 3, 4])  # 3 epochs with validation, then 3 on all data
def test_an_interrupted_training_resumes(
    preset: str,
    after: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options, log, folder = {**LONG, "preset": preset}, example(), tmp_path / "folder"
    folder.mkdir()
    # after 2, only the checkpoint has the best weights
    script_validation(monkeypatch, [0.5, 0.1, 0.1])
    expected = Transformer(**options).fit(log).score(log)
    script_validation(monkeypatch, [0.5, 0.1, 0.1])
    interrupt(options, log, folder, after)
    caplog.set_level(logging.INFO, logger="recbench")
    trained, again = watch_epochs(monkeypatch), Transformer(**options).fit(log, checkpoint=folder)
    assert [epoch for epoch, _ in trained] == list(range(after, 6))
    assert f"training resumes after epoch {after}" in caplog.text
    assert np.array_equal(again.score(log), expected)
    assert [path.name for path in folder.iterdir()] == ["state"]


def test_one_epoch_is_validated_however_many_are_final(tmp_path: Path) -> None:
    options, log = {**SMALL, "epochs": 2, "finish": 0.9}, example()
    expected = Transformer(**options)
    numbers = [epoch.n_interactions for epoch in expected.fit_epochs(log)]
    assert 0 < numbers[0] < numbers[1], "the first epoch leaves out what is held out"
    for after in (1, 2, 3):
        folder = tmp_path / str(after)
        folder.mkdir()
        interrupt(options, log, folder, after)
        again = Transformer(**options).fit(log, checkpoint=folder)
        assert np.array_equal(again.score(log), expected.score(log))


def test_training_interrupted_when_patience_ran_out_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, log = {**LONG, "patience": 1, "epochs": 8}, example()
    script_validation(monkeypatch, [0.5, 0.1])
    expected = Transformer(**options).fit(log).score(log)
    script_validation(monkeypatch, [0.5, 0.1])
    interrupt(options, log, tmp_path, 2)
    trained, again = watch_epochs(monkeypatch), Transformer(**options).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [4, 5, 6, 7]
    assert np.array_equal(again.score(log), expected)


def test_progress_goes_on_with_the_right_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """3 of 9 epochs are validated until patience runs out, and the last 3 learn from all data."""
    options, log = {**LONG, "patience": 2, "epochs": 9, "finish": 1 / 3}, example()
    caplog.set_level(logging.INFO, logger="recbench")
    whole = ["epoch 1/9", "epoch 2/9", "epoch 3/9", "epoch 7/9", "epoch 8/9", "epoch 9/9"]
    for after in (1, 2, 3, 4, 5):
        caplog.clear()
        folder = tmp_path / str(after)
        folder.mkdir()
        script_validation(monkeypatch, [0.5, 0.1, 0.1])
        interrupt(options, log, folder, after)
        Transformer(**options).fit(log, checkpoint=folder)
        said = [text.split(",")[0].removeprefix("transformer: ") for text in caplog.messages]
        done = [1, 2, 6, 7, 8][after - 1]
        assert said == [*whole[:after], f"training resumes after epoch {done}", *whole[after:]]


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda _: b"", lambda _: b"no"])
def test_a_damaged_checkpoint_is_ignored(
    damage: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = example()
    expected = Transformer(**SMALL).fit(log).score(log)
    interrupt(SMALL, log, tmp_path, 1)
    file = tmp_path / "state"
    file.write_bytes(damage(file.read_bytes()))
    trained, again = watch_epochs(monkeypatch), Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [0, 1]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "is damaged or of another training; training starts from the beginning" in warnings[0]
    assert np.array_equal(again.score(log), expected)


def test_a_flipped_bit_in_the_weights_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = example()
    interrupt(SMALL, log, tmp_path, 1)
    network = read_state(tmp_path)["network"]
    weight = network["items.weight"].numpy().tobytes()
    file = tmp_path / "state"
    data = bytearray(file.read_bytes())
    data[data.index(weight) + 3] ^= 0x40  # the exponent of a weight
    file.write_bytes(data)
    trained, again = watch_epochs(monkeypatch), Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [0, 1]
    assert np.array_equal(again.score(log), Transformer(**SMALL).fit(log).score(log))


def _rename(state: dict[str, Any]) -> None:
    state["network"]["older.name"] = state["network"].pop("bias")


def _reshape(state: dict[str, Any]) -> None:
    state["network"]["bias"] = state["network"]["bias"][:-1]


def _reshape_best(state: dict[str, Any]) -> None:
    state["best"]["weights"]["bias"] = state["best"]["weights"]["bias"][:-1]


def _forget(state: dict[str, Any]) -> None:
    del state["numpy"]


@pytest.mark.parametrize("change", [_rename, _reshape, _reshape_best, _forget])
def test_a_checkpoint_that_does_not_fit_is_ignored(
    change: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = example()
    interrupt(SMALL, log, tmp_path, 1)
    state = read_state(tmp_path)
    change(state)
    write_state(tmp_path, state)
    trained, again = watch_epochs(monkeypatch), Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [0, 1]
    assert "the checkpoint does not fit" in caplog.text
    assert "training starts from the beginning" in caplog.text
    assert np.array_equal(again.score(log), Transformer(**SMALL).fit(log).score(log))

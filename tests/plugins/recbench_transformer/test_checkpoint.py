"""Checkpoints: an interrupted training resumes and ends with the same weights."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import SMALL, script_validation, watch_epochs

from recbench import Interactions
from recbench.testing import example
from recbench_transformer import Transformer
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
    assert [path.name for path in folder.iterdir()] == ["epoch.pt"]


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
    file = tmp_path / "epoch.pt"
    file.write_bytes(damage(file.read_bytes()))
    trained, again = watch_epochs(monkeypatch), Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [0, 1]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "cannot read the checkpoint" in warnings[0]
    assert np.array_equal(again.score(log), expected)


def test_a_checkpoint_from_another_version_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log, file = example(), tmp_path / "epoch.pt"
    interrupt(SMALL, log, tmp_path, 1)
    state = torch.load(file, weights_only=True)
    state["network"]["older.name"] = state["network"].pop("bias")
    torch.save(state, file)
    trained = watch_epochs(monkeypatch)
    Transformer(**SMALL).fit(log, checkpoint=tmp_path)
    assert [epoch for epoch, _ in trained] == [0, 1]
    assert "is from another version; training starts from the beginning" in caplog.text

"""Saved models are used only as they were written."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from made_results import SETTING

from recbench import RecbenchError, Result, Store
from recbench.data.metadata import Metadata
from recbench.store.saved_model import MANIFEST

CELL = Result("a" * 64, "mine", "1", "mine", None, SETTING, "ok", {})


def save(folder: Path) -> None:
    (folder / "layers").mkdir()
    (folder / "layers" / "first").write_bytes(b"weights")
    (folder / "options.json").write_text("{}")


def test_a_saved_model_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    assert store.find_model(CELL, Metadata.of({})) is None
    folder = store.write_model(CELL, save)
    assert store.find_model(CELL, Metadata.of({})) == folder == store.model_folder(CELL)
    assert not caplog.text


DAMAGE: list[tuple[str, Any]] = [
    ("layers/first has changed", lambda folder: (folder / "layers/first").write_bytes(b"weightt")),
    ("layers/first has changed", lambda folder: (folder / "layers/first").unlink()),
    ("more has changed", lambda folder: (folder / "more").touch()),
    ("it has no .sha256.json", lambda folder: (folder / MANIFEST).unlink()),
    ("JSONDecodeError", lambda folder: (folder / MANIFEST).write_text("{")),
    ("ValueError", lambda folder: (folder / MANIFEST).write_text('"abc"')),
    ("TypeError", lambda folder: (folder / MANIFEST).write_text("3")),
    ("KeyError", lambda folder: (folder / MANIFEST).write_text("{}")),
    ("neither a file nor a folder", lambda folder: os.mkfifo(folder / "pipe")),
    ("neither a file nor a folder", lambda folder: (folder / "link").symlink_to("options.json")),
]


@pytest.mark.parametrize(("reason", "damage"), DAMAGE)
def test_a_changed_model_is_not_used(
    tmp_path: Path, reason: str, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    folder = store.write_model(CELL, save)
    damage(folder)
    assert store.find_model(CELL, Metadata.of({})) is None
    assert f"the saved model {folder} is damaged: " in caplog.text
    assert reason in caplog.text
    store.write_model(CELL, save)
    assert store.find_model(CELL, Metadata.of({})) == folder


def test_the_model_of_another_result_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, other = Store(tmp_path), dataclasses.replace(CELL, key="b" * 64)
    store.write_model(other, save).rename(store.model_folder(CELL))
    assert store.find_model(CELL, Metadata.of({})) is None
    assert "it is of another result" in caplog.text


def test_a_model_that_saves_links_is_not_stored(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(RecbenchError, match="elsewhere is neither a file nor a folder"):
        store.write_model(CELL, lambda folder: (folder / "elsewhere").symlink_to(tmp_path))
    assert store.find_model(CELL, Metadata.of({})) is None


def test_a_link_in_place_of_a_model_is_replaced_and_what_it_leads_to_is_kept(
    tmp_path: Path,
) -> None:
    store, outside = Store(tmp_path / "results"), tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").touch()
    folder = store.model_folder(CELL)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(outside)
    assert store.find_model(CELL, Metadata.of({})) is None
    store.write_model(CELL, save)
    assert not folder.is_symlink()
    assert store.find_model(CELL, Metadata.of({})) == folder
    assert [path.name for path in outside.iterdir()] == ["mine"]
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}

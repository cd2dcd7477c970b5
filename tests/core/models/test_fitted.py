"""What fitted models of plugins need: a check before use, and arrays in a file."""

from pathlib import Path

import numpy as np
import pytest

import recbench


def test_a_model_is_fitted_on_one_catalogue() -> None:
    history = recbench.Interactions.from_log([0], [1], n_items=3)
    recbench.check_fitted("mine", 3, history)
    recbench.check_fitted("mine", 3)
    with pytest.raises(recbench.RecbenchError, match=r"^mine is not fitted; call fit"):
        recbench.check_fitted("mine", None, history)
    with pytest.raises(recbench.RecbenchError, match=r"^mine was fitted on 2 items, but"):
        recbench.check_fitted("mine", 2, history)


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3, dtype=np.int32), "b": np.array([[0.5, -1.0]])}
    recbench.save_arrays(tmp_path / "x.safetensors", arrays)
    read = recbench.load_arrays(tmp_path / "x.safetensors", "things", dict)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_missing_or_damaged_file_is_an_error(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "x.safetensors"
    if damage != "missing":
        recbench.save_arrays(file, {"b" if damage == "other" else "a": np.arange(9)})
    if damage in ("empty", "cut"):
        file.write_bytes(file.read_bytes()[: 50 if damage == "cut" else 0])
    with pytest.raises(
        recbench.RecbenchError, match=r"has no complete saved things \(.*\); fit the"
    ):
        recbench.load_arrays(file, "things", lambda arrays: arrays["a"])

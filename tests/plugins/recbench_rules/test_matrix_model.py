"""What models of a single matrix share: saved files, sizes, and checks."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from recbench import Interactions, RecbenchError
from recbench.testing import example
from recbench_rules import Rules
from recbench_rules.matrix_model import MatrixModel


class Plain(MatrixModel):
    """A model whose matrix is given."""

    name: ClassVar[str] = "plain"

    def fit(self, train: Interactions) -> Self:
        return self.use(np.eye(train.n_items, dtype=np.float32))


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_the_number_of_parameters_is_that_of_entries_that_are_not_0(kind: type) -> None:
    assert Plain().use(kind([[0, 1.5], [0, 2]])).n_parameters == 2


def test_a_dense_matrix_is_saved_and_loaded(tmp_path: Path) -> None:
    matrix = np.array([[0, 1.5], [0, 2], [3, 0]], dtype=np.float32)
    Plain().use(matrix).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plain.safetensors"]
    loaded = Plain().load(tmp_path)
    assert np.array_equal(loaded.matrix_, matrix)
    assert loaded.matrix_.dtype == np.float32
    assert loaded.n_parameters == 3


def test_a_sparse_matrix_is_saved_and_loaded(tmp_path: Path) -> None:
    matrix = csr_matrix(np.array([[0, 1.5], [0, 2], [3, 0]], dtype=np.float32))
    Plain().use(matrix).save(tmp_path)
    loaded = Plain().load(tmp_path)
    assert np.array_equal(loaded.matrix_.toarray(), matrix.toarray())
    assert loaded.matrix_.dtype == np.float32
    assert loaded.n_parameters == 3


def test_a_file_with_a_vector_is_refused(tmp_path: Path) -> None:
    save_file({"matrix": np.ones(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(RecbenchError, match="has no complete saved plain"):
        Plain().load(tmp_path)


def test_a_history_with_another_catalogue_is_refused() -> None:
    model = Rules().fit(Interactions.from_log([0, 0], [0, 1], n_items=8))
    for method in (model.score, lambda history: model.explain(history, np.array([0]))):
        with pytest.raises(
            RecbenchError, match="rules was fitted on 8 items, but the history has 9; fit it on the"
        ):
            method(Interactions.from_log([0], [0], n_items=9))


def test_rules_that_are_not_fitted_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecbenchError, match="rules is not fitted; call fit or load first"):
        Rules().score(example())
    with pytest.raises(RecbenchError, match="rules is not fitted; call fit or load first"):
        Rules().save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_load_restores_what_save_wrote(tmp_path: Path) -> None:
    model = Rules().fit(example())
    model.save(tmp_path)
    loaded = Rules().load(tmp_path)
    assert np.array_equal(model.score(example()), loaded.score(example()))
    assert loaded.n_parameters == model.n_parameters > 0


def test_a_saved_file_follows_the_umask(tmp_path: Path) -> None:
    Rules().fit(example()).save(tmp_path)
    (tmp_path / "usual").touch()
    assert (tmp_path / "rules.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_broken_files_are_refused(tmp_path: Path) -> None:
    Rules().fit(example()).save(tmp_path)
    path = tmp_path / "rules.safetensors"
    whole, parts = path.read_bytes(), load_file(path)
    for broken in (whole[:-8], whole[:20], b""):
        path.write_bytes(broken)
        with pytest.raises(
            RecbenchError, match=r"has no complete saved rules \(.*\); fit the model again"
        ):
            Rules().load(tmp_path)
    incomplete = {name: value for name, value in parts.items() if name != "indptr"}
    for wrong in (
        incomplete,
        {**parts, "data": parts["data"][:-1]},
        {**parts, "indptr": parts["indptr"][:-1]},
        {**parts, "shape": np.array([32])},
        {**parts, "shape": np.array([32, 16])},
        {**parts, "indices": parts["indices"] + 32},
        {**parts, "indices": parts["indices"] - 32},
    ):
        save_file(wrong, path)
        with pytest.raises(RecbenchError, match="has no complete saved rules"):
            Rules().load(tmp_path)
    with pytest.raises(RecbenchError, match="has no complete saved rules"):
        Rules().load(tmp_path / "nowhere")

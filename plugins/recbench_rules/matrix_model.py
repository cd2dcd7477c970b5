"""What models that consist of a single matrix share: its file, its size, and a check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench


class MatrixModel(ABC):
    """A model that is fitted when it has its matrix, which has one column per item.

    Attributes
    ----------
    name : str
        Name of the model, as users type it; errors and the file of the matrix have it too.
    matrix_ : numpy.ndarray or scipy.sparse.csr_matrix of shape (n, n_items), float32
        The matrix, once the model is fitted.
    n_parameters : int
        Number of entries of the matrix that are not 0.
    """

    name: ClassVar[str]

    @abstractmethod
    def fit(self, train: recbench.Interactions) -> Self:
        """Compute the matrix from the training data, and return the model itself."""

    def use(self, matrix: Any) -> Self:
        """Use a matrix that is already computed.

        Parameters
        ----------
        matrix : numpy.ndarray or scipy.sparse.csr_matrix of shape (n, n_items), float32
            The matrix.

        Returns
        -------
        Self
            The fitted model.
        """
        dense = isinstance(matrix, np.ndarray)
        self.matrix_ = matrix
        self.n_parameters = int(np.count_nonzero(matrix) if dense else matrix.nnz)
        return self

    def save(self, folder: Path) -> None:
        """Save the matrix in safetensors format.

        Parameters
        ----------
        folder : pathlib.Path
            An existing folder.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted.
        """
        self.require_fitted()
        if isinstance(self.matrix_, np.ndarray):
            arrays = {"matrix": self.matrix_}
        else:
            arrays = {name: getattr(self.matrix_, name) for name in ("data", "indices", "indptr")}
            arrays["shape"] = np.array(self.matrix_.shape)
        recbench.save_arrays(self._file(folder), arrays)

    def load(self, folder: Path) -> Self:
        """Load the matrix that `save` wrote.

        Parameters
        ----------
        folder : pathlib.Path
            The folder that was given to `save`.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If the file is missing or incomplete.
        """
        return self.use(recbench.load_arrays(self._file(folder), self.name, _matrix_of))

    def require_fitted(self, history: recbench.Interactions | None = None) -> None:
        """Check that the model can be used, and that a history has the same catalogue.

        Parameters
        ----------
        history : recbench.Interactions, optional
            The histories that the model is used for.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        fitted = hasattr(self, "matrix_")
        recbench.check_fitted(self.name, self.matrix_.shape[1] if fitted else None, history)

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.safetensors"


def _matrix_of(saved: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return the matrix that consists of these arrays. Raises if it is none."""
    from scipy.sparse import csr_matrix

    if "matrix" in saved:
        matrix = saved["matrix"]
    else:
        arrays = saved["data"], saved["indices"], saved["indptr"]
        matrix = csr_matrix(arrays, shape=tuple(saved["shape"].tolist()))
        matrix.check_format()
    _, _ = matrix.shape  # a ValueError if it has not two dimensions
    return matrix

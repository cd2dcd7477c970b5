"""What models that consist of a single matrix share: its file, its size, and checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

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
        from safetensors.numpy import save

        self.require_fitted()
        if isinstance(self.matrix_, np.ndarray):
            arrays = {"matrix": self.matrix_}
        else:
            arrays = {name: getattr(self.matrix_, name) for name in ("data", "indices", "indptr")}
            arrays["shape"] = np.array(self.matrix_.shape)
        self._file(folder).write_bytes(save(arrays))  # save_file would ignore the umask

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
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from scipy.sparse import csr_matrix

        try:
            saved = load_file(self._file(folder))
            if "matrix" in saved:
                matrix = saved["matrix"]
            else:
                arrays = saved["data"], saved["indices"], saved["indptr"]
                matrix = csr_matrix(arrays, shape=tuple(saved["shape"].tolist()))
                matrix.check_format()
            _, _ = matrix.shape  # a ValueError if it has not two dimensions
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise recbench.RecbenchError(
                f"{folder} has no complete saved {self.name} ({error}); fit the model again"
            ) from error
        return self.use(matrix)

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
        if not hasattr(self, "matrix_"):
            raise recbench.RecbenchError(f"{self.name} is not fitted; call fit or load first")
        n_items = self.matrix_.shape[1]
        if history is not None and history.n_items != n_items:
            raise recbench.RecbenchError(
                f"{self.name} was fitted on {n_items} items, but the history has "
                f"{history.n_items}; fit it on the same dataset"
            )

    def require(self, option: str, value: float, must: str, *, holds: bool) -> None:
        """Check the value of an option.

        Parameters
        ----------
        option : str
            Name of the option.
        value : float
            Its value.
        must : str
            What it must be, such as "1 or more".
        holds : bool
            Whether it is.

        Raises
        ------
        recbench.UsageError
            If it is not.
        """
        if not holds:
            raise recbench.UsageError(f"{self.name}: {option} must be {must}, not {value}")

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.safetensors"

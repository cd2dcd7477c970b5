"""What both models share: training with progress, and arrays that are saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

FILE = "factors.safetensors"

ABOVE_0 = "above 0 and finite"


class Factors:
    """A model that implicit trains; what it has learned are arrays, one of them `item_factors`."""

    name: ClassVar[str]
    """The name of the model, for messages."""

    arrays: ClassVar[tuple[str, ...]]
    """The names of the arrays."""

    learned_: Mapping[str, npt.NDArray[Any]]

    def use(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Use arrays that are already learned.

        Parameters
        ----------
        arrays : mapping of str to numpy.ndarray
            What `arrays` names: `item_factors` of shape (n_items, factors), and so on.

        Returns
        -------
        Self
            The fitted model.
        """
        self.learned_ = {name: arrays[name] for name in self.arrays}
        factors = (array for name, array in self.learned_.items() if name.endswith("_factors"))
        self.n_parameters = sum(array.size for array in factors)
        return self

    def save(self, folder: Path) -> None:
        """Save the factors in safetensors format.

        Parameters
        ----------
        folder : pathlib.Path
            An existing folder.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted.
        """
        recbench.save_arrays(folder / FILE, self._fitted(None))

    def load(self, folder: Path) -> Self:
        """Load the factors that `save` wrote.

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
        return recbench.load_arrays(folder / FILE, "factors", self.use)

    def _fitted(self, history: recbench.Interactions | None) -> Mapping[str, npt.NDArray[Any]]:
        """Return what was learned, which must be for the catalogue of a history."""
        fitted = hasattr(self, "learned_")
        n_items = len(self.learned_["item_factors"]) if fitted else None
        recbench.check_fitted(self.name, n_items, history)
        return self.learned_

    def _train(self, build: Callable[[], Any], matrix: Any, iterations: int, advice: str) -> Any:
        """Return the model of implicit that `build` makes, fitted to a matrix of users and items.

        advice: what to do if the factors are not finite, for the error.
        """
        from implicit.recommender_base import ModelFitError

        with recbench.Progress(self.name, iterations, "iteration") as progress, single_blas():
            model = build()
            try:
                model.fit(matrix, show_progress=False, callback=lambda *_: progress.step())
            except ModelFitError as error:
                raise recbench.RecbenchError(
                    f"{self.name}: the training diverged ({error}); {advice}"
                ) from error
        return model


def require_implicit(model: str) -> None:
    """Raise RecbenchError if implicit is not installed."""
    if find_spec("implicit") is None:
        raise recbench.RecbenchError(
            f"{model} needs the library implicit, which is not installed; run "
            'pip install "recbench-toolkit[implicit]"'
        )


def single_blas() -> Any:
    """Compute products of matrices with one thread, in a with statement.

    Their sums then do not depend on the number of threads; implicit has threads of its own, and
    warns if BLAS has some too.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "blas")


def products(
    users: npt.NDArray[np.float32], items: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the product of each user's factors with each item's, (n_users, n_items) float32."""
    with single_blas():
        scores: npt.NDArray[np.float32] = users @ items.T
    return scores

"""What all models of popularity share: one learned number per item, which can be saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import recbench

FILE = "popularity.safetensors"


class PerItem:
    """A model that learns one number per item, and scores every history by these numbers."""

    def use(self, popularity: npt.NDArray[Any]) -> Self:
        """Use numbers that are already computed.

        Parameters
        ----------
        popularity : numpy.ndarray of shape (n_items,), float64
            A finite number per item, higher for items that rank higher.

        Returns
        -------
        Self
            The fitted model.
        """
        self.popularity_ = np.asarray(popularity, dtype=np.float64)
        self.n_parameters = len(self.popularity_)
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        """Return the popularity of all items for each history.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float64
            The same scores in every row.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        return np.broadcast_to(self._fitted(history), (len(history), history.n_items))

    def save(self, folder: Path) -> None:
        """Save the popularity of the items in safetensors format.

        Parameters
        ----------
        folder : pathlib.Path
            An existing folder.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted.
        """
        recbench.save_arrays(folder / FILE, {"popularity": self._fitted(None)})

    def load(self, folder: Path) -> Self:
        """Load the popularity that `save` wrote.

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
        return recbench.load_arrays(
            folder / FILE, "popularity", lambda saved: self.use(saved["popularity"])
        )

    def _fitted(self, history: recbench.Interactions | None) -> npt.NDArray[np.float64]:
        """Return the popularity, which must be that of the catalogue of a history."""
        fitted = hasattr(self, "popularity_")
        recbench.check_fitted("the popularity", len(self.popularity_) if fitted else None, history)
        return self.popularity_

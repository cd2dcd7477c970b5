"""The model `als`: factors by alternating least squares."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

from .factors import ABOVE_0, Factors, products, require_implicit, single_blas

LOG = logging.getLogger("recbench")


class Als(Factors):
    """Alternating least squares (iALS): matrix factorisation for implicit feedback.

    Every user and item has a vector of factors. The product of the two should be 1 if the user
    consumed the item, with the confidence `alpha` times the number of interactions, and 0 if not,
    with the confidence 1. To score a history, the factors of its user are computed from the history
    and the learned factors of items, so new users and longer histories get scores too. With an
    empty history, all scores are 0.

    Parameters
    ----------
    factors : int, default: 100
        Number of factors per item.
    regularization : float, default: 0.01
        Weight of the squared factors in the loss, above 0.
    alpha : float, default: 1
        Confidence per interaction, above 0.
    iterations : int, default: 15
        Number of iterations; each computes the factors of all users, then those of all items.
    seed : int, default: 0
        Random seed of the first factors.
    device : str, default: "auto"
        Device of the training: "cpu", "cuda", or "auto" (a GPU if implicit can use one, which needs
        the package rmm). Scores are computed on the CPU.

    Notes
    -----
    The library implicit trains the model, with its own defaults. To install it:
    `pip install "recbench-toolkit[implicit]"`. implicit itself recommends with the users' factors
    from the end of the training. This model computes them from the history, as implicit does with
    `recalculate_user=True`. On the CPU, the same seed gives the same factors with any number of
    threads.

    `recbench tune` searches `factors` from 16 to 256, `regularization` from 0.001 to 100 and
    `alpha` from 0.1 to 50, all on logarithmic scales, and `iterations` from 5 to 30. Ferrari
    Dacrema et al. (2021) search from 1 to 200 factors, and `alpha` from 0.001 to 50. Rendle et al.
    (2021) show that this model competes with newer ones if it is tuned well.

    References
    ----------
    Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    Takács, Pilászy & Tikk, "Applications of the conjugate gradient method for implicit feedback
    collaborative filtering", RecSys 2011. Ferrari Dacrema et al., "A troubling analysis of
    reproducibility and progress in recommender systems research", ACM TOIS 39, 2021
    (arXiv:1911.07698). Rendle, Krichene, Zhang & Koren, "Revisiting the performance of iALS on item
    recommendation benchmarks", 2021 (arXiv:2110.14037).

    Examples
    --------
    Users had either the items 0, 1 and 2 or the items 3 and 4:

    >>> import recbench
    >>> from recbench_implicit import Als
    >>> train = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 1, 1, 1, 2, 2, 3, 3], items=[0, 1, 2, 0, 1, 2, 3, 4, 3, 4]
    ... )
    >>> history = recbench.Interactions.from_log(users=[0, 0], items=[0, 1], n_items=5)
    >>> (Als(factors=2).fit(train).score(history) > 0.5).tolist()
    [[True, True, True, False, False]]
    """

    name: ClassVar = "als"
    search_space: ClassVar[Mapping[str, Any]] = {
        "factors": recbench.Int(16, 256, log=True),
        "regularization": recbench.Float(0.001, 100, log=True),
        "alpha": recbench.Float(0.1, 50, log=True),
        "iterations": recbench.Int(5, 30),
    }
    arrays: ClassVar = ("item_factors",)

    def __init__(
        self,
        factors: int = 100,
        regularization: float = 0.01,
        alpha: float = 1,
        iterations: int = 15,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.factors, self.regularization, self.alpha = factors, regularization, alpha
        self.iterations, self.seed, self.device = iterations, seed, device
        recbench.check_options(
            "als",
            ("factors", factors, factors >= 1, "1 or more"),
            ("regularization", regularization, 0 < regularization < np.inf, ABOVE_0),
            ("alpha", alpha, 0 < alpha < np.inf, ABOVE_0),
            ("iterations", iterations, iterations >= 1, "1 or more"),
            ("seed", seed, seed >= 0, "0 or more"),
        )
        require_implicit("als")

    def fit(self, train: recbench.Interactions) -> Self:
        """Learn the factors.

        Parameters
        ----------
        train : recbench.Interactions
            The training data. Each sequence counts as a user.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If the training diverges.
        """
        gpu = self._uses_gpu()
        fitted = self._train(
            lambda: self._build(use_gpu=gpu),
            self._confidence(train),
            self.iterations,
            "choose a regularization and an alpha nearer to the defaults",
        )
        return self.use({"item_factors": (fitted.to_cpu() if gpu else fitted).item_factors})

    def use(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Use factors of items that are already learned.

        Parameters
        ----------
        arrays : mapping of str to numpy.ndarray
            The array `item_factors` of shape (n_items, factors), float32.

        Returns
        -------
        Self
            The fitted model.
        """
        super().use(arrays)
        with single_blas():
            self._solver = self._build(use_gpu=False)
            self._solver.item_factors = self.learned_["item_factors"]
            _ = self._solver.YtY  # implicit keeps it for all histories
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the products of the factors of each history's user with those of all items.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            About 1 for items that suit the history, about 0 for others.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, was fitted on another catalogue, or has a regularization
            that is too low to compute the factors of a user.
        """
        items = self._fitted(history)["item_factors"]
        rows = np.arange(len(history))
        try:
            users = self._solver.recalculate_user(rows, self._confidence(history))
        except ValueError as error:
            raise recbench.RecbenchError(
                f"als: regularization={self.regularization} is too low for the factors of a user "
                f"({error}); choose a larger one"
            ) from error
        return products(users, items)

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Exact decomposition, in which the weights of a history sum to the score (Hu et al. 2008).

        Parameters
        ----------
        history : recbench.Interactions
            One history.
        items : numpy.ndarray of shape (n,), int
            Item numbers whose scores are explained.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float64
            The part of each interaction, oldest first, in the score of each item: its confidence
            times the similarity of the items from the user's point of view (section 5).

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        factors = self._fitted(history)["item_factors"].astype(np.float64)
        distinct, counts = np.unique(history.items, return_counts=True)
        own = factors[distinct]
        with single_blas():
            equations = factors.T @ factors + self.regularization * np.eye(self.factors)
            equations += (own.T * (self.alpha * counts - 1)) @ own
            similar = factors[items] @ np.linalg.solve(equations, factors[history.items].T)
        parts: npt.NDArray[np.float64] = self.alpha * similar
        return parts

    def _confidence(self, data: recbench.Interactions) -> Any:
        return data.matrix(np.full(data.n_interactions, self.alpha))

    def _build(self, *, use_gpu: bool) -> Any:
        """Return implicit's model; its alpha stays 1, as its training on a GPU would ignore it."""
        from implicit.als import AlternatingLeastSquares

        return AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.regularization,
            iterations=self.iterations,
            use_gpu=use_gpu,
            random_state=np.random.default_rng(self.seed),  # a seed of 0 would be the time on a GPU
        )

    def _uses_gpu(self) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where rmm is installed but no GPU is there
            import implicit.gpu

        available = bool(implicit.gpu.HAS_CUDA)
        wanted = self.device == "auto" or self.device.startswith("cuda")
        if not (wanted and available) and self.device not in ("auto", "cpu"):
            LOG.info("als: implicit cannot use the device %s here; the CPU is used", self.device)
        return wanted and available

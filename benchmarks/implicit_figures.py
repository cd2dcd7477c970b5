"""Compare the figures of implicit's own recommendations with those of the models als and bpr.

    python benchmarks/implicit_figures.py ml-100k

Both are trained on the same matrix with the same seed. implicit recommends ten items per user with
its own filter of seen items, and NDCG@10 is computed from these lists in two lines below. It does
so with the factors of users from the end of its training, and with factors that it computes from
the matrix again. The latter is what als does; bpr has the former only. The script prints a table
in Markdown.
"""

from __future__ import annotations

import sys

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

import recbench


def main(dataset: str) -> None:
    split = recbench.split(dataset)
    targets = split.targets[split.judged]
    matrix = split.train.matrix()
    rows = np.searchsorted(split.train.users, split.history.users[split.judged])
    own = {
        "als": AlternatingLeastSquares(random_state=0),
        "bpr": BayesianPersonalizedRanking(random_state=0, num_threads=1),
    }
    print("| model | recbench | implicit, factors of the training | implicit, computed again |")
    print("|---|---|---|---|")
    for result in recbench.run(list(own), dataset, ks=[10], results=None):
        figures = [f"{result.values['ndcg@10'].mean:.6f}"]
        model = own[result.model]
        model.fit(matrix, show_progress=False)
        for again in (False, True) if result.model == "als" else (False,):
            lists, _ = model.recommend(rows, matrix[rows], N=10, recalculate_user=again)
            found = lists == targets[:, None]
            gains = (found / np.log2(np.arange(2, 12))).sum(axis=1)
            figures.append(f"{gains.mean():.6f}")
        print(f"| {result.model} | {' | '.join([*figures, '-'][:3])} |")


if __name__ == "__main__":
    with threadpool_limits(1, "blas"):
        main(sys.argv[1])

"""Time judging the same scores with recbench, rectools, ranx and scikit-learn.

    sh benchmarks/peers.sh
    peers/rectools/bin/pip install --no-deps .
    peers/rectools/bin/python benchmarks/judging.py sasrec-ml-1m.txt -o benchmarks/judging.md

The argument is the path of the file of that name, a `user item` pair a line. Run by hand; it takes
a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import recbench
from recbench_metrics import recbench_metrics
from recbench_splitters import LeaveLastOut

PACKAGES = ("numpy", "pandas", "torch", "rectools", "ranx", "scikit-learn")
METRICS = ("ndcg", "recall", "hit", "mrr", "map")
WIDTH = 64
NOTES = """\
- recbench: `evaluate`, then ndcg, recall, hit, mrr and map at k = 3, 5 and 10: every score checked
  to be finite, exact ranks and ties of all targets, the ten best items of everybody.
- The others: NDCG@10 alone, of the ten best, without a check; scikit-learn sorts all. Targets, seen
  items and names are in the form they want before the clock starts.
- rectools: `recommend_from_scores` is asked user by user. Its rankers take no scores but factors,
  so they do the product (of width 65) too. `NDCG(k=10, divide_by_achievable=True)`.
- ranx selects nothing, it judges lists: these are made of the scores in blocks of 1,024 users, by
  numpy (`argpartition`), and handed over as its guide does, as a `Run` of a dict. A third library,
  `torch.topk`, makes them faster. Its `evaluate` names arrays among its types too; then nearly all
  that is timed is `torch.topk`.
"""
OTHER_WORK = (
    "rectools: `ImplicitRanker`, from factors",
    "rectools: `TorchRanker`, from factors",
    "ranx: `Run` of a dict of `torch.topk`",
    "ranx: arrays of `torch.topk`",
    "ranx: `evaluate` alone, lists not counted",
)
"""No score matrix, no lists made of it, or lists that another library makes in its own arrays."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="MovieLens 1M as a `user item` pair a line")
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this file too")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (medians count)")
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        print(json.dumps(measure(options.path, options.side, options.runs)))
        return
    # where the file lies is the reader's own
    command = [Path(word).name if word == options.path else word for word in sys.argv]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "# Judging",
        "",
        f"    peers/rectools/bin/python {shlex.join(command)}",
        "",
        (
            f"{os.cpu_count()} cores, {platform.machine()}, "
            f"Python {platform.python_version()}, {versions}."
        ),
        "",
        *table(options.path, options.runs),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


class Matrix:
    """A model whose scores are there already."""

    def __init__(self, scores: Any) -> None:
        self.scores = scores

    def fit(self, _: recbench.Interactions) -> Matrix:
        return self

    def score(self, history: recbench.Interactions) -> Any:
        first = history.users[0]
        return self.scores[first : first + len(history)]


def measure(path: str, number: int, runs: int) -> dict[str, Any]:
    """One side, in this process: what it gives, and the seconds of each run after the first."""
    split = LeaveLastOut().split(recbench.load_dataset(path).interactions)
    users, items = factors(split)
    scores = users @ items.T
    sides = {"recbench": ours(scores, split), **theirs(users, items, scores, split)}
    name, side = list(sides.items())[number]
    value, seconds = side(), []  # and numba compiles
    for _ in range(runs):
        began = time.perf_counter()
        side()
        seconds.append(time.perf_counter() - began)
    return {
        "name": name,
        "value": float(value),
        "seconds": seconds,
        "shape": scores.shape,
        "sides": len(sides),
    }


def table(path: str, runs: int) -> list[str]:
    """All sides, each in a process of its own, where no other's threads and memory are about."""
    sides: list[dict[str, Any]] = []
    while not sides or len(sides) < sides[0]["sides"]:
        command = [sys.executable, __file__, path, "--runs", str(runs), "--side", str(len(sides))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        sides.append(json.loads(done.stdout.splitlines()[-1]))
    rows, items = sides[0]["shape"]
    values = {side["name"]: side["value"] for side in sides}
    seconds = {side["name"]: side["seconds"] for side in sides}
    for name, value in values.items():
        if abs(value - values["recbench"]) > 1e-6:
            raise SystemExit(f"{name} gives NDCG@10 {value}, recbench {values['recbench']}")
    middle = {name: statistics.median(took) for name, took in seconds.items()}
    lines = {
        name: (
            f"| {name} | {took:.3f} | {rows / took:,.0f} "
            f"| {took / middle['recbench']:.1f} | {values[name]:.8f} |"
        )
        for name, took in middle.items()
    }
    same = [name for name in values if name not in OTHER_WORK]
    fastest = min((name for name in same if name != "recbench"), key=middle.__getitem__)
    head = [
        "| | seconds | users a second | recbench is faster by | NDCG@10 |",
        "|---|---:|---:|---:|---:|",
    ]
    return [
        (
            f"The same {rows:,} x {items:,} float32 scores, seen items left out, leave-last-out; "
            f"medians of {runs} runs after a first one, each side in a process of its own."
        ),
        "",
        NOTES,
        *head,
        *(lines[name] for name in same),
        "",
        (
            f"The fastest of the others is {fastest}: recbench judges "
            f"{middle[fastest] / middle['recbench']:.1f} times as many users a second."
        ),
        "",
        "Not the same work, for comparison:",
        "",
        *head,
        *(lines[name] for name in OTHER_WORK),
    ]


def factors(split: recbench.Split) -> tuple[Any, Any]:
    """Factors of users and of items, whose products are popularity and noise, with no ties."""
    random = np.random.default_rng(1)
    counts = np.bincount(split.train.items, minlength=split.train.n_items)
    users = random.standard_normal((len(split.history), WIDTH + 1), dtype=np.float32)
    items = random.standard_normal((split.train.n_items, WIDTH + 1), dtype=np.float32) / 16
    users[:, WIDTH], items[:, WIDTH] = 1, np.log1p(counts)
    return users, items


def ours(scores: Any, split: recbench.Split) -> Callable[[], float]:
    """All checks, all ranks, the ten best of everybody, five metrics at three k."""
    metrics = recbench_metrics()

    def side() -> float:
        evaluation = recbench.evaluate(Matrix(scores), split, mask_seen=True)
        values = {
            (name, k): metrics[name](evaluation.ranking, k) for name in METRICS for k in (3, 5, 10)
        }
        return float(values["ndcg", 10].mean())

    return side


def theirs(
    users: Any, items: Any, scores: Any, split: recbench.Split
) -> dict[str, Callable[[], float]]:
    """The peers' routes to NDCG@10. What does not depend on scores is made before, uncounted."""
    import pandas as pd
    import ranx
    import torch
    from rectools import Columns
    from rectools.metrics import NDCG
    from rectools.models.rank import Distance, ImplicitRanker, TorchRanker
    from rectools.models.utils import recommend_from_scores
    from scipy import sparse
    from sklearn.metrics import ndcg_score

    rows, n = scores.shape
    history, targets, everybody = split.history, split.targets, np.arange(rows)
    row = np.repeat(everybody, history.lengths)
    seen = [np.sort(sequence) for sequence in history.sequences()]
    ones = np.ones(len(row), dtype=np.float32)
    pairs = sparse.csr_matrix((ones, (row, history.items)), scores.shape)
    wanted = pd.DataFrame({Columns.User: everybody, Columns.Item: targets})
    ndcg = NDCG(k=10, divide_by_achievable=True)
    names, people = [str(item) for item in range(n)], [str(user) for user in range(rows)]
    relevant = {user: {names[item]: 1} for user, item in zip(people, targets, strict=True)}
    qrels = ranx.Qrels(relevant)
    truth = np.zeros(scores.shape, dtype=np.int8)
    truth[everybody, targets] = 1

    def rectools(best: Any) -> float:
        ranks = np.tile(np.arange(1, 11), rows)
        user = np.repeat(everybody, 10)
        recs = pd.DataFrame({Columns.User: user, Columns.Item: best, Columns.Rank: ranks})
        return float(ndcg.calc(recs, wanted))

    def each() -> float:
        best = [
            recommend_from_scores(scores[user], 10, sorted_blacklist=seen[user])[0]
            for user in range(rows)
        ]
        return rectools(np.concatenate(best))

    def implicit() -> float:
        ranker = ImplicitRanker(Distance.DOT, users, items)
        return rectools(ranker.rank(everybody, k=10, filter_pairs_csr=pairs)[1])

    def from_torch() -> float:  # of batches of 128 ... 6,040 rows the fastest
        ranker = TorchRanker(Distance.DOT, "cpu", users, items, batch_size=512)
        return rectools(ranker.rank(everybody, k=10, filter_pairs_csr=pairs)[1])

    def numpy_best(block: Any) -> tuple[Any, Any]:
        item = np.argpartition(block, -10, axis=1)[:, -10:]
        value = np.take_along_axis(block, item, axis=1)
        order = np.argsort(-value, axis=1)
        return np.take_along_axis(value, order, axis=1), np.take_along_axis(item, order, axis=1)

    def torch_best(block: Any) -> tuple[Any, Any]:
        return torch.topk(torch.from_numpy(block), 10)

    def lists(select: Callable[[Any], tuple[Any, Any]], size: int = 1024) -> tuple[Any, Any]:
        values, best = np.empty((rows, 10)), np.empty((rows, 10), dtype=np.int64)
        for start in range(0, rows, size):
            block = scores[start : start + size].copy()
            first, last = history.offsets[start], history.offsets[start + len(block)]
            block[row[first:last] - start, history.items[first:last]] = -np.inf
            value, item = select(block)
            values[start : start + size], best[start : start + size] = value, item
        return values, best

    def run(select: Callable[[Any], tuple[Any, Any]]) -> ranx.Run:
        best = {}
        for user, value, item in zip(people, *(a.tolist() for a in lists(select)), strict=True):
            best[user] = dict(zip([names[i] for i in item], value, strict=True))
        return ranx.Run(best)

    def arrays() -> float:
        values, best = lists(torch_best)
        found = np.stack([best, values], axis=2)
        right = np.stack([targets, np.ones(rows)], axis=1)[:, None]
        return float(ranx.evaluate(right, found, "ndcg@10"))

    def sklearn(**options: bool) -> float:
        masked = scores.copy()
        masked[row, history.items] = np.finfo(np.float32).min
        return float(ndcg_score(truth, masked, k=10, **options))

    ready = run(torch_best)
    return {
        "rectools: `recommend_from_scores`": each,
        "rectools: `ImplicitRanker`, from factors": implicit,
        "rectools: `TorchRanker`, from factors": from_torch,
        "ranx: `Run` of a dict, by numpy": lambda: ranx.evaluate(qrels, run(numpy_best), "ndcg@10"),
        "ranx: `Run` of a dict of `torch.topk`": lambda: ranx.evaluate(
            qrels, run(torch_best), "ndcg@10"
        ),
        "ranx: arrays of `torch.topk`": arrays,
        "ranx: `evaluate` alone, lists not counted": lambda: ranx.evaluate(qrels, ready, "ndcg@10"),
        "scikit-learn: `ndcg_score`": sklearn,
        "scikit-learn: `ndcg_score(ignore_ties=True)`": lambda: sklearn(ignore_ties=True),
    }


if __name__ == "__main__":
    main()

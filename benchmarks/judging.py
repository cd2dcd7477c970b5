"""Time the evaluation of the same scores by recbench, RecTools, ranx and scikit-learn.

    sh benchmarks/peers.sh
    peers/rectools/bin/pip install --no-deps .
    peers/rectools/bin/python benchmarks/judging.py sasrec-ml-1m.txt -o benchmarks/judging.md

The argument is the path of MovieLens 1M as the SASRec paper uses it, with one `user item` pair per
line. The script takes about a minute.
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
- recbench runs `evaluate`, and then computes NDCG, recall, hit rate, MRR and MAP at k = 3, 5 and
  10. It checks that every score is finite, finds the exact ranks and ties of all targets, and
  selects the ten best items of every user.
- The others compute NDCG@10 alone, from the ten best items, without checks; scikit-learn sorts all
  scores. Targets, seen items and names are converted to the form that each library needs before
  the clock starts.
- RecTools: `recommend_from_scores` is called once per user. The rankers of RecTools need factors
  instead of scores, so their time includes the product (of width 65). The metric is
  `NDCG(k=10, divide_by_achievable=True)`.
- ranx evaluates lists and does not select items. Its lists are made from the scores in blocks of
  1,024 users, with numpy (`argpartition`), and passed as a `Run` of a dict, as in its guide. Lists
  made with `torch.topk` are faster. `ranx.evaluate` also accepts arrays; then most of the time is
  spent in `torch.topk`.
"""
OTHER_WORK = (
    "rectools: `ImplicitRanker`, from factors",
    "rectools: `TorchRanker`, from factors",
    "ranx: `Run` of a dict of `torch.topk`",
    "ranx: arrays of `torch.topk`",
    "ranx: `evaluate` alone, lists not counted",
)
"""Sides that start from factors or from lists, or that use a third library to select items."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="file of MovieLens 1M with one `user item` pair per line")
    parser.add_argument("-o", "--output", type=Path, help="also write the tables to this file")
    parser.add_argument(
        "--runs", type=int, default=5, help="runs of each side; the table has the medians"
    )
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        print(json.dumps(measure(options.path, options.side, options.runs)))
        return
    # the table names the file without its folder, which differs between machines
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
    """A model with ready-made scores."""

    def __init__(self, scores: Any) -> None:
        self.scores = scores

    def fit(self, _: recbench.Interactions) -> Matrix:
        return self

    def score(self, history: recbench.Interactions) -> Any:
        first = history.users[0]
        return self.scores[first : first + len(history)]


def measure(path: str, number: int, runs: int) -> dict[str, Any]:
    """Run one side in this process: its value, and the seconds of each run after the first."""
    split = LeaveLastOut().split(recbench.load_dataset(path).interactions)
    users, items = factors(split)
    scores = users @ items.T
    sides = {"recbench": ours(scores, split), **theirs(users, items, scores, split)}
    name, side = list(sides.items())[number]
    value, seconds = side(), []  # the first run includes the compilation by numba
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
    """Run each side in its own process, so that threads and memory of one do not slow another."""
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
            raise SystemExit(
                f"{name} has an NDCG@10 of {value}, recbench one of {values['recbench']}; "
                "they must be equal"
            )
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
        "| | seconds | users per second | time relative to recbench | NDCG@10 |",
        "|---|---:|---:|---:|---:|",
    ]
    return [
        (
            f"All sides evaluate the same {rows:,} x {items:,} float32 scores with leave-last-out, "
            f"seen items masked. Medians of {runs} runs after a first one; each side runs in its "
            "own process."
        ),
        "",
        NOTES,
        *head,
        *(lines[name] for name in same),
        "",
        (
            f"The fastest of the others is {fastest}. recbench evaluates "
            f"{middle[fastest] / middle['recbench']:.1f} times as many users per second."
        ),
        "",
        "These sides do other work, and are shown for comparison:",
        "",
        *head,
        *(lines[name] for name in OTHER_WORK),
    ]


def factors(split: recbench.Split) -> tuple[Any, Any]:
    """Make factors of users and items; their products are popularity plus noise, without ties."""
    random = np.random.default_rng(1)
    counts = np.bincount(split.train.items, minlength=split.train.n_items)
    users = random.standard_normal((len(split.history), WIDTH + 1), dtype=np.float32)
    items = random.standard_normal((split.train.n_items, WIDTH + 1), dtype=np.float32) / 16
    users[:, WIDTH], items[:, WIDTH] = 1, np.log1p(counts)
    return users, items


def ours(scores: Any, split: recbench.Split) -> Callable[[], float]:
    """Evaluate with recbench: checks, ranks, the ten best items, five metrics at three k."""
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
    """Evaluate with the other libraries. What does not depend on scores is prepared untimed."""
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
    history, targets, all_users = split.history, split.targets, np.arange(rows)
    row = np.repeat(all_users, history.lengths)
    seen = [np.sort(sequence) for sequence in history.sequences()]
    ones = np.ones(len(row), dtype=np.float32)
    pairs = sparse.csr_matrix((ones, (row, history.items)), scores.shape)
    expected = pd.DataFrame({Columns.User: all_users, Columns.Item: targets})
    ndcg = NDCG(k=10, divide_by_achievable=True)
    names, people = [str(item) for item in range(n)], [str(user) for user in range(rows)]
    relevant = {user: {names[item]: 1} for user, item in zip(people, targets, strict=True)}
    qrels = ranx.Qrels(relevant)
    truth = np.zeros(scores.shape, dtype=np.int8)
    truth[all_users, targets] = 1

    def rectools(best: Any) -> float:
        ranks = np.tile(np.arange(1, 11), rows)
        user = np.repeat(all_users, 10)
        recs = pd.DataFrame({Columns.User: user, Columns.Item: best, Columns.Rank: ranks})
        return float(ndcg.calc(recs, expected))

    def each() -> float:
        best = [
            recommend_from_scores(scores[user], 10, sorted_blacklist=seen[user])[0]
            for user in range(rows)
        ]
        return rectools(np.concatenate(best))

    def implicit() -> float:
        ranker = ImplicitRanker(Distance.DOT, users, items)
        return rectools(ranker.rank(all_users, k=10, filter_pairs_csr=pairs)[1])

    def from_torch() -> float:  # 512 was the fastest of the batch sizes from 128 to 6,040
        ranker = TorchRanker(Distance.DOT, "cpu", users, items, batch_size=512)
        return rectools(ranker.rank(all_users, k=10, filter_pairs_csr=pairs)[1])

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

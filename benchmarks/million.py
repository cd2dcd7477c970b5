"""Time the evaluation on a million items, and the matrix products that score them alone.

    python benchmarks/million.py -o benchmarks/million.md

The data are synthetic. The script computes 10^11 scores twice and takes more than ten minutes;
with `--users 3000` it takes half a minute.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import recbench

ITEMS, WIDTH, SEEN = 1_000_000, 64, 20  # items, width of the factors, seen items per user
TURN = 20  # batches until the other side takes its turn, about a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    parser.add_argument("--users", type=int, default=100_000, help="number of users")
    options = parser.parse_args()
    lines = [
        "# A million items",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {platform.machine()}, "
            f"Python {platform.python_version()}, numpy {np.__version__}."
        ),
        "",
        *table(options.users),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


class Factors:
    """A model that is one matrix product, always written to the same array.

    After every TURN batches it repeats their products and times them. So both sides are timed in
    the same minutes, and a busy machine slows down both.

    bare: seconds of the repeated products. batches: (first user, last user + 1) of each batch.
    """

    def __init__(self, users: int) -> None:
        random = np.random.default_rng(1)
        self.items = random.standard_normal((WIDTH, ITEMS), dtype=np.float32)  # the faster layout
        self.users = random.standard_normal((users, WIDTH), dtype=np.float32)
        self.scores = np.empty((0, ITEMS), dtype=np.float32)
        self.bare, self.batches = 0.0, list[tuple[int, int]]()

    def fit(self, _: recbench.Interactions) -> Factors:
        return self

    def score(self, history: recbench.Interactions) -> Any:
        if len(history) > len(self.scores):  # the first batch
            self.scores = np.zeros((len(history), ITEMS), dtype=np.float32)
        if self.batches and len(self.batches) % TURN == 0:
            self.again()
        first = int(history.users[0])
        self.batches.append((first, first + len(history)))
        return self.product(*self.batches[-1])

    def product(self, first: int, stop: int) -> Any:
        return np.matmul(self.users[first:stop], self.items, out=self.scores[: stop - first])

    def again(self) -> None:
        """Repeat and time the products of the batches since the last call."""
        began = time.perf_counter()
        for batch in self.batches[-((len(self.batches) - 1) % TURN + 1) :]:
            self.product(*batch)
        self.bare += time.perf_counter() - began


def table(users: int) -> list[str]:
    model, split = Factors(users), made_up(users)
    began = time.perf_counter()
    evaluation = recbench.evaluate(model, split, mask_seen=True)
    took = time.perf_counter() - began - model.bare
    inside = evaluation.score_seconds - model.bare
    model.again()  # the batches after the last turn
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    return [
        (
            f"{users:,} users x {ITEMS:,} items, float32 factors of width {WIDTH}, {SEEN} seen "
            f"items per user, in batches of {len(model.scores)} users. The bare products are "
            "`np.matmul(users, items, out=scores)`, in the same batches and always into the same "
            "array. The model that recbench evaluates computes exactly these products, and both "
            f"sides take turns of {TURN} batches. recbench checks that all scores are finite, "
            "masks seen items, counts ranks and ties, and keeps the ten best items of every user. "
            "The peak memory is that of the whole process, factors and scores included."
        ),
        "",
        "| | seconds | users per second | times the bare products | peak memory |",
        "|---|---:|---:|---:|---:|",
        f"| bare products | {model.bare:.1f} | {users / model.bare:,.0f} | 1 | |",
        (
            f"| recbench | {took:.1f} | {users / took:,.0f} | {took / model.bare:.2f} "
            f"| {peak / 1e9:.2f} GB |"
        ),
        f"| its products alone | {inside:.1f} | | {inside / model.bare:.2f} | |",
    ]


def made_up(users: int) -> recbench.Split:
    """Return a synthetic split: each user has SEEN random items as history and one as target."""
    items = np.random.default_rng(2).integers(0, ITEMS, (users, SEEN + 1), dtype=np.int32)
    user_numbers, offsets = np.arange(users), np.arange(users + 1) * SEEN
    history = recbench.Interactions(user_numbers, items[:, :SEEN].ravel(), offsets, users, ITEMS)
    return recbench.Split(history, history, items[:, SEEN])


if __name__ == "__main__":
    main()

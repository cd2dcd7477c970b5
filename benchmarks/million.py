"""Time judging a catalogue of a million items, beside the matrix products that score it.

    python benchmarks/million.py -o benchmarks/million.md

Made up, from a seed. Run by hand; it scores 10^11 pairs, twice, and takes some ten minutes.
`--users 3000` shows the same in half a minute.
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

ITEMS, WIDTH, SEEN = 1_000_000, 64, 20  # the catalogue, the factors, what each user has seen
TURN = 20  # batches that each side does before it is the other's turn, about a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    parser.add_argument("--users", type=int, default=100_000)
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
    """A model that is one matrix product, written to the same place again and again.

    Every TURN batches it does the products of the last ones again, all else standing still: so
    both sides are timed through the same minutes, however busy the machine is in some of them.

    bare: seconds that these took. batches: (first user, behind the last) of each batch.
    """

    def __init__(self, users: int) -> None:
        random = np.random.default_rng(1)
        self.items = random.standard_normal((WIDTH, ITEMS), dtype=np.float32)  # so, it is faster
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
        """The bare products of the batches since the last time."""
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
    model.again()  # what came after the last turn
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    return [
        (
            f"{users:,} users x {ITEMS:,} items, float32 factors of width {WIDTH}, {SEEN} seen "
            f"items a user, in batches of {len(model.scores)} users. The bare products are "
            "`np.matmul(users, items, out=scores)`, in the same batches and always to the same "
            "place; the model that recbench judges does exactly these, and both sides take turns "
            f"of {TURN} batches. recbench checks that all scores are finite, leaves out what a "
            "user has seen, counts ranks and ties and keeps the ten best items of everybody. "
            "The peak is that of the whole process, factors and scores included."
        ),
        "",
        "| | seconds | users a second | times the bare products | peak memory |",
        "|---|---:|---:|---:|---:|",
        f"| bare products | {model.bare:.1f} | {users / model.bare:,.0f} | 1 | |",
        (
            f"| recbench | {took:.1f} | {users / took:,.0f} | {took / model.bare:.2f} "
            f"| {peak / 1e9:.2f} GB |"
        ),
        f"| of which products | {inside:.1f} | | {inside / model.bare:.2f} | |",
    ]


def made_up(users: int) -> recbench.Split:
    """Everybody has seen SEEN items, all drawn by chance, and is to find another."""
    items = np.random.default_rng(2).integers(0, ITEMS, (users, SEEN + 1), dtype=np.int32)
    everybody, offsets = np.arange(users), np.arange(users + 1) * SEEN
    history = recbench.Interactions(everybody, items[:, :SEEN].ravel(), offsets, users, ITEMS)
    return recbench.Split(history, history, items[:, SEEN])


if __name__ == "__main__":
    main()

"""Time judging a catalogue of a million items, beside the matrix products that score it.

    python benchmarks/million.py -o benchmarks/million.md

Made up, from a seed. Run by hand; it scores 10^11 pairs and takes some ten minutes.
`--users 3000` shows the same in half a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import recbench

ITEMS, WIDTH, SEEN = 1_000_000, 64, 20  # the catalogue, the factors, what each user has seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--measure", choices=("bare", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.users)))
        return
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


def table(users: int) -> list[str]:
    """Half of the bare products before and half after, so that a drift hits both."""
    bare, mine, again = (
        json.loads(
            subprocess.check_output(  # noqa: S603
                [sys.executable, __file__, "--measure", what, "--users", str(count)]
            )
        )
        for what, count in (("bare", users // 2), ("ours", users), ("bare", users - users // 2))
    )
    products = bare["seconds"] + again["seconds"]
    return [
        (
            f"{users:,} users x {ITEMS:,} items, float32 factors of width {WIDTH}, {SEEN} seen "
            f"items a user, in batches of {mine['rows']} users. The bare products are "
            "`np.matmul(users, items, out=scores)`, in the same batches, always to the same "
            "place, half of them before and half after; the model that recbench judges does "
            "exactly these. recbench checks that all scores are finite, leaves out what a user "
            "has seen, counts ranks and ties and keeps the ten best items of everybody."
        ),
        "",
        "| | seconds | users a second | times the bare products | peak memory |",
        "|---|---:|---:|---:|---:|",
        f"| bare products | {products:.1f} | {users / products:,.0f} | 1 | |",
        (
            f"| recbench | {mine['seconds']:.1f} | {users / mine['seconds']:,.0f} "
            f"| {mine['seconds'] / products:.2f} | {mine['bytes'] / 1e9:.2f} GB |"
        ),
        f"| of which products | {mine['products']:.1f} | | | |",
    ]


class Factors:
    """A model that is one matrix product, written to the same place again and again."""

    def __init__(self, users: int) -> None:
        random = np.random.default_rng(1)
        self.items = random.standard_normal((WIDTH, ITEMS), dtype=np.float32)  # so, it is faster
        self.users = random.standard_normal((users, WIDTH), dtype=np.float32)
        self.scores = np.empty((0, ITEMS), dtype=np.float32)

    def fit(self, _: recbench.Interactions) -> Factors:
        return self

    def score(self, history: recbench.Interactions) -> Any:
        if len(history) > len(self.scores):
            self.scores = np.empty((len(history), ITEMS), dtype=np.float32)
        users = self.users[history.users]
        return np.matmul(users, self.items, out=self.scores[: len(history)])


def measure(what: str, users: int) -> dict[str, float]:
    """Judge a model of `users` users, or do its products alone; in a process of its own."""
    model = Factors(users)
    random = np.random.default_rng(2)
    items = random.integers(0, ITEMS, (users, SEEN + 1), dtype=np.int32)
    offsets = np.arange(users + 1) * SEEN
    history = recbench.Interactions(
        np.arange(users), items[:, :SEEN].ravel(), offsets, users, ITEMS
    )
    split = recbench.Split(history, history, items[:, SEEN])
    few = history.take(np.arange(min(users, 1000)))
    recbench.evaluate(model, recbench.Split(few, few, items[: len(few), SEEN]), mask_seen=True)
    rows = len(model.scores)  # now known, and both sides are warm
    began = time.perf_counter()
    products = 0.0
    if what == "ours":
        products = recbench.evaluate(model, split, mask_seen=True).score_seconds
    else:
        for start in range(0, users, rows):
            batch = model.users[start : start + rows]
            np.matmul(batch, model.items, out=model.scores[: len(batch)])
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "products": products, "rows": rows, "bytes": peak}


if __name__ == "__main__":
    main()

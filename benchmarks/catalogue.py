"""Train the transformer for one epoch on a large catalogue, and measure time and memory.

    python benchmarks/catalogue.py -o benchmarks/catalogue.md

The data are synthetic: 10 million interactions of 200,000 users with 1 million items. The script
runs on Linux only.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from recbench import Interactions
from recbench_transformer import Transformer


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000, help="number of interactions")
    parser.add_argument("--items", type=int, default=1_000_000, help="size of the catalogue")
    parser.add_argument("--users", type=int, default=200_000, help="number of users")
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    data = synthetic(options.users, options.items, options.events)
    before = peak_gigabytes()
    began = time.perf_counter()
    Transformer(epochs=1, device="cpu").fit(data)
    seconds = time.perf_counter() - began
    lines = [
        "# An epoch on a large catalogue",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores. {data.n_interactions:,} interactions, {len(data):,} users, "
            f"{data.n_items:,} items; one epoch of the transformer with its default options."
        ),
        "",
        "| | |",
        "|---|---:|",
        f"| seconds to fit | {seconds:,.0f} |",
        f"| peak memory of the process | {peak_gigabytes():.2f} GB |",
        f"| memory before fit | {before:.2f} GB |",
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def synthetic(users: int, items: int, interactions: int) -> Interactions:
    """Return a synthetic log: low item numbers are popular, and close numbers follow each other."""
    rng = np.random.default_rng(0)
    lengths = np.full(users, interactions // users)
    start = (items * rng.random(users) ** 3).astype(np.int64)
    steps = rng.integers(-50, 51, lengths.sum())
    walk = (
        np.repeat(start, lengths)
        + np.cumsum(steps)
        - np.repeat(np.concatenate([[0], np.cumsum(steps)[np.cumsum(lengths)[:-1] - 1]]), lengths)
    )
    jump = rng.random(len(walk)) < 0.2
    walk[jump] = (items * rng.random(int(jump.sum())) ** 3).astype(np.int64)
    return Interactions(
        users=np.arange(users),
        items=np.abs(walk) % items,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_users=users,
        n_items=items,
    )


def peak_gigabytes() -> float:
    """Return the peak memory of this process, in gigabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()

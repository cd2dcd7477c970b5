"""Time training beside its arithmetic as bare matrix products, and see where the rest goes.

    python benchmarks/arithmetic.py sasrec-ml-1m.txt -o benchmarks/arithmetic.md

For batches of one epoch of the transformer's defaults, a step of training is timed, and the matrix
products of that step alone: same shapes, same types, forward, and the two of each in the backward
pass. Then a profile says where the time of the steps goes.
"""

from __future__ import annotations

import argparse
import functools
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

import recbench
from recbench_splitters import LeaveLastOut
from recbench_transformer import Transformer, loss
from recbench_transformer.network import build
from recbench_transformer.presets import Settings, sized
from recbench_transformer.training import Training
from recbench_transformer.windows import Batch, batches

PARTS = {
    "matrix products": ("mm", "addmm", "bmm", "linear", "baddbmm", "_addmm_activation"),
    "attention": ("scaled_dot_product",),
    "softmax": ("_softmax", "log"),
    "casts and copies": ("copy_", "_to_copy", "cat", "index", "clone", "contiguous"),
    "layer norms and GELU": ("layer_norm", "gelu"),
    "optimiser": ("_fused_adamw", "_foreach", "linalg_vector_norm", "zero"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="what `recbench run --dataset` takes, a path or a name")
    parser.add_argument("--batches", type=int, default=40, help="how many are timed")
    parser.add_argument("--repeats", type=int, default=3, help="each so often; medians count")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    data = LeaveLastOut().split(recbench.load_dataset(options.data).interactions).train
    s = sized(Transformer().settings, data.n_events)
    torch.manual_seed(0)
    network = build(s, data.n_items, data.n_users, remember=False)
    draw = np.random.default_rng(0)
    training = Training(network, s, 0, draw, masked=True)
    network.train()
    todo = batches(data, s.length, s.batch or 0, draw)[: options.batches]
    for batch in todo[:3]:
        training.step(batch)
    ours, bare = [], []
    for batch in todo:  # in turn, so that a busy moment hits both
        step = functools.partial(training.step, batch)
        ours.append(statistics.median(timed(step, options.repeats)))
        bare.append(products(batch, s, data.n_items, training.dtype, options.repeats))
    events = sum(int(batch.lengths.sum()) for batch in todo)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for batch in todo[:10]:
            training.step(batch)
    lines = [
        "# Training beside its bare arithmetic",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, products in "
            f"{training.dtype}, attention in torch.float32; {len(todo)} batches with {events:,} "
            f"events of {data.n_items:,} items, median of {options.repeats} for each."
        ),
        "",
        "| | microseconds an event |",
        "|---|---:|",
        f"| a step of training | {sum(ours) / events * 1e6:.2f} |",
        f"| its matrix products alone | {sum(bare) / events * 1e6:.2f} |",
        f"| **fraction** | **{sum(bare) / sum(ours):.0%}** |",
        "",
        "Where the time of a step goes, by torch's profiler:",
        "",
        "| part | share |",
        "|---|---:|",
        *shares(seen),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def timed(run: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of so many runs."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return found


def products(batch: Batch, s: Settings, n_items: int, dtype: torch.dtype, repeats: int) -> float:
    """Seconds that the matrix products of one step take, and nothing else."""
    rows, span = batch.items.shape
    positions, events = rows * span, int(batch.lengths.sum())
    chunk = min(events, loss.SCORES // n_items)
    linear = [(positions, s.dim, wide) for wide in (3 * s.dim, s.dim, s.feedforward)]
    linear.append((positions, s.feedforward, s.dim))
    seconds = 0.0
    for m, k, n in linear:
        seconds += s.layers * product(m, k, n, dtype, repeats)
    seconds += events / chunk * product(chunk, s.dim, n_items, dtype, repeats)
    heads, width = rows * s.heads, s.dim // s.heads
    q, k, v = (torch.randn(heads, span, width) for _ in range(3))
    w = torch.randn(heads, span, span)

    def attention() -> None:
        q @ k.mT, w @ v  # forward
        w.mT @ q, w @ v, w @ k, w.mT @ q  # backward: of values, weights, queries, keys

    return seconds + s.layers * statistics.median(timed(attention, repeats))


def product(m: int, k: int, n: int, dtype: torch.dtype, repeats: int) -> float:
    """Seconds of (m, k) @ (k, n) and of its two gradients."""
    x, w, y = (torch.randn(shape).to(dtype) for shape in ((m, k), (n, k), (m, n)))

    def run() -> None:
        x @ w.t(), y @ w, y.t() @ x

    return statistics.median(timed(run, repeats))


def shares(seen: profile) -> list[str]:
    """A line a part of the profile, largest first."""
    spent = dict.fromkeys([*PARTS, "all else"], 0.0)
    for event in seen.key_averages():
        name = event.key.removeprefix("aten::")
        part = next(
            (part for part, names in PARTS.items() if any(map(name.startswith, names))), "all else"
        )
        spent[part] += event.self_cpu_time_total
    total = sum(spent.values())
    order = sorted(spent, key=lambda part: -spent[part])
    return [f"| {part} | {spent[part] / total:.0%} |" for part in order]


if __name__ == "__main__":
    main()

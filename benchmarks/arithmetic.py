"""Time training beside its arithmetic as bare matrix products, and see where the rest goes.

    python benchmarks/arithmetic.py sasrec-ml-1m.txt -o benchmarks/arithmetic.md

For batches of one epoch of the transformer's defaults, a step of training is timed, and the matrix
products of that step alone: same shapes, same types, forward, and the two of each in the backward
pass. Then a profile says where the time of the steps goes.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
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

ROWS = (
    "a step of training",
    "its matrix products alone",
    "a step with bfloat16=false",
    "its matrix products alone, in float32",
)

PARTS = {
    "matrix products": ("mm", "addmm", "bmm", "linear", "baddbmm", "_addmm_activation"),
    "attention": ("_scaled_dot_product",),
    "softmax": ("_softmax",),
    "rotary positions and dropout": ("mul", "random_", "ge", "cat", "neg"),
    "casts, copies and gathering": ("copy_", "_to_copy", "index", "_index", "embedding"),
    "layer norms and GELU": ("native_layer_norm", "gelu"),
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
    s = sized(Transformer().settings, data.n_interactions)
    torch.manual_seed(0)
    network = build(s, data.n_items, data.n_users, remember=False)
    draw = np.random.default_rng(0)
    training = Training(network, s, 0, draw, masked=True)
    network.train()
    todo = batches(data, s.length, s.batch or 0, draw)[: options.batches]
    for batch in todo[:3]:
        training.step(batch)
    full = Training(network, dataclasses.replace(s, bfloat16=False), 0, draw, masked=True)
    full.step(todo[0])
    spent: dict[str, list[float]] = {name: [] for name in ROWS}
    for batch in todo:  # in turn, so that a busy moment hits all
        for name, (run, bare) in zip(
            ROWS, itertools.product((training, full), (False, True)), strict=True
        ):
            step = functools.partial(run.step, batch)
            spent[name].append(
                products(batch, s, data.n_items, run.dtype, options.repeats)
                if bare
                else statistics.median(timed(step, options.repeats))
            )
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
            f"{os.cpu_count()} cores, {torch.get_num_threads()} threads; {len(todo)} batches with "
            f"{events:,} events of {data.n_items:,} items, median of {options.repeats} for each. "
            f"The default computes products in {training.dtype}, attention in torch.float32; "
            "`bfloat16=false` computes all in torch.float32."
        ),
        "",
        "| | microseconds an event | of its products alone |",
        "|---|---:|---:|",
        *rows(spent, events),
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


def rows(spent: dict[str, list[float]], events: int) -> list[str]:
    """A line a row; steps are compared with the products in their type, and in float32."""
    cost = {name: sum(seconds) / events * 1e6 for name, seconds in spent.items()}
    step, products_, full, full_products = cost.values()
    shares = (
        f"{products_ / step:.0%} (in float32 {full_products / step:.0%})",
        "",
        f"{full_products / full:.0%}",
        "",
    )
    return [
        f"| {name} | {cost[name]:.2f} | {share} |" for name, share in zip(ROWS, shares, strict=True)
    ]


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

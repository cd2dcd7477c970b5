"""Compare the time of a training step with the time of its matrix products alone.

    python benchmarks/arithmetic.py sasrec-ml-1m.txt -o benchmarks/arithmetic.md

The script takes batches from one epoch of the transformer with its default options. For each batch
it times a training step, and then the matrix products of that step alone, with the same shapes and
types: each product of the forward pass, and its two gradients in the backward pass. At the end it
profiles some steps, to show where the rest of the time goes.
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
from recbench_transformer.build import build_network
from recbench_transformer.presets import Settings, size_to_data
from recbench_transformer.training import Trainer
from recbench_transformer.windows import Batch, make_batches

ROWS = (
    "training step",
    "its matrix products alone",
    "training step with bfloat16=false",
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
    parser.add_argument("data", help="dataset: a name or a path, as in `recbench run --dataset`")
    parser.add_argument("--batches", type=int, default=40, help="number of batches to time")
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="runs of each measurement; the table has the medians",
    )
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    data = LeaveLastOut().split(recbench.load_dataset(options.data).interactions).train
    settings = size_to_data(Transformer().settings, data.lengths, data.n_items)
    in_float32 = dataclasses.replace(settings, bfloat16=False)
    torch.manual_seed(0)
    network = build_network(settings, data.n_items, data.n_users, embed_users=False)
    rng = np.random.default_rng(0)
    counts = torch.from_numpy(data.popularity)
    trainer = Trainer(network, settings, counts, rng, repeats=False)
    network.train()
    batches = make_batches(data, settings.length, settings.batch or 0, rng)[: options.batches]
    for batch in batches[:3]:
        trainer.step(network, batch)
    float32_trainer = Trainer(network, in_float32, counts, rng, repeats=False)
    float32_trainer.step(network, batches[0])
    spent: dict[str, list[float]] = {name: [] for name in ROWS}
    trainers = (trainer, float32_trainer)
    for batch in batches:  # all four take turns, so that a busy machine slows down all of them
        for name, (timed_trainer, bare) in zip(
            ROWS, itertools.product(trainers, (False, True)), strict=True
        ):
            step = functools.partial(timed_trainer.step, network, batch)
            spent[name].append(
                time_products(batch, settings, data.n_items, timed_trainer.dtype, options.repeats)
                if bare
                else statistics.median(time_runs(step, options.repeats))
            )
    n_interactions = sum(int(batch.lengths.sum()) for batch in batches)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for batch in batches[:10]:
            trainer.step(network, batch)
    lines = [
        "# Training and its matrix products",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {torch.get_num_threads()} threads; {len(batches)} batches "
            f"with {n_interactions:,} interactions and {data.n_items:,} items; each number is the "
            f"median of {options.repeats} runs. By default, products are computed in "
            f"{trainer.dtype} and attention in torch.float32; with `bfloat16=false`, everything is "
            "computed in torch.float32."
        ),
        "",
        "| | µs per interaction | share of matrix products |",
        "|---|---:|---:|",
        *time_rows(spent, n_interactions),
        "",
        "Where the time of a step goes, measured by the profiler of torch:",
        "",
        "| part | share |",
        "|---|---:|",
        *share_rows(profiled),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


def time_rows(spent: dict[str, list[float]], n_interactions: int) -> list[str]:
    """Return one row per measurement; each step is compared with its own matrix products."""
    cost = {name: sum(seconds) / n_interactions * 1e6 for name, seconds in spent.items()}
    step, products, float32_step, float32_products = cost.values()
    shares = (
        f"{products / step:.0%} (in float32 {float32_products / step:.0%})",
        "",
        f"{float32_products / float32_step:.0%}",
        "",
    )
    return [
        f"| {name} | {cost[name]:.2f} | {share} |" for name, share in zip(ROWS, shares, strict=True)
    ]


def time_runs(run: Callable[[], object], repeats: int) -> list[float]:
    """Return the seconds of each run."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds


def time_products(
    batch: Batch, settings: Settings, n_items: int, dtype: torch.dtype, repeats: int
) -> float:
    """Return the seconds of the matrix products of one step."""
    rows, length = batch.items.shape
    dim, layers, heads = settings.width, settings.layers, rows * settings.heads
    positions, n_interactions = rows * length, int(batch.lengths.sum())
    chunk = min(n_interactions, max(loss.LEAST_POSITIONS, loss.MAX_SCORES // n_items))
    shapes = [(positions, dim, out) for out in (3 * dim, dim, settings.feedforward)]
    shapes.append((positions, settings.feedforward, dim))
    seconds = 0.0
    for m, k, n in shapes:
        seconds += layers * time_product(m, k, n, dtype, repeats)
    seconds += n_interactions / chunk * time_product(chunk, dim, n_items, dtype, repeats)
    q, k, v = (torch.randn(heads, length, dim // settings.heads) for _ in range(3))
    w = torch.randn(heads, length, length)

    def attention() -> None:
        q @ k.mT, w @ v  # forward
        w.mT @ q, w @ v, w @ k, w.mT @ q  # backward: values, weights, queries, keys

    return seconds + layers * statistics.median(time_runs(attention, repeats))


def time_product(m: int, k: int, n: int, dtype: torch.dtype, repeats: int) -> float:
    """Return the seconds of (m, k) @ (k, n) and of its two gradients."""
    x, w, y = (torch.randn(shape).to(dtype) for shape in ((m, k), (n, k), (m, n)))

    def run() -> None:
        x @ w.t(), y @ w, y.t() @ x

    return statistics.median(time_runs(run, repeats))


def share_rows(profiled: profile) -> list[str]:
    """Return one row per part of the profile, largest first."""
    spent = dict.fromkeys([*PARTS, "other"], 0.0)
    for event in profiled.key_averages():
        name = event.key.removeprefix("aten::")
        part = next(
            (part for part, names in PARTS.items() if any(map(name.startswith, names))), "other"
        )
        spent[part] += event.self_cpu_time_total
    total = sum(spent.values())
    order = sorted(spent, key=lambda part: -spent[part])
    return [f"| {part} | {spent[part] / total:.0%} |" for part in order]


if __name__ == "__main__":
    main()

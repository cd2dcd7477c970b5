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
from recbench_transformer.network import build_network
from recbench_transformer.presets import Settings, size_to_data
from recbench_transformer.training import Trainer
from recbench_transformer.windows import Batch, make_batches

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
    settings = size_to_data(Transformer().settings, data.n_interactions)
    in_float32 = dataclasses.replace(settings, bfloat16=False)
    torch.manual_seed(0)
    network = build_network(settings, data.n_items, data.n_users, embed_users=False)
    rng = np.random.default_rng(0)
    trainer = Trainer(network, settings, 0, rng, mask_seen=True)
    network.train()
    batches = make_batches(data, settings.length, settings.batch or 0, rng)[: options.batches]
    for batch in batches[:3]:
        trainer.step(batch)
    float32_trainer = Trainer(network, in_float32, 0, rng, mask_seen=True)
    float32_trainer.step(batches[0])
    spent: dict[str, list[float]] = {name: [] for name in ROWS}
    trainers = (trainer, float32_trainer)
    for batch in batches:  # in turn, so that a busy moment hits all
        for name, (timed_trainer, bare) in zip(
            ROWS, itertools.product(trainers, (False, True)), strict=True
        ):
            step = functools.partial(timed_trainer.step, batch)
            spent[name].append(
                time_products(batch, settings, data.n_items, timed_trainer.dtype, options.repeats)
                if bare
                else statistics.median(time_runs(step, options.repeats))
            )
    n_interactions = sum(int(batch.lengths.sum()) for batch in batches)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for batch in batches[:10]:
            trainer.step(batch)
    lines = [
        "# Training beside its bare arithmetic",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores, {torch.get_num_threads()} threads; {len(batches)} batches "
            f"with {n_interactions:,} events of {data.n_items:,} items, median of "
            f"{options.repeats} for each. The default computes products in "
            f"{trainer.dtype}, attention in torch.float32; `bfloat16=false` computes all in "
            "torch.float32."
        ),
        "",
        "| | microseconds an event | of its products alone |",
        "|---|---:|---:|",
        *time_rows(spent, n_interactions),
        "",
        "Where the time of a step goes, by torch's profiler:",
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
    """A line a row; steps are compared with the products in their type, and in float32."""
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
    """Seconds of each of so many runs."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds


def time_products(
    batch: Batch, settings: Settings, n_items: int, dtype: torch.dtype, repeats: int
) -> float:
    """Seconds that the matrix products of one step take, and nothing else."""
    rows, length = batch.items.shape
    dim, layers, heads = settings.dim, settings.layers, rows * settings.heads
    positions, n_interactions = rows * length, int(batch.lengths.sum())
    chunk = min(n_interactions, loss.MAX_SCORES // n_items)
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
        w.mT @ q, w @ v, w @ k, w.mT @ q  # backward: of values, weights, queries, keys

    return seconds + layers * statistics.median(time_runs(attention, repeats))


def time_product(m: int, k: int, n: int, dtype: torch.dtype, repeats: int) -> float:
    """Seconds of (m, k) @ (k, n) and of its two gradients."""
    x, w, y = (torch.randn(shape).to(dtype) for shape in ((m, k), (n, k), (m, n)))

    def run() -> None:
        x @ w.t(), y @ w, y.t() @ x

    return statistics.median(time_runs(run, repeats))


def share_rows(profiled: profile) -> list[str]:
    """A line a part of the profile, largest first."""
    spent = dict.fromkeys([*PARTS, "all else"], 0.0)
    for event in profiled.key_averages():
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

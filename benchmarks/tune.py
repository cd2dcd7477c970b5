"""Compare options on validation targets; the transformer's defaults were chosen this way.

    python benchmarks/tune.py ml-100k transformer transformer:lr=4e-3 -o benchmarks/tune.md

The script first removes each user's last interaction, the test target, and never uses it. The
interaction before it is the validation target, which is judged like a test target.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import recbench
from recbench.spec import Spec
from recbench_splitters import LeaveLastOut

GAINS = 1 / np.log2(np.arange(10) + 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="dataset: a name or a path, as in `recbench run --dataset`")
    parser.add_argument("models", nargs="+", help="models with options, as in `recbench run`")
    parser.add_argument("--seeds", default="0", help="seeds, separated by commas")
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    data = recbench.load_dataset(options.data)
    untested = LeaveLastOut().split(data.interactions).train  # without the test targets
    split = LeaveLastOut().split(untested)
    plugins = recbench.load_plugins()
    lines = [
        f"# Validation on {data.name}",
        "",
        f"    python {shlex.join(sys.argv)}",
        "",
        (
            f"{os.cpu_count()} cores; {len(split.judged):,} users; seeds {options.seeds}. NDCG@10 "
            "on each user's second-to-last interaction; the last one is not used."
        ),
        "",
        "| model | NDCG@10, mean over seeds | NDCG@10 of each seed | fit s |",
        "|---|---:|---:|---:|",
    ]
    for text in options.models:
        ndcgs, seconds = [], []
        for seed in seeds:
            model = plugins.build("models", Spec.parse(text), seed=seed, device="auto")
            began = time.perf_counter()
            model.fit(split.train)
            seconds.append(time.perf_counter() - began)
            ranking = recbench.evaluate(model, split, mask_seen=data.repeats == "first").ranking
            ndcgs.append(float(ranking.expectation(GAINS).mean()))
        each = ", ".join(f"{ndcg:.4f}" for ndcg in ndcgs)
        mean, median = statistics.mean(ndcgs), statistics.median(seconds)
        lines.append(f"| {text} | {mean:.4f} | {each} | {median:,.1f} |")
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()

"""Compare options of the transformer on validation targets, which is how its defaults were chosen.

    python benchmarks/tune.py ml-100k --seeds 0,1,2 -o benchmarks/tune-ml-100k.md

The test targets are taken away first: the script splits the data as `recbench run` does, and keeps
the training part. It then splits this part again, in the same way, and compares the options on the
targets of this second split. Each line of the table is one change of the defaults.

Results are stored in the folder `--results`, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

import recbench

CHANGES = (
    *("networks=1", "networks=5", "dim=32", "dim=128", "dropout=0.2", "dropout=0.5"),
    *("layers=1", "layers=3", "length=50", "length=100", "length=400"),
    *("lr=0.004", "lr=0.016", "epochs=8", "epochs=20", "finish=0"),
    *("mask=false", "rotary=false", "warm=false", "rules=false", "recent=false"),
)
"""The changes that are compared, if `--changes` names no others."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="dataset: a name or a path, as in `recbench run --dataset`")
    parser.add_argument("--split", default="leave-last-out", help="splitter, as in `recbench run`")
    parser.add_argument("--seeds", default="0", help="seeds, as in 0,1,2")
    parser.add_argument("--changes", default=" ".join(CHANGES), help="changes to compare")
    parser.add_argument("--results", type=Path, default=Path("results/tuning"), help="folder")
    parser.add_argument("-o", "--output", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    models = ["transformer", *(f"transformer:{change}" for change in options.changes.split())]
    whole = recbench.load_dataset(options.data)
    train = recbench.split(whole, options.split).train
    validation = dataclasses.replace(whole, interactions=train, name=f"{whole.name} (validation)")
    results = recbench.run(
        models, validation, split=options.split, seed=seeds, ks=10, results=options.results
    )
    text = "\n".join(
        [
            "# Options of the transformer on validation targets",
            "",
            f"    python {shlex.join(sys.argv)}",
            "",
            (
                "NDCG@10 on validation targets: those that the splitter holds out of the training "
                "part. The test targets were not used."
            ),
            "",
            results.to_table("markdown"),
        ]
    )
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""Compare options of the transformer on validation targets, which is how its defaults were chosen.

    python benchmarks/tune.py ml-100k --seeds 0,1,2 -o benchmarks/tune-ml-100k.md

The test targets are taken away first: the script splits the data as `recbench run` does, and keeps
the training part. It then splits this part again, in the same way, and compares the options on the
targets of this second split. Each line of the first table is one change of the default options,
with its difference from them on the same users. With `--base networks=1`, all changes are made to
one network, which takes less time than the several networks that are the default for small data.

Results are stored in the folder `--results`, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

import recbench
from recbench.evaluation.uncertainty import paired_test
from recbench.spec import Spec

MODEL = "transformer"

CHANGES = (
    *("networks=1", "networks=3", "networks=5"),
    *("mask=false", "rotary=false", "warm=false", "finish=0"),
    *("rules=false", "recent=false", "rules=false,recent=false,repeats=false"),
    *("dim=128", "layers=1", "layers=3", "length=100", "length=400"),
    *("dropout=0.2", "dropout=0.5", "lr=0.004", "lr=0.016", "epochs=20"),
)
"""The changes that are compared, if `--changes` names no others."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", help="dataset: a name or a path, as in `recbench run --dataset`")
    parser.add_argument("--split", default="leave-last-out", help="splitter, as in `recbench run`")
    parser.add_argument("--seeds", default="0", help="seeds, as in 0,1,2")
    parser.add_argument(
        "--changes",
        default=" ".join(CHANGES),
        help="changes of the options to compare, separated by spaces, and other models",
    )
    parser.add_argument("--base", default="", help="options that all lines have, as in networks=1")
    parser.add_argument("--jobs", default="1", help="models that run side by side")
    parser.add_argument("--results", type=Path, default=Path("results/tuning"), help="folder")
    parser.add_argument("-o", "--output", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    base = with_options(Spec(MODEL), options.base) if options.base else Spec(MODEL)
    changed = [
        with_options(base, change) if "=" in change.partition(":")[0] else Spec.parse(change)
        for change in options.changes.split()
    ]
    whole = recbench.load_dataset(options.data)
    train = recbench.split(whole, options.split).train
    validation = dataclasses.replace(whole, interactions=train, name=f"{whole.name} (validation)")
    results = recbench.run(
        list(dict.fromkeys(map(str, [base, *changed]))),
        validation,
        split=options.split,
        seed=[int(seed) for seed in options.seeds.split(",")],
        ks=10,
        jobs=options.jobs,
        results=options.results,
    )
    (section,) = results.sections()
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
            *differences([row for row in section.rows if row.ok], base),
            "",
            results.to_table("markdown"),
        ]
    )
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def differences(rows: list[recbench.Row], base: Spec) -> list[str]:
    """Return the lines of a table with the difference of each row, best first, from the base."""
    cases = {row.model: row.per_case("ndcg", 10) for row in rows}
    values = {model: own for model, own in cases.items() if own is not None}
    unchanged = values.get(str(base))
    if unchanged is None:
        return [f"{base} has no result, so there is nothing to compare with."]
    lines = [
        f"| change | NDCG@10 | difference from {base} | p |",
        "|---|---|---|---|",
    ]
    for row in rows:
        change, own = change_of(row.model, base), values[row.model]
        if own is unchanged:
            lines.append(f"| none | {row.mean('ndcg', 10):.4f} | | |")
            continue
        paired = paired_test(own, unchanged, row.users)
        difference = f"{paired.difference:+.4f} [{paired.low:+.4f}, {paired.high:+.4f}]"
        lines.append(f"| `{change}` | {row.mean('ndcg', 10):.4f} | {difference} | {paired.p:.2g} |")
    return [
        *lines,
        "",
        (
            "Means over seeds; [] is the 95% bootstrap interval over users; p: two-sided paired "
            "t-test over users, not corrected for the number of changes."
        ),
    ]


def with_options(base: Spec, options: str) -> Spec:
    """Return the base with options, which replace those of the same name."""
    return Spec(base.name, {**base.options, **Spec.parse(f"{base.name}:{options}").options})


def change_of(model: str, base: Spec) -> str:
    """Return the options of a transformer that the base does not have; other models as they are."""
    spec = Spec.parse(model)
    if spec.name != base.name or not spec.options:
        return model
    own = dict(spec.options.items() - base.options.items())
    return str(Spec(base.name, own)).removeprefix(f"{base.name}:")


if __name__ == "__main__":
    main()
